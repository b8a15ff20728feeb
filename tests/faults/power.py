"""Power cuts: what was not yet brought to the disk is gone, and the rest becomes an ordinary file."""

from __future__ import annotations

import contextlib
import json
import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from capture.output import journal
from capture.settings import SCREEN_FORMATS, SOUND_FORMATS
from tests.capture.output.making import heard
from tests.faults.frame import Fault, Ground, Outcome, let_pass
from tests.faults.power_cut import Event, left_by_a_cut
from tests.helpers.player import play
from tests.helpers.recording import Recording, loopnote, record
from tests.helpers.signals import RATE, Samples, numbered
from virtual_desktop import VirtualDesktop

FORMATS = (*SOUND_FORMATS, *SCREEN_FORMATS)
PLAYED = numbered(60)
LOST_S = 2.0
# When it has said that the file is saved: all of it is.
ENDED_S = 0.01
# So much may two decodings of the same packets differ.
SAME = 0.02
# An MP3 that was broken off begins 12 ms late, before and after its recovery (measured).
LATE_FRAMES = (0, 576)


@dataclass(frozen=True)
class Cut:
    """A power cut so long after the line `recording FILE`; what it left is in `folder`."""

    name: str
    at_s: float
    harsh: bool
    ended: bool
    folder: Path

    def __str__(self) -> str:
        return f"{self.name}, {self.at_s:.2f} s, {'any part' if self.harsh else 'nothing'} of what was not synced"


def cut(ground: Ground) -> Outcome:
    """Cuts at random moments of a recording, while it ends, and after it; twice each: nothing that was not synced is
    there, or any part of it. Each run takes half of the formats.
    """
    outcome = Outcome(playable=True)
    names = ground.chance.sample(FORMATS, 2) if ground.sample else FORMATS[ground.number % 2 :: 2]
    with ground.desktop() as desktop, play(desktop, PLAYED), contextlib.ExitStack() as stack:
        recordings = {name: stack.enter_context(_record(ground, desktop, name)) for name in names}
        let_pass(3.0 + 2.0 * ground.chance.random())
        for recording in recordings.values():
            recording.send_stop()
        cuts: list[Cut] = []
        for name, recording in recordings.items():
            recording.result(expect=None)
            cuts += _cut(ground, name, recording)
        folders = [each.folder for each in cuts if each.folder.exists()]
        _, output, said = loopnote(desktop, "recover", "--json", *folders)
        assert output, said
        found = json.loads(output)
    refused = {Path(each["file"]).parent: each["why"] for each in found["refused"]}
    whole = {name: heard(_folder(ground, name) / f"a.{name}")[0] for name in names}
    for each in cuts:
        _judge(outcome, each, whole[each.name], refused.get(each.folder, ""))
    nothing = len(refused) + len(found["removed"])
    outcome.said = f"{len(cuts)} cuts: {len(found['recovered'])} repaired, {nothing} held nothing yet"
    return outcome


def _record(ground: Ground, desktop: VirtualDesktop, name: str) -> contextlib.AbstractContextManager[Recording]:
    screen = ("--screen", "0,0,320x240") if name in SCREEN_FORMATS else ()
    program = [sys.executable, "-m", "tests.faults.power_cut", str(_log(ground, name))]
    return record(desktop, _folder(ground, name) / f"a.{name}", *screen, program=program)


def _log(ground: Ground, name: str) -> Path:
    return ground.folder / f"{name}.log"


def _folder(ground: Ground, name: str) -> Path:
    """Its own, so that what a cut leaves of the others is not in the way."""
    folder = ground.folder / name
    folder.mkdir(exist_ok=True)
    return folder


def _cut(ground: Ground, name: str, recording: Recording) -> list[Cut]:
    events: Sequence[Event] = pickle.loads(_log(ground, name).read_bytes())
    stopped_ns, ended_ns = recording.stopped_ns, events[-1].at_ns
    count = 2 if ground.sample else 6
    moments_ns = [ground.chance.uniform(recording.began_ns, stopped_ns) for _ in range(count)]
    moments_ns += [ground.chance.uniform(stopped_ns, ended_ns) for _ in range(count // 2)]
    cuts: list[Cut] = []
    for at_ns in [*moments_ns, ended_ns]:
        for harsh in (False, True):
            left = left_by_a_cut(events, int(at_ns), ground.chance if harsh else None)
            folder = ground.folder / f"{name}-{len(cuts)}"
            for path, content in left.items():
                if path.parent == _folder(ground, name):
                    folder.mkdir(exist_ok=True)
                    (folder / path.name).write_bytes(content)
                    # Synced before anything else of it (capture/output/journal.py), but about another folder.
                    if path.name != f"a.{name}":
                        journal.note(folder / path.name, folder / f"a.{name}")
            cuts.append(Cut(name, (at_ns - recording.began_ns) / 1e9, harsh, at_ns == ended_ns, folder))
    return cuts


def _judge(outcome: Outcome, each: Cut, whole: Samples, refused: str) -> None:
    """What was not cut off is as it is in the recording that went on to its end."""
    length_s = len(whole) / RATE
    left = sorted(path.name for path in each.folder.iterdir()) if each.folder.exists() else []
    reached_s = 0.0
    if not refused and left:
        outcome.expect(left == [f"a.{each.name}"], f"{each}: {left}")
        samples, _ = heard(each.folder / left[0])
        reached_s = max(_reach(samples[late:], whole) for late in LATE_FRAMES)
    lost_s = max(0.0, min(each.at_s, length_s) - reached_s)
    outcome.audio_lost_s = max(outcome.audio_lost_s or 0.0, lost_s)
    outcome.expect(lost_s <= (ENDED_S if each.ended else LOST_S), f"{each}: {lost_s:.2f} s lost {refused or left}")


def _reach(samples: Samples, whole: Samples) -> float:
    """How many seconds of the whole recording are there, from its beginning on."""
    common = min(len(samples), len(whole))
    differs = np.abs(samples[:common] - whole[:common]).max(axis=1, initial=0.0) > SAME
    return (int(np.argmax(differs)) if differs.any() else common) / RATE


FAULTS = (Fault("power cut", cut, ("pulse",), ("pulse",)),)
