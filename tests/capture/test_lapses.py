"""What is told of a computer that slept, and of a recorder that was held up."""

from __future__ import annotations

import pytest

from capture.clock import NS_PER_S, FakeClock
from capture.lapses import LOOK_NS, LapseWatch
from capture.model import Notice
from capture.stages.timing import Timing


class Watched:
    """A watch over a recording that began 10 s ago, all of them uneventful."""

    def __init__(self, filming: bool = True) -> None:
        self.clock = FakeClock(now_ns=90 * NS_PER_S)
        self.timing = Timing(origin_ns=90 * NS_PER_S)
        self.told: list[Notice] = []
        self.watch = LapseWatch(self.timing, self.clock, self.told.append, filming)
        self.go_on(10.0)

    def go_on(self, length_s: float) -> None:
        """Time passes, and is looked at as often as the watch wants it."""
        for _ in range(round(length_s * NS_PER_S / LOOK_NS)):
            self.clock.advance(LOOK_NS)
            assert self.watch.look(self.clock.now_ns()) == LOOK_NS / NS_PER_S


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_an_uneventful_recording_needs_no_word(watched: Watched) -> None:
    assert watched.told == []


def test_a_computer_that_slept(watched: Watched) -> None:
    watched.clock.sleep(7200 * NS_PER_S)
    watched.go_on(5.0)
    assert [notice.text for notice in watched.told] == [
        "the computer slept for 7200.0 s at 10.2 s: that time is not in the recording"
    ]
    assert watched.told[0].degrades


def test_a_recorder_that_was_held_up(watched: Watched) -> None:
    watched.clock.advance(5 * NS_PER_S)
    watched.go_on(5.0)
    assert [notice.text for notice in watched.told] == [
        "Loopnote was held up for 5.2 s at 10.0 s: it was stopped, or the computer was far too busy"
    ]
    assert watched.told[0].degrades, "nobody kept the pictures of that time"
    assert watched.timing.was_held_up(102 * NS_PER_S, 103 * NS_PER_S)
    assert not watched.timing.was_held_up(90 * NS_PER_S, 99 * NS_PER_S)
    assert not watched.timing.was_held_up(106 * NS_PER_S, 107 * NS_PER_S)


def test_sound_may_have_been_kept_for_a_recorder_that_was_held_up() -> None:
    watched = Watched(filming=False)
    watched.clock.advance(5 * NS_PER_S)
    watched.go_on(5.0)
    assert not watched.told[0].degrades, "if it was not, the gap is told by itself"


def test_a_thread_that_is_a_little_late_is_nothing(watched: Watched) -> None:
    watched.clock.advance(NS_PER_S // 2)
    watched.go_on(5.0)
    assert watched.told == []


def test_a_pause_is_not_disturbed_by_either(watched: Watched) -> None:
    watched.timing.pauses.pause(watched.clock.now_ns())
    watched.clock.sleep(7200 * NS_PER_S)
    watched.clock.advance(5 * NS_PER_S)
    watched.go_on(5.0)
    watched.timing.pauses.resume(watched.clock.now_ns())
    watched.go_on(5.0)
    assert watched.told == []
