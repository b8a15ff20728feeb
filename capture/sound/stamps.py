"""When a stream's frames sounded, from what the sound server says about it now and then. Pure."""

from __future__ import annotations

from collections import deque

from capture.clock import NS_PER_MS, frames_to_ns

# PipeWire tells how far a stream is only once in each of its cycles, so what it says is late by 0 to one cycle: 21 ms by
# default. The earliest of the last answers is the nearest to the truth. Over so few seconds, even a clock that is off by
# 1000 ppm moves by 2 ms only.
_WINDOW_NS = 2_000 * NS_PER_MS
# More than answers can be late (a cycle of 2048 frames at 44.1 kHz): the stream stood still or jumped, the past is void.
_JUMP_NS = 60 * NS_PER_MS


class Stamps:
    """Maps a frame's number in a stream to the time at which it sounded. Not locked: one thread at a time."""

    def __init__(self, samplerate: int) -> None:
        self._rate = samplerate
        # (time of the answer, time of frame 0 according to it), origins ascending: the first is the least of the window.
        self._origins: deque[tuple[int, int]] = deque()

    def learn(self, at_ns: int, frame: int, sounds_in_ns: int) -> None:
        """At `at_ns` the next frame to come was number `frame`, which sounds `sounds_in_ns` later (before: negative)."""
        origin_ns = at_ns + sounds_in_ns - frames_to_ns(frame, self._rate)
        origins = self._origins
        if origins and abs(origin_ns - origins[0][1]) > _JUMP_NS:
            origins.clear()
        while origins and origins[-1][1] >= origin_ns:
            origins.pop()
        origins.append((at_ns, origin_ns))
        while origins[0][0] < at_ns - _WINDOW_NS:
            origins.popleft()

    @property
    def known(self) -> bool:
        return bool(self._origins)

    def sounded_ns(self, frame: int) -> int:
        """When frame number `frame` sounded. Only when `known`."""
        return self._origins[0][1] + frames_to_ns(frame, self._rate)
