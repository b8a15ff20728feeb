"""From the sound server's answers to the instant at which a given frame sounds."""

from __future__ import annotations

import bisect
import threading
from dataclasses import dataclass

import numpy as np

# Far enough to average out the noise of single answers, near enough to follow a change of the server's period, or the
# loss of one on a busy machine.
WINDOW_NS = 300_000_000
# How long after one another to ask the server which frame sounds: unevenly, so that the questions fall into all parts
# of its period, whatever that is.
ASK_AFTER_S = (0.003, 0.011, 0.005, 0.017, 0.007, 0.013)


@dataclass(frozen=True)
class Timing:
    """At CLOCK_MONOTONIC `at_ns`, frame number `frame` of a stream sounded, said the server.

    `stepwise` tells that the number moves once a period: PipeWire's answer, read between two periods, is that of the
    last one. PulseAudio's is exact at any time.
    """

    at_ns: int
    frame: float
    stepwise: bool = False


class SoundClock:
    """Which frame of a stream sounds when: `add` what the server says, then ask. Any thread may call; never blocks.

    The speaker is taken to keep the computer's own time, as a null sink does, so only the offset is to be found. From
    stepwise answers it is the highest one: one that was given just as the number moved. That agrees with the server's
    own word on how old the sound is that comes out of its monitor; measured, it comes out there 10 ms before its time
    on PulseAudio, which computes ahead and says so, and one period after its time on PipeWire, which says so as well.
    """

    def __init__(self, samplerate: int) -> None:
        self._per_ns = samplerate / 1e9
        self._lock = threading.Lock()
        self._timings: list[Timing] = []

    def add(self, timing: Timing) -> None:
        with self._lock:
            bisect.insort(self._timings, timing, key=lambda known: known.at_ns)

    @property
    def is_known(self) -> bool:
        """Whether anything has sounded yet."""
        return bool(self._timings)

    def frame_at(self, at_ns: int) -> float:
        """The frame that sounds at `at_ns`; raises LookupError when nothing is known yet."""
        return self._offset_near(at_ns) + at_ns * self._per_ns

    def time_of(self, frame: float) -> int:
        """When `frame` sounds, in CLOCK_MONOTONIC nanoseconds; raises LookupError when nothing is known yet."""
        guess = self._timings[-1].at_ns if self._timings else 0
        # The offset may change with time, and the time is what is sought: two rounds settle it.
        for _ in range(2):
            guess = round((frame - self._offset_near(guess)) / self._per_ns)
        return guess

    def wander_s(self, at_ns: int) -> float:
        """How far the answers before `at_ns` and those after it disagree: a player or server that stumbled there."""
        with self._lock:
            before = [known for known in self._timings if at_ns - WINDOW_NS <= known.at_ns < at_ns]
            after = [known for known in self._timings if at_ns <= known.at_ns <= at_ns + WINDOW_NS]
        if not before or not after:
            return 0.0
        return abs(self._offset(after) - self._offset(before)) / self._per_ns / 1e9

    def _offset_near(self, at_ns: int) -> float:
        with self._lock:
            if not self._timings:
                raise LookupError("nothing has sounded yet")
            first = bisect.bisect_left(self._timings, at_ns - WINDOW_NS, key=lambda known: known.at_ns)
            last = bisect.bisect_right(self._timings, at_ns + WINDOW_NS, key=lambda known: known.at_ns)
            near = self._timings[first:last]
            if not near:  # before the first or after the last answer, or in a hole: the nearest there are
                first = max(0, min(first, len(self._timings)) - 20)
                near = self._timings[first : first + 40]
        return self._offset(near)

    def _offset(self, near: list[Timing]) -> float:
        frames = np.array([known.frame for known in near])
        offsets = frames - np.array([known.at_ns for known in near], dtype=np.float64) * self._per_ns
        if not all(known.stepwise for known in near):
            return float(np.median(offsets))
        return float(offsets.max())
