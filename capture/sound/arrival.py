"""When sound sounded, told from when its blocks arrived: for the libraries that give no times of their own."""

from __future__ import annotations

from collections import deque

from capture.clock import NS_PER_S, frames_to_ns

# Over how long a time the earliest arrival is looked for. Long enough that some block of it was read without delay
# (blocks come about 100 a second), short enough that a clock that is off by 300 ppm, the most that a computer's sound
# device is known for, moves by 0.6 ms only.
WINDOW_NS = 2 * NS_PER_S


class ArrivalStamps:
    """Start times of consecutive blocks, from their arrival times. Pure; one thread.

    A block arrives when its last frame is there, or later when the reader was kept waiting; never earlier. So among
    the blocks of the last `WINDOW_NS`, the one that is earliest, compared with the count of frames, is nearest to the
    truth, and all blocks are stamped by it. Ten blocks read in one go after a delay so get times one after the other,
    not all the same.
    """

    def __init__(self, samplerate: int, latency_ns: int = 0) -> None:
        self._samplerate = samplerate
        self._latency_ns = latency_ns
        self._frames = 0
        self._delays: deque[tuple[int, int]] = deque()  # (arrival, delay): delays grow from left to right

    def stamp(self, arrival_ns: int, frames: int) -> int:
        """The time at which the first of `frames` frames sounded, for a block that arrived at `arrival_ns`."""
        counted_ns = frames_to_ns(self._frames, self._samplerate)
        self._frames += frames
        delay_ns = arrival_ns - frames_to_ns(self._frames, self._samplerate)
        while self._delays and self._delays[-1][1] >= delay_ns:
            self._delays.pop()
        self._delays.append((arrival_ns, delay_ns))
        while self._delays[0][0] < arrival_ns - WINDOW_NS:
            self._delays.popleft()
        return self._delays[0][1] + counted_ns - self._latency_ns

    def broken(self) -> None:
        """Sound was lost before the next block: its time is told by its own arrival, and so shows the hole."""
        self._delays.clear()
