"""Time: the one clock, its fake, and the conversion between frames and nanoseconds."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.clock import NS_PER_MS, NS_PER_S, Clock, FakeClock, MonotonicClock, frames_to_ns, ns_to_frames

RATES_HZ = st.sampled_from([8_000, 11_025, 16_000, 22_050, 44_100, 47_999, 48_000, 96_000, 192_000])
# Ten hours, either side.
FRAMES = st.integers(-10 * 3600 * 192_000, 10 * 3600 * 192_000)


def test_the_units() -> None:
    assert NS_PER_S == 1000 * NS_PER_MS == 10**9


def test_the_real_clock_is_the_system_s_monotonic_one() -> None:
    clock: Clock = MonotonicClock()
    before_ns = time.monotonic_ns()
    reading_ns = clock.now_ns()
    assert before_ns <= reading_ns <= time.monotonic_ns()


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="this system has no clock that goes on during sleep")
def test_the_time_asleep_is_what_the_clock_that_goes_on_is_ahead() -> None:
    clock: Clock = MonotonicClock()
    ahead_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
    assert abs(clock.asleep_ns() - ahead_ns) < 100 * NS_PER_MS


def test_the_time_asleep_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = MonotonicClock()
    monkeypatch.setattr(MonotonicClock, "_sleepless", 7)
    monkeypatch.setattr(time, "clock_gettime_ns", lambda number: time.monotonic_ns() + number * NS_PER_S, raising=False)
    assert abs(clock.asleep_ns() - 7 * NS_PER_S) < 5 * NS_PER_MS


def test_a_thread_that_is_held_up_between_two_clocks_has_not_slept(monkeypatch: pytest.MonkeyPatch) -> None:
    now_ns = iter([0, 900 * NS_PER_MS, 1000 * NS_PER_MS, 1000 * NS_PER_MS])
    monkeypatch.setattr(MonotonicClock, "_now_ns", staticmethod(lambda: next(now_ns)))
    monkeypatch.setattr(MonotonicClock, "_sleepless", 7)
    monkeypatch.setattr(time, "clock_gettime_ns", lambda number: 1000 * NS_PER_MS, raising=False)
    assert MonotonicClock().asleep_ns() == 0


def test_without_such_a_clock_nothing_ever_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MonotonicClock, "_sleepless", None)
    assert MonotonicClock().asleep_ns() == 0


def test_the_fake_sleeps_without_going_on() -> None:
    clock: Clock = FakeClock(now_ns=5)
    assert isinstance(clock, FakeClock)
    clock.sleep(10)
    assert (clock.now_ns(), clock.asleep_ns()) == (5, 10)


def test_the_time_of_day_has_its_zone() -> None:
    before = datetime.now(UTC)
    wall = MonotonicClock().wall()
    assert wall.utcoffset() is not None
    assert before <= wall <= datetime.now(UTC)


def test_the_fake_stands_still_until_it_is_moved() -> None:
    clock: Clock = FakeClock(now_ns=5)
    assert [clock.now_ns(), clock.now_ns()] == [5, 5]
    assert isinstance(clock, FakeClock)
    clock.advance(10)
    clock.advance(0)
    assert clock.now_ns() == 15
    assert clock.wall().utcoffset() is not None


def test_the_fake_s_time_of_day_can_be_chosen() -> None:
    wall = datetime(2030, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert FakeClock(wall=wall).wall() == wall


def test_the_fake_never_goes_back() -> None:
    clock = FakeClock()
    with pytest.raises(ValueError, match="back"):
        clock.advance(-1)
    assert clock.now_ns() == 0


def test_the_fake_loses_no_step_of_several_threads() -> None:
    clock = FakeClock()

    def move() -> None:
        for _ in range(2000):
            clock.advance(1)

    threads = [threading.Thread(target=move) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert clock.now_ns() == 8000


@pytest.mark.parametrize(
    ("frames", "samplerate", "length_ns"),
    [
        (0, 48_000, 0),
        (48_000, 48_000, NS_PER_S),
        (1, 48_000, 20_833),  # 20833.3
        (2, 48_000, 41_667),  # 41666.7
        (1, 44_100, 22_676),  # 22675.7
        (-2, 48_000, -41_667),
        (44_100 * 3600 * 10, 44_100, 36_000 * NS_PER_S),
    ],
)
def test_frames_as_nanoseconds(frames: int, samplerate: int, length_ns: int) -> None:
    assert frames_to_ns(frames, samplerate) == length_ns


@pytest.mark.parametrize(
    ("length_ns", "frames"),
    [(0, 0), (NS_PER_S, 48_000), (20_833, 1), (10_416, 0), (10_417, 1), (-20_833, -1), (-10_417, -1), (-10_416, 0)],
)
def test_nanoseconds_as_frames(length_ns: int, frames: int) -> None:
    assert ns_to_frames(length_ns, 48_000) == frames


@given(FRAMES, RATES_HZ)
def test_frames_come_back_as_they_were(frames: int, samplerate: int) -> None:
    assert ns_to_frames(frames_to_ns(frames, samplerate), samplerate) == frames


@given(FRAMES, RATES_HZ)
def test_the_nearest_nanosecond_is_taken(frames: int, samplerate: int) -> None:
    exact = Fraction(frames * NS_PER_S, samplerate)
    assert abs(frames_to_ns(frames, samplerate) - exact) <= Fraction(1, 2)


@given(st.integers(-(10**14), 10**14), RATES_HZ)
def test_the_nearest_frame_is_taken(length_ns: int, samplerate: int) -> None:
    exact = Fraction(length_ns * samplerate, NS_PER_S)
    assert abs(ns_to_frames(length_ns, samplerate) - exact) <= Fraction(1, 2)


@given(FRAMES, st.integers(0, 10**6), RATES_HZ)
def test_more_frames_are_never_shorter(frames: int, more: int, samplerate: int) -> None:
    assert frames_to_ns(frames + more, samplerate) >= frames_to_ns(frames, samplerate)
