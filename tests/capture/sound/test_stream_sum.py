"""Streams of one application, added up by their stamps."""

from __future__ import annotations

import numpy as np
import pytest

from capture.clock import frames_to_ns
from capture.sound.stream_sum import StreamSum
from tests.helpers.signals import Samples, exact_noise

RATE = 48_000
MS = 1_000_000
BLOCK = 2_400
BLOCK_NS = 50 * MS


def noise(blocks: int, seed: int) -> Samples:
    # Halved, so that the sum of two is exact and within full scale.
    return exact_noise(blocks * BLOCK / RATE, seed=seed) * np.float32(0.5)


def block(samples: Samples, number: int) -> Samples:
    return samples[number * BLOCK : (number + 1) * BLOCK]


def joined(pieces: list[tuple[int, Samples]]) -> Samples:
    return np.concatenate([samples for _, samples in pieces])


def test_a_single_stream_comes_through_as_it_is() -> None:
    total, sound = StreamSum(RATE, 2), noise(8, seed=1)
    wavering = [0, 3, -5, 8, 20, -9, 0, 1]
    for number, waver_ms in enumerate(wavering):
        start_ns = 77 * MS + number * BLOCK_NS + waver_ms * MS
        total.add("a", start_ns, block(sound, number), start_ns + BLOCK_NS)
        given = total.take(start_ns + BLOCK_NS)
        assert [ns for ns, _ in given] == [start_ns]
        np.testing.assert_array_equal(given[0][1], block(sound, number))


def test_two_streams_are_added_where_their_stamps_say() -> None:
    total, low, high = StreamSum(RATE, 2), noise(20, seed=1), noise(20, seed=2)
    late_ns, late = 30 * MS, 30 * RATE // 1000
    given = []
    for number in range(20):
        now_ns = (number + 1) * BLOCK_NS
        total.add("low", number * BLOCK_NS, block(low, number), now_ns)
        # Its first stamp is true; then stamps waver, as PipeWire's do, which must not tear the stream.
        waver_ns = (number % 4) * 5 * MS
        total.add("high", number * BLOCK_NS + late_ns + waver_ns, block(high, number), now_ns)
        given += total.take(now_ns)
    sum_ = joined(given)
    expected = low[: len(sum_)].copy()
    expected[late:] += high[: len(sum_) - late]
    assert len(sum_) == 20 * BLOCK
    np.testing.assert_array_equal(sum_, expected)


def test_a_stream_that_pauses_is_not_waited_for() -> None:
    total, low, high = StreamSum(RATE, 2), noise(20, seed=1), noise(20, seed=2)
    given = []
    for number in range(20):
        now_ns = (number + 1) * BLOCK_NS
        total.add("low", number * BLOCK_NS, block(low, number), now_ns)
        if number < 5:
            total.add("high", number * BLOCK_NS, block(high, number), now_ns)
        given += total.take(now_ns)
    expected = low.copy()
    expected[: 5 * BLOCK] += high[: 5 * BLOCK]
    np.testing.assert_array_equal(joined(given), expected)


def test_after_a_pause_a_stream_is_back_in_its_place() -> None:
    total, low, high = StreamSum(RATE, 2), noise(40, seed=1), noise(40, seed=2)
    given = []
    for number in range(40):
        now_ns = (number + 1) * BLOCK_NS
        total.add("low", number * BLOCK_NS, block(low, number), now_ns)
        if not 5 <= number < 25:
            total.add("high", number * BLOCK_NS, block(high, number), now_ns)
        given += total.take(now_ns)
    expected = low + high
    expected[5 * BLOCK : 25 * BLOCK] = low[5 * BLOCK : 25 * BLOCK]
    np.testing.assert_array_equal(joined(given), expected)


def test_the_end_of_one_does_not_hold_up_the_other() -> None:
    total, low, high = StreamSum(RATE, 2), noise(2, seed=1), noise(2, seed=2)
    total.add("high", 0, block(high, 0), BLOCK_NS)
    total.add("low", 0, block(low, 0), BLOCK_NS)
    total.add("low", BLOCK_NS, block(low, 1), 2 * BLOCK_NS)
    assert len(joined(total.take(2 * BLOCK_NS))) == BLOCK  # the other may still give this stretch
    total.end("high")
    np.testing.assert_array_equal(joined(total.take(2 * BLOCK_NS)), block(low, 1))


def test_a_long_silence_is_left_out() -> None:
    total, sound = StreamSum(RATE, 2), noise(2, seed=1)
    hour_ns = 3600 * 1000 * MS
    total.add("a", 0, block(sound, 0), BLOCK_NS)
    total.add("a", hour_ns, block(sound, 1), hour_ns + BLOCK_NS)
    given = total.take(hour_ns + BLOCK_NS)
    assert [ns for ns, _ in given] == [0, hour_ns]
    assert [len(samples) for _, samples in given] == [BLOCK, BLOCK]


def test_what_comes_too_late_is_dropped() -> None:
    total, low, high = StreamSum(RATE, 2), noise(2, seed=1), noise(2, seed=2)
    total.add("low", 0, block(low, 0), BLOCK_NS)
    total.add("low", BLOCK_NS, block(low, 1), 2 * BLOCK_NS)
    total.take(2 * BLOCK_NS)
    total.add("high", BLOCK_NS + BLOCK_NS // 2, block(high, 0), 3 * BLOCK_NS)
    given = joined(total.take(10 * BLOCK_NS))
    np.testing.assert_array_equal(given, block(high, 0)[BLOCK // 2 :])


@pytest.mark.parametrize("ppm", [300, -300])
def test_a_common_drift_moves_the_stamps_and_not_the_streams(ppm: int) -> None:
    total, low, high = StreamSum(RATE, 2), noise(1, seed=1), noise(1, seed=2)
    scale = 1 + ppm * 1e-6
    given = []
    for number in range(20 * 600):
        start_ns = int(number * BLOCK_NS * scale)
        total.add("low", start_ns, low, start_ns + BLOCK_NS)
        total.add("high", start_ns, high, start_ns + BLOCK_NS)
        given += total.take(start_ns + BLOCK_NS)
    assert sum(len(samples) for _, samples in given) == 20 * 600 * BLOCK
    last_ns, last = given[-1]
    np.testing.assert_array_equal(last[-BLOCK:], low + high)
    end_ns = last_ns + frames_to_ns(len(last), RATE)
    assert end_ns == pytest.approx(20 * 600 * BLOCK_NS * scale, abs=1 * MS)
