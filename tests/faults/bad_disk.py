"""Runs `loopnote` commands in one process, each on a disk that fails at a place of its own.

The argument is a JSON file with a list of `Job`s as tables. Each prints one line, a `Done` as a table. The command line
is the real one; only what the system answers to it, when the file being recorded is written, is not.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.helpers.failing_disk import FailingDisk

_write, _ftruncate, _fdatasync = os.write, os.ftruncate, os.fdatasync
_NEVER = 10**9


@dataclass(frozen=True)
class Job:
    """`words` for `loopnote`, and how its disk fails.

    `how`: "full" from then on, "full once", "broken" (nothing works any more that changes or syncs the file), or
    "parts" (not at all, but each write takes only a part of what it is given). It begins at write `n`, or at the first
    write `after_s` from the first one; never, with neither.
    """

    words: tuple[str, ...]
    how: str = "full"
    n: int | None = None
    after_s: float | None = None


@dataclass(frozen=True)
class Done:
    """What became of a job: the disk's `writes`; when the recording began and when the disk failed (monotonic ns; 0:
    it did not).
    """

    code: int
    output: str
    said: str
    writes: int
    began_ns: int
    failed_ns: int


class _Disk:
    def __init__(self, job: Job) -> None:
        code = errno.EIO if job.how == "broken" else errno.ENOSPC
        self.failing = FailingDisk(job.n or _NEVER, code, recovers=job.how == "full once")
        self._job = job
        self._first_s: float | None = None

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        if not _is_recording(descriptor):
            return _write(descriptor, data)
        now_s = time.monotonic()
        self._first_s = self._first_s or now_s
        if self._job.after_s is not None and self.failing.n == _NEVER and now_s - self._first_s >= self._job.after_s:
            self.failing.n = self.failing.calls + 1
        if self._job.how == "parts":
            data = data[: max(1, len(data) * 2 // 3)]
        return self.failing(descriptor, data)

    def refusing(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """`call`, which a broken disk refuses as it does writes."""

        def made(descriptor: int, *more: Any) -> Any:
            if self.failing.failed and self._job.how == "broken" and _is_recording(descriptor):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return call(descriptor, *more)

        return made


class _Said(io.StringIO):
    """Standard error, which knows when the line `recording FILE` came."""

    began_ns = 0

    def write(self, text: str) -> int:
        if "recording " in text and not self.began_ns:
            self.began_ns = time.monotonic_ns()
        return super().write(text)


def _is_recording(descriptor: int) -> bool:
    return ".part." in Path(f"/proc/self/fd/{descriptor}").readlink().name


def _run(job: Job) -> Done:
    from ui.cli import main as loopnote

    disk.append(_Disk(job))
    os.ftruncate, os.fdatasync = disk[-1].refusing(_ftruncate), disk[-1].refusing(_fdatasync)
    output, said = io.StringIO(), _Said()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(said):
        code = loopnote(list(job.words))
    failing = disk[-1].failing
    return Done(code, output.getvalue(), said.getvalue(), failing.calls, said.began_ns, failing.failed_ns)


disk: list[_Disk] = []

if __name__ == "__main__":
    # Before the engine is imported: it keeps the function that it finds.
    os.write = lambda descriptor, data: disk[-1].write(descriptor, data)  # type: ignore[arg-type]
    for table in json.loads(Path(sys.argv[1]).read_text()):
        done = _run(Job(**table))
        sys.stdout.write(json.dumps(dataclasses.asdict(done)) + "\n")
        sys.stdout.flush()
