"""Finishes what a crash left: every part file that no live process writes becomes an ordinary file.

Nothing is lost at any point: the part file is read only, and it is removed only when the new file was read back whole,
holds the same, and has its name. So all of it can be run twice, and killed anywhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from capture.errors import OutputError, RecoveryError
from capture.output import journal, names, part_file, remux
from capture.output.formats import format_of_suffix
from capture.output.output_file import COMMENT

log = logging.getLogger(__name__)

_NAME_TRIES = 100
# Where a file system has no locks: what was written a moment ago is still being recorded (a recorder writes several
# times a second unless it is paused, and then its journal tells).
FRESH_S = 60.0
# What a recording of ours is that was broken off before anything was in it: a header. (FLAC's is the largest, 8 KiB.)
_STUB_BYTES = 16 * 1024
_HEAD_BYTES = 64 * 1024
_NOT_BEGUN = "The recording had ended before anything of it was written."
_KEPT = "It was left as it is. If it is not wanted, delete it."


class NothingRecorded(RecoveryError):
    """There is nothing in it that can be played."""


class StubRemoved(NothingRecorded):
    """And so it was removed, being ours."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """A broken-off recording. `final` is the name that it was to have; `changed_at` is when it was last written."""

    part: Path
    final: Path
    size_bytes: int
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Recovered:
    """`file` is whole and ordinary, the part file is gone. `remarks`: what is worth telling, such as another name."""

    file: Path
    duration_s: float
    size_bytes: int
    remarks: tuple[str, ...] = ()


def search_folders() -> list[Path]:
    """The default folders; a folder of the user's choice from the settings is for the caller to add."""
    return [names.default_folder("audio"), names.default_folder("video")]


def leftovers(folders: Iterable[Path] | None = None) -> list[Leftover]:
    """Broken-off recordings in `folders` (None: the default ones) and wherever else one was noted; the oldest first.

    Leaves alone what a live process writes. Any thread; reads the disk. Never raises: a folder that cannot be read is
    passed over, with a warning in the log.
    """
    found: dict[Path, Path] = {}
    for folder in search_folders() if folders is None else folders:
        found |= _in_folder(folder.expanduser().absolute())
    for part, final in journal.noted():
        if part.exists():
            found[part] = final
        elif part.parent.exists():  # else it may lie on a disk that is not here now
            journal.forget(part)
    result = [leftover for part, final in found.items() if (leftover := _describe(part, final)) is not None]
    return sorted(result, key=lambda leftover: (leftover.changed_at, leftover.part))


def _in_folder(folder: Path) -> dict[Path, Path]:
    try:
        entries = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        log.warning("%s cannot be read: %s", folder, error.strerror)
        return {}
    finals = {entry: names.final_of(entry) for entry in entries}
    wanted = {entry: final for entry, final in finals.items() if final and format_of_suffix(final.suffix)}
    noted = dict(journal.noted())
    return {entry: final for entry, final in wanted.items() if entry in noted or _is_ours(entry)}


def _is_ours(part: Path) -> bool:
    """Whether it says so itself: other programs call files `.NAME.part.ENDING`, too."""
    import av

    if part.is_symlink() or not part.is_file():
        return False
    try:
        with part.open("rb") as file:
            if COMMENT.encode() in file.read(_HEAD_BYTES):
                return True
        with av.open(str(part)) as container:
            return COMMENT in container.metadata.values()
    except (av.FFmpegError, OSError, ValueError):
        return False


def _describe(part: Path, final: Path) -> Leftover | None:
    try:
        if part.is_symlink() or not part.is_file() or part_file.is_locked(part):
            return None
        state = part.stat()
        if not part_file.has_locks(part) and (journal.is_written(part) or time.time() - state.st_mtime < FRESH_S):
            return None
    except OSError as error:
        log.warning("%s cannot be read: %s", part, error.strerror)
        return None
    return Leftover(part, final, state.st_size, datetime.fromtimestamp(state.st_mtime).astimezone())


def recover(leftover: Leftover, on_progress: Callable[[float], None] = lambda read_s: None) -> Recovered:
    """Make an ordinary file of `leftover`, read it back whole, give it its name (never overwriting), remove the part
    file.

    No quality is lost: packets are copied as they are. Takes as long as reading and decoding the recording;
    `on_progress` is called with the seconds that were read, now and then. Raises `RecoveryError` or `OutputError`, and
    then the part file is still there, unchanged; but for one of ours that is no more than a header (nothing was
    recorded yet): that is removed, and `StubRemoved` says so.
    """
    part = leftover.part
    try:
        descriptor = os.open(part, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise RecoveryError(f"{part} is not there any more", "See what is left with: loopnote recover") from None
    except OSError as error:
        raise part_file.explain(error, part, "cannot be read") from error
    was_ours = leftover.part in dict(journal.noted()) or _is_ours(part)
    try:
        # Held until the end, so that a second `recover` leaves this one alone.
        if not part_file.lock(descriptor):
            raise RecoveryError(f"{part} is being written or repaired just now", "Try again when that has ended.")
        try:
            recovered = _recover_locked(leftover, on_progress)
        except NothingRecorded as nothing:
            if not was_ours or os.fstat(descriptor).st_size > _STUB_BYTES:
                raise
            # Told this once: else it would be a complaint of every `recover` to come.
            _remove(part)
            raise StubRemoved(f"{nothing}; it was removed", _NOT_BEGUN) from None
        if os.name != "nt":
            _remove(part)
    finally:
        os.close(descriptor)
    if os.name == "nt":
        _remove(part)  # Windows removes nothing that is open
    return recovered


def _recover_locked(leftover: Leftover, on_progress: Callable[[float], None]) -> Recovered:
    part, final = leftover.part, leftover.final
    # A name of this part file's own: its lock is ours, so nobody else writes there, and nobody's file is called so.
    own = hashlib.sha256(os.fsencode(part.name)).hexdigest()[:16]
    mended = part.with_name(f".{own}.mended{final.suffix}")
    contents = _inspect(part, False, on_progress)
    if not any(content.frames or (content.kind == "video" and content.packets) for content in contents):
        raise NothingRecorded(f"{part} holds nothing that can be played", _KEPT)
    duration_s = max(content.end_s for content in contents)
    with contextlib.suppress(OSError):
        mended.unlink(missing_ok=True)  # of an earlier run that was killed
    finished = _finished_before(leftover, contents)
    if finished is not None:
        return Recovered(finished, duration_s, finished.stat().st_size)
    try:
        _write_mended(leftover, mended, [content.spoilt for content in contents])
        remarks = _compare(part, mended, contents, on_progress)
        file = _give_name(mended, final)
    finally:
        with contextlib.suppress(OSError):
            mended.unlink(missing_ok=True)
    if file != final:
        remarks.append(f"{final.name} was there already, so the file is called {file.name}")
    damaged = sum(content.damaged for content in contents)
    # The very last of a stream is what the crash interrupted, and is not worth a word.
    if damaged > len(contents):
        remarks.append(f"{damaged} damaged pieces were left out")
    return Recovered(file, duration_s, file.stat().st_size, tuple(remarks))


def _inspect(path: Path, pictures: bool, on_progress: Callable[[float], None]) -> list[remux.StreamContent]:
    import av

    try:
        return remux.inspect(path, pictures, on_progress)
    except (av.FFmpegError, OSError, ValueError) as error:
        log.debug("inspecting %s", path, exc_info=True)
        size_bytes = path.stat().st_size if path.exists() else 0
        what = "is empty" if size_bytes == 0 else f"holds nothing that can be played ({size_bytes} bytes)"
        raise NothingRecorded(f"{path} {what}", _KEPT) from error


def _finished_before(leftover: Leftover, contents: list[remux.StreamContent]) -> Path | None:
    """The finished file, when an earlier run was ended between giving it its name and removing the part file."""
    import av

    final = leftover.final
    try:
        if not final.is_file():
            return None
        there = remux.inspect(final, False)
    except (av.FFmpegError, OSError, ValueError):
        return None
    return final if [c.key() for c in there] == [c.key() for c in contents] else None


def _write_mended(leftover: Leftover, mended: Path, spoilt: Sequence[Sequence[int]]) -> None:
    import av

    name = format_of_suffix(leftover.final.suffix)
    if name is None:
        raise RecoveryError(f"{leftover.part} has a suffix that is not known", _KEPT)
    try:
        descriptor = part_file.create_private(mended)
    except FileExistsError as error:
        raise part_file.explain(error, mended, "cannot be written") from error
    except OSError as error:
        raise part_file.explain(error, mended.parent, "cannot be written to") from error
    try:
        file = part_file.PartFile(descriptor)
        remux.copy(leftover.part, file, name, spoilt)
        if file.fault is None and name == "flac":
            remux.complete_flac_header(mended)
        file.sync()
        if file.fault is not None:
            raise part_file.explain(file.fault, mended, "could not be written") from file.fault
        date = leftover.changed_at.timestamp()
        os.utime(mended, (date, date))  # when it was recorded, not when it was repaired
    except av.FFmpegError as error:
        raise RecoveryError(f"{leftover.part} could not be repaired: {error.strerror}", _KEPT) from error
    except OutputError:
        raise
    except OSError as error:
        raise part_file.explain(error, mended, "could not be written") from error
    finally:
        os.close(descriptor)


def _compare(
    part: Path, mended: Path, contents: list[remux.StreamContent], on_progress: Callable[[float], None]
) -> list[str]:
    """Read the new file back, decoding all of it; it must hold what the part file holds. Returns what to say of it."""
    copied = [content for content in _inspect(mended, True, on_progress) if content.packets]
    wanted = [content for content in contents if content.packets]
    remarks = []
    if not _shows_pictures(copied):
        if any(content.frames for content in _inspect(part, True, on_progress) if content.kind == "video"):
            raise RecoveryError(
                f"the pictures of the repaired copy of {part} cannot be shown; it was thrown away", _KEPT
            )
        remarks.append("the pictures cannot be shown: the first of them is missing")
    for content in copied:
        if content.kind == "video":
            content.frames = 0  # those of the part file were not decoded: their bytes are compared
    are_same = [c.key() for c in copied] == [c.key() for c in wanted]
    if not are_same and any(content.spoilt for content in contents):
        # Behind something that was left out a decoder may go on a little differently: then the bytes must do.
        are_same = [c.packets_key() for c in copied] == [c.packets_key() for c in wanted]
    if not are_same:
        raise RecoveryError(f"the repaired copy of {part} differs from it and was thrown away", _KEPT)
    return remarks


def _shows_pictures(contents: list[remux.StreamContent]) -> bool:
    return all(content.frames for content in contents if content.kind == "video")


def _give_name(mended: Path, final: Path) -> Path:
    target = final
    for _ in range(_NAME_TRIES):
        try:
            part_file.rename_new(mended, target)
        except FileExistsError:
            target = names.free_name(final)
        except OSError as error:
            raise part_file.explain(error, mended, "could not be renamed") from error
        else:
            part_file.sync_folder(target.parent)
            return target
    raise OutputError(f"no free name like {final} was found", "Move some files away.")


def _remove(part: Path) -> None:
    try:
        part.unlink()
    except OSError as error:
        raise part_file.explain(error, part, "could not be removed") from error
    part_file.sync_folder(part.parent)
    journal.forget(part)
