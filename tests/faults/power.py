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

from capture.settings import SCREEN_FORMATS, SOUND_FORMATS
from tests.capture.output.making import heard
from tests.faults.frame import Fault, Ground, Outcome, let_pass
from tests.faults.judge import HOP_S, trace
from tests.faults.power_cut import Event, left_by_a_cut
from tests.helpers.player import Playing, play
from tests.helpers.recording import Recording, loopnote, record
from tests.helpers.signals import numbered
from virtual_desktop import VirtualDesktop

FORMATS = (*SOUND_FORMATS, *SCREEN_FORMATS)
PLAYED = numbered(60)
LOST_S = 2.0
# Where codecs fade in.
EDGE_S = 0.1


@dataclass(frozen=True)
class Cut:
    """A power cut so long after the line `recording FILE`; what it left is in `folder`."""

    name: str
    at_s: float
    harsh: bool
    folder: Path

    def __str__(self) -> str:
        return f"{self.name}, {self.at_s:.2f} s, {'any part' if self.harsh else 'nothing'} of what was not synced"


def cut(ground: Ground) -> Outcome:
    """Cuts at random moments of a recording, at its very end, and after it; twice each: nothing that was not synced is
    there, or any part of it.
    """
    outcome = Outcome(playable=True)
    names = ground.chance.sample(FORMATS, 2) if ground.sample else FORMATS
    length_s = 4.0 + 2.0 * ground.chance.random()
    with ground.desktop() as desktop, play(desktop, PLAYED) as playing, contextlib.ExitStack() as stack:
        recordings = {name: stack.enter_context(_record(ground, desktop, name)) for name in names}
        let_pass(length_s)
        for recording in recordings.values():
            recording.send_stop()
        cuts: list[Cut] = []
        for name, recording in recordings.items():
            assert not recording.result()["degraded"]
            cuts += _cut(ground, name, recording)
        folders = [each.folder for each in cuts if each.folder.exists()]
        _, output, _ = loopnote(desktop, "recover", "--json", *folders)
        refused = {Path(each["file"]).parent: each["why"] for each in json.loads(output)["refused"]}
        for each in cuts:
            _judge(outcome, each, recordings[each.name], playing, refused.get(each.folder, ""))
        outcome.said = f"{len(cuts)} cuts; recover: {len(json.loads(output)['recovered'])} repaired, {len(refused)} not"
    return outcome


def _record(ground: Ground, desktop: VirtualDesktop, name: str) -> contextlib.AbstractContextManager[Recording]:
    screen = ("--screen", "0,0,320x240") if name in SCREEN_FORMATS else ()
    program = [sys.executable, "-m", "tests.faults.power_cut", str(_log(ground, name))]
    return record(desktop, _folder(ground, name) / f"a.{name}", *screen, program=program)


def _log(ground: Ground, name: str) -> Path:
    return ground.folder / f"{name}.log"


def _folder(ground: Ground, name: str) -> Path:
    """Not there yet, nor the one above it."""
    return ground.folder / name / "new" / "folder"


def _cut(ground: Ground, name: str, recording: Recording) -> list[Cut]:
    events: Sequence[Event] = pickle.loads(_log(ground, name).read_bytes())
    stopped_ns, ended_ns = recording.stopped_ns, events[-1].at_ns
    moments_ns = [ground.chance.uniform(recording.began_ns, stopped_ns) for _ in range(4)]
    moments_ns += [ground.chance.uniform(stopped_ns, ended_ns) for _ in range(4)]
    cuts: list[Cut] = []
    for at_ns in [*moments_ns, ended_ns]:
        for harsh in (False, True):
            left = left_by_a_cut(events, int(at_ns), ground.chance if harsh else None)
            folder = ground.folder / f"{name}-{len(cuts)}"
            for path, content in left.items():
                if path.parent == _folder(ground, name):
                    folder.mkdir(exist_ok=True)
                    (folder / path.name).write_bytes(content)
            cuts.append(Cut(name, (at_ns - recording.began_ns) / 1e9, harsh, folder))
    return cuts


def _judge(outcome: Outcome, each: Cut, recording: Recording, playing: Playing, refused: str) -> None:
    length_s = (recording.stopped_ns - recording.began_ns) / 1e9
    had_s = min(each.at_s, length_s)
    left = sorted(path.name for path in each.folder.iterdir()) if each.folder.exists() else []
    reached_s = 0.0
    if not refused and left:
        outcome.expect(left == [f"a.{each.name}"], f"{each}: {left}")
        samples, _ = heard(each.folder / left[0])
        found = trace(samples, PLAYED, playing.frame_at, recording.began_ns)
        holes = found.at_s[np.isnan(found.error_s) & (found.at_s > EDGE_S)]
        reached_s = float(holes[0]) if len(holes) else len(found.at_s) * HOP_S
    lost_s = max(0.0, had_s - reached_s)
    outcome.audio_lost_s = max(outcome.audio_lost_s or 0.0, lost_s)
    most_s = LOST_S if each.at_s < length_s + 1.0 else 0.1
    outcome.expect(lost_s <= most_s, f"{each}: {lost_s:.2f} s lost {refused or left}")


FAULTS = (Fault("power cut", cut, ("pulse",), ("pulse",)),)
