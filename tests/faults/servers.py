"""The sound server that dies, freezes, or is not there yet, while the screen is recorded with the sound."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from tests.faults.filmed import Film, filmed
from tests.faults.frame import Fault, Ground, Outcome, let_pass
from tests.faults.judge import Trace
from tests.faults.taped import CUT_S, taped
from tests.helpers.player import Playing, play
from tests.helpers.recording import loopnote
from tests.helpers.signals import numbered
from virtual_desktop import VirtualDesktop
from virtual_sound import SINK_NAME

BEFORE, AFTER = numbered(60, seed=31), numbered(60, seed=32)
BACK_S = 1.0
FROZEN_S = 5.0
# What is recorded after a fault, to see that it goes well.
GOES_ON_S = 2.5


@contextlib.contextmanager
def _playing(ground: Ground) -> Iterator[tuple[VirtualDesktop, Playing, Film]]:
    """Something plays and is recorded with the screen, for a moment chosen by chance so far."""
    with (
        ground.desktop() as desktop,
        play(desktop, BEFORE, name="before") as before,
        filmed(desktop, ground.folder / "a.mkv") as film,
    ):
        let_pass(1.0 + ground.chance.random())
        yield desktop, before, film


def killed(ground: Ground) -> Outcome:
    """The sound server crashes and is started again; something begins to play as soon as it is there."""
    with _playing(ground) as (desktop, before, film):
        killed_ns = time.monotonic_ns()
        desktop.stop_sound()
        with play(desktop, AFTER, name="after", awaits_server=True) as after:
            let_pass(0.3 + 1.7 * ground.chance.random())
            starting_ns = time.monotonic_ns()
            desktop.start_sound()
            returned_ns = time.monotonic_ns()
            after.wait_until_sounds()
            let_pass(GOES_ON_S)
            film.end()
    killed_s, returned_s = film.since_s(killed_ns), film.since_s(returned_ns)
    place_s = film.expect_sound(film.trace(BEFORE, before), CUT_S, killed_s - CUT_S)
    heard = film.trace(AFTER, after)
    _expect_back(film, heard, max(returned_s, film.since_s(after.time_of(0))), place_s)
    film.expect_gap(killed_s, film.since_s(starting_ns), "sound server")
    return film.outcome


def frozen(ground: Ground) -> Outcome:
    """The sound server stands still for five seconds, as on a computer that runs out of memory, and then goes on."""
    with _playing(ground) as (desktop, player, film):
        frozen_ns = time.monotonic_ns()
        desktop.freeze_sound()
        let_pass(FROZEN_S)
        desktop.thaw_sound()
        thawed_ns = time.monotonic_ns()
        let_pass(GOES_ON_S)
        film.end()
    frozen_s, thawed_s = film.since_s(frozen_ns), film.since_s(thawed_ns)
    heard = film.trace(BEFORE, player)
    place_s = film.expect_sound(heard, CUT_S, frozen_s - CUT_S)
    _expect_back(film, heard, thawed_s, place_s)
    film.expect_gap(frozen_s, heard.first_heard_s(thawed_s), "sound server")
    return film.outcome


def absent(ground: Ground, *named: str) -> Outcome:
    """There is no sound server when the recording begins; one is started while it runs.

    `named`: words that ask for a speaker or an application, which nobody can look up until then.
    """
    with ground.desktop() as desktop:
        desktop.stop_sound()
        with (
            filmed(desktop, ground.folder / "a.mkv", *named) as film,
            play(desktop, AFTER, name="after", awaits_server=True) as after,
        ):
            let_pass(1.0 + ground.chance.random())
            starting_ns = time.monotonic_ns()
            desktop.start_sound()
            returned_ns = time.monotonic_ns()
            after.wait_until_sounds()
            let_pass(GOES_ON_S)
            film.end()
    heard = film.trace(AFTER, after)
    # There was no sound before it: the pictures tell where the file begins.
    _expect_back(film, heard, max(film.since_s(returned_ns), film.since_s(after.time_of(0))), film.pictures.place_s)
    film.expect_gap(0, film.since_s(starting_ns), "sound server")
    return film.outcome


def absent_for_sound_alone(ground: Ground) -> Outcome:
    """There is no sound server, and nothing but sound to record: that is said, without a file, rather than waited for.

    Who starts a recording must know at once whether it runs. As soon as there is a server, the same command works.
    """
    file = ground.folder / "a.wav"
    with ground.desktop(screen=None) as desktop:
        desktop.stop_sound()
        code, _, said = loopnote(desktop, "record", file)
        left = list(ground.folder.iterdir())
        desktop.start_sound()
        with play(desktop, AFTER, name="after") as after, taped(desktop, file) as tape:
            let_pass(1.0 + ground.chance.random())
            tape.end()
    tape.outcome.said = said.splitlines()[0]
    tape.outcome.expect(code == 1, f"the exit code was {code}")
    tape.outcome.expect("no sound server" in tape.outcome.said, "it is not said")
    tape.outcome.expect(not left, f"left behind: {left}")
    tape.outcome.expect(not tape.result["degraded"], f"the second recording: {tape.result['degraded']}")
    tape.expect_whole(tape.trace(AFTER, after), CUT_S, tape.end_s - CUT_S, "sound")
    return tape.outcome


def _expect_back(film: Film, heard: Trace, due_s: float, near_s: float) -> None:
    """From `due_s` on there is something to be heard: it is back in time, whole from then on, and near its place.

    And the screen was recorded all the time.
    """
    heard_s = heard.first_heard_s(due_s - CUT_S)
    outcome = film.outcome
    outcome.back_s = heard_s - due_s
    outcome.expect(outcome.back_s <= BACK_S, f"back after {outcome.back_s:.2f} s only")
    film.expect_sound(heard, heard_s, film.end_s - CUT_S, near_s)
    film.expect_pictures(CUT_S, film.end_s - CUT_S)


FAULTS = (
    Fault("sound server killed and restarted", killed),
    Fault("sound server frozen for 5 s", frozen),
    Fault("sound server absent at the start", absent),
    Fault(
        "sound server absent, speaker named",
        lambda ground: absent(ground, "--speaker", SINK_NAME),
        quick=("pipewire",),
    ),
    Fault("sound server absent, application named", lambda ground: absent(ground, "--app", "after"), quick=("pulse",)),
    Fault("sound server absent, no screen", absent_for_sound_alone, quick=("pulse",)),
)
