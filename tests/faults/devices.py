"""Devices that come, go and change while they are recorded."""

from __future__ import annotations

import time
from pathlib import Path

from tests.faults.frame import Fault, Ground, Outcome, let_pass, must_name
from tests.faults.judge import trace
from tests.helpers.analysis import read_sound
from tests.helpers.player import play
from tests.helpers.recording import record
from tests.helpers.signals import numbered

FIRST, SECOND = numbered(40, seed=21), numbered(40, seed=22)
FOLLOW_S = 0.3
# How far from its place a sound may be.
PLACE_S = 0.020
# What two streams that follow each other may leave between them on the old speaker, before the change.
EDGE_S = 0.05


def default_changes(ground: Ground) -> Outcome:
    """Headphones are plugged in: another speaker, of another rate and channel count, becomes the default."""
    with ground.desktop() as desktop, play(desktop, FIRST, name="first", sink="loopnote_null") as first:
        desktop.load_null_sink("headphones", rate=44_100, channels=6)
        desktop.set_default_sink("loopnote_null")
        with (
            play(desktop, SECOND, name="second", sink="headphones") as second,
            record(desktop, ground.folder / "a.wav") as recording,
        ):
            let_pass(1.0 + ground.chance.random())
            changed_s = (time.monotonic_ns() - recording.began_ns) / 1e9
            desktop.set_default_sink("headphones")
            let_pass(2.0)
            result = recording.stop(expect=None)
    sound = read_sound(Path(result["file"])).samples
    before = trace(sound, FIRST, first.frame_at, recording.began_ns)
    after = trace(sound, SECOND, second.frame_at, recording.began_ns)
    end_s = len(sound) / 48_000
    outcome = Outcome(playable=True)
    outcome.audio_lost_s = before.lost_s(0, changed_s - EDGE_S)
    outcome.expect(outcome.audio_lost_s == 0, f"{outcome.audio_lost_s:.2f} s lost before the change")
    outcome.back_s = after.first_heard_s(changed_s) - changed_s
    outcome.expect(outcome.back_s <= FOLLOW_S, f"followed after {outcome.back_s:.2f} s only")
    off_s = after.place_s(changed_s, end_s) - before.place_s(0, changed_s)
    outcome.expect(abs(off_s) <= PLACE_S, f"{1000 * off_s:+.0f} ms from its place")
    must_name(outcome, result, "headphones")
    return outcome


FAULTS = (Fault("default speaker changes", default_changes),)
