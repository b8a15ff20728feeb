"""The mix: exactness, several sources, tracks, the stop, bad sound, and that it stays whole whatever happens."""

from __future__ import annotations

import math
from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.model import AudioBlock, AudioFormat
from capture.sound.mixer import Mixer, SourceMix
from tests.helpers.mix_session import BLOCK, RATE, STEREO, Session, block, flat, instant, noise
from tests.helpers.simulated_source import JITTERS, ORIGIN_NS, SimulatedSource, lateness_s, sine, steady

# --- exact ---


@pytest.mark.parametrize("jitter", JITTERS)
def test_a_minute_passes_bit_for_bit(jitter: str) -> None:
    sound = noise(62 * RATE)
    random = np.random.default_rng(7)
    session = Session(end_s=60.0)
    for start in range(0, len(sound) - BLOCK, BLOCK):
        late_s = random.uniform(-JITTERS[jitter], JITTERS[jitter])
        session.give(start - RATE, sound[start : start + BLOCK], late_s=late_s)
    recorded = session.finish(60.0)
    assert len(recorded) == 60 * RATE
    assert session.mixer.holes == []
    assert session.mixer.dropped == []
    # It begins within the jitter of the true place, and then not a sample differs.
    reach = round(JITTERS[jitter] * RATE) + 1
    shift = next(
        s for s in range(-reach, reach + 1) if np.array_equal(recorded[:100], sound[RATE + s : RATE + s + 100])
    )
    assert np.array_equal(recorded, sound[RATE + shift : RATE + shift + len(recorded)])


@given(
    st.lists(st.integers(1, 4000), min_size=2, max_size=60),
    st.integers(-3000, 3000),
    st.integers(0, 30_000),
)
@settings(max_examples=60, deadline=None)
def test_any_blocks_any_beginning_any_end(sizes: list[int], first: int, beyond: int) -> None:
    sound = noise(sum(sizes))
    end_frame = max(0, first + len(sound) - 5000 + beyond)
    session = Session(lag_s=10.0, end_s=end_frame / RATE)
    at = 0
    for size in sizes:
        session.give(first + at, sound[at : at + size])
        at += size
    recorded = session.finish(end_frame / RATE)
    assert len(recorded) == -((ORIGIN_NS - instant(end_frame / RATE)) * RATE // 10**9)
    recorded = recorded[:end_frame]
    assert all(len(part[0]) for part in session.parts[:-1])
    expected = np.zeros((end_frame, 2), np.float32)
    begin = max(0, first)
    kept = sound[begin - first : max(begin - first, end_frame - first)]
    expected[begin : begin + len(kept)] = kept[: max(0, end_frame - begin)]
    assert np.array_equal(recorded, expected)


def test_blocks_are_handed_on_without_a_copy() -> None:
    session = Session()
    sound = noise(BLOCK * 5)
    for start in range(0, len(sound), BLOCK):
        session.give(start, sound[start : start + BLOCK])
    assert all(np.shares_memory(part[0], sound) for part in session.parts[1:])


def test_an_end_between_two_frames_is_rounded_up() -> None:
    session = Session(end_s=0.5 + 1e-9)
    for start in range(0, RATE, BLOCK):
        session.give(start, flat(0.5))
    assert len(session.finish(0.5 + 1e-9)) == RATE // 2 + 1


def test_the_mix_does_not_run_ahead_of_the_present_or_the_end() -> None:
    session = Session()
    for start in range(0, 4 * BLOCK, BLOCK):
        session.mixer.add(0, block(start, flat(0.5)))
    assert [len(part[0]) for part in [session.mixer.mix(instant(0.05)) or []]] == [BLOCK]
    tracks = session.mixer.mix(instant(0.3), instant(0.08))
    assert tracks is not None
    assert len(tracks[0]) == round(0.03 * RATE)
    assert session.mixer.mix(instant(0.3), instant(0.08)) is None
    assert session.mixer.position_ns == instant(0.08)
    assert list(session.mixer.finish(instant(0.08))) == []


def test_a_long_stretch_is_handed_on_a_second_at_a_time() -> None:
    """After a night in which the process was stopped there must be no array as long as the night."""
    mixer = Mixer(ORIGIN_NS, STEREO, [SourceMix("system")])
    lengths = []
    while tracks := mixer.mix(instant(60.0)):
        lengths.append(len(tracks[0]))
    lengths += [len(tracks[0]) for tracks in mixer.finish(instant(100.0))]
    assert sum(lengths) == 100 * RATE
    assert max(lengths) <= RATE


def test_who_was_held_up_waits_for_what_is_on_its_way() -> None:
    """The process was stopped for three seconds; the sound server kept what played, and gives it afterwards."""
    session = Session()
    for start in range(0, RATE, BLOCK):
        session.give(start, flat(0.5))
    assert session.mixer.mix(instant(4.0), patient=True) is None
    for start in range(RATE, 4 * RATE, BLOCK):
        session.mixer.add(0, block(start, flat(0.5)))
    recorded = session.finish(4.0)
    assert np.all(recorded == 0.5)
    assert session.mixer.holes == []
    assert session.mixer.dropped == []


# --- several sources ---


def test_sources_are_added_with_their_gains() -> None:
    mixer = Mixer(ORIGIN_NS, STEREO, [SourceMix("a", 20 * math.log10(0.5)), SourceMix("b"), SourceMix("c", 20.0)])
    for start in range(0, 4 * BLOCK, BLOCK):
        for source, value in enumerate((0.5, 0.125, -0.0625)):
            mixer.add(source, block(start, flat(value)))
    [[mixed]] = mixer.finish(instant(0.2))
    assert mixed == pytest.approx(flat(0.25 + 0.125 - 0.625, 4 * BLOCK), abs=1e-6)
    levels = mixer.levels_dbfs()
    assert list(levels) == ["a", "b", "c"]
    assert [levels[name] for name in "abc"] == pytest.approx([-12.0412, -18.0618, -4.0824], abs=1e-3)
    assert set(mixer.levels_dbfs().values()) == {-math.inf}


def test_separate_tracks_stay_apart_and_of_equal_length() -> None:
    session = Session("system", "mic", separate=True)
    for start in range(0, RATE, BLOCK):
        session.give(start, flat(0.5), source=0)
        if start % (2 * BLOCK) == 0:
            session.give(start, flat(0.25, 2 * BLOCK), source=1)
    session.finish(0.9)
    assert np.all(session.track(0) == 0.5)
    assert np.all(session.track(1) == 0.25)
    assert all(len(part[0]) == len(part[1]) for part in session.parts)


def test_mono_from_stereo_and_stereo_from_mono() -> None:
    mono = Session(fmt=AudioFormat(RATE, 1))
    left_only = flat(0.5)
    left_only[:, 1] = 0.0
    stereo = Session()
    for number in range(4):
        mono.give(number * BLOCK, left_only)
        stereo.give(number * BLOCK, flat(0.5, channels=1))
    assert np.array_equal(mono.finish(0.2), flat(0.25, 4 * BLOCK, 1))
    assert np.array_equal(stereo.finish(0.2), flat(0.5, 4 * BLOCK, 2))


@pytest.mark.parametrize("rate", [44_100, 16_000, 96_000])
def test_another_sample_rate_lands_in_the_same_place(rate: int) -> None:
    """With a break in it: what follows is in place too."""
    mixer = Mixer(ORIGIN_NS, STEREO, [SourceMix("system")])
    source = SimulatedSource(sine(40.0), samplerate=rate, jitter_s=0.00005)
    parts = []
    for true_s, sounded in source.blocks(4.0):
        if not 1.51 < true_s < 2.51:
            mixer.add(0, sounded)
        parts += mixer.mix(instant(true_s), instant(3.9)) or []
    parts += chain(*mixer.finish(instant(3.9)))
    recorded = np.concatenate(parts)[:, 0]
    assert len(recorded) == round(3.9 * RATE)
    late_s = lateness_s(recorded, 40.0, RATE)
    whole = np.r_[0:15, 26:38]
    assert np.abs(late_s[whole]).max() < 1.5 / RATE
    [hole] = mixer.holes
    assert (hole.start_ns - ORIGIN_NS) / 1e9 == pytest.approx(1.5, abs=0.002)
    assert (hole.end_ns - hole.start_ns) / 1e9 == pytest.approx(1.0, abs=0.002)


def test_a_source_may_change_its_sample_rate() -> None:
    """Another device was opened in its place."""
    mixer = Mixer(ORIGIN_NS, STEREO, [SourceMix("system")])
    parts = []
    for start_s, end_s, rate in ((-0.5, 1.0, RATE), (1.0, 2.0, 44_100)):
        source = SimulatedSource(sine(40.0), samplerate=rate, start_s=start_s)
        for true_s, sounded in source.blocks(end_s - 0.001):
            mixer.add(0, sounded)
            parts += mixer.mix(instant(true_s)) or []
    parts += chain(*mixer.finish(instant(1.9)))
    late_s = lateness_s(np.concatenate(parts)[:, 0], 40.0, RATE)
    assert np.abs(late_s).max() < 1.5 / RATE
    assert mixer.holes == []


def test_two_clocks_stay_together() -> None:
    """A microphone whose clock is 200 ppm off against a speaker's monitor that keeps time: 4 minutes."""
    rate = 8000
    mixer = Mixer(ORIGIN_NS, AudioFormat(rate, 1), [SourceMix("system"), SourceMix("mic")], separate=True)
    system = SimulatedSource(sine(40.0), channels=1, samplerate=rate)
    mic = SimulatedSource(sine(40.0), steady(200.0), channels=1, samplerate=rate, jitter_s=0.002)
    tracks = []
    for (true_s, ours), (_, theirs) in zip(system.blocks(240.0), mic.blocks(241.0), strict=False):
        mixer.add(0, ours)
        mixer.add(1, theirs)
        tracks.append(mixer.mix(instant(true_s)))
    tracks.extend(mixer.finish(instant(239.0)))
    first, second = (np.concatenate([track[n][:, 0] for track in tracks if track]) for n in (0, 1))
    assert np.abs(lateness_s(first, 40.0, rate)).max() < 1e-4
    assert np.abs(lateness_s(second, 40.0, rate)[1800:]).max() < 0.005


# --- the stop ---


def test_the_sound_is_complete_when_every_source_has_given_it() -> None:
    session = Session("system", "mic")
    for start in range(0, RATE, BLOCK):
        session.give(start, flat(0.5), source=0)
        if start < RATE // 2:
            session.give(start, flat(0.5), source=1)
    assert session.mixer.complete_until_ns() == instant(0.5)
    session.mixer.lost(1, instant(0.5), "unplugged")
    assert session.mixer.complete_until_ns() == instant(1.0)


@pytest.mark.parametrize("rate", [48_000, 44_100])
def test_what_a_resampler_holds_back_is_complete_and_comes_out(rate: int) -> None:
    mixer = Mixer(ORIGIN_NS, STEREO, [SourceMix("system")])
    mixer.tracks[0].timeline.drift.engaged = rate == RATE
    given_s = 0.0
    for true_s, sounded in SimulatedSource(sine(40.0), samplerate=rate, start_s=0.0).blocks(1.0):
        mixer.add(0, sounded)
        mixer.mix(instant(true_s))
        given_s = true_s
    complete_ns = mixer.complete_until_ns()
    assert complete_ns == pytest.approx(instant(given_s), abs=50_000)
    list(mixer.finish(complete_ns - 50_000))
    assert mixer.holes == []


# --- bad sound ---


def test_what_is_no_number_becomes_silence_and_is_said() -> None:
    session = Session()
    for start in range(0, RATE, BLOCK):
        samples = flat(0.5)
        if start == 4 * BLOCK:
            samples[100] = [math.nan, math.inf]
        session.give(start, samples)
    recorded = session.finish(1.0)
    assert np.all(np.isfinite(recorded))
    assert np.count_nonzero(recorded == 0.0) == 2
    assert session.mixer.remarks() == ["1 blocks of sound held no numbers in places (system)"]


def test_an_empty_block_is_nothing() -> None:
    session = Session()
    for start in range(0, RATE, BLOCK):
        session.give(start, flat(0.5))
        session.mixer.add(0, block(start + BLOCK, flat(0.5, 0), late_s=0.5, samplerate=44_100))
    assert np.all(session.finish(1.0) == 0.5)
    assert session.mixer.holes == []


# --- whatever happens ---

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["block", "block", "block", "mix", "lost", "skip"]),
        st.integers(0, 1),  # source
        st.integers(1, 9000),  # frames, or how far the clock goes on
        st.floats(-0.5, 0.5),  # lateness of the stamp
        st.sampled_from([RATE, RATE, 44_100]),
    ),
    max_size=60,
)


@given(EVENTS, st.booleans())
@settings(max_examples=150, deadline=None)
def test_whatever_sources_do_the_tracks_are_whole(
    events: list[tuple[str, int, int, float, int]], separate: bool
) -> None:
    mixer = Mixer(ORIGIN_NS, STEREO, [SourceMix("a"), SourceMix("b")], separate)
    now_s, done, ends = 0.0, 0, [0.0, 0.0]
    for kind, source, amount, late_s, rate in events:
        if kind == "block":
            samples = flat(0.5, amount)
            mixer.add(source, AudioBlock(instant(ends[source] + late_s), samples, rate))
            ends[source] += amount / rate
        elif kind == "lost":
            mixer.lost(source, instant(now_s), "lost")
        elif kind == "skip":
            ends[source] += amount / RATE
        now_s += amount / RATE / 3
        tracks = mixer.mix(instant(now_s))
        if tracks is not None:
            assert len(tracks) == (2 if separate else 1)
            assert {len(track) for track in tracks} == {len(tracks[0])} - {0}
            done += len(tracks[0])
        assert mixer.frames_done == done
        assert instant(now_s - 0.6) - 50_000 <= mixer.position_ns <= instant(now_s) + 50_000
    end_s = now_s + 0.3
    done += sum(len(tracks[0]) for tracks in mixer.finish(instant(end_s)))
    assert done == -((ORIGIN_NS - instant(end_s)) * RATE // 10**9)
    for name in ("a", "b"):
        holes = [hole for hole in mixer.holes if hole.source == name]
        assert all(hole.start_ns < hole.end_ns for hole in holes)
        assert all(one.end_ns <= two.start_ns for one, two in pairwise(holes))
