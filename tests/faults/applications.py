"""An application that is recorded alone, and closes."""

from __future__ import annotations

import contextlib

from tests.faults.frame import Fault, Ground, Outcome, let_pass, said_of
from tests.faults.taped import BEGIN_S, CUT_S, taped
from tests.helpers.player import play
from tests.helpers.signals import numbered

BEFORE, AFTER, OTHER = (numbered(40, seed=seed) for seed in (41, 42, 43))


def restarted(ground: Ground) -> Outcome:
    """The recorded application crashes and is started again, while another one plays on the same speaker.

    An application that plays nothing gives silence, and that is no fault: the result may call the recording whole.
    """
    with (
        ground.desktop(screen=None) as desktop,
        play(desktop, OTHER, name="other") as other,
        contextlib.ExitStack() as running,
    ):
        before = running.enter_context(play(desktop, BEFORE, name="talk"))
        with taped(desktop, ground.folder / "a.wav", "--app", "talk") as tape:
            let_pass(0.6 + ground.chance.random())
            closed_s = tape.now_s()
            running.close()
            let_pass(1.0)
            with play(desktop, AFTER, name="talk") as after:
                let_pass(1.0)
                tape.end()
    heard, again = tape.trace(BEFORE, before), tape.trace(AFTER, after)
    began_s = tape.since_s(after.time_of(0))
    tape.expect_whole(heard, 0, closed_s - CUT_S, "the application")
    tape.expect_silence(closed_s + BEGIN_S, began_s - BEGIN_S, "while it is closed")
    back_s = tape.expect_back(again, began_s, BEGIN_S, "the application, started again,")
    tape.expect_whole(again, back_s, tape.end_s, "the application, started again")
    tape.expect_in_place(again, back_s, tape.end_s, heard.place_s(0, closed_s), "the application, started again")
    tape.expect_absent(tape.trace(OTHER, other), "the other application")
    tape.outcome.said = said_of(tape.result)
    return tape.outcome


FAULTS = (Fault("recorded application restarts", restarted),)
