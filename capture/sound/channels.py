"""From any number of channels to mono or stereo. Pure; arrays are float32 of shape (frames, channels)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from capture.model import Samples

_HALF_POWER = 0.5**0.5
# To stereo, by ITU-R BS.775-3 annex 4 (front as it is, centre and surround at -3 dB, no low-frequency channel), in the
# order of channels that sound servers and WAV files use. The sum may exceed full scale; the meter says so.
_TO_STEREO = {
    4: [[1, 0], [0, 1], [_HALF_POWER, 0], [0, _HALF_POWER]],
    5: [[1, 0], [0, 1], [_HALF_POWER, _HALF_POWER], [_HALF_POWER, 0], [0, _HALF_POWER]],
    6: [[1, 0], [0, 1], [_HALF_POWER, _HALF_POWER], [0, 0], [_HALF_POWER, 0], [0, _HALF_POWER]],
    8: [
        *([1, 0], [0, 1], [_HALF_POWER, _HALF_POWER], [0, 0]),
        *([_HALF_POWER, 0], [0, _HALF_POWER], [_HALF_POWER, 0], [0, _HALF_POWER]),
    ],
}


def fit_channels(samples: Samples, channels: int) -> Samples:
    """`samples` with 1 or 2 channels. The same array where nothing is to be done; mono is the average of stereo."""
    have = samples.shape[1]
    if have == channels:
        return samples
    if have == 1:
        return np.repeat(samples, channels, axis=1)
    if have > 2:
        matrix = _TO_STEREO.get(have)
        samples = samples[:, :2] if matrix is None else samples @ np.array(matrix, np.float32)
        return fit_channels(np.ascontiguousarray(samples), channels)
    mono = samples[:, :1] + samples[:, 1:]
    mono *= np.float32(0.5)
    return mono
