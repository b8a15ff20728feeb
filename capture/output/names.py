"""Where a recording goes: the folder, a name that every file system takes, and the name while it is being recorded."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from capture.errors import FileTaken, OutputError
from capture.output import part_file
from capture.settings import RecordingSettings

FOLDER_NAME = "Loopnote"
# What FAT, NTFS or an SMB share refuses (Windows' list, which is the longest), control characters, and Unicode's marks
# of direction, which could make a name read as another.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+')
_DEVICE_NAMES = re.compile(r"^(con|prn|aux|nul|com[0-9]|lpt[0-9])($|\.)", re.IGNORECASE)
# Most file systems take 255 bytes (ext4, btrfs) or 255 UTF-16 units (NTFS, APFS, exFAT); eCryptfs takes 143. The part
# name is 6 bytes longer, and room is left for " (12)" and a suffix.
_SOURCE_BYTES = 80
_NAME_BYTES = 255
_PART = re.compile(r"^\.(?P<stem>.+)\.part(?P<suffix>\.[^.]+)$")
_TRIES = 10_000


@dataclass(frozen=True, slots=True)
class Place:
    """The finished file's path, and the path under which it lies while it is being recorded (the same folder).

    `named` says that the user chose the name: then it is that or nothing. `folder_is_ours`: the default folder, which
    is made private.
    """

    final: Path
    part: Path
    named: bool
    folder_is_ours: bool = False


def choose_place(
    settings: RecordingSettings, plan_suffix: str, kind: Literal["audio", "video"], source_name: str, wall: datetime
) -> Place:
    """Decide on the names; creates nothing. Raises `FileTaken` or `OutputError`.

    Without FILE: "2026-11-22 19.04.09 System audio.opus" in the settings' folder or the desktop's own Music or Videos,
    numbered when that is taken. `wall` is the local time of the start. Any thread; looks at the disk.
    """
    if settings.file is not None:
        return _named_place(settings.file.expanduser().absolute(), plan_suffix)
    folder = settings.folder.expanduser().absolute() if settings.folder else default_folder(kind)
    # No colons in the time: Windows, FAT and SMB shares refuse them.
    parts = {
        "date": f"{wall:%Y-%m-%d}",
        "time": f"{wall:%H.%M.%S}",
        "source": safe_name(source_name) if source_name else "",
    }
    name = safe_name(settings.names.format(**parts))
    final, part = _free_pair(folder / f"{name}{plan_suffix}")
    return Place(final, part, named=False, folder_is_ours=settings.folder is None)


def default_folder(kind: Literal["audio", "video"]) -> Path:
    """~/Music/Loopnote or ~/Videos/Loopnote, under the names that the desktop gives these folders (user-dirs.dirs)."""
    import platformdirs

    base = platformdirs.user_videos_path() if kind == "video" else platformdirs.user_music_path()
    return base / FOLDER_NAME


def safe_name(name: str) -> str:
    """`name` without what any file system refuses, and short enough: at most 80 bytes. Never empty."""
    name = _FORBIDDEN.sub(" ", name)
    # Not a surrogate without its pair either: such a name cannot be written as UTF-8.
    name = name.encode("utf-8", "ignore").decode("utf-8")
    name = " ".join(name.split())
    name = name.encode()[:_SOURCE_BYTES].decode("utf-8", "ignore")
    name = name.strip(" .")  # Windows drops them at the end; at the start a dot hides the file
    if not name:
        return "Recording"
    return f"_{name}" if _DEVICE_NAMES.match(name) else name


def part_of(final: Path) -> Path:
    """The name beside `final` while it is being recorded; it keeps the suffix, so that players know what it is."""
    # os.fsencode and not UTF-8: on Linux a name may be any bytes.
    room_bytes = _NAME_BYTES - len(os.fsencode(f"..part{final.suffix}")) - len(b" (9999)")
    stem = final.stem
    if len(os.fsencode(stem)) > room_bytes:
        stem = os.fsencode(stem)[:room_bytes].decode("utf-8", "ignore")
    return final.with_name(f".{stem}.part{final.suffix}")


def final_of(part: Path) -> Path | None:
    """The finished name that a part file's own name tells of; None when it is no part file's name."""
    match = _PART.match(part.name)
    return part.with_name(match["stem"] + match["suffix"]) if match else None


def free_name(path: Path) -> Path:
    """`path`, or when something lies there the first of "name (2).suffix", "name (3).suffix"... that is free."""
    for number in range(1, _TRIES):
        candidate = numbered(path, number)
        if not _exists(candidate):
            return candidate
    raise FileTaken(f"{path} and {_TRIES} names like it are taken", "Choose another folder.")


def numbered(path: Path, number: int) -> Path:
    """The `number`-th name like `path`; the first is `path` itself. Numbers of a part file go before its ".part"."""
    if number <= 1:
        return path
    match = _PART.match(path.name)
    if match:
        return path.with_name(f".{match['stem']} ({number}).part{match['suffix']}")
    return path.with_name(f"{path.stem} ({number}){path.suffix}")


def next_place(place: Place) -> Place:
    """Another place for the same recording, when somebody took the one that was chosen; names as they are free now."""
    if place.named:
        return replace(place, part=_part_for(place.final))
    final, part = _free_pair(place.final)
    return replace(place, final=final, part=part)


def _free_pair(wanted: Path) -> tuple[Path, Path]:
    """The first names like `wanted` of which neither the file nor its part file exists.

    Two recordings that start in the same second see the same free name; the part file is what they compete for.
    """
    for number in range(1, _TRIES):
        final = numbered(wanted, number)
        part = part_of(final)
        if not _exists(final) and not _exists(part):
            return final, part
    raise FileTaken(f"{wanted} and {_TRIES} names like it are taken", "Choose another folder.")


def _named_place(final: Path, plan_suffix: str) -> Place:
    named = final
    if final.suffix.lower() != plan_suffix.lower():
        named = final.with_name(final.name + plan_suffix)
    # First, since the system will not even look for a name that is too long.
    if len(os.fsencode(named.name)) > _NAME_BYTES:
        raise OutputError(f"the name {named.name[:40]}... is too long", "Choose a shorter name.")
    # A folder that is not there is a slip of the keyboard, nearly always; only the folders of Loopnote's own are made.
    if not _is_folder(final.parent):
        what = "is no folder" if _exists(final.parent) else "there is no such folder"
        raise OutputError(f"{final.parent}: {what}", "Mend the path, or make that folder first.")
    if _is_folder(final):
        raise FileTaken(f"{final} is a folder", "Add the name of a file to it.")
    if _exists(named):
        what = "is a folder" if _is_folder(named) else "exists"
        raise FileTaken(f"{named} {what}; nothing was overwritten")
    return Place(named, _part_for(named), named=True)


def _part_for(final: Path) -> Path:
    """A free part name for a file that must have the name `final`: what a crash left is no obstacle, a recording is."""
    part = part_of(final)
    if _exists(part) and part_file.is_locked(part):
        raise FileTaken(f"{final} is just being recorded by another recording", "Choose another name.")
    return free_name(part)


def _exists(path: Path) -> bool:
    return _looked_at(path, path.lstat) is not None  # not stat(): a link that leads nowhere is taken too


def _is_folder(path: Path) -> bool:
    state = _looked_at(path, path.stat)
    return state is not None and stat.S_ISDIR(state.st_mode)


def _looked_at(path: Path, look: Callable[[], os.stat_result]) -> os.stat_result | None:
    """None when nothing is there. Raises `OutputError` when that cannot be known."""
    try:
        return look()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}", "Choose another folder or name.") from error
