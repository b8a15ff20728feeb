"""Pauses: the instants, and their cutting out of the sound to the frame."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from capture.clock import frames_to_ns
from capture.pauses import FADE_S, KEPT_S, PauseCutter, Pauses

RATE = 48_000
FADE = round(FADE_S * RATE)
ORIGIN_NS = 5_000_000_000_123

Samples = NDArray[np.float32]


def at(frame: float) -> int:
    """The instant of a frame of the recording."""
    return ORIGIN_NS + round(frame * 1e9 / RATE)


def ones(frames: int) -> Samples:
    return np.ones((frames, 2), np.float32)


def numbered(frames: int) -> Samples:
    """Every frame its own number; exact in float32."""
    return np.repeat(np.arange(1, frames + 1, dtype=np.float32)[:, None], 2, axis=1)


def paused(*spans: tuple[float, float | None]) -> Pauses:
    pauses = Pauses()
    for start, end in spans:
        pauses.pause(at(start))
        if end is not None:
            pauses.resume(at(end))
    return pauses


def cut_all(pauses: Pauses, sound: Samples, chunk: int) -> Samples:
    cutter = PauseCutter(pauses, ORIGIN_NS, RATE)
    parts = [cutter.cut([sound[place : place + chunk]])[0] for place in range(0, len(sound), chunk)]
    return np.concatenate(parts)


# --- the instants ---


def test_instants_become_places() -> None:
    pauses = Pauses()
    pauses.pause(100)
    pauses.pause(120)  # it stands still already
    assert pauses.is_paused(100)
    assert pauses.is_paused(10_000)
    assert pauses.paused_ns(0, 150) == 50
    pauses.resume(200)
    pauses.resume(210)
    assert not pauses.is_paused(200)
    assert not pauses.is_paused(99)
    pauses.pause(300)
    pauses.finish(340)
    assert pauses.spans == ((100, 200), (300, 340))
    assert [pauses.paused_ns(0, instant) for instant in (50, 100, 150, 200, 250, 320, 400)] == [
        *(0, 0, 50, 100, 100, 120, 140)
    ]
    assert pauses.paused_ns(150, 310) == 60
    assert [pauses.goes_on_at(instant) for instant in (99, 100, 199, 200, 339, 340)] == [99, 200, 200, 200, 340, 340]
    pauses.pause(400)
    assert [pauses.goes_on_at(instant) for instant in (399, 400, 1_000)] == [399, None, None]


def test_instants_never_go_back() -> None:
    pauses = paused()
    pauses.pause(100)
    pauses.resume(90)
    pauses.pause(80)
    pauses.resume(120)
    assert pauses.spans == ((100, 100), (100, 120))


# --- the cutting ---


def test_without_a_pause_the_arrays_are_the_same() -> None:
    cutter = PauseCutter(Pauses(), ORIGIN_NS, RATE)
    tracks = [ones(100), ones(100)]
    assert cutter.cut(tracks)[1] is tracks[1]


@pytest.mark.parametrize("chunk", [1, 7, FADE, 2400, 20_000])
def test_a_pause_is_cut_to_the_frame_and_fades(chunk: int) -> None:
    sound = numbered(12_000)
    kept = cut_all(paused((5000, 9000)), sound, chunk)
    assert len(kept) == 8000
    assert np.array_equal(kept[: 5000 - FADE], sound[: 5000 - FADE])
    assert np.array_equal(kept[5000 + FADE :], sound[9000 + FADE :])
    weight = kept[:, 0] / np.concatenate([sound[:5000, 0], sound[9000:, 0]])
    assert np.all(np.diff(weight[5000 - FADE : 5000]) < 0)
    assert np.all(np.diff(weight[5000 : 5000 + FADE]) > 0)
    assert weight[4999] < 1e-4
    assert weight[5000] < 1e-4
    assert weight[5000 - FADE // 2] == pytest.approx(0.5, abs=0.02)


def test_what_was_given_is_not_written_to() -> None:
    sound = ones(4000)
    sound.flags.writeable = False
    assert len(cut_all(paused((1000, 2000)), sound, 500)) == 3000


@pytest.mark.parametrize("chunk", [100, 3000])
def test_a_pause_to_the_end_and_one_from_the_start(chunk: int) -> None:
    assert len(cut_all(paused((2000, None)), ones(6000), chunk)) == 2000
    kept = cut_all(paused((0, 1000)), ones(6000), chunk)
    assert len(kept) == 5000
    assert kept[0, 0] < 1e-4


def test_the_end_of_a_pause_may_be_said_while_it_is_being_cut() -> None:
    pauses = paused((1000, None))
    cutter = PauseCutter(pauses, ORIGIN_NS, RATE)
    sound = numbered(6000)
    assert len(cutter.cut([sound[:2000]])[0]) == 1000
    assert len(cutter.cut([sound[2000:3000]])[0]) == 0
    pauses.resume(at(3500))
    kept = cutter.cut([sound[3000:6000]])[0]
    assert len(kept) == 2500
    assert np.array_equal(kept[FADE:], sound[3500 + FADE :])


def test_a_pause_that_is_said_too_late_is_as_long_and_does_not_click() -> None:
    pauses = Pauses()
    cutter = PauseCutter(pauses, ORIGIN_NS, RATE)
    sound = numbered(8000)
    assert np.array_equal(cutter.cut([sound[:3000]])[0], sound[:3000])
    pauses.pause(at(2900))  # a hundred frames of it are out already
    fading = cutter.cut([sound[3000:4000]])[0]
    assert len(fading) == FADE
    assert abs(float(fading[-1, 0])) < 1e-4 * abs(float(sound[3000 + FADE, 0]))
    assert abs(float(fading[0, 0])) > 0.99 * abs(float(sound[3000, 0]))
    pauses.resume(at(4900))
    kept = cutter.cut([sound[4000:]])[0]
    assert len(kept) == 3000 - FADE
    assert np.array_equal(kept[FADE:], sound[5000 + 2 * FADE :])


def test_a_resume_that_is_said_too_late_loses_nothing() -> None:
    pauses = Pauses()
    cutter = PauseCutter(pauses, ORIGIN_NS, RATE)
    sound = numbered(8000)
    pauses.pause(at(2000))
    assert len(cutter.cut([sound[:3000]])[0]) == 2000
    assert len(cutter.cut([sound[3000:4000]])[0]) == 0
    pauses.resume(at(2500))  # fifteen hundred frames of what follows were cut already
    pauses.pause(at(6000))
    kept = cutter.cut([sound[4000:]])[0]
    assert len(kept) == 3500
    assert np.array_equal(kept[FADE:-FADE], sound[2500 + FADE : 6000 - FADE])


def test_a_resume_that_is_said_far_too_late_leaves_all_in_its_place() -> None:
    pauses = Pauses()
    cutter = PauseCutter(pauses, ORIGIN_NS, RATE)
    kept_frames = round(KEPT_S * RATE)
    pauses.pause(at(1000))
    for _ in range(3):
        cutter.cut([ones(kept_frames)])
    pauses.resume(at(2000))
    kept = cutter.cut([ones(1000)])[0]
    assert len(kept) == 3 * kept_frames - 2000 + 1000
    assert not kept[: 2 * kept_frames - 2000].any()
    assert np.all(kept[2 * kept_frames - 2000 + FADE :] == 1)


def test_a_fade_that_should_have_begun_begins_at_once() -> None:
    pauses = Pauses()
    cutter = PauseCutter(pauses, ORIGIN_NS, RATE)
    cutter.cut([ones(1000)])
    pauses.pause(at(1000 + FADE // 2))
    kept = cutter.cut([ones(1000)])[0]
    assert len(kept) == FADE
    assert kept[0, 0] > 0.99
    assert kept[-1, 0] < 1e-4


def test_a_short_stretch_between_two_pauses_fades_in_and_out() -> None:
    kept = cut_all(paused((1000, 2000), (2000 + FADE, 4000)), ones(5000), 5000)
    between = kept[1000 : 1000 + FADE, 0]
    assert max(between[0], between[-1]) < 1e-4
    assert between.max() == pytest.approx(0.25, abs=0.01)


def test_all_tracks_are_cut_alike() -> None:
    cutter = PauseCutter(paused((300, 700)), ORIGIN_NS, RATE)
    tracks = cutter.cut([numbered(2000), -numbered(2000)])
    assert len(tracks[0]) == 1600
    assert np.array_equal(tracks[0], -tracks[1])


@given(
    st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000)), max_size=6),
    st.lists(st.integers(1, 5000), min_size=1, max_size=20),
    st.integers(-10_000, 10_000),
)
@settings(max_examples=100, deadline=None)
def test_sound_and_picture_lose_the_same(gaps: list[tuple[int, int]], chunks: list[int], offset_ns: int) -> None:
    """Whatever the pauses and the chunks: what is left is as long as the clock says, in order, and nothing else."""
    pauses, frame = Pauses(), 0
    for kept, cut in gaps:
        pauses.pause(at(frame + kept) + offset_ns)
        pauses.resume(at(frame + kept + cut) + offset_ns)
        frame += kept + cut
    sound = numbered(sum(chunks))
    cutter = PauseCutter(pauses, ORIGIN_NS, RATE)
    edges = np.cumsum([0, *chunks])
    parts = [cutter.cut([sound[a:b], ones(b - a)]) for a, b in pairwise(edges)]
    whole, weight = (np.concatenate([part[track][:, 0] for part in parts]) for track in (0, 1))
    end_ns = ORIGIN_NS + frames_to_ns(len(sound), RATE)
    recorded = (end_ns - ORIGIN_NS - pauses.paused_ns(ORIGIN_NS, end_ns)) * RATE / 1e9
    assert len(whole) == pytest.approx(recorded, abs=1.5 * len(gaps) + 1e-3)
    heard = weight > 0.01
    numbers = whole[heard] / weight[heard]
    assert np.all(np.diff(np.rint(numbers)) >= 1)
    assert numbers == pytest.approx(np.rint(numbers), abs=0.1)
    assert np.count_nonzero(weight != 1.0) <= (2 * FADE + 1) * len(gaps)


@given(
    st.lists(
        st.tuples(st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 2500), st.integers(0, 2500)),
        min_size=1,
        max_size=5,
    ),
    st.lists(st.integers(300, 2500), min_size=1, max_size=10),
)
@settings(max_examples=100, deadline=None)
def test_however_late_it_is_said_the_length_is_right(gaps: list[tuple[int, int, int, int]], chunks: list[int]) -> None:
    """A busy computer tells of pauses when the sound of their instants has gone through already."""
    said: list[tuple[int, Callable[[int], None], int]] = []  # when (in frames that went through), what, of which frame
    pauses, frame, now = Pauses(), 0, 0
    for kept, cut, pause_late, resume_late in gaps:
        for command, length, late in ((pauses.pause, kept, pause_late), (pauses.resume, cut, resume_late)):
            frame += length
            now = max(now, frame + late)
            said.append((now, command, frame))
    cutter = PauseCutter(pauses, ORIGIN_NS, RATE)
    # Long enough for the last cut, which may have been moved by all the lateness, to be over.
    whole = np.zeros(0)
    position, end = 0, now + 40_000
    for length in itertools.cycle(chunks):
        if position >= end:
            break
        while said and said[0][0] <= position:
            _, tell, of_frame = said.pop(0)
            tell(at(of_frame))
        length = min(length, end - position)
        whole = np.concatenate([whole, cutter.cut([ones(length)])[0][:, 0]])
        position += length
    recorded = end - sum(cut for _, cut, _, _ in gaps)
    assert len(whole) == pytest.approx(recorded, abs=1.5 * len(gaps))
