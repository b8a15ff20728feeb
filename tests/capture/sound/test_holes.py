"""Holes, and sound that comes too late: what is silent, what is dropped, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from capture.sound import track as track_module
from capture.sound.mixer import FOREVER_NS
from tests.helpers.mix_session import BLOCK, RATE, Session, block, flat, instant
from tests.helpers.simulated_source import JITTERS


@pytest.mark.parametrize("jitter", JITTERS)
def test_after_a_frozen_server_the_sound_is_in_its_place(jitter: str) -> None:
    """Two seconds of nothing; then blocks again, first those that had been waiting."""
    jitter_s = JITTERS[jitter]
    random = np.random.default_rng(2)
    session = Session()
    beep_at = 7 * RATE
    sound = flat(0.1, 12 * RATE)
    sound[beep_at:] = 0.7
    for start in range(-RATE, len(sound) - BLOCK, BLOCK):
        if 3 * RATE <= start < 5 * RATE:
            session.mix(start / RATE)
        elif start >= 0:
            session.give(start, sound[start : start + BLOCK], late_s=random.uniform(-jitter_s, jitter_s))
        else:
            session.give(start, flat(0.1), late_s=random.uniform(-jitter_s, jitter_s))
    recorded = session.finish(11.9)
    beep = int(np.argmax(recorded[:, 0] > 0.5))
    assert abs(beep - beep_at) < 0.020 * RATE
    silent = np.flatnonzero(recorded[:, 0] == 0.0)
    assert len(silent) == pytest.approx(2 * RATE, abs=0.020 * RATE)
    assert np.all(np.diff(silent) == 1)
    [(source, at_s, length_s, reason)] = session.holes()
    assert (source, reason) == ("system", track_module.NO_SOUND)
    assert at_s == pytest.approx(3.0, abs=0.010)
    assert length_s == pytest.approx(2.0, abs=0.020)


def test_a_slow_beginning_is_silence_and_said() -> None:
    """PulseAudio's null sink may take two seconds for its first block."""
    session = Session()
    for step in range(1, 40):
        session.mix(step * 0.05)
    for start in range(2 * RATE, 3 * RATE, BLOCK):
        session.give(start, flat(0.5))
    recorded = session.finish(3.0)
    assert np.all(recorded[: 2 * RATE] == 0.0)
    assert np.all(recorded[2 * RATE :] == 0.5)
    assert session.holes() == [("system", 0.0, 2.0, track_module.NOT_BEGUN)]


def test_blocks_that_wait_for_a_decision_are_not_lost_when_no_more_come() -> None:
    session = Session()
    for start in (0, BLOCK):
        session.give(start, flat(0.5))
    session.mix(2.0)
    recorded = session.finish(2.0)
    assert np.count_nonzero(recorded[:, 0]) == 2 * BLOCK


def test_silence_after_the_end_is_no_hole() -> None:
    session = Session(end_s=1.0)
    for start in range(0, RATE, BLOCK):
        session.give(start, flat(0.5))
    session.mix(5.0)
    session.finish(1.0)
    assert session.mixer.holes == []


def test_a_break_cuts_nothing_off_what_was_resampled() -> None:
    """Shorter than the lag limit, so nothing was filled in between; the resampler still holds 5 ms."""
    session = Session()
    session.mixer.tracks[0].timeline.drift.engaged = True
    for start in (*range(0, RATE, BLOCK), *range(RATE + 14_400, 2 * RATE, BLOCK)):
        session.give(start, flat(0.5))
    recorded = session.finish(1.9)
    assert session.holes() == [("system", 1.0, 0.3, track_module.NO_SOUND)]
    assert recorded[RATE - 100, 0] == pytest.approx(0.5, abs=0.1)


def test_a_lost_source_names_its_hole_and_comes_back() -> None:
    session = Session()
    for start in range(0, RATE, BLOCK):
        session.give(start, flat(0.5))
    session.mixer.lost(0, instant(1.2), "the speaker was removed")
    assert session.mixer.complete_until_ns() == FOREVER_NS
    session.mix(1.25)
    assert session.mixer.frames_done == round(1.2 * RATE)  # what came before the loss need not be waited for
    for start in range(2 * RATE + 1000, 3 * RATE + 1000, BLOCK):
        session.give(start, flat(0.25))
    assert session.mixer.complete_until_ns() == instant(3.0 + 1000 / RATE)
    recorded = session.finish(2.9)
    assert session.holes() == [("system", 1.0, round(1.0 + 1000 / RATE, 3), "the speaker was removed")]
    assert np.all(recorded[2 * RATE + 1000 :] == 0.25)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (0.0, 0.0, track_module.QUIET),  # silence in silence: nobody lost anything
        (0.5, 0.0, track_module.NO_SOUND),
        (0.0, 0.5, track_module.NO_SOUND),
    ],
)
def test_a_hole_counts_unless_silence_lies_on_both_its_sides(before: float, after: float, reason: str) -> None:
    session = Session()
    for start in range(0, RATE, BLOCK):
        session.give(start, flat(before))
    for start in range(round(1.08 * RATE), 2 * RATE, BLOCK):
        session.give(start, flat(after))
    session.finish(1.9)
    assert session.holes() == [("system", 1.0, 0.08, reason)]


def test_a_source_that_fell_silent_before_it_was_lost_has_one_hole_with_the_reason() -> None:
    session = Session()
    for start in range(0, RATE, BLOCK):
        session.give(start, flat(0.5))
    session.mix(2.5)
    assert session.holes()[0][3] == track_module.NO_SOUND
    session.mixer.lost(0, instant(2.6), "the sound server ended")
    session.finish(4.0)
    assert session.holes() == [("system", 1.0, 3.0, "the sound server ended")]


def frozen_after_a_second(until_s: float) -> Session:
    """A second of sound; then the server answers no more, and it is mixed up to `until_s`."""
    session = Session()
    for start in range(0, RATE, BLOCK):
        session.give(start, flat(0.5))
    session.mixer.lost(0, instant(1.0), "the sound server stopped answering")
    for tenths in range(10, round(10 * until_s)):
        session.mix(tenths / 10)
    return session


def test_the_silence_that_a_frozen_server_makes_up_belongs_to_the_hole() -> None:
    session = frozen_after_a_second(6.0)
    for start in range(RATE, 6 * RATE, BLOCK):  # all at once, when it goes on
        session.mixer.add(0, block(start, flat(0.0)))
    for start in range(6 * RATE, 7 * RATE, BLOCK):
        session.give(start, flat(0.5))
    session.finish(7.0)
    ((_, at_s, length_s, reason),) = session.holes()
    assert (at_s, reason) == (1.0, "the sound server stopped answering")
    assert length_s == pytest.approx(5.0, abs=0.1)
    assert session.mixer.dropped == []


def test_a_sound_that_comes_too_late_is_noted_without_the_silence_around_it() -> None:
    session = frozen_after_a_second(4.0)
    late = np.zeros((RATE, 2), np.float32)
    late[RATE // 4 : RATE // 2] = 0.5
    session.mixer.add(0, block(RATE, late))
    session.finish(4.0)
    (dropped,) = session.mixer.dropped
    assert (dropped.start_ns, dropped.end_ns) == (instant(1.25), instant(1.5))


@pytest.mark.parametrize("playing", [False, True])
def test_a_source_that_is_back_lacks_nothing_unless_something_plays(playing: bool) -> None:
    session = Session()
    for start in range(0, RATE, BLOCK):
        session.give(start, flat(0.5))
    session.mixer.lost(0, instant(1.0), "the sound server ended")
    for tenths in range(10, 21):
        session.mix(tenths / 10)
    session.mixer.opened(0, instant(2.0), playing)
    for tenths in range(21, 30):
        session.mix(tenths / 10)
    for start in range(3 * RATE, 4 * RATE, BLOCK):
        session.give(start, flat(0.5))
    session.finish(4.0)
    ended = "the sound server ended"
    quiet = [("system", 1.0, 1.0, ended), ("system", 2.0, 1.0, track_module.QUIET)]
    assert session.holes() == ([("system", 1.0, 2.0, ended)] if playing else quiet)


def test_a_source_that_lags_does_not_hold_the_others_up() -> None:
    session = Session("system", "mic", lag_s=0.6)
    for start in range(0, 2 * RATE, BLOCK):
        session.mixer.add(0, block(start, flat(0.5)))
        if start < RATE:
            session.mixer.add(1, block(start, flat(0.25)))
        session.mix((start + BLOCK) / RATE)
    assert session.mixer.frames_done == round(1.4 * RATE)
    # It was only slow: what it gives now for the past is too late, and its time goes on.
    for start in range(RATE, 2 * RATE, BLOCK):
        session.mixer.add(1, block(start, flat(0.25)))
    recorded = session.finish(2.0)
    assert np.all(recorded[:RATE] == 0.75)
    assert np.all(recorded[RATE : round(1.4 * RATE)] == 0.5)
    assert np.all(recorded[round(1.4 * RATE) :] == 0.75)
    assert session.holes() == [("mic", 1.0, 0.4, track_module.NO_SOUND)]
    [dropped] = session.mixer.dropped
    assert (dropped.source, dropped.start_ns, dropped.end_ns) == ("mic", instant(1.0), instant(1.4))
    assert session.mixer.remarks() == ["0.40 s of sound came too late and was left out (mic)"]


def test_resampled_sound_that_was_late_goes_on_in_place() -> None:
    """The resampler is emptied when silence is put in, and begins anew where the sound goes on."""
    session = Session("system", lag_s=0.3)
    session.mixer.tracks[0].timeline.drift.engaged = True
    level = 0.0
    for start in range(0, 2 * RATE, BLOCK):
        level = start / (4 * RATE)
        session.give(start, flat(level))
    for start in range(2 * RATE, 3 * RATE, BLOCK):
        session.mix(start / RATE)
    for start in range(2 * RATE, 4 * RATE, BLOCK):
        session.mixer.add(0, block(start, flat(start / (4 * RATE))))
    recorded = session.finish(3.9)
    middle = recorded[BLOCK // 2 :: BLOCK, 0]
    expected = np.arange(len(middle)) * BLOCK / (4 * RATE)
    silent = np.flatnonzero(np.abs(middle) < 1e-3)
    heard = np.setdiff1d(np.arange(len(middle)), silent)
    assert middle[heard] == pytest.approx(expected[heard], abs=1e-3)
    assert [name for name, *_ in session.holes()] == ["system"]
    assert session.holes()[0][2] == pytest.approx(0.65, abs=0.06)


def test_an_overlap_is_dropped_and_noted() -> None:
    """The next device was opened before the last one's sound had all been heard."""
    session = Session()
    for start in range(0, RATE, BLOCK):
        session.give(start, flat(0.5))
    session.mixer.lost(0, instant(0.9), "the default speaker changed")
    for start in range(RATE - 1200, 2 * RATE, BLOCK):
        session.give(start, flat(0.25))
    recorded = session.finish(1.9)
    assert np.all(recorded[:RATE] == 0.5)
    assert np.all(recorded[RATE:] == 0.25)
    assert session.mixer.holes == []
    assert [(note.start_ns, note.end_ns) for note in session.mixer.dropped] == [(instant(0.975), instant(1.0))]
    assert session.mixer.remarks() == []


def test_times_that_make_no_sense_do_not_fill_the_memory_or_the_file() -> None:
    session = Session()
    for start in range(0, 2 * RATE, BLOCK):
        session.give(start, flat(0.5), late_s=86_400.0 if start >= RATE else 0.0)
    recorded = session.finish(2.0)
    assert np.all(recorded == 0.5)
    assert session.mixer.remarks() == ["the times of 20 blocks of sound made no sense (system)"]


def test_notes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(track_module, "NOTES_MOST", 5)
    session = Session()
    for number in range(20):
        start = number * RATE
        for step in range(3):
            session.give(start + step * BLOCK, flat(0.5))
        session.mixer.lost(0, instant(number + 0.2), f"loss {number}")
    session.finish(20.0)
    assert len(session.mixer.holes) == 5
    assert session.mixer.holes[-1].end_ns == instant(20.0)
