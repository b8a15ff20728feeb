"""Runs `loopnote`, and kills it while it finishes the file: `STEP WORDS...` dies at that step, counted from 1.

A step is a call that changes what is on the disk, from the moment the recording is over. It dies before the call or,
where that writes more than a page, in the middle of it, and prints when. With a step that there is not, it ends well.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STEPS = ("write", "ftruncate", "fdatasync", "fsync", "link", "replace", "unlink")
PAGE_BYTES = 4096


class _Countdown:
    def __init__(self, step: int) -> None:
        self.finishing = False
        self._left = step
        self._write = os.write

    def before(self, name: str) -> Callable[..., Any]:
        """The call `name`, in front of which the process may die."""
        real = getattr(os, name)

        def call(*args: Any, **more: Any) -> Any:
            self._left -= self.finishing
            if self._left == 0:
                if name == "write" and (half := len(args[1]) // 2 // PAGE_BYTES * PAGE_BYTES):
                    real(args[0], args[1][:half])
                self._write(1, b"%d\n" % time.monotonic_ns())
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **more)

        return call


def main() -> int:
    countdown = _Countdown(int(sys.argv[1]))
    # Before the engine is imported: it keeps the functions that it finds.
    for name in STEPS:
        setattr(os, name, countdown.before(name))
    from capture.output.output_file import OutputFile
    from ui.cli import main as loopnote

    close = OutputFile.close

    def finish(self: OutputFile) -> Path:
        countdown.finishing = True
        return close(self)

    OutputFile.close = finish  # type: ignore[method-assign]
    return loopnote(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
