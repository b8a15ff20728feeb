"""Times from arrivals: lateness is filtered out, losses are shown, drift is followed."""

from __future__ import annotations

import random

from capture.clock import NS_PER_MS, NS_PER_S
from capture.sound.arrival import ArrivalStamps

RATE = 48_000
PACKET_NS = 10 * NS_PER_MS


def test_a_block_starts_its_own_length_and_the_latency_before_it_arrived() -> None:
    stamps = ArrivalStamps(RATE, latency_ns=7 * NS_PER_MS)

    assert stamps.stamp(1_000 * NS_PER_MS, 480) == (1_000 - 10 - 7) * NS_PER_MS


def test_blocks_that_were_read_late_in_one_go_follow_one_another() -> None:
    stamps = ArrivalStamps(RATE)
    first_ns = stamps.stamp(PACKET_NS, 480)

    # Ten packets waited while the reader was held up for 100 ms; it then read them all at one instant.
    starts_ns = [stamps.stamp(11 * PACKET_NS, 480) for _ in range(10)]

    assert first_ns == 0
    assert starts_ns == [n * PACKET_NS for n in range(1, 11)]


def test_random_lateness_of_reads_does_not_show() -> None:
    stamps = ArrivalStamps(RATE)
    chance = random.Random(1)
    stamps.stamp(PACKET_NS, 480)  # on time

    errors_ns = [
        stamps.stamp((n + 1) * PACKET_NS + chance.randrange(15 * NS_PER_MS), 480) - n * PACKET_NS
        for n in range(1, 1000)
    ]

    # Of 200 packets in the window, the least late one is what remains: 15 ms / 200, and some luck.
    assert max(errors_ns) < 1 * NS_PER_MS
    assert min(errors_ns) >= 0


def test_a_told_loss_is_a_hole_between_the_stamps() -> None:
    stamps = ArrivalStamps(RATE)
    stamps.stamp(PACKET_NS, 480)

    stamps.broken()

    assert stamps.stamp(PACKET_NS + 500 * NS_PER_MS, 480) == 500 * NS_PER_MS


def test_a_loss_that_nobody_told_is_a_hole_once_the_window_has_passed() -> None:
    stamps = ArrivalStamps(RATE)
    stamps.stamp(PACKET_NS, 480)

    starts_ns = [stamps.stamp((n + 1) * PACKET_NS + 40 * NS_PER_MS, 480) for n in range(1, 400)]

    assert starts_ns[0] == PACKET_NS
    assert starts_ns[-1] == 399 * PACKET_NS + 40 * NS_PER_MS


def test_a_device_whose_clock_is_off_is_followed() -> None:
    for drift in (-300e-6, 300e-6):
        stamps = ArrivalStamps(RATE)
        for n in range(60 * 100):
            start_ns = round(n * PACKET_NS * (1 + drift))
            stamped_ns = stamps.stamp(start_ns + round(PACKET_NS * (1 + drift)), 480)
            assert abs(stamped_ns - start_ns) < 0.7 * NS_PER_MS, (drift, n)


def test_an_endless_stream_keeps_no_more_than_a_window_of_delays() -> None:
    stamps = ArrivalStamps(RATE)
    for n in range(10_000):
        # A slow clock: every delay is larger than the last, so none is ruled out by a newer one.
        stamps.stamp((n + 1) * PACKET_NS + n * 1000, 480)

    assert len(stamps._delays) <= 2 * NS_PER_S // PACKET_NS + 2
