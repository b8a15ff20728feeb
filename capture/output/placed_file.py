"""The file being recorded, as others see it: made under a private name, followed where it goes, named at the end."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

from capture.errors import OutputError
from capture.output import journal, names, part_file
from capture.output.names import Place
from capture.output.part_file import PartFile, WriteFunction

# Another recording may take the name between the choice and the creation; more often than this is no accident.
_NAME_TRIES = 100


class PlacedFile:
    """A part file and its place, which may change while it is recorded. One thread at a time.

    `remarks` is what is worth telling when the file is closed, such as another name; empty: nothing.
    """

    def __init__(self, place: Place, kind: Literal["audio", "video"], write: WriteFunction) -> None:
        self.place = place
        self.remarks: list[str] = []
        self.finished: Path | None = None  # under its final name, once it has that
        self._kind: Literal["audio", "video"] = kind
        self._write = write
        self._descriptor = -1

    def create(self) -> PartFile:
        """Make the part file (0600) in its folder, which must be there. Raises `OutputError`."""
        self.place, self._descriptor = _create(self.place)
        return PartFile(self._descriptor, self._write)

    def follow(self, part: PartFile) -> None:
        """Go with the file when it, or its folder, was renamed or moved; write it anew when it was removed.

        Raises `OutputError` when that is not possible.
        """
        old = self.place
        found = part_file.find(self._descriptor, old.part)
        if found == old.part:
            return
        if found is None:
            self._write_anew(part)
            what = "was removed while it was recorded, and was written anew"
        else:
            # In the folder that was asked for, as long as there is one.
            final = old.final if old.final.parent.is_dir() else found.with_name(old.final.name)
            self.place = replace(old, part=found, final=final)
            journal.note(found, final)
            what = "was moved while it was recorded"
        if self.place.part != old.part:
            journal.forget(old.part)
        self.remarks.append(f"{old.part} {what}: the file is {self.place.final}")

    def _write_anew(self, part: PartFile) -> None:
        """Copy what was recorded into a new file where the old one was, or in the default folder."""
        old = self.place
        refusals: list[OutputError] = []
        for folder, is_ours in ((old.final.parent, old.folder_is_ours), (names.default_folder(self._kind), True)):
            place = replace(old, final=folder / old.final.name, named=False, folder_is_ours=is_ours)
            try:
                part_file.make_folder(folder, private=is_ours)
                self._move_to(names.next_place(place), part)
            except OutputError as error:
                refusals.append(error)
            else:
                return
        raise OutputError(
            f"{old.part} was removed while it was recorded, and could not be written anew: {refusals[0]}",
            refusals[0].hint,
        )

    def _move_to(self, place: Place, part: PartFile) -> None:
        place, descriptor = _create(place)
        try:
            part.move_to(descriptor)
        except OSError as error:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                place.part.unlink()
            journal.forget(place.part)
            raise part_file.explain(error, place.part, "could not be written") from error
        part_file.sync_folder(place.part.parent)
        os.close(self._descriptor)
        self._descriptor, self.place = descriptor, place

    def give_name(self, part: PartFile) -> Path:
        """Let the finished file have its name, or the next one like it that is free; returns that. Ends the lock.

        Raises `OutputError` when it cannot have one; then it stays under its private name, for `loopnote recover`.
        """
        try:
            self.follow(part)
            if os.name == "nt":
                self.release()  # Windows renames nothing that is open; elsewhere the lock is kept until it has its name
            final = self._rename()
        finally:
            self.release()
        journal.forget(self.place.part)
        return final

    def _rename(self) -> Path:
        wanted = self.place.final
        final = wanted
        for _ in range(_NAME_TRIES):
            try:
                part_file.rename_new(self.place.part, final)
                break
            except FileExistsError:
                final = names.free_name(wanted)
            except OSError as error:
                raise OutputError(
                    f"{self.place.part} could not be renamed to {final.name}: {error.strerror}", "Run: loopnote recover"
                ) from error
        else:
            raise OutputError(f"no free name like {wanted} was found", "Run: loopnote recover")
        self.finished = final
        if final != wanted:
            self.remarks.append(f"{wanted.name} was there already, so the file is called {final.name}")
        part_file.sync_folder(final.parent)
        return final

    def remove(self) -> None:
        """Throw it away. Never raises; nothing happens when it has its name or is gone."""
        if self._descriptor < 0:
            return
        with contextlib.suppress(OSError):
            found = part_file.find(self._descriptor, self.place.part)
            if os.name == "nt":
                self.release()
            if found is not None:
                found.unlink()
        self.release()
        journal.forget(self.place.part)

    def release(self) -> None:
        """Close it as it is."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)


# `recover`, in another process, locks what it finds for a moment, to see whether anybody writes it.
_LOCK_S = 2.0


def _create(place: Place) -> tuple[Place, int]:
    """Make the part file, under another name when somebody took that one; its place, and its descriptor, locked."""
    for _ in range(_NAME_TRIES):
        try:
            descriptor = part_file.create_private(place.part)
        except FileExistsError:
            place = names.next_place(place)
        else:
            try:
                if not part_file.lock(descriptor, _LOCK_S):
                    raise OutputError(f"{place.part} is held by another program", "Choose another name, or try again.")
                journal.note(place.part, place.final)
            except BaseException:
                os.close(descriptor)
                place.part.unlink()
                raise
            return place, descriptor
    raise OutputError(f"{place.part}: no free name was found", "Choose another folder or name.")
