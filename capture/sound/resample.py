"""Resampling, by libsoxr: from one sample rate to another, and by a ratio that changes a little all the time.

Measured on one 48 kHz stereo source at a ratio of 1.0003, in blocks of 50 ms (THD+N of a sine at -6 dBFS; CPU for a
recorded minute):

                              1 kHz      10 kHz     15 kHz    CPU      flat (0.1 dB) to   delay
    soxr, fixed ratio, HQ   -134 dB    -134 dB    -136 dB   110 ms       22.3 kHz     none (linear phase)
    soxr, variable ratio    -121 dB    -117 dB    -118 dB   290 ms       23.0 kHz     1.61 frames, 1.80 at 10 kHz
    samplerate sinc_fastest -119 dB    -106 dB    -101 dB   350 ms       17.2 kHz     none
    samplerate sinc_medium  -133 dB    -125 dB    -125 dB   650 ms       20.8 kHz     none

So soxr for both: one library, the least work, no loss of treble. A step of its variable ratio leaves the phase
unbroken, and its delay does not depend on the ratio. `ResampleStream.delay()` does not tell the variable mode's true
look-ahead (240 frames); the numbers below were measured, and a test measures them again.

Every object here belongs to one thread; no call blocks. Arrays are float32 of shape (frames, channels).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from capture.model import Samples


class RatioResampler(Protocol):
    """Resamples by a ratio that may change with every call. A counting fake stands in for it in long tests."""

    # Frames that must follow a frame before it can come out.
    lookahead: int
    # Frames by which what comes out is late: output j holds the input at the sum of ratios before j, minus this.
    delay: float

    def push(self, samples: Samples, ratio: float) -> Samples:
        """Take `samples`; give what can be computed now, using up `ratio` input frames for each output frame."""
        ...

    def flush(self) -> Samples:
        """Give the rest. The last call."""
        ...


class VariableRate:
    """libsoxr's variable-rate mode. See RatioResampler."""

    lookahead = 240
    delay = 1.614
    RATIO_MOST = 1.02

    def __init__(self, channels: int) -> None:
        from soxr import ResampleStream

        self._stream = ResampleStream(self.RATIO_MOST, 1.0, channels, "float32", "HQ", vr=True)
        self._channels = channels
        self._ratio = 0.0

    def push(self, samples: Samples, ratio: float) -> Samples:
        if ratio != self._ratio:
            self._stream.set_io_ratio(ratio, 1.0)
            self._ratio = ratio
        return _process(self._stream, samples)

    def flush(self) -> Samples:
        return _process(self._stream, np.zeros((0, self._channels), np.float32), last=True)


class FixedRate:
    """From `rate_in` to `rate_out` Hz. Output k is the input at k * rate_in / rate_out: nothing is shifted.

    What comes out lags behind what goes in by about 12 ms until `flush`; then exactly
    round(frames_in * rate_out / rate_in) frames have come out.
    """

    def __init__(self, rate_in: int, rate_out: int, channels: int) -> None:
        from soxr import ResampleStream

        self._stream = ResampleStream(rate_in, rate_out, channels, "float32", "HQ")
        self._channels = channels
        self._rate_in = rate_in
        self._rate_out = rate_out
        self._frames_in = 0
        self._frames_out = 0

    @property
    def pending(self) -> int:
        """Frames that will still come out."""
        return math.floor(self._frames_in * self._rate_out / self._rate_in + 0.5) - self._frames_out

    def push(self, samples: Samples) -> Samples:
        self._frames_in += len(samples)
        out = _process(self._stream, samples)
        self._frames_out += len(out)
        return out

    def flush(self) -> Samples:
        """Give the rest. The last call."""
        out = _process(self._stream, np.zeros((0, self._channels), np.float32), last=True)
        self._frames_out += len(out)
        return out


def _process(stream: object, samples: Samples, last: bool = False) -> Samples:
    out: Samples = stream.resample_chunk(np.ascontiguousarray(samples, np.float32), last=last)  # type: ignore[attr-defined]
    return out
