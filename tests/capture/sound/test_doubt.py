"""Zeros of a stream that may be dead are withheld until it is known."""

from __future__ import annotations

import numpy as np

from capture.clock import NS_PER_MS
from capture.model import AudioBlock
from capture.sound.pulse_sources import DOUBT_FROM_NS, DOUBT_NS, Doubt

RATE_HZ = 48_000
BLOCK_MS = 50


def block(at_ms: int, peak: float) -> AudioBlock:
    return AudioBlock(at_ms * NS_PER_MS, np.full((BLOCK_MS * RATE_HZ // 1000, 2), peak, np.float32), RATE_HZ)


def feed(doubt: Doubt, peaks: list[float], from_ms: int = 0) -> list[int]:
    """Give it blocks, each as it ends; returns when those began that came out (ms)."""
    out: list[int] = []
    for number, peak in enumerate(peaks):
        at_ms = from_ms + number * BLOCK_MS
        given = doubt.sift([block(at_ms, peak)], (at_ms + BLOCK_MS) * NS_PER_MS)
        out += [one.start_ns // NS_PER_MS for one in given]
    return out


def test_without_a_doubt_everything_passes() -> None:
    doubt = Doubt()
    assert feed(doubt, [0.0] * 20) == list(range(0, 1000, BLOCK_MS))
    assert not doubt.confirmed


def test_zeros_confirm_it_and_are_not_given_on() -> None:
    doubt = Doubt()
    doubt.begin(0)
    assert feed(doubt, [0.5, 0.0, 0.0, 0.0, 0.0]) == [0], "what was on its way is given on, and proves nothing"
    assert not doubt.confirmed
    assert feed(doubt, [0.0], 250) == []
    assert doubt.confirmed


def test_nothing_at_all_confirms_it_too() -> None:
    doubt = Doubt()
    doubt.begin(0)
    assert doubt.sift([], DOUBT_NS) == []
    assert not doubt.confirmed
    assert doubt.sift([], DOUBT_NS + 1) == []
    assert doubt.confirmed


def test_sound_ends_it_and_frees_the_zeros() -> None:
    doubt = Doubt()
    doubt.begin(0)
    assert feed(doubt, [0.0, 0.0, 0.0]) == []
    assert feed(doubt, [0.5, 0.0], DOUBT_FROM_NS // NS_PER_MS + BLOCK_MS) == [0, 50, 100, 150, 200]
    assert feed(doubt, [0.0] * 20, 1000) == list(range(1000, 2000, BLOCK_MS))
    assert not doubt.confirmed


def test_blocks_of_one_collection_keep_their_order() -> None:
    doubt = Doubt()
    doubt.begin(0)
    peaks = {0: 0.0, 50: 0.5, 100: 0.0, 150: 0.5, 200: 0.0}
    given = doubt.sift([block(at_ms, peak) for at_ms, peak in peaks.items()], 250 * NS_PER_MS)
    assert [one.start_ns // NS_PER_MS for one in given] == list(peaks)
