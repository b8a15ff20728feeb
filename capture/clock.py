"""The one clock: monotonic nanoseconds. Everything that has a time has it from here.

`CLOCK_MONOTONIC` stands still while a computer sleeps, on Linux; so a suspended computer leaves no hole in a recording,
and a change of the date has no effect. The time of day is used for names and `started_at` only.
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


class MonotonicClock:
    """The computer's own clock."""

    # On Windows `monotonic_ns` moves in steps of 15.6 ms before Python 3.13; the performance counter does not.
    _now_ns = staticmethod(time.perf_counter_ns if sys.platform == "win32" else time.monotonic_ns)

    def now_ns(self) -> int:
        return self._now_ns()

    def wall(self) -> datetime:
        return datetime.now().astimezone()


class FakeClock:
    """A clock that a test moves by hand. Thread-safe; `advance` never goes back."""

    def __init__(self, now_ns: int = 0, wall: datetime | None = None) -> None:
        self._lock = threading.Lock()
        self._now_ns = now_ns
        self._wall = wall or datetime(2026, 1, 2, 3, 4, 5).astimezone()

    def now_ns(self) -> int:
        with self._lock:
            return self._now_ns

    def wall(self) -> datetime:
        return self._wall

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
