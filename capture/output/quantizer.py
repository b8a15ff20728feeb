"""How coarsely pictures are quantised, by how much goes on in them: text stays sharp, film stays small and cheap.

x264 can do so itself ("crf"), for which it looks at each picture twice: at ultrafast that is half of its work. A
constant quantiser saves that, but no single one suits all: text wants about 17 to be as sharp as crf 23 makes it, which
for a film is six times the bytes and twice the work for nothing that is seen. So the quantiser is changed now and then,
by what the last pictures took (the packets' lengths, which cost nothing to know).
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from dataclasses import dataclass

# How many steps of the quantiser halve the bytes (measured: 2.6 for film, from 17 to 26; scrolling text hardly minds).
STEPS_A_HALF = 2.6
# What is looked at: the pictures of so long, if there are so many of them. With fewer nothing moves: pages are turned.
_WINDOW_NS = 500_000_000
_LEAST_PICTURES = 4
# Each counts for so long at most: a film of ten pictures a second is as coarse as one of thirty. (The shortest is for
# pictures of one instant, which there may be.)
_SHORTEST_PICTURE_NS, _LONGEST_PICTURE_NS = 4_000_000, 33_333_333
# So long after a change the pictures tell whether it was right.
_SETTLED_NS = 200_000_000
# A change costs a keyframe: it must be worth it, also where one is due anyway. Film in which little and much happens by
# turns must not go back and forth.
_LEAST_CHANGE, _LEAST_CHANGE_AT_KEY = 3, 2
_FINER_AFTER_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class QuantizerRange:
    """H.264's quantisers (0 to 51, higher is coarser) for pictures in which little and much happens.

    `bytes_a_pixel_s` is what may be spent before the quantiser rises above `finest`.
    """

    finest: int
    coarsest: int
    bytes_a_pixel_s: float

    def coarser(self, steps: int) -> QuantizerRange:
        """The same for a lower quality (or a higher one, below 0): any picture gets a quantiser higher by `steps`."""
        bytes_a_pixel_s = self.bytes_a_pixel_s / 2 ** (steps / STEPS_A_HALF)
        return QuantizerRange(self.finest + steps, self.coarsest + steps, bytes_a_pixel_s)


class Quantizer:
    """Says which quantiser the next picture should have. Pure; the encoder's thread."""

    def __init__(self, allowed: QuantizerRange, pixels: int) -> None:
        self.value = allowed.finest
        self._allowed = allowed
        self._bytes_a_s = allowed.bytes_a_pixel_s * pixels
        self._since_ns = 0  # when the quantiser changed last
        self._seen: deque[tuple[int, int]] = deque()  # the time in ns, and the bytes

    def saw(self, pts_ns: int, size_bytes: int) -> None:
        """A picture that was not a keyframe took so much: a keyframe is long whatever happens."""
        self._seen.append((pts_ns, size_bytes))

    def choose(self, pts_ns: int, is_key_due: bool) -> bool:
        """Whether `value` is another from the picture at `pts_ns` on, which must be a keyframe then."""
        while self._seen and pts_ns - self._seen[0][0] > _WINDOW_NS:
            self._seen.popleft()
        since_ns = pts_ns - self._since_ns
        if since_ns < _SETTLED_NS:
            return False
        wanted = self._wanted(pts_ns)
        if abs(wanted - self.value) < (_LEAST_CHANGE_AT_KEY if is_key_due else _LEAST_CHANGE):
            return False
        if wanted < self.value and since_ns < _FINER_AFTER_NS:
            return False
        self.value, self._since_ns = wanted, pts_ns
        self._seen.clear()
        return True

    def _wanted(self, now_ns: int) -> int:
        if len(self._seen) < _LEAST_PICTURES:
            return self._allowed.finest
        # The median: a page that was turned is one long picture, and of a film's first ones one knows nothing yet.
        median_bytes = statistics.median_low(size_bytes for _, size_bytes in self._seen)
        interval_ns = (now_ns - self._seen[0][0]) / len(self._seen)
        bytes_a_s = median_bytes * 1e9 / min(max(interval_ns, _SHORTEST_PICTURE_NS), _LONGEST_PICTURE_NS)
        change = STEPS_A_HALF * math.log2(max(bytes_a_s, 1.0) / self._bytes_a_s)
        return min(max(self.value + round(change), self._allowed.finest), self._allowed.coarsest)
