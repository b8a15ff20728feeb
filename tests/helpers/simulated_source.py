"""Sound sources with a clock of their own, simulated: their samples are exact, their stamps jitter, their rate is off.

The true time of a source's n-th frame is `clock(n / samplerate)` seconds after the origin, and the frame holds
`signal(true time)`. So whatever the clock does, frame k of a recording must hold `signal(k / samplerate)`. A signal
gives one value for each time (all channels are the same then) or one for each channel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from capture.model import AudioBlock

Samples = NDArray[np.float32]
Seconds = NDArray[np.float64]

ORIGIN_NS = 7_123_456_789_012_345  # as large as on a computer that has been up for 82 days

# Standard deviations differ: these are the largest deviations, evenly distributed.
PULSE_S = 0.00005
PIPEWIRE_S = 0.009
JITTERS = {"pulse": PULSE_S, "pipewire": PIPEWIRE_S}


def steady(ppm: float) -> Callable[[Seconds], Seconds]:
    """A clock whose rate is off: more frames a second for a positive `ppm`."""
    return lambda own_s: own_s / (1.0 + ppm * 1e-6)


def warming(ppm: float, swing_ppm: float, period_s: float) -> Callable[[Seconds], Seconds]:
    """A clock whose rate is off by `ppm`, and swings around that."""
    slope = 2.0 * np.pi / period_s

    def clock(own_s: Seconds) -> Seconds:
        swing: Seconds = swing_ppm * 1e-6 * (1.0 - np.cos(slope * own_s)) / slope
        return own_s / (1.0 + ppm * 1e-6) - swing

    return clock


def sine(frequency_hz: float, peak: float = 0.5) -> Callable[[Seconds], Seconds]:
    def signal(time_s: Seconds) -> Seconds:
        values: Seconds = peak * np.sin(2.0 * np.pi * frequency_hz * time_s)
        return values

    return signal


def low_and_high(low_hz: float, high_hz: float, peak: float = 0.5) -> Callable[[Seconds], Seconds]:
    """Left a low tone, whose phase tells where the sound is; right a high one, in which a click would show."""
    low, high = sine(low_hz, peak), sine(high_hz, peak)
    return lambda time_s: np.stack([low(time_s), high(time_s)], axis=1)


def lateness_s(recorded: Samples, frequency_hz: float, samplerate: int, every_s: float = 0.1) -> Seconds:
    """By how much the tone is later than `sine(frequency_hz)` would be, for each stretch of `every_s`.

    Whole periods are not told apart, except from one stretch to the next.
    """
    length = round(every_s * samplerate)
    stretches = recorded[: len(recorded) // length * length].reshape(-1, length)
    turn = np.exp(-2j * np.pi * frequency_hz * np.arange(length) / samplerate)
    ahead = -2.0 * np.pi * np.mod(frequency_hz * length * np.arange(len(stretches)) / samplerate, 1.0)
    late: Seconds = -np.unwrap(np.angle(stretches @ turn) + ahead + np.pi / 2.0) / (2.0 * np.pi * frequency_hz)
    return late


def roughness(recorded: Samples, frequency_hz: float, samplerate: int) -> Seconds:
    """The largest deviation from a pure tone in each stretch of 5 ms (100 frames at least), relative to its peak.

    Tone and slope of the tone are fitted to each stretch: slow changes of pitch and level do not count, a click does.
    Stretches overlap by half.
    """
    length = max(100, round(0.005 * samplerate))
    time = np.arange(length) / samplerate
    phase = 2.0 * np.pi * frequency_hz * time
    slope = time / time[-1] - 0.5
    basis = np.stack([np.cos(phase), np.sin(phase), slope * np.cos(phase), slope * np.sin(phase), np.ones(length)])
    tones, _ = np.linalg.qr(basis.T)
    stretches = np.lib.stride_tricks.sliding_window_view(recorded, length)[:: length // 2]
    worst = []
    for start in range(0, len(stretches), 10_000):
        some = stretches[start : start + 10_000].astype(np.float64)
        rest = some - some @ tones @ tones.T
        worst.append(np.abs(rest).max(axis=1) / np.maximum(np.abs(some).max(axis=1), 1e-12))
    return np.concatenate(worst)


@dataclass
class SimulatedSource:
    """Blocks of `block_s` seconds, from `start_s` (seconds after the origin, by its own clock) on."""

    signal: Callable[[Seconds], Seconds]
    clock: Callable[[Seconds], Seconds] = field(default_factory=lambda: steady(0.0))
    samplerate: int = 48_000
    channels: int = 2
    jitter_s: float = 0.0
    block_s: float = 0.05
    start_s: float = -0.5
    seed: int = 1

    def blocks(self, end_s: float) -> Iterator[tuple[float, AudioBlock]]:
        """(true time of its end, block), until the end of the recording is covered."""
        random = np.random.default_rng(self.seed)
        frames = round(self.block_s * self.samplerate)
        frame = round(self.start_s * self.samplerate)
        true_s = -np.inf
        while true_s < end_s:
            times_s = self.clock(np.arange(frame, frame + frames + 1) / self.samplerate)
            true_s = float(times_s[-1])
            samples = self.signal(times_s[:-1]).astype(np.float32)
            if samples.ndim == 1:
                samples = np.repeat(samples[:, None], self.channels, axis=1)
            stamp_s = float(times_s[0]) + random.uniform(-self.jitter_s, self.jitter_s)
            yield true_s, AudioBlock(ORIGIN_NS + round(stamp_s * 1e9), samples, self.samplerate)
            frame += frames
