"""The screen thread, step by step: a desktop in memory, and a clock that goes on by what the thread sleeps."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from capture.channel import Channel, Overflow
from capture.clock import NS_PER_MS, NS_PER_S, FakeClock
from capture.errors import ScreenUnavailable, SettingsError, UnknownArea
from capture.model import Area, Notice, VideoFrame
from capture.screen.convert import to_i420
from capture.screen.fake import Colour, FakeDesktop, FakeScreen
from capture.screen.grab import ANSWER_NS, NO_ANSWER, ScreenGrabber
from capture.screen.schedule import Ticks
from tests.capture.screen.drivers import BLACK, BLUE, GREEN, RED, is_all

WIDTH, HEIGHT = 64, 48
WHOLE = Area(0, 0, WIDTH, HEIGHT)
START_NS = 5 * NS_PER_S
TICK_NS = 100 * NS_PER_MS  # ten pictures a second


class Stage:
    """A grabber at 10 pictures a second from a fake desktop; `run` lets `length_s` go by in no time."""

    def __init__(self, bound: int = 1000, **changes: Any) -> None:
        self.desktop = FakeDesktop(WIDTH, HEIGHT)
        self.clock = FakeClock(START_NS)
        self.out: Channel[VideoFrame] = Channel("pictures", bound, Overflow.DROP_NEWEST)
        self.notices: list[Notice] = []
        self.stop = threading.Event()
        # What happens to the desktop, by seconds after the start.
        self.at: dict[float, Callable[[], object]] = {}
        settings: dict[str, Any] = {"spec": "all", "cursor": False, "fps": 10, "scale": 1.0, "pixel_format": "bgra"}
        self.grabber = ScreenGrabber(
            FakeScreen(self.desktop),
            out=self.out,
            clock=self.clock,
            on_notice=self.notices.append,
            wait=self._wait,
            **{**settings, **changes},
        )

    def run(self, length_s: float) -> list[VideoFrame]:
        """What was handed over and not taken by the script."""
        self.at[length_s] = self.stop.set
        self.grabber.run(self.stop)
        return self.out.drain()

    def show(self, colour: Colour) -> Callable[[], None]:
        return lambda: self.desktop.fill(WHOLE, colour)

    def _wait(self, stop: threading.Event, timeout_s: float) -> bool:
        end_ns = self.clock.now_ns() + round(timeout_s * NS_PER_S)
        for at_s in sorted(self.at):
            at_ns = START_NS + round(at_s * NS_PER_S)
            if at_ns <= end_ns:
                self.clock.advance(max(0, at_ns - self.clock.now_ns()))
                self.at.pop(at_s)()
        self.clock.advance(max(0, end_ns - self.clock.now_ns()))
        return stop.is_set()


def after_ms(frame: VideoFrame) -> float:
    return (frame.shown_ns - START_NS) / NS_PER_MS


# --- The schedule -----------------------------------------------------------------------------------------------------


def test_ticks_do_not_drift_however_odd_the_rate() -> None:
    ticks = Ticks(30000 / 1001, START_NS)
    for _ in range(100_000):
        assert ticks.take(ticks.due_ns) == 0
    assert ticks.due_ns == START_NS + round(100_000 * NS_PER_S * 1001 / 30000)


@pytest.mark.parametrize(("late_ns", "missed"), [(0, 0), (TICK_NS - 1, 0), (TICK_NS, 1), (10**9, 10), (10**14, 10**6)])
def test_a_late_tick_passes_over_the_missed_ones(late_ns: int, missed: int) -> None:
    ticks = Ticks(10, START_NS)
    assert ticks.take(START_NS + late_ns) == missed
    assert START_NS + late_ns < ticks.due_ns <= START_NS + late_ns + TICK_NS
    assert (ticks.due_ns - START_NS) % TICK_NS == 0


# --- What is handed over ----------------------------------------------------------------------------------------------


def test_an_unchanged_screen_is_handed_over_once_a_second() -> None:
    stage = Stage()
    stage.desktop.fill(WHOLE, RED)
    frames = stage.run(3.45)
    assert [after_ms(f) for f in frames] == [0, 1000, 2000, 3000]
    assert all(is_all(f.picture, RED) for f in frames)
    assert (stage.grabber.captured, stage.grabber.unchanged, stage.grabber.dropped) == (35, 31, 0)
    assert stage.grabber.first_picture.is_set()


def test_every_change_is_handed_over_with_the_middle_of_the_time_in_which_it_came() -> None:
    stage = Stage()
    stage.at = {0.25: stage.show(RED), 0.31: stage.show(GREEN), 0.49: stage.show(BLUE)}
    frames = stage.run(0.95)
    assert [after_ms(f) for f in frames] == [0, 250, 350, 450]
    assert [is_all(f.picture, c) for f, c in zip(frames, (BLACK, RED, GREEN, BLUE), strict=True)] == [True] * 4
    assert stage.grabber.last is frames[-1]
    assert (stage.grabber.captured, stage.grabber.unchanged, stage.grabber.dropped) == (10, 6, 0)


def test_the_second_until_a_repeat_begins_with_the_last_picture_handed_over() -> None:
    stage = Stage()
    stage.at = {0.55: stage.show(RED)}
    assert [after_ms(f) for f in stage.run(2)] == [0, 550, 1600]


def test_pictures_handed_over_never_change() -> None:
    stage = Stage()
    for tick in range(8):
        stage.at[0.05 + tick / 10] = stage.show((tick + 1, 0, 0))
    pictures = [f.picture for f in stage.run(1)]
    assert [is_all(p, (number, 0, 0)) for number, p in enumerate(pictures)] == [True] * 9


def test_late_grabs_miss_ticks_and_stay_on_the_schedule() -> None:
    stage = Stage()

    def slow_at_the_third(number: int) -> None:
        stage.desktop.fill(WHOLE, (number, 0, 0))
        if number == 2:
            stage.clock.advance(250 * NS_PER_MS)

    stage.desktop.before_grab = slow_at_the_third
    frames = stage.run(0.95)
    # Looked at 0, 100, 200, 450 (the tick of 400, late; the one of 300 is lost), 500, 600, ...; each is stamped
    # half-way to the look before it.
    assert [after_ms(f) for f in frames] == [0, 50, 150, 325, 475, 550, 650, 750, 850]
    assert (stage.grabber.captured, stage.grabber.dropped) == (9, 1)


@pytest.mark.parametrize("phase_ms", [0, 5, 50, 95])
def test_changes_at_the_same_rate_are_all_seen_wherever_they_fall(phase_ms: int) -> None:
    """Each comes up to 4 ms early or late, as those of a real program do."""
    stage = Stage()
    chance = random.Random(1)
    for number in range(1, 201):
        at_ms = 1000 + number * 100 + phase_ms + chance.uniform(-4, 4)
        stage.at[at_ms / 1000] = stage.show((number, 0, 0))
    frames = stage.run(22)
    seen = {int(frame.picture[0, 0, 0]) for frame in frames} - {0}
    assert len(seen) >= 199
    # And no more often than was asked for, but for one look in the first second.
    assert stage.grabber.captured <= 222


def test_instants_missed_while_the_screen_stands_still_lose_nothing() -> None:
    stage = Stage()
    stage.at = {0.75: stage.show(RED)}
    stage.desktop.before_grab = lambda number: stage.clock.advance(250 * NS_PER_MS if number == 2 else 0)
    stage.run(0.95)
    assert (stage.grabber.captured, stage.grabber.unchanged, stage.grabber.dropped) == (9, 7, 0)


# --- An encoder that is too slow --------------------------------------------------------------------------------------


def test_a_change_that_finds_no_room_is_offered_again_and_keeps_its_time() -> None:
    stage = Stage(bound=2)
    taken: list[VideoFrame] = []
    stage.at = {0.15: stage.show(RED), 0.25: stage.show(GREEN), 0.45: lambda: taken.append(stage.out.get(0))}
    frames = taken + stage.run(1.2)
    assert [after_ms(f) for f in frames] == [0, 150, 250]
    assert is_all(frames[-1].picture, GREEN)
    assert stage.grabber.dropped == 0
    # At 300 and 400 ms GREEN still waited, at 500 ms it was handed over: none of these were found unchanged.
    assert (stage.grabber.captured, stage.grabber.unchanged) == (12, 7)


def test_a_change_that_was_overtaken_while_it_waited_is_lost_and_counted() -> None:
    stage = Stage(bound=1)
    taken: list[VideoFrame] = []
    stage.at = {
        0.15: stage.show(RED),
        0.25: stage.show(GREEN),
        0.35: stage.show(BLUE),
        0.45: lambda: taken.append(stage.out.get(0)),
    }
    frames = taken + stage.run(0.95)
    assert [after_ms(f) for f in frames] == [0, 350]
    assert is_all(frames[-1].picture, BLUE)
    assert stage.grabber.dropped == 2


def test_what_never_found_room_is_the_last_picture_all_the_same() -> None:
    stage = Stage(bound=1)
    stage.at = {0.15: stage.show(RED)}
    (first,) = stage.run(0.95)
    assert is_all(first.picture, BLACK)
    assert stage.grabber.last is not None
    assert is_all(stage.grabber.last.picture, RED)
    assert after_ms(stage.grabber.last) == 150


def test_a_full_channel_gets_no_repeats_and_nothing_counts_as_lost() -> None:
    stage = Stage(bound=1)
    assert len(stage.run(3)) == 1
    assert (stage.grabber.unchanged, stage.grabber.dropped, stage.out.drop_count) == (29, 0, 0)


def test_a_closed_channel_ends_it() -> None:
    stage = Stage()
    stage.at = {0.5: stage.out.close, 0.55: stage.show(RED)}
    stage.run(10)
    assert stage.clock.now_ns() < START_NS + NS_PER_S


# --- Size and colour --------------------------------------------------------------------------------------------------


def test_pictures_are_scaled_and_become_planes() -> None:
    stage = Stage(pixel_format="i420", scale=0.5)
    stage.desktop.fill(WHOLE, RED)
    stage.grabber.prepare()
    assert stage.grabber.size == (32, 24)
    frame = stage.run(0.5)[0]
    assert (frame.width, frame.height, frame.pixel_format) == (32, 24, "i420")
    assert frame.picture.shape == (36, 32)
    expected = np.zeros((24, 32, 4), np.uint8)
    expected[:, :, :3] = RED
    assert (frame.picture == to_i420(expected)).all()


def test_the_size_is_known_once_it_was_prepared() -> None:
    stage = Stage(spec="3,5,33x21")
    with pytest.raises(RuntimeError, match="prepare"):
        _ = stage.grabber.size
    stage.grabber.prepare()
    assert stage.grabber.size == (32, 20)


def test_preparing_finds_out_what_cannot_be() -> None:
    with pytest.raises(UnknownArea):
        Stage(spec="2").grabber.prepare()
    with pytest.raises(SettingsError):
        Stage(spec="everything").grabber.prepare()
    with pytest.raises(SettingsError, match="scale"):
        Stage(scale=0.1).grabber.prepare()


def test_another_size_is_fitted_into_the_first_and_said_once() -> None:
    stage = Stage()
    stage.desktop.fill(WHOLE, RED)

    def resize(width: int, height: int, colour: Colour) -> Callable[[], None]:
        def change() -> None:
            stage.desktop.resize(width, height)
            stage.desktop.fill(Area(0, 0, width, height), colour)

        return change

    stage.at = {0.15: resize(128, 48, GREEN), 0.25: resize(130, 48, GREEN), 0.35: resize(WIDTH, HEIGHT, BLUE)}
    frames = stage.run(0.95)
    assert {f.picture.shape for f in frames} == {(HEIGHT, WIDTH, 4)}
    assert is_all(frames[0].picture, RED)
    assert is_all(frames[1].picture[12:36], GREEN)
    assert is_all(frames[1].picture[:12], BLACK)
    assert is_all(frames[1].picture[36:], BLACK)
    assert is_all(frames[-1].picture, BLUE)
    assert [n.text for n in stage.notices] == [
        "what is recorded changed its size from 64x48 to 128x48; it is fitted into 64x48"
    ]
    assert stage.notices[0].degrades
    (fitted,) = stage.grabber.troubles
    # Both sizes within a second are one change, called by the last of them.
    assert fitted.kind == "fitted"
    assert [round((at_ns - START_NS) / NS_PER_MS) for at_ns in (fitted.start_ns, fitted.end_ns or 0)] == [150, 350]
    assert fitted.text == "its size was 130x48; it is fitted into 64x48"
    assert stage.grabber.dropped == 0


# --- The screen's absence ---------------------------------------------------------------------------------------------


def test_no_screen_at_the_start_is_an_error() -> None:
    stage = Stage()
    stage.grabber.prepare()
    stage.desktop.lose("the server has gone")
    with pytest.raises(ScreenUnavailable, match="the server has gone"):
        stage.run(1)
    assert stage.notices == []
    assert not stage.grabber.first_picture.is_set()


def test_a_screen_lost_before_the_first_picture_is_an_error() -> None:
    stage = Stage()
    stage.desktop.before_grab = lambda number: stage.desktop.lose("the server has gone")
    with pytest.raises(ScreenUnavailable, match="the server has gone"):
        stage.run(1)
    assert stage.notices == []
    assert stage.desktop.connections == 0


def test_a_lost_screen_is_told_once_and_its_last_picture_stands() -> None:
    stage = Stage()
    stage.desktop.fill(WHOLE, RED)
    stage.at = {0.55: lambda: stage.desktop.lose("the server has gone")}
    frames = stage.run(4)
    assert len(frames) == 4
    assert all(is_all(f.picture, RED) for f in frames)
    gaps = np.diff([after_ms(f) for f in frames])
    assert (gaps >= 1000).all()
    assert (gaps <= 1250).all()
    (notice,) = stage.notices
    assert "the server has gone" in notice.text
    assert notice.degrades


def test_a_screen_that_comes_back_is_recorded_within_a_second() -> None:
    stage = Stage()
    stage.at = {0.55: stage.desktop.lose, 2.62: stage.desktop.restore, 2.63: stage.show(GREEN)}
    frames = stage.run(4)
    green = next(f for f in frames if is_all(f.picture, GREEN))
    # Not half-way back into the absence: nobody knows what the screen showed there.
    assert 2630 <= after_ms(green) <= 2630 + 250 + 100
    lost, back = stage.notices
    assert lost.degrades
    assert not back.degrades
    assert "again, after 2." in back.text
    # What went by meanwhile was not lost by us; it is told as an absence.
    assert stage.grabber.dropped == 0
    (away,) = stage.grabber.troubles
    assert away.kind == "away"
    assert "the server has gone" in away.text
    assert away.start_ns - START_NS == 600 * NS_PER_MS
    assert 2620 * NS_PER_MS <= (away.end_ns or 0) - START_NS <= 2870 * NS_PER_MS
    assert stage.desktop.connections == 0


def test_a_screen_that_stays_away_is_told_to_the_end() -> None:
    stage = Stage()
    stage.at = {0.55: stage.desktop.lose}
    stage.run(2)
    assert [(t.kind, t.end_ns) for t in stage.grabber.troubles] == [("away", None)]


def test_a_display_that_stood_still_is_told_with_its_place_and_length() -> None:
    stage = Stage()

    def freeze(number: int) -> None:
        if number == 5:
            stage.clock.advance(3 * NS_PER_S)
            stage.desktop.fill(WHOLE, GREEN)

    stage.desktop.before_grab = freeze
    frames = stage.run(5)
    (away,) = stage.grabber.troubles
    assert (away.kind, away.text) == ("away", NO_ANSWER)
    assert [(at_ns - START_NS) // NS_PER_MS for at_ns in (away.start_ns, away.end_ns or 0)] == [500, 3500]
    # What came of it is of the moment in which the display went on, and what passed meanwhile was not lost by us.
    green = next(f for f in frames if is_all(f.picture, GREEN))
    assert after_ms(green) == 3500
    assert stage.grabber.dropped == 0
    assert [n.text for n in stage.notices] == ["the screen gave no picture for 3.0 s"]


def test_a_display_that_does_not_answer_is_told_while_it_does_not() -> None:
    stage = Stage()
    told: list[int] = []

    def freeze(number: int) -> None:
        if number == 5:
            stage.clock.advance(ANSWER_NS - 1)
            told.append(len(stage.grabber.troubles))
            stage.clock.advance(1)
            told.extend(t.start_ns - START_NS for t in stage.grabber.troubles)

    stage.desktop.before_grab = freeze
    stage.run(2)
    assert told == [0, 500 * NS_PER_MS]


def test_a_display_that_dies_while_it_does_not_answer_was_away_since_it_was_asked() -> None:
    stage = Stage()

    def freeze_and_die(number: int) -> None:
        if number == 5:
            stage.clock.advance(NS_PER_S)
            stage.desktop.lose()

    stage.desktop.before_grab = freeze_and_die
    stage.run(2)
    assert [t.start_ns - START_NS for t in stage.grabber.troubles] == [500 * NS_PER_MS]


def test_another_screen_in_place_of_the_one_asked_for_is_said_and_told() -> None:
    left, right = Area(0, 0, WIDTH, HEIGHT), Area(WIDTH, 0, WIDTH, HEIGHT)
    stage = Stage(spec="2")

    def plug_in() -> None:
        stage.desktop.resize(2 * WIDTH, HEIGHT, [left, right])
        stage.desktop.fill(right, RED)

    def unplug() -> None:
        stage.desktop.resize(WIDTH, HEIGHT)
        stage.desktop.fill(left, GREEN)

    plug_in()
    stage.at = {0.55: unplug, 1.55: plug_in}
    frames = stage.run(2.5)
    shown = [f.picture for f in frames]
    assert [is_all(shown[0], RED), is_all(shown[1], GREEN), is_all(shown[2], RED)] == [True] * 3
    assert [n.degrades for n in stage.notices] == [True, False]
    (instead,) = stage.grabber.troubles
    assert instead.kind == "instead"
    assert instead.text == stage.notices[0].text
    assert [(at_ns - START_NS) // NS_PER_MS for at_ns in (instead.start_ns, instead.end_ns or 0)] == [600, 1600]


def test_a_window_is_known_again_after_it_was_minimised_whatever_its_title_is_by_then() -> None:
    stage = Stage(spec="window:film")
    window = stage.desktop.open_window("Film", Area(10, 10, 32, 24), RED)
    stage.at = {
        0.55: lambda: stage.desktop.change_window(window, hidden="is minimised", title="Another"),
        1.62: lambda: stage.desktop.change_window(window, hidden=""),
    }
    frames = stage.run(3)
    assert stage.grabber.captured > 15
    assert [n.degrades for n in stage.notices] == [True, False]
    assert all(is_all(f.picture, RED) for f in frames)


def test_a_window_that_was_closed_is_found_again_by_its_title() -> None:
    stage = Stage(spec="window:film")
    first = stage.desktop.open_window("Film", Area(10, 10, 32, 24), RED)
    stage.at = {
        0.55: lambda: stage.desktop.close_window(first),
        1.62: lambda: stage.desktop.open_window("The film", Area(20, 20, 32, 24), BLUE),
    }
    frames = stage.run(3)
    assert is_all(frames[-1].picture, BLUE)
    assert "was closed" in stage.notices[0].text
    assert stage.desktop.connections == 0


def test_stopping_does_not_wait_for_a_lost_screen() -> None:
    stage = Stage()
    stage.at = {0.55: stage.desktop.lose}
    stage.run(1.0)
    assert stage.clock.now_ns() <= START_NS + NS_PER_S + 250 * NS_PER_MS


def test_a_bug_is_not_hidden_and_the_source_is_closed() -> None:
    stage = Stage()

    def fail(number: int) -> None:
        if number == 3:
            raise ZeroDivisionError

    stage.desktop.before_grab = fail
    with pytest.raises(ZeroDivisionError):
        stage.run(1)
    assert stage.desktop.connections == 0
