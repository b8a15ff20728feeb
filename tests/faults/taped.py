"""A recording of sound alone, and what of every such one is to be judged."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults.frame import Outcome, must_name
from tests.faults.judge import Trace, trace
from tests.helpers.analysis import read_sound
from tests.helpers.player import Playing
from tests.helpers.recording import Recording, record
from tests.helpers.signals import RATE, Samples
from tests.helpers.witness import Witness
from virtual_desktop import VirtualDesktop

# How soon a recording follows what it can follow.
FOLLOW_S = 0.3
# How far from its place a sound may be.
PLACE_S = 0.020
# The window in which a sound is recognised: as much before a sound's end nothing more is recognised.
EDGE_S = 0.05
# What goes when a stream is taken away without warning: what had arrived but was not yet collected, and the window.
CUT_S = 0.1
# What a sound may lack at its beginning: PulseAudio's monitors leave out what was mixed already; and the window.
BEGIN_S = 0.1
# Of a file against what is said of it: more than a packet of any format.
LENGTH_S = 0.1
STOP_S = 1.0


@dataclass
class Tape:
    """A recording of sound; `end` it, then it can be judged. Seconds are counted from the line `recording FILE`."""

    recording: Recording
    outcome: Outcome = field(default_factory=lambda: Outcome(playable=True))
    result: dict[str, Any] = field(default_factory=dict)

    def now_s(self) -> float:
        """The place in the file of what sounds now."""
        return self.since_s(time.monotonic_ns())

    def since_s(self, at_ns: int) -> float:
        """The place in the file of that instant."""
        return (at_ns - self.recording.began_ns) / 1e9

    def end(self) -> None:
        """Stop the recording, which must not take long, and read what it says of itself."""
        self.result = self.recording.stop(expect=None)
        took_s = (time.monotonic_ns() - self.recording.stopped_ns) / 1e9
        self.outcome.expect(took_s < STOP_S, f"stopping took {took_s:.2f} s")
        length_s, said_s = len(self.sound()) / RATE, self.result["duration_s"]
        self.outcome.expect(abs(length_s - said_s) < LENGTH_S, f"{length_s:.2f} s long, said to be {said_s:.2f} s")
        self.outcome.expect(length_s >= self.end_s, f"{length_s:.2f} s long, though it was {self.end_s:.2f} s")

    def sound(self, track: int = 0) -> Samples:
        """What is in the file."""
        sound = read_sound(Path(self.result["file"]), track)
        assert sound.samplerate == RATE, f"the file is at {sound.samplerate} Hz"
        return sound.samples

    @property
    def end_s(self) -> float:
        """Where the recording was told to stop."""
        return self.since_s(self.recording.stopped_ns)

    def trace(self, played: Samples, player: Playing, track: int = 0) -> Trace:
        return trace(self.sound(track), played, player.frame_at, self.recording.began_ns)

    def testimony(self, witness: Witness, played: Samples, player: Playing) -> Trace:
        """What a witness heard of the sound, by the file's seconds."""
        heard = trace(witness.samples, played, player.frame_at, witness.began_ns)
        return replace(heard, at_s=heard.at_s + self.since_s(witness.began_ns))

    def expect_whole(self, heard: Trace, from_s: float, to_s: float, what: str, testimony: Trace | None = None) -> None:
        """Nothing of the sound is lost there, but for where a server under load lost it for everybody."""
        lost_s = heard.lost_s(from_s, to_s, testimony)
        self.outcome.audio_lost_s = (self.outcome.audio_lost_s or 0.0) + lost_s
        self.outcome.expect(lost_s == 0, f"{what}: {lost_s:.2f} s lost between {from_s:.2f} and {to_s:.2f} s")

    def expect_back(self, heard: Trace, after_s: float, within_s: float, what: str) -> float:
        """The sound is heard soon after that. Returns the place at which it is; infinity when it is not."""
        back_s = heard.first_heard_s(after_s) - after_s
        self.outcome.back_s = max(self.outcome.back_s or 0.0, back_s)
        self.outcome.expect(back_s <= within_s, f"{what} is heard after {back_s:.2f} s only")
        return after_s + back_s

    def expect_in_place(self, heard: Trace, from_s: float, to_s: float, like: float, what: str) -> None:
        """The sound is no farther from its place than `like`, give or take `PLACE_S`."""
        off_s = heard.place_s(from_s, to_s) - like
        self.outcome.expect(abs(off_s) <= PLACE_S, f"{what}: {1000 * off_s:+.0f} ms from its place")

    def expect_absent(self, heard: Trace, what: str) -> None:
        """Nothing of the sound is in the file."""
        at_s = heard.first_heard_s(0)
        self.outcome.expect(at_s == float("inf"), f"{what} is heard at {at_s:.2f} s")

    def expect_silence(self, from_s: float, to_s: float, what: str, track: int = 0) -> None:
        """There is nothing at all, but digital silence."""
        piece = self.sound(track)[round(from_s * RATE) : round(to_s * RATE)]
        peak = float(np.abs(piece).max(initial=0.0))
        self.outcome.expect(peak == 0, f"{what}: up to {peak:.4f} between {from_s:.2f} and {to_s:.2f} s")

    def must_name(self, *words: str) -> None:
        """The result does not call the recording whole, and names the fault by one of `words`."""
        must_name(self.outcome, self.result, *words)


@contextlib.contextmanager
def taped(desktop: VirtualDesktop, file: Path, *options: str) -> Iterator[Tape]:
    """Record into `file`; it has begun when the block begins."""
    with record(desktop, file, *options) as recording:
        yield Tape(recording)
