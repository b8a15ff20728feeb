"""The judges are judged: known sounds are found where they are, and nothing is found where they are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.analysis import read_sound
from tests.helpers.media import write_sound
from tests.helpers.signals import RATE, Samples, best_place, exact_noise, locate, numbered, write_wav

REFERENCE = numbered(20)


@pytest.mark.parametrize("at_s", [0.0, 0.7, 7.77777, 19.8])
@pytest.mark.parametrize("length_s", [0.05, 0.2])
def test_an_excerpt_is_found_to_the_sample(at_s: float, length_s: float) -> None:
    at = round(at_s * RATE)
    assert locate(REFERENCE[at : at + round(length_s * RATE)], REFERENCE) == at


def test_an_excerpt_that_begins_before_the_reference_is_found() -> None:
    silence = np.zeros((1000, 2), np.float32)
    assert locate(np.concatenate([silence, REFERENCE[:9600]]), REFERENCE) == -1000


def test_loudness_and_channels_do_not_matter() -> None:
    quiet = REFERENCE[480_000:489_600, :1] * 0.01
    assert locate(quiet, REFERENCE) == 480_000


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "m4a", "opus"])
@pytest.mark.parametrize("bit_rate", [16_000, 96_000])
def test_an_excerpt_of_coded_sound_is_found_within_a_millisecond(tmp_path: Path, suffix: str, bit_rate: int) -> None:
    start = 5 * RATE
    path = write_sound(tmp_path / f"sound.{suffix}", REFERENCE[start : start + 4 * RATE, :1], bit_rate=bit_rate)
    sound = read_sound(path)
    assert sound.holes == ()
    for at_s in (0.2, 1.3, 3.1):
        at = round(at_s * RATE)
        found = locate(sound.samples[at : at + RATE // 4], REFERENCE)
        assert abs(found - (start + at)) <= RATE // 1000


@pytest.mark.parametrize(
    "other",
    [numbered(0.25, seed=99), exact_noise(0.25), np.zeros((12_000, 2), np.float32)],
    ids=["another numbered sound", "noise", "silence"],
)
def test_other_sound_is_refused(other: Samples) -> None:
    with pytest.raises(AssertionError, match="not from the reference"):
        locate(other, REFERENCE)


def test_too_little_sound_is_refused() -> None:
    with pytest.raises(AssertionError, match="too few"):
        locate(REFERENCE[:100], REFERENCE)


def test_the_score_tells_same_from_different() -> None:
    assert best_place(REFERENCE[4800:9600], REFERENCE).similarity > 0.99
    assert best_place(exact_noise(0.1), REFERENCE).similarity < 0.3


def test_exact_noise_survives_16_bits(tmp_path: Path) -> None:
    noise = exact_noise(0.5)
    path = write_wav(tmp_path / "noise.wav", noise)
    assert np.array_equal(read_sound(path).samples, noise)
    assert noise.min() == -1.0, "the lowest value of all is among them"
