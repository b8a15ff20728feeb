"""The encode-video thread: which picture is encoded when. Everything is decided before it runs, in one thread."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from capture.channel import Channel, Overflow
from capture.clock import NS_PER_MS, FakeClock
from capture.errors import OutputError
from capture.model import VideoFrame
from capture.stages.timing import Timing
from capture.stages.video import VideoStage
from capture.worker import Worker
from tests.helpers.processes import wait_until

ORIGIN_MS = 1_000


class Encoder:
    """Knows what it was given: (the instant at which the picture was shown, its place), both in ms."""

    def __init__(self) -> None:
        self.encoded: list[tuple[int, float]] = []
        self.flushed = False
        self.error: Exception | None = None

    def encode(self, frame: VideoFrame, pts_ns: int) -> list[Any]:
        if self.error:
            raise self.error
        assert not self.flushed
        self.encoded.append((frame.shown_ns // NS_PER_MS, pts_ns / NS_PER_MS))
        return [f"picture of {frame.shown_ns // NS_PER_MS}"]

    def flush(self) -> list[Any]:
        self.flushed = True
        return ["the rest"]


class Case:
    """A stage and all that is around it; times are in ms of the clock, and the recording begins at `ORIGIN_MS`."""

    def __init__(self) -> None:
        self.encoder = Encoder()
        self.pictures: Channel[VideoFrame] = Channel("pictures", 100, Overflow.DROP_NEWEST)
        self.packets: Channel[Any] = Channel("packets", 100, Overflow.BLOCK)
        self.timing = Timing(ORIGIN_MS * NS_PER_MS)
        self.clock = FakeClock(ORIGIN_MS * NS_PER_MS)
        self.last: VideoFrame | None = None
        self.stage = VideoStage(
            self.encoder,  # type: ignore[arg-type]
            self.pictures,
            self.packets,
            self.timing,
            self.clock,
            lambda: self.last,
        )

    def show(self, *at_ms: int) -> None:
        for each in at_ms:
            self.last = picture(each)
            self.pictures.put(self.last)

    def pause(self, from_ms: int, to_ms: int | None = None) -> None:
        self.timing.pauses.pause(from_ms * NS_PER_MS)
        if to_ms is not None:
            self.timing.pauses.resume(to_ms * NS_PER_MS)

    def end(self, at_ms: int) -> list[tuple[int, float]]:
        """Let it run to the end; returns what was encoded."""
        self.timing.pauses.finish(at_ms * NS_PER_MS)
        self.timing.end_ns = at_ms * NS_PER_MS
        self.pictures.close()
        self.stage.run(threading.Event())
        return self.encoder.encoded


def picture(at_ms: int) -> VideoFrame:
    return VideoFrame(at_ms * NS_PER_MS, np.zeros((3, 2), np.uint8), "i420", 2, 2)


@pytest.fixture
def case() -> Case:
    return Case()


def test_pictures_keep_their_times_and_the_last_is_there_at_the_end(case: Case) -> None:
    case.show(1010, 1040, 1100)
    assert case.end(1500) == [(1010, 10), (1040, 40), (1100, 100), (1100, 500)]
    assert case.packets.drain()[-1] == "the rest"
    assert case.stage.encoded_count == 4


def test_it_begins_with_what_the_screen_showed_at_the_beginning(case: Case) -> None:
    case.show(900, 960, 1030)
    assert case.end(1100)[:2] == [(960, 0), (1030, 30)]


def test_a_screen_that_stands_still_from_before_the_beginning_is_in_the_file(case: Case) -> None:
    case.show(900)
    assert case.end(1100) == [(900, 0), (900, 100)]


def test_after_a_pause_it_goes_on_with_what_the_screen_shows_then(case: Case) -> None:
    case.pause(1200, 1700)
    case.show(1100, 1300, 1500, 1750)
    assert case.end(1900) == [(1100, 100), (1500, 200), (1750, 250), (1750, 400)]


def test_what_came_up_in_a_pause_is_shown_at_its_end_although_nothing_moves_then(case: Case) -> None:
    case.pause(1200, 1700)
    case.show(1100, 1300)
    assert case.end(1900) == [(1100, 100), (1300, 200), (1300, 400)]


def test_what_came_up_in_a_pause_that_never_ended_is_in_no_file(case: Case) -> None:
    case.pause(1200)
    case.show(1100, 1300, 1400)
    assert case.end(1500) == [(1100, 100), (1100, 200)]


def test_what_was_first_looked_at_in_a_pause_counts_as_of_the_pause(case: Case) -> None:
    """It came up at 1205; the looks before and after it were at 1190 and 1206, so its time says 1198."""
    case.pause(1200, 1700)
    case.show(1100)
    case.last = replace(picture(1198), grabbed_ns=1206 * NS_PER_MS)
    case.pictures.put(case.last)
    assert case.end(1900) == [(1100, 100), (1198, 200), (1198, 400)]


def test_and_is_in_no_file_when_the_pause_never_ends(case: Case) -> None:
    case.pause(1200)
    case.show(1100)
    case.last = replace(picture(1198), grabbed_ns=1206 * NS_PER_MS)
    case.pictures.put(case.last)
    assert case.end(1500) == [(1100, 100), (1100, 200)]


def test_nor_is_what_came_up_in_an_earlier_pause_lost_by_it(case: Case) -> None:
    case.pause(1200, 1300)
    case.pause(1400)
    case.show(1100, 1250, 1450)
    assert case.end(1500) == [(1100, 100), (1250, 200), (1250, 300)]


def test_a_pause_at_once_leaves_the_picture_of_the_beginning(case: Case) -> None:
    case.pause(1000)
    case.show(950, 1100)
    assert case.end(1500) == [(950, 0)]


def test_a_stop_before_the_beginning_still_gives_a_picture(case: Case) -> None:
    case.show(900)
    assert case.end(990) == [(900, 0)]


def test_nothing_from_after_the_end(case: Case) -> None:
    case.show(1100, 1600)
    assert case.end(1500) == [(1100, 100), (1100, 500)]


def test_the_newest_picture_counts_even_if_it_found_no_room(case: Case) -> None:
    case.show(1100)
    case.last = picture(1200)
    assert case.end(1500) == [(1100, 100), (1200, 200), (1200, 500)]


def test_times_only_grow(case: Case) -> None:
    case.show(1100, 1100, 1090, 1101)
    assert case.end(1101) == [(1100, 100), (1101, 101)]


def test_no_picture_at_all_is_no_fault(case: Case) -> None:
    assert case.end(1500) == []
    assert case.packets.drain() == ["the rest"]


def test_a_held_picture_is_encoded_soon_though_no_other_comes(case: Case) -> None:
    worker = Worker("encode-video", case.stage.run)
    case.show(900)
    case.clock.advance(300 * NS_PER_MS)
    worker.start()
    wait_until(lambda: case.encoder.encoded == [(900, 0)], "the first picture to be encoded")
    case.end(1500)
    assert worker.join(5)


def test_a_screen_that_gave_up_has_its_last_picture_to_the_end(case: Case) -> None:
    worker = Worker("encode-video", case.stage.run)
    case.show(1100)
    case.pictures.close()
    worker.start()
    wait_until(lambda: case.encoder.encoded, "the picture to be encoded")
    assert not case.encoder.flushed
    case.timing.end_ns = 2000 * NS_PER_MS
    assert worker.join(5)
    assert case.encoder.encoded == [(1100, 100), (1100, 1000)]
    assert case.encoder.flushed


def test_a_broken_encoder_is_told(case: Case) -> None:
    case.encoder.error = OutputError("the encoder failed")
    case.show(1100)
    with pytest.raises(OutputError):
        case.end(1500)
