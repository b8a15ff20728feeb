"""`loopnote` on a computer that sleeps when a test says so: `python -m tests.helpers.sleepy_loopnote FILE WORDS...`.

FILE holds how many nanoseconds the computer has slept, beside what it truly has.
"""

from __future__ import annotations

import sys
from pathlib import Path

from capture.clock import MonotonicClock
from ui.cli import main


def _sleep_as_told(file: Path) -> None:
    truly_ns = MonotonicClock.asleep_ns

    def asleep_ns(clock: MonotonicClock) -> int:
        return truly_ns(clock) + int(file.read_text() or "0")

    setattr(MonotonicClock, "asleep_ns", asleep_ns)  # noqa: B010 - a checker would refuse a new method


if __name__ == "__main__":
    _sleep_as_told(Path(sys.argv.pop(1)))
    sys.exit(main())
