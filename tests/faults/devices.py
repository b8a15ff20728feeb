"""Speakers that come, go and change while they are recorded."""

from __future__ import annotations

import contextlib

from tests.faults.frame import Fault, Ground, Outcome, let_pass
from tests.faults.taped import BEGIN_S, CUT_S, EDGE_S, FOLLOW_S, taped
from tests.helpers.player import play
from tests.helpers.signals import numbered
from tests.helpers.witness import witness

FIRST, SECOND, THIRD = (numbered(40, seed=seed) for seed in (21, 22, 23))
VOICE = numbered(40, seed=24)


def default_changes(ground: Ground) -> Outcome:
    """Headphones are plugged in: another speaker, of another rate and channel count, becomes the default."""
    with ground.desktop(screen=None) as desktop, play(desktop, FIRST, name="first", sink="loopnote_null") as first:
        desktop.load_null_sink("headphones", rate=44_100, channels=6)
        desktop.set_default_sink("loopnote_null")
        with (
            play(desktop, SECOND, name="second", sink="headphones") as second,
            witness(desktop) as at_first,
            witness(desktop, "headphones.monitor") as at_second,
            taped(desktop, ground.folder / "a.wav") as tape,
        ):
            let_pass(1.0 + ground.chance.random())
            changed_s = tape.now_s()
            desktop.set_default_sink("headphones")
            let_pass(1.5)
            tape.end()
    before, after = tape.trace(FIRST, first), tape.trace(SECOND, second)
    testimony = tape.testimony(at_first, FIRST, first)
    tape.expect_whole(before, 0, changed_s - EDGE_S, "the old default", testimony)
    back_s = tape.expect_back(after, changed_s, FOLLOW_S, "the new default")
    testimony = tape.testimony(at_second, SECOND, second)
    tape.expect_whole(after, back_s, tape.end_s, "the new default", testimony)
    tape.expect_in_place(after, back_s, tape.end_s, before.place_s(0, changed_s), "the new default")
    tape.must_name("headphones")
    return tape.outcome


def speaker_removed(ground: Ground, *options: str) -> Outcome:
    """Headphones are pulled out and plugged in again, beside a microphone that may not take their place.

    Without options they are the default speaker, and the servers make another one the default meanwhile.
    """
    with ground.desktop(screen=None) as desktop, contextlib.ExitStack() as stack:
        desktop.load_null_sink("webcam_feed")
        desktop.load_microphone("webcam", "webcam_feed")
        headphones = desktop.load_null_sink("headphones")
        desktop.set_default_sink("loopnote_null" if options else "headphones")
        desktop.pactl("set-default-source", "webcam")
        voice = stack.enter_context(play(desktop, VOICE, name="voice", sink="webcam_feed", wait=False))
        second = stack.enter_context(play(desktop, SECOND, name="second", sink="loopnote_null", wait=False))
        listening = stack.enter_context(contextlib.ExitStack())
        first = listening.enter_context(play(desktop, FIRST, name="first", sink="headphones"))
        voice.wait_until_sounds()
        second.wait_until_sounds()
        at_first = listening.enter_context(witness(desktop, "headphones.monitor"))
        at_second = stack.enter_context(witness(desktop))
        with taped(desktop, ground.folder / "a.wav", *options) as tape:
            let_pass(0.6 + ground.chance.random())
            removed_s = tape.now_s()
            desktop.unload(headphones)
            listening.close()  # some servers would let it play on at the other speaker
            let_pass(1.0)
            returned_s = tape.now_s()
            desktop.load_null_sink("headphones")
            with (
                play(desktop, THIRD, name="third", sink="headphones") as third,
                witness(desktop, "headphones.monitor") as at_third,
            ):
                let_pass(1.0)
                tape.end()
    before, between, after = tape.trace(FIRST, first), tape.trace(SECOND, second), tape.trace(THIRD, third)
    place_s = before.place_s(0, removed_s)
    testimony = tape.testimony(at_first, FIRST, first)
    tape.expect_whole(before, 0, removed_s - CUT_S, "the headphones", testimony)
    fell_s = tape.expect_back(between, removed_s, FOLLOW_S, "the other speaker")
    testimony = tape.testimony(at_second, SECOND, second)
    tape.expect_whole(between, fell_s, returned_s - EDGE_S, "the other speaker", testimony)
    tape.expect_in_place(between, fell_s, returned_s, place_s, "the other speaker")
    began_s = max(returned_s, tape.since_s(third.time_of(0)))
    back_s = tape.expect_back(after, began_s, BEGIN_S, "what plays on the headphones again")
    testimony = tape.testimony(at_third, THIRD, third)
    tape.expect_whole(after, back_s, tape.end_s, "the headphones again", testimony)
    tape.expect_in_place(after, back_s, tape.end_s, place_s, "the headphones again")
    tape.expect_absent(tape.trace(VOICE, voice), "the microphone")
    tape.must_name("headphones")
    return tape.outcome


FAULTS = (
    Fault("default speaker changes", default_changes),
    Fault("speaker in use removed, comes back", speaker_removed),
    Fault("named speaker removed, comes back", lambda ground: speaker_removed(ground, "--speaker", "headphones")),
)
