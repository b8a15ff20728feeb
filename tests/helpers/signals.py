"""Known sounds: made from a seed, so that player, recorder and judge need not pass them around.

Arrays are float32 of shape (frames, channels), full scale +-1.
"""

from __future__ import annotations

import math
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

RATE = 48_000
# The band that every codec keeps, down to 16 kbit/s speech: what lies outside tells nothing and costs bits.
_LOW_HZ = 150.0
_HIGH_HZ = 5_000.0
# Unrelated sound of 0.05 s scores 0.29 at its best offset in a minute, of 0.25 s 0.15; the right place after the worst
# codec in use (speech at 16 kbit/s) 0.85.
_SURE = 0.4
_ROUGH = 4


def numbered(duration_s: float, samplerate: int = RATE, channels: int = 2, peak: float = 0.5, seed: int = 1) -> Samples:
    """A sound no two stretches of which are alike: `locate` finds where in it any excerpt lies.

    Noise in the band of speech, the same in all channels, with its loudness kept even so that every instant can be
    recognised after lossy coding too. A longer one begins with the samples of a shorter one only if made at the same
    length: make one and cut it.
    """
    frames = round(duration_s * samplerate)
    noise = np.random.default_rng(seed).standard_normal(frames)
    spectrum = np.fft.rfft(noise)
    frequency = np.fft.rfftfreq(frames, 1 / samplerate)
    # Falls by 3 dB an octave, as speech does: codecs spend their bits on the low end.
    weight = np.where((frequency >= _LOW_HZ) & (frequency <= _HIGH_HZ), 1 / np.sqrt(np.maximum(frequency, 1.0)), 0.0)
    band = np.fft.irfft(spectrum * weight, frames)
    band *= peak / np.abs(band).max()
    return np.repeat(band.astype(np.float32)[:, None], channels, axis=1)


def exact_noise(duration_s: float, samplerate: int = RATE, channels: int = 2, seed: int = 2) -> Samples:
    """White noise over all 16-bit values, each channel its own: as 16-bit, float32 or 24-bit it is the same numbers."""
    frames = round(duration_s * samplerate)
    values = np.random.default_rng(seed).integers(-32768, 32767, size=(frames, channels), endpoint=True)
    return (values / 32768).astype(np.float32)


def tone(
    duration_s: float, frequency_hz: float, samplerate: int = RATE, channels: int = 2, peak: float = 0.5
) -> Samples:
    """A steady sine."""
    phase = 2 * math.pi * frequency_hz * np.arange(round(duration_s * samplerate)) / samplerate
    return np.repeat((peak * np.sin(phase)).astype(np.float32)[:, None], channels, axis=1)


BEEP_S = 0.04
_BEEP_FROM_HZ = 1_000.0
_BEEP_TO_HZ = 4_000.0


def beep(samplerate: int = RATE, channels: int = 2, peak: float = 0.7) -> Samples:
    """A rising chirp of `BEEP_S`, whose start `analysis.find_beeps` finds to a fraction of a millisecond."""
    at_s = np.arange(round(BEEP_S * samplerate)) / samplerate
    phase = 2 * math.pi * (_BEEP_FROM_HZ * at_s + (_BEEP_TO_HZ - _BEEP_FROM_HZ) * at_s**2 / (2 * BEEP_S))
    edge = np.minimum(1.0, np.minimum(at_s, at_s[::-1]) / 0.001)  # 1 ms of fade: no click that a codec smears
    return np.repeat((peak * edge * np.sin(phase)).astype(np.float32)[:, None], channels, axis=1)


def write_wav(path: Path, samples: Samples, samplerate: int = RATE) -> Path:
    """Write 16-bit WAV, rounding to the nearest value."""
    values = np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(samplerate)
        file.writeframes(values.tobytes())
    return path


@dataclass(frozen=True)
class Place:
    """Where an excerpt lies: its first frame is frame `offset` of the reference (negative: it begins before it)."""

    offset: int
    similarity: float  # 1: the same waveform, whatever its loudness; 0: nothing in common


def best_place(recorded: Samples, reference: Samples) -> Place:
    """The likeliest place of `recorded` in `reference`, however unlikely; both at the same rate."""
    excerpt = _mono(recorded)
    whole = _mono(reference)
    # First roughly, with every fourth sample (at 48 kHz they still hold the whole band), then to the sample.
    rough = _search(excerpt[::_ROUGH], whole[::_ROUGH])[0] * _ROUGH
    start = max(0, rough - 2 * _ROUGH)
    first = rough - 2 * _ROUGH - start  # what of the excerpt lies before the reference
    near = whole[start : rough + len(excerpt) + 2 * _ROUGH]
    offset, similarity = _search(excerpt, near, range(first, rough + 2 * _ROUGH + 1 - start))
    return Place(start + offset, similarity)


def _search(excerpt: NDArray[np.float64], whole: NDArray[np.float64], among: range | None = None) -> tuple[int, float]:
    """The best of all offsets (or those `among`) and its normalised correlation, from -1 to 1."""
    size = 1 << (len(excerpt) + len(whole) - 1).bit_length()
    product = np.fft.rfft(whole, size) * np.conj(np.fft.rfft(excerpt, size))
    correlation = np.fft.irfft(product, size)
    # Normalised by the energy of the stretch of reference under the excerpt at each offset.
    energy = np.concatenate([[0.0], np.cumsum(whole**2)])
    offsets = np.arange(-(len(excerpt) - 1), len(whole)) if among is None else np.array(among)
    first = np.clip(offsets, 0, len(whole))
    last = np.clip(offsets + len(excerpt), 0, len(whole))
    under = energy[last] - energy[first]
    # An excerpt that only touches an end would score on a handful of samples: at least half of it must lie inside.
    inside = (last - first) >= min(len(excerpt), len(whole)) / 2
    scale = np.sqrt(np.maximum(under * np.sum(excerpt**2), 1e-12))
    score = np.where(inside, correlation[offsets] / scale, 0.0)
    best = int(np.argmax(score))
    return int(offsets[best]), float(score[best])


def locate(recorded: Samples, reference: Samples, samplerate: int = RATE, least_s: float = 0.05) -> int:
    """The frame of `reference` at which `recorded` begins; fails the test when it is not surely from it.

    A tenth of a second is enough without loss, a quarter after lossy coding.
    """
    if len(recorded) < least_s * samplerate:
        raise AssertionError(f"{len(recorded)} frames are too few to be recognised")
    place = best_place(recorded, reference)
    if place.similarity < _SURE:
        peak = float(np.abs(recorded).max())
        raise AssertionError(
            f"this sound is not from the reference: similarity {place.similarity:.2f} at best (its peak is {peak:.4f})"
        )
    return place.offset


def _mono(samples: Samples) -> NDArray[np.float64]:
    return np.asarray(samples.reshape(len(samples), -1).mean(axis=1, dtype=np.float64))
