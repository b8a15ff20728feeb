"""From any number of channels to mono or stereo."""

from __future__ import annotations

import numpy as np
import pytest

from capture.sound.channels import fit_channels


def frames(*channels: float) -> np.ndarray:
    return np.tile(np.array([channels], np.float32), (3, 1))


def test_what_fits_is_the_same_array() -> None:
    for samples in (frames(0.1), frames(0.1, 0.2)):
        assert fit_channels(samples, samples.shape[1]) is samples


@pytest.mark.parametrize(
    ("given", "wanted", "result"),
    [
        ((0.4,), 2, (0.4, 0.4)),
        ((0.4, -0.2), 1, (0.1,)),
        ((1.0, 0.5, 0.25), 2, (1.0, 0.5)),
        # 5.1: left, right, centre, low frequencies, surround left and right
        ((0.1, 0.2, 0.0, 0.9, 0.0, 0.0), 2, (0.1, 0.2)),
        ((0.0, 0.0, 1.0, 0.0, 0.0, 0.0), 2, (0.7071, 0.7071)),
        ((0.0, 0.0, 0.0, 0.0, 1.0, 0.0), 2, (0.7071, 0.0)),
        ((0.0, 0.0, 0.0, 0.0, 0.0, 1.0), 1, (0.35355,)),
        ((0.0, 0.0, 1.0, 0.0), 2, (0.7071, 0.0)),
        ((0.0,) * 7 + (1.0,), 2, (0.0, 0.7071)),
    ],
)
def test_others_are_mixed(given: tuple[float, ...], wanted: int, result: tuple[float, ...]) -> None:
    fitted = fit_channels(frames(*given), wanted)
    assert fitted.shape == (3, wanted)
    assert fitted.dtype == np.float32
    assert fitted.flags.c_contiguous
    assert fitted[1] == pytest.approx(result, abs=1e-4)


def test_mono_made_of_two_equal_channels_is_exact() -> None:
    values = np.random.default_rng(1).uniform(-1, 1, (1000, 1)).astype(np.float32)
    assert np.array_equal(fit_channels(np.repeat(values, 2, axis=1), 1), values)
