"""What of a sound that was played is in a recorded file, and whether it lies in its place.

A player's `numbered` sound says of every moment of the file which moment of the playing it is. So each stretch of the
file is looked for near where the player's own clock says that it must be.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.faults.frame import Outcome
from tests.helpers.analysis import read_sound
from tests.helpers.player import Playing
from tests.helpers.recording import Recording
from tests.helpers.signals import RATE, Samples, locate
from tests.helpers.witness import Witness

HOP_S = 0.010
WINDOW_S = 0.050
# Far enough to see a sound that is out of place, near enough to take nothing else for it.
REACH_S = 0.200
# When a witness stumbled is known to so much: it tells no times.
ALIKE_S = 0.150
# Unrelated sound reaches 0.3 in so small a neighbourhood; the right one more than 0.9, half of it 0.7.
SURE = 0.5
# A place that is off for a shorter time is a mistake of the judge's.
LASTING_S = 0.1
# Shorter sound is not recognised for certain after lossy coding.
KNOWN_S = 0.3
# How far from its place a sound may be.
PLACE_S = 0.020
# What the edges of a file, and the line `recording FILE`, leave uncertain.
EDGE_S = 0.1
# How exactly a witness's time is known, and the window.
WITNESS_S = 0.15
# The signal has nothing above 5 kHz.
_EVERY = 4


@dataclass(frozen=True)
class Trace:
    """The file in steps of `HOP_S`: `at_s` is the middle of each, `error_s` how far off the sound lies there.

    NaN: the sound is not in the file there. Errors are counted from the line `recording FILE`, which comes some
    milliseconds after the first sample: compare those after a fault with those before it.
    """

    at_s: NDArray[np.float64]
    error_s: NDArray[np.float64]

    def lost_s(self, from_s: float, to_s: float, witness: Trace | None = None) -> float:
        """How much of that stretch of the file lacks the sound, but for where a witness lacks it too."""
        lost = (self.at_s >= from_s) & (self.at_s < to_s) & np.isnan(self.error_s)
        if witness is not None:
            stumbles = witness.at_s[np.isnan(witness.error_s)]
            lost &= np.abs(self.at_s[:, None] - stumbles).min(axis=1, initial=np.inf) > ALIKE_S
        return float(np.count_nonzero(lost)) * HOP_S

    def first_heard_s(self, after_s: float) -> float:
        """When the sound is heard for the first time after that; infinity when it is not."""
        found = self.at_s[(self.at_s >= after_s) & ~np.isnan(self.error_s)]
        return float(found[0]) if len(found) else float("inf")

    def place_s(self, from_s: float, to_s: float) -> float:
        """The median error there; NaN when the sound is not there at all."""
        errors = self.error_s[(self.at_s >= from_s) & (self.at_s < to_s)]
        errors = errors[~np.isnan(errors)]
        return float(np.median(errors)) if len(errors) else float("nan")

    def worst_s(self, from_s: float, to_s: float, near_s: float) -> float:
        """How far from `near_s` the place is where it is farthest, for `LASTING_S`. NaN: the sound is not there."""
        off_s = [self.place_s(at_s, at_s + LASTING_S) - near_s for at_s in np.arange(from_s, to_s, LASTING_S)]
        return max((off for off in off_s if not np.isnan(off)), key=abs, default=float("nan"))


def trace(sound: Samples, played: Samples, frame_at: Callable[[int], float], began_ns: int) -> Trace:
    """Follow `played` through `sound`, both at RATE. `frame_at(ns)`: the played frame that sounded then."""
    file, known = _thin(sound), _thin(played)
    rate = RATE // _EVERY
    window, reach = round(WINDOW_S * rate), round(REACH_S * rate)
    starts = np.arange(0, len(file) - window + 1, round(HOP_S * rate))
    errors = np.full(len(starts), np.nan)
    for number, start in enumerate(starts):
        piece = file[start : start + window]
        energy = float(piece @ piece)
        due = round(frame_at(began_ns + round(start / rate * 1e9)) / _EVERY)
        first = max(0, due - reach)
        near = known[first : due + reach + window]
        if energy < 1e-9 or len(near) < window:
            continue
        totals = np.concatenate([[0.0], np.cumsum(near**2)])
        scale = np.sqrt(np.maximum((totals[window:] - totals[:-window]) * energy, 1e-12))
        likeness = np.correlate(near, piece, "valid") / scale
        best = int(np.argmax(likeness))
        if likeness[best] >= SURE:
            errors[number] = (due - (first + best)) / rate
    return Trace((starts + window / 2) / rate, errors)


def expect_all_sound(
    outcome: Outcome, recording: Recording, played: Samples, playing: Playing, witness: Witness
) -> None:
    """Nothing of the sound is lost up to the stop, and at the end it is in its place as at the beginning.

    Apart from what the player or the server lost, on a machine that was too busy for them: the witness lacks it too.
    """
    samples = read_sound(recording.file).samples
    found = trace(samples, played, playing.frame_at, recording.began_ns)
    heard = trace(witness.samples, played, playing.frame_at, witness.began_ns)
    heard_at_s = heard.at_s + (witness.began_ns - recording.began_ns) / 1e9
    unheard_s = heard_at_s[np.isnan(heard.error_s)]
    stopped_s = recording.stopped_s
    lost_s = found.at_s[np.isnan(found.error_s) & (found.at_s >= EDGE_S) & (found.at_s < stopped_s - EDGE_S)]
    lost = [at_s for at_s in lost_s if not np.any(np.abs(unheard_s - at_s) <= WITNESS_S)]
    outcome.audio_lost_s = len(lost) * HOP_S
    outcome.expect(not lost, f"{outcome.audio_lost_s:.2f} s of sound are lost, from {min(lost, default=0):.2f} s on")
    length_s = len(samples) / RATE
    ended = f"the sound ends at {length_s:.2f} s, the stop was at {stopped_s:.2f} s"
    outcome.expect(length_s >= stopped_s - EDGE_S, ended)
    off_s = found.place_s(stopped_s - 0.5, stopped_s) - found.place_s(0, 0.5)
    began_s = (recording.began_ns - witness.began_ns) / 1e9
    off_s -= heard.place_s(began_s + stopped_s - 0.5, began_s + stopped_s) - heard.place_s(began_s, began_s + 0.5)
    outcome.expect(abs(off_s) <= PLACE_S, f"the sound is {1000 * off_s:+.0f} ms from its place")


def _thin(samples: Samples) -> NDArray[np.float64]:
    return np.asarray(samples.reshape(len(samples), -1).mean(axis=1, dtype=np.float64))[::_EVERY]


def missing_s(sound: Samples, played: Samples, frame: float) -> float:
    """How much lies between the end of a recorded sound and `frame` of what was played, in seconds.

    Fails the run when the end is nothing that was played within 10 s around it. `KNOWN_S` of sound are enough.
    """
    tail = sound[-RATE // 2 :]
    first = max(0, round(frame) - 10 * RATE)
    return (frame - first - locate(tail, played[first : round(frame) + 2 * RATE]) - len(tail)) / RATE
