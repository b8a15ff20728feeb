"""kill -9: what lies on the disk plays, at most a second is missing, and `recover` makes an ordinary file of it."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

from capture.settings import SCREEN_FORMATS, SOUND_FORMATS
from tests.capture.output.making import heard
from tests.faults.frame import Fault, Ground, Outcome
from tests.faults.judge import KNOWN_S, missing_s
from tests.helpers.analysis import read_pictures, read_sound
from tests.helpers.children import run_in
from tests.helpers.player import Playing, play
from tests.helpers.processes import wait_until
from tests.helpers.recording import Recording, loopnote, record
from tests.helpers.signals import numbered
from virtual_desktop import VirtualDesktop

FORMATS = (*SOUND_FORMATS, *SCREEN_FORMATS)
# Quiet speech, 46 dB below the loudest, at the lowest quality: what writes little keeps most in hand.
PLAYED = numbered(60, peak=0.005)
MISSING_S = 1.0
# From the beginning to the kill. In the first second nothing need be on the disk yet, and so little is not recognised.
RECORDED_S = (MISSING_S + KNOWN_S, 4.0)
LENGTH_S = 1.2
AT_ONCE = 4


@dataclass(frozen=True)
class Killed:
    """A recording that was killed when `frame` of what was played sounded."""

    file: Path  # the name that it was to have
    frame: float

    @property
    def left(self) -> Path:
        """What lies on the disk."""
        part = self.file.with_name(f".{self.file.stem}.part{self.file.suffix}")
        return part if part.exists() else self.file


def killed(ground: Ground, names: tuple[str, ...]) -> Outcome:
    """Recordings in all of these formats at the same time, each killed at a moment of its own."""
    outcome = Outcome(playable=True)
    with ground.desktop() as desktop, play(desktop, PLAYED) as playing, contextlib.ExitStack() as stack:
        recordings: dict[Path, Recording] = {}
        for name in names:
            file = ground.folder / f"killed.{name}"
            recordings[file] = stack.enter_context(record(desktop, file, *_options(name), wait=False))
        for recording in recordings.values():
            recording.wait_until_begun()
        now_ns = time.monotonic_ns()
        moments = sorted((now_ns + ground.chance.uniform(*RECORDED_S) * 1e9, file) for file in recordings)
        kills = []
        for moment_ns, file in moments:
            wait_until(partial(_is_past, moment_ns), "the moment of the kill")
            kills.append(Killed(file, _kill(recordings[file], playing)))
        _judge(outcome, desktop, kills)
    return outcome


def killed_while_finishing(ground: Ground) -> Outcome:
    """A recording in one format for each step of its end, killed there; the quick form: some formats, a step each."""
    outcome = Outcome(playable=True)
    with ground.desktop() as desktop, play(desktop, PLAYED) as playing, ThreadPoolExecutor(AT_ONCE) as pool:
        if ground.sample:
            tries = [(name, ground.chance.randint(1, 10)) for name in ground.chance.sample(FORMATS, AT_ONCE)]
            found = list(pool.map(partial(_die, desktop, playing, ground.folder), tries))
        else:
            name = FORMATS[ground.number % len(FORMATS)]
            found = []
            for first in count(1, AT_ONCE):
                tries = [(name, first + i) for i in range(AT_ONCE)]
                found += pool.map(partial(_die, desktop, playing, ground.folder), tries)
                if None in found:
                    break
        kills = [kill for kill in found if kill is not None]
        _judge(outcome, desktop, kills)
        outcome.said += f" ({len(kills)} steps)"
    return outcome


def _die(desktop: VirtualDesktop, playing: Playing, folder: Path, case: tuple[str, int]) -> Killed | None:
    """Record until that step; None when the recording came to its end before."""
    name, step = case
    file = folder / f"{name}-{step}" / f"killed.{name}"
    file.parent.mkdir()
    words = ["record", file, "--duration", str(LENGTH_S), *_options(name)]
    dying = [sys.executable, "-m", "tests.faults.dying", str(step), *map(str, words)]
    done = run_in(desktop, dying, check=False)
    assert done.returncode in (0, -9), f"{name}, step {step}: exit code {done.returncode} {done.stderr}"
    return Killed(file, playing.frame_at(int(done.stdout))) if done.returncode == -9 else None


def _options(name: str) -> list[str]:
    return ["--quality", "low", *(["--screen", "0,0,640x480"] if name in SCREEN_FORMATS else [])]


def _kill(recording: Recording, playing: Playing) -> float:
    killed_ns = time.monotonic_ns()
    recording.process.kill()
    recording.process.wait(10)
    return playing.frame_at(killed_ns)


def _is_past(at_ns: float) -> bool:
    return time.monotonic_ns() >= at_ns


def _judge(outcome: Outcome, desktop: VirtualDesktop, kills: list[Killed]) -> None:
    for kill in kills:
        samples, _ = heard(kill.left)
        outcome.playable &= len(samples) > 0
        _expect_most(outcome, kill, missing_s(samples, PLAYED, kill.frame), "on the disk")
    code, output, said = loopnote(desktop, "recover", "--json", *{kill.file.parent for kill in kills})
    outcome.expect(code == 0, said or output)
    outcome.said = f"recovered {len(json.loads(output)['recovered'])} of {len(kills)}"
    for kill in kills:
        what = f"{kill.file.parent.name}/{kill.file.name}"
        left = [path.name for path in kill.file.parent.iterdir() if path.suffix == kill.file.suffix]
        outcome.expect(left == [kill.file.name], f"{what}: left: {left}")
        _expect_most(outcome, kill, missing_s(read_sound(kill.file).samples, PLAYED, kill.frame), "recovered")
        if kill.file.suffix[1:] in SCREEN_FORMATS:
            outcome.expect(any(True for _ in read_pictures(kill.file, width=160)), f"{what}: no picture")
    code, output, said = loopnote(desktop, "recover", *{kill.file.parent for kill in kills})
    outcome.expect((code, output) == (0, "nothing to recover\n"), f"the second time: {output} {said}")


def _expect_most(outcome: Outcome, kill: Killed, lost_s: float, where: str) -> None:
    outcome.audio_lost_s = max(outcome.audio_lost_s or 0.0, lost_s)
    what = f"{kill.file.parent.name}/{kill.file.name}"
    outcome.expect(lost_s <= MISSING_S, f"{what}: {lost_s:.2f} s lost {where}")


SOUND_KILLED = Fault("kill -9, sound", partial(killed, names=SOUND_FORMATS), ("pulse",), ("pulse",))
SCREEN_KILLED = Fault("kill -9, screen", partial(killed, names=SCREEN_FORMATS), ("pulse",), ("pulse",))
FAULTS = (
    SOUND_KILLED,
    SCREEN_KILLED,
    Fault("kill -9 while the file is finished", killed_while_finishing, ("pulse",), ("pulse",)),
)
