"""The rules of time, with numbers: where segments begin, what breaks them, what the clock filter learns."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.sound.timeline import ClockFilter, DriftLoop, Step, Timeline, midmean
from tests.helpers.simulated_source import JITTERS, PIPEWIRE_S, PULSE_S

BLOCK_S = 0.05


class Placed:
    """A timeline that is fed with stamps; what it says, as blocks with places."""

    def __init__(self, block_s: float = BLOCK_S) -> None:
        self.timeline = Timeline()
        self.block_s = block_s
        self.places_s: list[float] = []  # of each block that was let go on
        self.begins: list[int] = []  # block numbers at which a segment began
        self._next_s = 0.0

    def add(self, stamp_s: float, now_s: float | None = None) -> None:
        self.obey(self.timeline.add(stamp_s, self.block_s, now_s))

    def obey(self, step: Step) -> None:
        if step.begin_s is not None:
            self.begins.append(len(self.places_s))
            self._next_s = step.begin_s
        for _ in range(step.take):
            self.places_s.append(self._next_s)
            self._next_s += self.block_s

    def feed(self, stamps_s: list[float]) -> Placed:
        for stamp_s in stamps_s:
            self.add(stamp_s)
        return self


def jittered(count: int, jitter_s: float, start_s: float = 0.0, seed: int = 1) -> list[float]:
    noise = np.random.default_rng(seed).uniform(-jitter_s, jitter_s, count)
    return [start_s + number * BLOCK_S + float(late) for number, late in enumerate(noise)]


def test_exact_stamps_place_the_first_block_after_three() -> None:
    placed = Placed().feed([1.0, 1.05])
    assert placed.places_s == []
    placed.add(1.1)
    assert placed.places_s == pytest.approx([1.0, 1.05, 1.1])


def test_jittering_stamps_are_waited_for_a_quarter_of_a_second() -> None:
    placed = Placed().feed([0.009, 0.05 - 0.008, 0.1 + 0.002, 0.15 - 0.001])
    assert placed.places_s == []
    placed.add(0.2 + 0.07)  # and this one is far out
    assert placed.places_s[0] == pytest.approx((0.009 + 0.002 - 0.001) / 3)


@given(st.lists(st.floats(-0.009, 0.009), min_size=5, max_size=400))
@settings(max_examples=60, deadline=None)
def test_jitter_never_breaks_the_sound(jitter_s: list[float]) -> None:
    placed = Placed().feed([number * BLOCK_S + late for number, late in enumerate(jitter_s)])
    assert placed.begins == [0]
    assert len(placed.places_s) == len(jitter_s)
    assert np.diff(placed.places_s) == pytest.approx(BLOCK_S)
    assert abs(placed.places_s[0]) <= 0.009 + 1e-9


@pytest.mark.parametrize("jitter_s", [PULSE_S, PIPEWIRE_S, 0.015])
def test_hours_of_jitter_leave_the_samples_alone(jitter_s: float) -> None:
    """No break and no resampling in two hours of a clock that keeps time."""
    placed = Placed(0.2)
    noise = np.random.default_rng(3).uniform(-jitter_s, jitter_s, 36_000)
    for number, late in enumerate(noise):
        placed.add(number * 0.2 + float(late))
        if placed.timeline.begun:
            place_s = placed.places_s[0]
            assert not placed.timeline.drift.watch(placed.timeline.time_s(number * 0.2) - place_s - number * 0.2)
    assert placed.begins == [0]
    assert abs(placed.places_s[0]) <= jitter_s


@pytest.mark.parametrize("late_s", [0.06, 0.4, -0.06])
@pytest.mark.parametrize("jitter_s", JITTERS.values())
def test_a_single_wild_stamp_is_no_break(jitter_s: float, late_s: float) -> None:
    stamps_s = jittered(100, jitter_s)
    stamps_s[50] += late_s
    placed = Placed().feed(stamps_s)
    assert placed.begins == [0]
    assert len(placed.places_s) == 100
    assert placed.timeline.clock.offset_s(5.0) == pytest.approx(0.0, abs=max(0.004, jitter_s))


@pytest.mark.parametrize("jump_s", [0.032, 0.06, 0.5, 2.0, 60.0])
@pytest.mark.parametrize("jitter_s", JITTERS.values())
def test_after_a_break_the_sound_is_in_place_and_soon(jitter_s: float, jump_s: float) -> None:
    before, after = jittered(200, jitter_s), jittered(6, jitter_s, 200 * BLOCK_S + jump_s, seed=2)
    placed = Placed().feed(before + after)
    assert placed.begins == [0, 200]
    assert len(placed.places_s) == 206
    assert placed.places_s[200] == pytest.approx(200 * BLOCK_S + jump_s, abs=0.009)
    assert placed.timeline.breaks == 1


def test_a_break_is_seen_through_the_worst_jitter() -> None:
    placed = Placed().feed(jittered(200, 0.025) + jittered(10, 0.025, 200 * BLOCK_S + 0.062, seed=2))
    assert placed.begins == [0, 200]


def test_after_a_break_time_is_counted_from_there() -> None:
    placed = Placed().feed(jittered(200, PULSE_S) + jittered(200, PULSE_S, 200 * BLOCK_S + 0.5, seed=2))
    assert placed.begins == [0, 200]
    assert placed.timeline.time_s(200 * BLOCK_S) == pytest.approx(400 * BLOCK_S + 0.5, abs=0.001)
    assert placed.timeline.broken_stamps == 0


def test_a_break_of_a_hundredth_is_left_to_the_drift_loop() -> None:
    """Too short to tell from what stamps do; nothing is cut or filled, and slowly mended."""
    placed = Placed().feed(jittered(600, PULSE_S))
    watch = placed.timeline.drift.watch
    for stamp_s in jittered(600, PULSE_S, 30.014):
        placed.add(stamp_s)
        watch(placed.timeline.clock.offset_s(placed.timeline.clock._position_s))
    assert placed.begins == [0]
    assert placed.timeline.drift.engaged


def test_an_overlap_begins_a_segment_too() -> None:
    placed = Placed().feed(jittered(100, PULSE_S) + jittered(10, PULSE_S, 4.9))
    assert placed.begins == [0, 100]
    assert placed.places_s[100] == pytest.approx(4.9, abs=0.001)


def test_what_waits_can_be_forced() -> None:
    placed = Placed().feed([3.0])
    placed.obey(placed.timeline.decide())
    assert placed.places_s == [3.0]
    placed.obey(placed.timeline.decide())
    assert len(placed.places_s) == 1


@pytest.mark.parametrize("wrong_s", [7200.0, -7200.0, -3.0])
def test_stamps_that_make_no_sense_do_not_move_the_sound(wrong_s: float) -> None:
    placed = Placed()
    for number in range(400):
        broken = number >= 200
        placed.add(number * BLOCK_S + (wrong_s if broken else 0.0), now_s=number * BLOCK_S)
    assert placed.begins == [0]
    assert len(placed.places_s) == 400
    assert placed.timeline.broken_stamps == 200


def test_the_first_stamps_make_no_sense_and_the_present_is_taken() -> None:
    placed = Placed()
    for number in range(10):
        placed.add(1e6 + number * BLOCK_S, now_s=5.0 + number * BLOCK_S)
    assert placed.places_s[0] == pytest.approx(5.0, abs=0.1)


def test_a_lost_source_is_forgotten() -> None:
    placed = Placed().feed(jittered(2000, PULSE_S))
    placed.timeline.drift.engaged = True
    placed.timeline.forget()
    assert not placed.timeline.begun
    assert not placed.timeline.drift.engaged
    assert placed.timeline.clock.rate == 0.0


# --- the clock filter ---


def learnt(ppm: float, jitter_s: float, length_s: float, seed: int) -> ClockFilter:
    clock = ClockFilter()
    noise = np.random.default_rng(seed).uniform(-jitter_s, jitter_s, round(length_s / BLOCK_S))
    for number, late in enumerate(noise):
        clock.learn(number * BLOCK_S, number * BLOCK_S * ppm * 1e-6 + float(late))
    return clock


@pytest.mark.parametrize("jitter", JITTERS)
@pytest.mark.parametrize("ppm", [0.0, 40.0, -300.0, 1000.0])
def test_the_filter_knows_what_it_knows(ppm: float, jitter: str) -> None:
    """Its errors over many runs are within what it says of them, and not far below."""
    filters = [learnt(ppm, JITTERS[jitter], 120.0, seed) for seed in range(30)]
    rates = np.array([clock.rate - ppm * 1e-6 for clock in filters])
    offsets_s = np.array([clock.offset_s(120.0) - 120.0 * ppm * 1e-6 for clock in filters])
    assert np.all(np.abs(rates) < [3.0 * clock.rate_doubt for clock in filters])
    assert np.all(np.abs(offsets_s) < [3.0 * clock.doubt_s for clock in filters])
    assert max(clock.doubt_s for clock in filters) < 0.002
    assert max(clock.rate_doubt for clock in filters) < 40e-6


def test_the_filter_is_the_line_of_least_squares_while_it_is_young() -> None:
    """The first minute, when the jitter is taken as known and nothing as known about offset and rate."""
    random = np.random.default_rng(5)
    groups = np.arange(0.5, 60.0, 1.05)  # the middles of groups of 21 stamps
    late_s = random.uniform(-0.009, 0.009, len(groups))
    clock = ClockFilter()
    clock._rate_variance = clock._offset_variance = 1.0
    clock._group_jitter._weight = clock._group_jitter._memory = 10**9
    for middle_s, offset_s in zip(groups, late_s, strict=True):
        for step in range(21):
            clock.learn(middle_s - 0.5 + step * BLOCK_S, 0.0003 * middle_s + offset_s)
    slope, start = np.polyfit(groups, 0.0003 * groups + late_s, 1)
    assert clock.rate == pytest.approx(slope, abs=0.1 * clock.rate_doubt)
    assert clock.offset_s(60.0) == pytest.approx(start + slope * 60.0, abs=0.1 * clock.doubt_s)


def test_outliers_hardly_move_the_filter() -> None:
    clock = learnt(0.0, PULSE_S, 120.0, 1)
    for number in range(2400, 2420):
        clock.learn(number * BLOCK_S, 0.018)  # a whole second of them
    assert abs(clock.offset_s(122.0)) < 0.001


# --- when to resample, and how ---


def settled(rate: float = 0.0, doubt_s: float = 0.0002) -> ClockFilter:
    clock = ClockFilter()
    clock.rate, clock._rate_variance, clock._offset_variance = rate, 5e-6**2, doubt_s**2
    return clock


def test_a_constant_error_is_no_drift() -> None:
    loop = DriftLoop(settled())
    assert not any(loop.watch(0.010) for _ in range(100))


def test_an_error_that_grows_is_drift() -> None:
    loop = DriftLoop(settled())
    errors_s = np.arange(0.0, 0.02, 0.0001)
    first = next(error_s for error_s in errors_s if loop.watch(error_s))
    assert 0.004 <= first <= 0.005


def test_an_error_with_a_rate_is_drift_at_once() -> None:
    assert DriftLoop(settled(rate=100e-6)).watch(0.005)
    assert not DriftLoop(settled(rate=100e-6)).watch(0.004)


def test_a_large_error_is_mended_whatever_its_cause() -> None:
    assert not DriftLoop(settled()).watch(0.0125)
    assert DriftLoop(settled()).watch(0.0130)


def test_what_is_in_doubt_is_left_alone() -> None:
    assert not DriftLoop(settled(rate=100e-6, doubt_s=0.003)).watch(0.010)


def ratio(clock: ClockFilter, error_s: float) -> float:
    """What the loop comes to."""
    loop = DriftLoop(clock)
    return [loop.ratio(error_s, 1.0) for _ in range(20)][-1]


def test_the_ratio_follows_the_rate_and_pulls_the_error_in() -> None:
    # A source that is slow (its true time runs ahead of its count) gives fewer frames for each of ours.
    assert ratio(settled(rate=300e-6), 0.0) == pytest.approx(1.0 - 300e-6, abs=1e-7)
    # Sound that is placed too early (its true time is later) must be spread out.
    assert ratio(settled(), 0.001) == pytest.approx(1.0 - 0.001 / 100 - (0.001 - 0.0006) / 8)
    assert ratio(settled(), -0.0003) == pytest.approx(1.0 + 3e-6)
    assert ratio(settled(), 0.1) == pytest.approx(1.0 - 500e-6)
    assert ratio(settled(rate=-0.2), 0.0) == pytest.approx(1.015)


def test_the_ratio_glides() -> None:
    loop = DriftLoop(settled(rate=-500e-6))
    assert [loop.ratio(0.0, 0.05) for _ in range(3)] == pytest.approx([1.00005, 1.0001, 1.00015])


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40))
def test_midmean_is_within_the_middle_half(values: list[float]) -> None:
    ordered = sorted(values)
    quarter = (len(ordered) - 1) // 4
    assert ordered[quarter] - 1e-6 <= midmean(values) <= ordered[len(ordered) - 1 - quarter] + 1e-6


def test_midmean_does_not_mind_one_wild_value() -> None:
    for count in (3, 4, 5, 8):
        for place in range(count):
            values = list(itertools.repeat(1.0, count))
            values[place] = 1e9
            assert midmean(values) == 1.0
