"""Speakers that give nothing: suspended ones, and one on which nothing ever plays."""

from __future__ import annotations

import contextlib

from tests.faults.frame import Fault, Ground, Outcome, let_pass, said_of
from tests.faults.taped import CUT_S, FOLLOW_S, taped
from tests.helpers.player import play
from tests.helpers.signals import numbered
from tests.helpers.witness import witness

PLAYED = numbered(40, seed=61)


def suspended(ground: Ground, resumed: bool) -> Outcome:
    """The speaker is suspended while something plays on it, and resumed, or not before the recording is stopped.

    PipeWire wakes it at once, for the recorder that listens to it: where nothing is lost, nothing need be said.
    """
    with (
        ground.desktop(screen=None) as desktop,
        play(desktop, PLAYED, sink="loopnote_null") as player,
        witness(desktop) as before,
        taped(desktop, ground.folder / "a.wav") as tape,
        contextlib.ExitStack() as stack,
    ):
        let_pass(0.6 + ground.chance.random())
        suspended_s = resumed_s = tape.now_s()
        desktop.pactl("suspend-sink", "loopnote_null", "1")
        let_pass(1.3 + ground.chance.random())
        if resumed:
            resumed_s = tape.now_s()
            desktop.pactl("suspend-sink", "loopnote_null", "0")
            after = stack.enter_context(witness(desktop))
            let_pass(1.5)
        tape.end()
    heard = tape.trace(PLAYED, player)
    testimony = tape.testimony(before, PLAYED, player)
    tape.expect_whole(heard, 0, suspended_s - CUT_S, "before it was suspended", testimony)
    if resumed:
        # The player's clock takes a moment to be sure of itself again.
        back_s = tape.expect_back(heard, resumed_s, FOLLOW_S, "what plays on after it")
        sure_s = resumed_s + FOLLOW_S
        testimony = tape.testimony(after, PLAYED, player)
        tape.expect_whole(heard, max(back_s, sure_s), tape.end_s, "after it was resumed", testimony)
        tape.expect_in_place(heard, sure_s, tape.end_s, heard.place_s(0, suspended_s), "after it was resumed")
    tape.outcome.said = said_of(tape.result)
    if heard.lost_s(suspended_s, tape.end_s):
        tape.must_name("suspended")
    return tape.outcome


def silent(ground: Ground) -> Outcome:
    """Nothing ever plays, on a speaker that is idle or suspended from the beginning. That silence is no loss."""
    with ground.desktop(screen=None) as desktop:
        if ground.chance.random() < 0.5:
            desktop.pactl("suspend-sink", "loopnote_null", "1")
        with taped(desktop, ground.folder / "a.wav") as tape:
            let_pass(1.0 + 2 * ground.chance.random())
            tape.end()
    tape.expect_silence(0, tape.end_s, "nothing played")
    tape.outcome.expect(tape.result["audio"]["silent"], "the result does not call it silent")
    tape.outcome.said = said_of(tape.result)
    return tape.outcome


FAULTS = (
    Fault("speaker suspended, resumed", lambda ground: suspended(ground, resumed=True)),
    Fault("speaker suspended to the end", lambda ground: suspended(ground, resumed=False)),
    Fault("nothing ever plays", silent),
)
