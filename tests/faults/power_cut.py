"""A disk of which it is known what a power cut would leave: `LOG WORDS...` runs `loopnote` on it, and writes down what
it did to its files.

What was written is safe once the file was synced; a name is safe once its folder was. Of everything else a power cut
leaves any part, page by page: nothing at all at best, since then it is clear how far the file goes.
"""

from __future__ import annotations

import os
import pickle
import random
import stat
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

PAGE_BYTES = 4096


@dataclass(frozen=True)
class Event:
    """Something that was done to a file (`inode`) or to a name in a folder (`path`), at a monotonic instant."""

    at_ns: int
    what: Literal["write", "truncate", "sync", "name", "unname", "sync names"]
    inode: int = 0
    path: str = ""
    position: int = 0
    data: bytes = b""


def left_by_a_cut(events: Sequence[Event], at_ns: int, chance: random.Random | None) -> dict[Path, bytes]:
    """The files on the disk after a power cut at that instant.

    Without `chance` nothing that was not synced is there; with it, any part of it.
    """
    past = [event for event in events if event.at_ns <= at_ns]
    there = _names(past, chance)
    made = {event.path for event in events if event.what == "name"}
    return {
        Path(path): _content([event for event in past if event.inode == inode], chance)
        for path, inode in there.items()
        if _is_file(past, inode) and all(str(above) in there for above in Path(path).parents if str(above) in made)
    }


def _is_file(events: Sequence[Event], inode: int) -> bool:
    return any(event.inode == inode and event.what in ("write", "truncate", "sync") for event in events)


def _names(events: Sequence[Event], chance: random.Random | None) -> dict[str, int]:
    changes: dict[str, list[Event]] = {}
    safe: dict[str, int] = {}
    for event in events:
        if event.what in ("name", "unname"):
            changes.setdefault(str(Path(event.path).parent), []).append(event)
        elif event.what == "sync names":
            safe[event.path] = len(changes.get(event.path, []))
    there: dict[str, int] = {}
    for folder, all_changes in changes.items():
        count = safe.get(folder, 0)
        if chance is not None:
            count = chance.randint(count, len(all_changes))
        for event in all_changes[:count]:
            if event.what == "name":
                there[event.path] = event.inode
            else:
                there.pop(event.path, None)
    return there


def _content(events: Sequence[Event], chance: random.Random | None) -> bytes:
    now, safe = bytearray(), bytearray()
    for event in events:
        if event.what == "write":
            now.extend(bytes(max(0, event.position - len(now))))
            now[event.position : event.position + len(event.data)] = event.data
        elif event.what == "truncate":
            del now[event.position :]
        elif event.what == "sync":
            safe = now.copy()
    if chance is None:
        return bytes(safe)
    size = chance.choice([len(safe), len(now), chance.randint(*sorted((len(safe), len(now))))])
    left = b""
    for start in range(0, size, PAGE_BYTES):
        page = chance.choice([safe, now])[start : start + PAGE_BYTES]
        left += bytes(page).ljust(PAGE_BYTES, b"\0")
    return left[:size]


class _Log:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, what: Any, inode: int = 0, path: Any = "", position: int = 0, data: bytes = b"") -> None:
        where = str(Path(os.fsdecode(path)).absolute()) if path != "" else ""
        self.events.append(Event(time.monotonic_ns(), what, inode, where, position, data))

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return _write(descriptor, data)
        position = os.lseek(descriptor, 0, os.SEEK_CUR)
        count = _write(descriptor, data)
        self.add("write", os.fstat(descriptor).st_ino, "", position, bytes(data[:count]))
        return count

    def ftruncate(self, descriptor: int, length: int) -> None:
        _ftruncate(descriptor, length)
        self.add("truncate", os.fstat(descriptor).st_ino, "", length)

    def syncing(self, sync: Callable[[int], None]) -> Callable[..., None]:
        def call(descriptor: int) -> None:
            sync(descriptor)
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                self.add("sync names", 0, Path(f"/proc/self/fd/{descriptor}").readlink())
            else:
                self.add("sync", os.fstat(descriptor).st_ino)

        return call

    def open(self, path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        descriptor = _open(path, flags, mode, **more)
        if flags & os.O_CREAT:
            self.add("name", os.fstat(descriptor).st_ino, path)
        return descriptor

    def mkdir(self, path: Any, *args: Any, **more: Any) -> None:
        _mkdir(path, *args, **more)
        self.add("name", os.stat(path).st_ino, path)  # noqa: PTH116 - may be anything

    def link(self, source: Any, target: Any, **more: Any) -> None:
        _link(source, target, **more)
        self.add("name", os.stat(target).st_ino, target)  # noqa: PTH116

    def unlink(self, path: Any, **more: Any) -> None:
        _unlink(path, **more)
        self.add("unname", 0, path)


_write, _ftruncate, _open, _mkdir, _link, _unlink = os.write, os.ftruncate, os.open, os.mkdir, os.link, os.unlink


def main() -> int:
    log = _Log()
    # Before the engine is imported: it keeps the functions that it finds.
    os.fdatasync, os.fsync = log.syncing(os.fdatasync), log.syncing(os.fsync)
    for name in ("write", "ftruncate", "open", "mkdir", "link", "unlink"):
        setattr(os, name, getattr(log, name))
    from ui.cli import main as loopnote

    code = loopnote(sys.argv[2:])
    Path(sys.argv[1]).write_bytes(pickle.dumps(log.events))
    return code


if __name__ == "__main__":
    # As a module that others can import: the log is read by them.
    from tests.faults import power_cut

    sys.exit(power_cut.main())
