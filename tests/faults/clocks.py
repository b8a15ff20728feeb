"""Clocks that jump or stand still: the date is set, the computer sleeps, the recorder itself is stopped."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Iterator

from tests.faults.filmed import Film, filmed
from tests.faults.frame import Fault, Ground, Outcome, lengths_s, let_pass, said_of
from tests.faults.taped import BEGIN_S, CUT_S, PLACE_S, taped
from tests.helpers.date import Date
from tests.helpers.player import play
from tests.helpers.signals import numbered

SOUND = numbered(60, seed=41)
# Seconds from the true date: a time server's correction, a summer time, a wrong year; the last ones end in the past.
DATES_S = (0.4, -0.4, 3600.0, 0.0, 300e6, -40e6, -0.02, 0.05, -86_400.0)
SLEPT_S = 5400.0
STOPPED_S = 3.0
# PulseAudio keeps 11 s of stereo for who does not collect it.
STOPPED_LONG_S = 15.0
# How exactly a standstill's place and length are told.
TOLD_S = 0.6


@contextlib.contextmanager
def _environment(env: dict[str, str]) -> Iterator[None]:
    """What is started in this block inherits `env`."""
    before = dict(os.environ)
    os.environ.update(env)
    try:
        yield
    finally:
        for name in env.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def date_set(ground: Ground) -> Outcome:
    """The date is set forward and back, again and again, for the sound server and the recorder alike.

    Nothing may come of it: no sound or picture is lost or moved, and the result has nothing to say.
    """
    date = Date(ground.folder.parent)
    with _environment(date.env):
        desktop = ground.desktop()
    for name in date.env:
        # The player and the screen keep the true time, and are the witnesses.
        del desktop.env[name]
    with desktop, play(desktop, SOUND) as player, filmed(desktop, ground.folder / "a.mkv", env=date.env) as film:
        let_pass(1.0)
        for off_s in DATES_S:
            let_pass(0.1 + 0.3 * ground.chance.random())
            date.set(off_s)
        let_pass(1.0)
        film.end()
    heard = film.trace(SOUND, player)
    film.expect_sound(heard, CUT_S, film.end_s - CUT_S)
    film.expect_pictures(CUT_S, film.end_s - CUT_S)
    film.outcome.said = said_of(film.result)
    # A busy computer loses pictures, and says so; the date has no part in that.
    named = [line for line in film.result["degraded"] if "too slow" not in line]
    film.outcome.expect(not named, "the result names something, and there was nothing")
    return film.outcome


def suspended(ground: Ground) -> Outcome:
    """The computer sleeps for an hour and a half, and wakes: that time is not in the recording, and is told.

    A real sleep cannot be had in a test. So the clocks that go on meanwhile are advanced, for the recorder alone; the
    one that it records by has stood still in any case.
    """
    asleep = ground.folder.parent / "asleep"
    asleep.write_text("0")
    program = [sys.executable, "-m", "tests.helpers.sleepy_loopnote", str(asleep)]
    with (
        ground.desktop() as desktop,
        play(desktop, SOUND) as player,
        filmed(desktop, ground.folder / "a.mkv", program=program) as film,
    ):
        let_pass(1.0 + ground.chance.random())
        slept_ns = time.monotonic_ns()
        asleep.write_text(str(round(SLEPT_S * 1e9)))
        let_pass(2.0)
        film.end()
    heard = film.trace(SOUND, player)
    film.expect_sound(heard, CUT_S, film.end_s - CUT_S)
    film.expect_pictures(CUT_S, film.end_s - CUT_S)
    film.must_name("the computer slept")
    _expect_told(film, "slept", film.since_s(slept_ns), SLEPT_S)
    film.outcome.expect(abs(film.result["duration_s"] - film.end_s) < CUT_S, "the time asleep is in the recording")
    return film.outcome


def stopped(ground: Ground) -> Outcome:
    """The recorder itself is stopped for seconds (SIGSTOP, a computer out of memory) and goes on.

    The sound waits for it at the sound server, so none may be lost; the pictures of that time are, and that is told.
    """
    with (
        ground.desktop() as desktop,
        play(desktop, SOUND) as player,
        filmed(desktop, ground.folder / "a.mkv") as film,
    ):
        let_pass(1.0 + ground.chance.random())
        stopped_ns = time.monotonic_ns()
        film.recording.process.send_signal(signal.SIGSTOP)
        let_pass(STOPPED_S)
        film.recording.process.send_signal(signal.SIGCONT)
        resumed_ns = time.monotonic_ns()
        let_pass(2.0)
        film.end()
    stopped_s, resumed_s = film.since_s(stopped_ns), film.since_s(resumed_ns)
    film.expect_sound(film.trace(SOUND, player), CUT_S, film.end_s - CUT_S)
    film.expect_pictures(CUT_S, stopped_s - CUT_S)
    film.expect_pictures(resumed_s + CUT_S, film.end_s - CUT_S)
    film.must_name("held up")
    _expect_told(film, "held up", stopped_s, STOPPED_S)
    return film.outcome


def stopped_for_long(ground: Ground) -> Outcome:
    """As `stopped`, but for longer than the sound server keeps anything: the gap is told, and all else is in its place.

    What is kept of that time, and where the gap lies, is the server's affair (PulseAudio keeps the first 11 s, PipeWire
    hardly anything); none of it may lie elsewhere.
    """
    with (
        ground.desktop(screen=None) as desktop,
        play(desktop, SOUND) as player,
        taped(desktop, ground.folder / "a.wav") as tape,
    ):
        let_pass(1.0 + ground.chance.random())
        stopped_s = tape.now_s()
        tape.recording.process.send_signal(signal.SIGSTOP)
        let_pass(STOPPED_LONG_S)
        tape.recording.process.send_signal(signal.SIGCONT)
        resumed_s = tape.now_s()
        let_pass(2.0)
        tape.end()
    heard = tape.trace(SOUND, player)
    place_s = heard.place_s(CUT_S, stopped_s - CUT_S)
    tape.expect_whole(heard, CUT_S, stopped_s - CUT_S, "before")
    tape.expect_back(heard, resumed_s, BEGIN_S, "the sound")
    tape.expect_whole(heard, resumed_s + BEGIN_S, tape.end_s - CUT_S, "afterwards")
    worst_s = heard.worst_s(CUT_S, tape.end_s - CUT_S, place_s)
    tape.outcome.expect(abs(worst_s) <= PLACE_S, f"{1000 * worst_s:+.0f} ms from its place")
    # Sound from elsewhere is not recognised; so what stands where nothing is heard must be silence, and be told.
    lost_s = heard.lost_s(stopped_s, resumed_s)
    told_s = lengths_s(tape.result["audio"]["gaps"])
    tape.outcome.expect(abs(told_s - lost_s) <= TOLD_S, f"{lost_s:.2f} s are lost, {told_s:.2f} s are told")
    tape.must_name("held up")
    return tape.outcome


def _expect_told(film: Film, word: str, at_s: float, length_s: float) -> None:
    """The result's line with `word` names that length and that place."""
    told = next((line for line in film.result["degraded"] if word in line), "")
    figures = re.search(r"for ([0-9.]+) s at ([0-9.]+) s", told)
    near = figures and abs(float(figures[1]) - length_s) <= TOLD_S and abs(float(figures[2]) - at_s) <= TOLD_S
    film.outcome.expect(near, f"{length_s:.1f} s at {at_s:.1f} s, said: {told}")


FAULTS = (
    Fault("date set forward and back", date_set),
    Fault("computer suspended and resumed", suspended),
    Fault("recorder stopped for 3 s (SIGSTOP)", stopped),
    Fault("recorder stopped for 15 s (SIGSTOP)", stopped_for_long, quick=()),
)
