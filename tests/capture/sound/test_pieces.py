"""Pieces that follow each other become one block; a hole parts them."""

from __future__ import annotations

import numpy as np

from capture.sound.pieces import joined
from tests.helpers.signals import Samples


def piece(frame: int, length: int) -> tuple[int, Samples]:
    """Each sample is the number of its frame."""
    return frame, np.repeat(np.arange(frame, frame + length, dtype=np.float32)[:, None], 2, axis=1)


def lengths(pieces: list[tuple[int, Samples]], most: int = 1000) -> list[tuple[int, int]]:
    """First frame and length of each run; checks that every sample is in its place."""
    runs = joined(pieces, most)
    for frame, samples in runs:
        assert np.array_equal(samples[:, 0], np.arange(frame, frame + len(samples)))
    return [(frame, len(samples)) for frame, samples in runs]


def test_nothing_gives_nothing() -> None:
    assert lengths([]) == []


def test_what_follows_is_joined_and_a_hole_parts() -> None:
    assert lengths([piece(7, 10), piece(17, 5), piece(30, 10), piece(40, 1)]) == [(7, 15), (30, 11)]


def test_a_long_run_is_handed_on_in_parts() -> None:
    assert lengths([piece(10 * n, 10) for n in range(7)], most=25) == [(0, 30), (30, 30), (60, 10)]


def test_a_piece_alone_is_not_copied() -> None:
    frame, samples = piece(3, 10)
    assert joined([(frame, samples)], 1000)[0][1] is samples
