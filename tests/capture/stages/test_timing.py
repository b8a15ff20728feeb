"""Which place of the recording an instant has, and which pictures count."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from capture.clock import NS_PER_S
from capture.stages.picture_count import Counts, PictureCount
from capture.stages.timing import Timing

ORIGIN_NS = 7 * NS_PER_S


def test_pauses_take_no_place() -> None:
    timing = Timing(ORIGIN_NS)
    timing.pauses.pause(ORIGIN_NS + 2 * NS_PER_S)
    timing.pauses.resume(ORIGIN_NS + 5 * NS_PER_S)
    seconds = [(at_s, timing.position_s(ORIGIN_NS + round(at_s * NS_PER_S))) for at_s in (-1, 0, 1.5, 2, 3.5, 5, 6.25)]
    assert seconds == [(-1, 0), (0, 0), (1.5, 1.5), (2, 2), (3.5, 2), (5, 2), (6.25, 3.25)]


def test_a_pause_from_before_the_beginning_counts_from_there() -> None:
    timing = Timing(ORIGIN_NS)
    timing.pauses.pause(ORIGIN_NS - 3 * NS_PER_S)
    assert timing.recorded_ns(ORIGIN_NS + 4 * NS_PER_S) == 0
    timing.pauses.resume(ORIGIN_NS + 5 * NS_PER_S)
    assert timing.recorded_ns(ORIGIN_NS + 6 * NS_PER_S) == NS_PER_S


def test_pictures_count_while_the_recording_runs() -> None:
    grabber: Any = SimpleNamespace(captured=0, unchanged=0, dropped=0)
    count = PictureCount(grabber)

    def grab(captured: int, unchanged: int, dropped: int) -> None:
        grabber.captured += captured
        grabber.unchanged += unchanged
        grabber.dropped += dropped

    grab(10, 9, 2)
    assert count.so_far() == Counts(0, 0, 0)
    count.go_on()
    grab(30, 20, 1)
    assert count.so_far() == Counts(30, 20, 1)
    count.stand_still()
    grab(100, 100, 50)
    count.stand_still()
    assert count.so_far() == Counts(30, 20, 1)
    count.go_on()
    grab(3, 2, 0)
    count.go_on()  # it does already
    grab(1, 0, 1)
    assert count.so_far() == Counts(34, 22, 2)
