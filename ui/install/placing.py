"""Puts files in place and takes them away again: only its own, and never what somebody else wrote or changed.

What was placed is noted (each file's checksum, each folder that was made for it), so that exactly this is taken away,
whatever version of Loopnote placed it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from capture.errors import OutputError
from capture.replacing import replace_file


@dataclass
class Report:
    """What was done, each a file."""

    written: list[Path] = field(default_factory=list)
    same: list[Path] = field(default_factory=list)  # it was there already
    removed: list[Path] = field(default_factory=list)
    foreign: list[Path] = field(default_factory=list)  # somebody else's, left as it is


@dataclass
class Placed:
    """The notes: kept in the file `notes`."""

    notes: Path
    files: dict[str, str] = field(default_factory=dict)  # path: checksum of what was written
    folders: list[str] = field(default_factory=list)  # made for them, the outer ones first

    @classmethod
    def load(cls, notes: Path) -> Placed:
        """Notes that cannot be read are as good as none: a file that is as we would write it is ours without them."""
        try:
            read = json.loads(notes.read_text(encoding="utf-8"))
            files, folders = dict(read["files"]), list(read["folders"])
        except (OSError, ValueError, KeyError, TypeError):
            files, folders = {}, []
        return cls(notes, files, folders)

    def place(self, wanted: Mapping[Path, str]) -> Report:
        """Write these files (path: content). Raises `OutputError`; what was written until then is noted."""
        report = Report()
        try:
            for path, content in wanted.items():
                now = _checksum_of(path)
                if now == _checksum(content):
                    report.same.append(path)
                elif now is not None and now != self.files.get(str(path)):
                    report.foreign.append(path)
                    continue
                else:
                    self._make_folder(path.parent)
                    replace_file(path, content.encode(), 0o644)
                    report.written.append(path)
                self.files[str(path)] = _checksum(content)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._save()
            raise _unwritable(error) from error
        try:
            self._save()
        except OSError as error:
            raise _unwritable(error) from error
        return report

    def remove(self, wanted: Mapping[Path, str]) -> Report:
        """Take away all that was placed. `wanted` is what would be placed now: known also without notes."""
        report = Report()
        known = {**{str(path): _checksum(content) for path, content in wanted.items()}, **self.files}
        try:
            for name, checksum in known.items():
                path = Path(name)
                now = _checksum_of(path)
                if now is None:
                    self.files.pop(name, None)
                elif now == checksum:
                    path.unlink()
                    self.files.pop(name, None)
                    report.removed.append(path)
                else:
                    report.foreign.append(path)
                    self.files.pop(name, None)
            self._remove_folders()
            self.notes.unlink(missing_ok=True)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._save()
            raise _unwritable(error) from error
        return report

    def _make_folder(self, folder: Path) -> None:
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        self.folders += [str(one) for one in reversed(missing) if str(one) not in self.folders]

    def _remove_folders(self) -> None:
        for name in reversed(self.folders):
            try:
                Path(name).rmdir()
            except OSError:  # somebody else's files are in it, or it has gone
                continue
        self.folders.clear()

    def _save(self) -> None:
        self.notes.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(self.notes, (json.dumps({"files": self.files, "folders": self.folders}, indent=1) + "\n").encode())


def _unwritable(error: OSError) -> OutputError:
    return OutputError(f"{error.filename}: {error.strerror}", "Make its folder writable.")


def _checksum(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def _checksum_of(path: Path) -> str | None:
    """None when there is nothing. A link or a folder is somebody's own, and has no checksum of ours."""
    if path.is_symlink():
        return "a link"
    if path.is_dir():
        return "a folder"
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None
