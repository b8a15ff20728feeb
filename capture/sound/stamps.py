"""When a stream's frames sounded, from what the sound server says about it now and then. Pure."""

from __future__ import annotations

import math
from collections import deque

from capture.clock import NS_PER_MS, frames_to_ns

# A server's answers are late by a time that varies: on PipeWire by 0 to one cycle, since it counts once a cycle (5 to
# 43 ms), on PulseAudio by 0 to 5 ms, for the way from its device thread to its main thread. The earliest of the last
# answers is the nearest to the truth. Over so short a time even a clock that is off by 1000 ppm moves by 2 ms only.
_WINDOW_NS = 2_000 * NS_PER_MS
# More than answers are ever late: the stream stood still or jumped, and what was known before is void.
_JUMP_NS = 60 * NS_PER_MS
# A smaller jump (a cycle or two left out) shows in answers that are all later than a cycle and a bit. On a busy
# computer they can be that late for some tenths of a second without one.
_SLACK_NS = 5 * NS_PER_MS
_LEAST_CYCLE_NS = 10 * NS_PER_MS
_SURE_NS = 1_000 * NS_PER_MS
_FIRST_ANSWERS = 5
# PipeWire's largest cycle at its default settings. More means that too few answers came to tell.
_LARGEST_CYCLE_FRAMES = 2048


class Stamps:
    """Maps a frame's number in a stream to the time at which it sounded. Not locked: one thread at a time.

    With `cycle_late` the sound comes one cycle of the server after it was given to the speaker: so it is with the
    monitors of PipeWire's virtual speakers (measured at cycles of 256 and 512 frames, to 0.3 ms). It is found out here.
    """

    def __init__(self, samplerate: int, cycle_late: bool = False) -> None:
        self._rate = samplerate
        self._cycle_late = cycle_late
        # (time of the answer, time of frame 0 by it), origins ascending: the first is the least of the window.
        self._origins: deque[tuple[int, int]] = deque()
        # Frames counted between the last answers: multiples of the cycle.
        self._steps: deque[int] = deque(maxlen=20)
        self._last_frame = 0
        self._late_since_ns: int | None = None
        # How many answers what is known rests on.
        self.learned = 0

    def learn(self, at_ns: int, frame: int, sounds_in_ns: int) -> None:
        """At `at_ns` the next frame to come was number `frame`, which sounds `sounds_in_ns` later (negative: before).

        An answer from before the first frame is worth nothing (nobody knows when it will come) and passed over.
        """
        if frame <= 0:
            return
        self.learned += 1
        if self._last_frame:
            self._steps.append(abs(frame - self._last_frame))
        self._last_frame = frame
        origin_ns = at_ns + sounds_in_ns - frames_to_ns(frame, self._rate)
        origins = self._origins
        if origins and self._has_jumped(at_ns, origin_ns - origins[0][1]):
            origins.clear()
            self._late_since_ns = None
            self._steps.clear()
            self.learned = 1
        while origins and origins[-1][1] >= origin_ns:
            origins.pop()
        origins.append((at_ns, origin_ns))
        while origins[0][0] < at_ns - _WINDOW_NS:
            origins.popleft()

    def _has_jumped(self, at_ns: int, late_ns: int) -> bool:
        if abs(late_ns) > _JUMP_NS:
            return True
        if late_ns <= max(frames_to_ns(self.cycle_frames, self._rate), _LEAST_CYCLE_NS) + _SLACK_NS:
            self._late_since_ns = None
            return False
        if self._late_since_ns is None:
            self._late_since_ns = at_ns
        return at_ns - self._late_since_ns >= _SURE_NS

    def sounded_ns(self, frame: int) -> int:
        """When frame number `frame` sounded. Only once something was `learned`."""
        if self._cycle_late:
            frame -= self.cycle_frames
        return self._origins[0][1] + frames_to_ns(frame, self._rate)

    @property
    def settled(self) -> bool:
        """Whether enough was learned to be exact. Until then, ask again every few milliseconds: within a cycle."""
        return self.learned >= _FIRST_ANSWERS and sum(step > 0 for step in self._steps) >= 2

    @property
    def cycle_frames(self) -> int:
        """How many frames the server handles at a time; 0 when that is not known or makes no sense."""
        cycle = math.gcd(*self._steps)
        return cycle if cycle <= _LARGEST_CYCLE_FRAMES else 0
