"""The one clock: monotonic nanoseconds. Everything that has a time has it from here.

A change of the date has no effect on it; the time of day is used for names and `started_at` only.

A computer that sleeps (suspend, a closed lid) plays nothing and shows nothing, so that time is in no recording: on
Linux and macOS this clock stands still meanwhile, and the recording goes on where it was. How long it stood still is
told by a second clock that does not, and so the recorder can say it. On Windows there is one clock only, which goes on:
there the time asleep is silence and a still picture, and is told as such (see `capture.lapses`).
"""

from __future__ import annotations

import sys
import threading
import time
from datetime import datetime
from typing import Protocol

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


class Clock(Protocol):
    """What the pipeline needs of a clock. All methods may be called by any thread."""

    def now_ns(self) -> int:
        """Monotonic nanoseconds; only differences mean anything."""
        ...

    def wall(self) -> datetime:
        """The time of day, with its time zone."""
        ...

    def asleep_ns(self) -> int:
        """How long `now_ns` stood still so far because the computer slept; only differences mean anything.

        Exact to some milliseconds. Never changes where nothing can tell.
        """
        ...


def _clock_that_never_sleeps() -> int | None:
    """The system's number for it; None where there is none beside the one that we use."""
    if sys.platform == "darwin":
        # Python's monotonic clock is mach_absolute_time there, and this is mach_continuous_time (not yet tried).
        return time.CLOCK_MONOTONIC_RAW
    return getattr(time, "CLOCK_BOOTTIME", None)


# Two clocks cannot be read at once; when this much passed between the readings, they are read again, a few times.
_READ_NS = NS_PER_MS
_READINGS = 5


class MonotonicClock:
    """The computer's own clock."""

    # On Windows `monotonic_ns` moves in steps of 15.6 ms before Python 3.13; the performance counter does not.
    _now_ns = staticmethod(time.perf_counter_ns if sys.platform == "win32" else time.monotonic_ns)
    _sleepless = _clock_that_never_sleeps()

    def now_ns(self) -> int:
        return self._now_ns()

    def wall(self) -> datetime:
        return datetime.now().astimezone()

    def asleep_ns(self) -> int:
        if self._sleepless is None:
            return 0
        for _ in range(_READINGS):
            before_ns = self._now_ns()
            sleepless_ns = time.clock_gettime_ns(self._sleepless)
            between_ns = self._now_ns() - before_ns
            if between_ns < _READ_NS:
                break
        return sleepless_ns - before_ns - between_ns // 2


class FakeClock:
    """A clock that a test moves by hand. Thread-safe; `advance` never goes back, and `sleep` moves it not at all."""

    def __init__(self, now_ns: int = 0, wall: datetime | None = None) -> None:
        self._lock = threading.Lock()
        self._now_ns = now_ns
        self._asleep_ns = 0
        self._wall = wall or datetime(2026, 1, 2, 3, 4, 5).astimezone()

    def now_ns(self) -> int:
        with self._lock:
            return self._now_ns

    def wall(self) -> datetime:
        return self._wall

    def asleep_ns(self) -> int:
        with self._lock:
            return self._asleep_ns

    def sleep(self, length_ns: int) -> None:
        """As when the computer sleeps for that long."""
        with self._lock:
            self._asleep_ns += length_ns

    def advance(self, by_ns: int) -> None:
        if by_ns < 0:
            raise ValueError("a monotonic clock does not go back")
        with self._lock:
            self._now_ns += by_ns


def frames_to_ns(frames: int, samplerate: int) -> int:
    """Length of `frames` audio frames, rounded to the nearest nanosecond."""
    return (frames * NS_PER_S + samplerate // 2) // samplerate


def ns_to_frames(length_ns: int, samplerate: int) -> int:
    """Whole audio frames nearest to `length_ns` (which may be negative)."""
    return (length_ns * samplerate + NS_PER_S // 2) // NS_PER_S
