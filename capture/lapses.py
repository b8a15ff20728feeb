"""Lapses of time: says when nothing was recorded because the computer slept, or because Loopnote was held up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from capture.clock import NS_PER_MS, NS_PER_S, Clock
from capture.model import Notice

if TYPE_CHECKING:
    from capture.stages.timing import Timing

# How near its place a lapse is told; looking costs some microseconds.
LOOK_NS = 250 * NS_PER_MS
# No computer sleeps and wakes in less than this; two clocks that are read one after the other differ by far less.
ASLEEP_NS = 200 * NS_PER_MS
# A busy computer may hold a thread up for some tenths of a second.
HELD_UP_NS = 1 * NS_PER_S
WHY_HELD_UP = "it was stopped, or the computer was far too busy"


class LapseWatch:
    """Looks at the clock again and again, and tells each lapse as a `Notice`. The recorder's thread.

    While Loopnote is held up, sound waits for it at the sound server, for seconds at least, and what is lost is a gap
    in the result; pictures (of which there are some when it is `filming`) are not kept for it by anybody.
    """

    def __init__(self, timing: Timing, clock: Clock, emit: Callable[[Notice], None], filming: bool) -> None:
        self._timing = timing
        self._clock = clock
        self._emit = emit
        self._filming = filming
        self._seen_ns = clock.now_ns()
        self._asleep_ns = clock.asleep_ns()

    def look(self, now_ns: int) -> float:
        """Tell what has happened since the last call. Returns the seconds until the next. Never blocks."""
        before_ns, self._seen_ns = self._seen_ns, now_ns
        asleep_ns = self._clock.asleep_ns()
        slept_ns, self._asleep_ns = asleep_ns - self._asleep_ns, asleep_ns
        if not self._timing.pauses.is_paused(now_ns):  # a lapse of what stands still is nobody's business
            if slept_ns >= ASLEEP_NS:
                self._tell("the computer slept", slept_ns, now_ns, "that time is not in the recording", True)
            if now_ns - before_ns >= LOOK_NS + HELD_UP_NS:
                self._timing.held_up.append((before_ns, now_ns))
                self._tell("Loopnote was held up", now_ns - before_ns, before_ns, WHY_HELD_UP, self._filming)
        return LOOK_NS / NS_PER_S

    def _tell(self, what: str, length_ns: int, at_ns: int, more: str, degrades: bool) -> None:
        text = f"{what} for {length_ns / NS_PER_S:.1f} s at {self._timing.position_s(at_ns):.1f} s: {more}"
        self._emit(Notice(text, degrades=degrades))
