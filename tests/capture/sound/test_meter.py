"""Levels in dBFS, and what counts as silence."""

from __future__ import annotations

import math

import numpy as np
import pytest

from capture.sound.meter import Meter, dbfs, peak_of


def constant(value: float, frames: int = 10, channels: int = 2) -> np.ndarray:
    return np.full((frames, channels), value, np.float32)


def test_levels_are_peaks_against_full_scale() -> None:
    assert dbfs(1.0) == 0.0
    assert dbfs(0.5) == pytest.approx(-6.0206)
    assert dbfs(0.0) == -math.inf
    assert peak_of(np.array([[0.25, -0.75]], np.float32)) == 0.75
    assert peak_of(np.zeros((0, 2), np.float32)) == 0.0
    assert math.isnan(peak_of(np.array([[math.nan, 0.5]], np.float32)))


def test_the_peak_since_it_was_last_asked_and_over_all() -> None:
    meter = Meter()
    meter.add(constant(-0.5))
    meter.add(constant(0.25))
    assert meter.take_dbfs() == pytest.approx(-6.0206)
    assert meter.take_dbfs() == -math.inf
    meter.add(constant(0.25))
    assert meter.take_dbfs() == pytest.approx(-12.0412)
    assert meter.peak_dbfs == pytest.approx(-6.0206)


def test_frames_beyond_full_scale_are_counted_once() -> None:
    meter = Meter()
    samples = constant(0.5, frames=8)
    samples[2] = [1.5, -1.2]
    samples[5, 1] = -1.01
    samples[6] = [1.0, -1.0]  # full scale itself is not clipped
    meter.add(samples)
    meter.add(constant(0.9))
    assert meter.clipped_frames == 2
    assert meter.peak_dbfs == pytest.approx(20 * math.log10(1.5))


def test_digital_silence_and_a_drivers_dither_are_silent() -> None:
    meter = Meter()
    assert meter.silent
    meter.add(constant(0.0))
    assert meter.silent
    assert meter.peak_dbfs == -math.inf
    dither = np.random.default_rng(1).triangular(-1.0, 0.0, 1.0, (48_000, 2)) / 32768
    meter.add((np.rint(dither * 32768 * 1.0) / 32768).astype(np.float32))
    assert meter.silent
    assert meter.peak_dbfs == pytest.approx(20 * math.log10(1 / 32768), abs=0.1)


def test_the_quietest_voice_is_not_silent() -> None:
    meter = Meter()
    meter.add(constant(0.001))  # -60 dBFS
    assert not meter.silent
    meter.add(constant(0.0))
    assert not meter.silent
