"""The way in. So little happens here that Ctrl-C finds nothing to break: the rest comes when that has been seen to."""

from __future__ import annotations

import signal
import sys


def main(arguments: list[str] | None = None) -> int:
    """The program `loopnote ARGUMENTS` (None: what it was started with, as a process of its own); its exit code."""
    if arguments is None:
        arguments = sys.argv[1:]
        # Python makes an exception of Ctrl-C wherever it is, in the middle of an import too, and prints it. A command
        # that has something to finish or to clean up minds it itself (ui/signals.py); the others just end.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
    from ui.program import program

    return program(arguments)


if __name__ == "__main__":
    sys.exit(main())
