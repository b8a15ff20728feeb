"""How loud it is, and whether there is anything at all. Called by the mix thread; never blocks.

Levels are sample peaks in dBFS (0 dBFS: full scale, +-1.0), as every recorder's meter shows them; loudness in LUFS is
another matter (capture/notes).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from capture.model import Samples

# Below this there is nothing to hear: a driver's 16-bit dither peaks at 1.5 steps (-87 dBFS), while the quietest voice
# note that anybody keeps peaks above -60 dBFS.
SILENCE_DBFS = -80.0


def dbfs(peak: float) -> float:
    """A peak of full scale 1.0 in dB; -inf for digital silence."""
    return 20.0 * math.log10(peak) if peak > 0.0 else -math.inf


def peak_of(samples: Samples) -> float:
    """The largest magnitude; 0.0 for nothing at all. NaN when there is one among them."""
    if not samples.size:
        return 0.0
    return max(float(samples.max()), -float(samples.min()))


class Meter:
    """The peak since it was last asked, and over all; how many frames were beyond full scale."""

    def __init__(self) -> None:
        self.peak = 0.0  # over all, full scale 1.0
        self.clipped_frames = 0  # frames in which a sample is beyond full scale: an encoder will clip them
        self._since = 0.0

    def add(self, samples: Samples) -> None:
        """Samples of shape (frames, channels)."""
        peak = peak_of(samples)
        self._since = max(self._since, peak)
        if peak > self.peak:
            self.peak = peak
        if peak > 1.0:
            self.clipped_frames += int(np.count_nonzero(np.abs(samples).max(axis=1) > 1.0))

    def take_dbfs(self) -> float:
        """The peak since this was last called; -inf is digital silence."""
        since, self._since = self._since, 0.0
        return dbfs(since)

    @property
    def peak_dbfs(self) -> float:
        """The peak of all so far; -inf is digital silence throughout. Above 0.0 an encoder has clipped."""
        return dbfs(self.peak)

    @property
    def silent(self) -> bool:
        """Whether nothing so far could be heard."""
        return dbfs(self.peak) < SILENCE_DBFS
