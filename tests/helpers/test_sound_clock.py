"""Which frame sounds when, from both servers' ways to answer."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.helpers.sound_clock import ASK_AFTER_S, SoundClock, Timing

RATE = 48_000
MS = 1_000_000


def stepwise(clock: SoundClock, start_ns: int, period: int, first_ms: float, last_ms: float) -> None:
    """Answers as PipeWire gives them: true at the start of the running period, and the same until the next."""
    at_ms = itertools.accumulate(itertools.cycle([pause_s * 1000 for pause_s in ASK_AFTER_S]), initial=first_ms)
    for ms in itertools.takewhile(lambda at: at < last_ms, at_ms):
        periods = int(ms * RATE / 1000 // period)
        clock.add(Timing(start_ns + round(ms * MS), periods * period, stepwise=True))


def test_an_exact_answer_is_taken_as_it_is() -> None:
    clock = SoundClock(RATE)
    clock.add(Timing(1_000 * MS, 4_800))
    assert clock.frame_at(1_100 * MS) == pytest.approx(9_600)
    assert clock.time_of(9_600) == pytest.approx(1_100 * MS, abs=1_000)


def test_a_single_bad_answer_does_not_matter() -> None:
    clock = SoundClock(RATE)
    for ms in range(0, 400, 20):
        clock.add(Timing(ms * MS, ms * 48 - (300 if ms == 200 else 0)))
    assert clock.frame_at(200 * MS) == pytest.approx(9_600, abs=1)


@pytest.mark.parametrize("period", [256, 512, 1024])
def test_stepwise_answers_are_smoothed_to_two_milliseconds(period: int) -> None:
    clock = SoundClock(RATE)
    stepwise(clock, 0, period, 0, 2_000)
    errors = [clock.frame_at(ms * MS) - ms * 48 for ms in range(500, 1_500, 7)]
    assert np.abs(errors).max() < 96


def test_nothing_is_known_before_anything_sounded() -> None:
    clock = SoundClock(RATE)
    assert not clock.is_known
    with pytest.raises(LookupError):
        clock.frame_at(0)
    with pytest.raises(LookupError):
        clock.time_of(0)


def test_far_from_all_answers_the_nearest_count() -> None:
    clock = SoundClock(RATE)
    clock.add(Timing(0, 0))
    clock.add(Timing(60_000 * MS, 60_000 * 48 + 480))
    assert clock.frame_at(90_000 * MS) == pytest.approx(90_000 * 48 + 480, abs=500)
    assert clock.frame_at(100 * MS) == pytest.approx(4_800)
    assert clock.frame_at(60_100 * MS) == pytest.approx(60_100 * 48 + 480)


@pytest.mark.parametrize("period", [256, 1024])
def test_a_stumble_is_seen_where_it_was_and_nowhere_else(period: int) -> None:
    """The player ran dry at 1 s: everything after it sounds 30 ms later."""
    clock = SoundClock(RATE)
    stepwise(clock, 0, period, 0, 1_000)
    stepwise(clock, 30 * MS, period, 1_000, 2_000)
    assert clock.wander_s(1_030 * MS) == pytest.approx(0.030, abs=0.004)
    assert clock.wander_s(500 * MS) < 0.004
    assert clock.wander_s(1_500 * MS) < 0.004
