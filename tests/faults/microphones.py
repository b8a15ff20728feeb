"""Microphones that are pulled out while they are recorded beside what the computer plays."""

from __future__ import annotations

import contextlib

from tests.faults.frame import Fault, Ground, Outcome, let_pass
from tests.faults.taped import BEGIN_S, CUT_S, EDGE_S, taped
from tests.helpers.player import play
from tests.helpers.signals import numbered
from tests.helpers.witness import witness
from virtual_sound import SINK_NAME

SYSTEM, VOICE, NOISE = (numbered(40, seed=seed) for seed in (51, 52, 53))
# A microphone that is away is looked for four times a second.
AGAIN_S = 0.5


def unplugged(ground: Ground, named: bool) -> Outcome:
    """A headset is pulled out and plugged in again; the speaker is recorded all the time, on a track of its own.

    Another microphone, a webcam's, is there: it takes the place of a default one, and never that of a named one.
    """
    with ground.desktop(screen=None) as desktop, contextlib.ExitStack() as stack:
        for name in ("headset", "webcam"):
            desktop.load_null_sink(f"{name}_feed")
        desktop.load_microphone("webcam", "webcam_feed")
        headset = desktop.load_microphone("headset", "headset_feed")
        desktop.set_default_sink("loopnote_null")
        desktop.pactl("set-default-source", "headset")
        system, voice, noise = players = [
            stack.enter_context(play(desktop, sound, name=name, sink=sink, wait=False))
            for sound, name, sink in (
                (SYSTEM, "system", "loopnote_null"),
                (VOICE, "voice", "headset_feed"),
                (NOISE, "noise", "webcam_feed"),
            )
        ]
        for player in players:
            player.wait_until_sounds()
        options = ["--tracks", "separate", "--quality", "lossless", "--mic", *(["headset"] if named else [])]
        at_speaker, at_headset, at_webcam = (
            stack.enter_context(witness(desktop, source)) for source in (f"{SINK_NAME}.monitor", "headset", "webcam")
        )
        with taped(desktop, ground.folder / "a.m4a", *options) as tape:
            let_pass(0.6 + ground.chance.random())
            removed_s = tape.now_s()
            desktop.unload(headset)
            let_pass(0.8 + ground.chance.random() / 2)
            returned_s = tape.now_s()
            desktop.load_microphone("headset", "headset_feed")
            with witness(desktop, "headset") as at_headset_again:
                let_pass(1.5)
                tape.end()
    rest = tape.trace(SYSTEM, system)
    tape.expect_whole(rest, 0, tape.end_s, "the speaker", tape.testimony(at_speaker, SYSTEM, system))
    heard, webcam = tape.trace(VOICE, voice, track=1), tape.trace(NOISE, noise, track=1)
    tape.expect_whole(heard, 0, removed_s - CUT_S, "the headset", tape.testimony(at_headset, VOICE, voice))
    back_s = tape.expect_back(heard, returned_s, AGAIN_S, "the headset, plugged in again,")
    again = tape.testimony(at_headset_again, VOICE, voice)
    tape.expect_whole(heard, back_s, tape.end_s, "the headset, plugged in again", again)
    tape.expect_in_place(heard, back_s, tape.end_s, heard.place_s(0, removed_s), "the headset, plugged in again")
    if named:
        tape.expect_absent(webcam, "the other microphone")
        tape.expect_silence(removed_s + BEGIN_S, returned_s, "without the headset", track=1)
    else:
        taken_s = tape.expect_back(webcam, removed_s, AGAIN_S, "the other microphone")
        testimony = tape.testimony(at_webcam, NOISE, noise)
        tape.expect_whole(webcam, taken_s, returned_s - EDGE_S, "the other microphone", testimony)
    tape.must_name("headset")
    return tape.outcome


FAULTS = (
    Fault("microphone unplugged, comes back", lambda ground: unplugged(ground, named=True)),
    Fault("default microphone unplugged, comes back", lambda ground: unplugged(ground, named=False)),
)
