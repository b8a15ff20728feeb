"""Disks that are full, or fail, while they are recorded to."""

from __future__ import annotations

import dataclasses
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from capture.settings import SCREEN_FORMATS, SOUND_FORMATS
from tests.capture.output.making import heard
from tests.faults.bad_disk import Done, Job
from tests.faults.frame import Fault, Ground, Outcome
from tests.faults.judge import KNOWN_S, missing_s
from tests.helpers.analysis import read_pictures, read_sound
from tests.helpers.children import run_in
from tests.helpers.player import Playing, play
from tests.helpers.signals import RATE, Samples, numbered
from virtual_desktop import VirtualDesktop

FORMATS = (*SOUND_FORMATS, *SCREEN_FORMATS)
LENGTH_S = 2.0
PLAYED_S = 200
# What of the recording may be missing before the write that failed.
LOST_S = 1.0
# How exactly the length is told of a file that was cut off: to more than a packet of any format.
SAID_S = 0.1
# Recordings at the same time: they do little but wait.
AT_ONCE = 4
NAMED = {"full": "No space left", "full once": "No space left", "broken": "Input/output error"}


def fails_at_a_write(ground: Ground, how: str) -> Outcome:
    """A recording for each write of a short recording, in which the disk fails there; one format a run.

    The quick form: at a random moment, in several formats.
    """
    outcome = Outcome(playable=True)
    played = numbered(PLAYED_S)
    with ground.desktop() as desktop, play(desktop, played) as playing:
        if ground.sample:
            names = FORMATS if how == "full" else ground.chance.sample(FORMATS, 4)
            moments_s = [ground.chance.uniform(0.0, LENGTH_S) for _ in names]
            jobs = [_job(ground, name, how, after_s=at_s) for name, at_s in zip(names, moments_s, strict=True)]
        else:
            name = FORMATS[ground.number % len(FORMATS)]
            ((_, whole),) = _run(desktop, ground.folder, [_job(ground, name, "never")])
            assert whole.code == 0, whole.said
            jobs = [_job(ground, name, how, n=n) for n in range(1, whole.writes + 1)]
        done = _run(desktop, ground.folder, jobs)
        for job, each in done:
            _judge(outcome, job, each, played, playing)
    outcome.said += f" ({sum(bool(each.failed_ns) for _, each in done)} of {len(jobs)} recordings were hit)"
    return outcome


def takes_parts(ground: Ground) -> Outcome:
    """Each write takes only a part of what it is given, as the system may do: no harm, so the recording is whole."""
    outcome = Outcome(playable=True)
    played = numbered(30)
    with ground.desktop() as desktop, play(desktop, played) as playing:
        jobs = [_job(ground, name, "parts") for name in ground.chance.sample(FORMATS, 4)]
        for job, done in _run(desktop, ground.folder, jobs):
            file = Path(job.words[1])
            assert done.code == 0, f"{file.name}: {done.code} {done.said}"
            samples = read_sound(file).samples
            length_s = len(samples) / RATE
            outcome.expect(abs(length_s - LENGTH_S) < 0.03, f"{file.name}: {length_s:.3f} s")
            missing_s(samples, played, playing.frame_at(done.began_ns) + len(samples))
    return outcome


def _job(ground: Ground, name: str, how: str, n: int | None = None, after_s: float | None = None) -> Job:
    """A recording in a folder of its own."""
    folder = ground.folder / f"{name}-{how}-{n or after_s}"
    folder.mkdir()
    screen = ("--screen", "0,0,320x240") if name in SCREEN_FORMATS else ()
    words = ("record", str(folder / f"a.{name}"), "--json", "--duration", str(LENGTH_S), *screen)
    return Job(words, how, n, after_s)


def _run(desktop: VirtualDesktop, folder: Path, jobs: list[Job]) -> list[tuple[Job, Done]]:
    """All jobs, some at the same time; in any order."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        parts = list(pool.map(partial(_run_part, desktop, folder), [jobs[i::AT_ONCE] for i in range(AT_ONCE)]))
    return [each for part in parts for each in part]


def _run_part(desktop: VirtualDesktop, folder: Path, jobs: list[Job]) -> list[tuple[Job, Done]]:
    if not jobs:
        return []
    file = Path(jobs[0].words[1]).parent / "jobs.json"
    file.write_text(json.dumps([dataclasses.asdict(job) for job in jobs]))
    done = run_in(desktop, [sys.executable, "-m", "tests.faults.bad_disk", file], timeout_s=30 + 10 * len(jobs))
    file.unlink()
    return [(job, Done(**json.loads(line))) for job, line in zip(jobs, done.stdout.splitlines(), strict=True)]


def _judge(outcome: Outcome, job: Job, done: Done, played: Samples, playing: Playing) -> None:
    file = Path(job.words[1])
    what = f"{file.parent.name}: "
    left = sorted(file.parent.iterdir())
    if not done.failed_ns:
        outcome.expect(done.code == 0, f"{what}untouched, and yet {done.code}: {done.said}")
        return
    outcome.said = done.said.strip().splitlines()[-1]
    outcome.expect(done.code in (1, 3), f"{what}exit code {done.code}")
    outcome.expect(NAMED[job.how] in done.said, f"{what}not named: {done.said}")
    outcome.expect(done.output.count("\n") == (done.code == 3), f"{what}printed {done.output!r}")
    had_s = (done.failed_ns - done.began_ns) / 1e9 if done.began_ns else 0.0
    if not left:
        outcome.expect(done.code == 1, f"{what}no file, and yet exit code {done.code}")
        outcome.expect(had_s <= LOST_S, f"{what}no file, though {had_s:.2f} s were recorded")
        return
    outcome.expect(len(left) == 1, f"{what}left: {[path.name for path in left]}")
    outcome.expect(done.code == 1 or left == [file], f"{what}saved, but there is {left[0].name}")
    outcome.expect(left[0].name in done.said, f"{what}nobody says that there is {left[0].name}")
    # Half of what was written last may stand at the end: of a disk that refuses everything it cannot be taken away.
    samples, _ = heard(left[0])
    if not len(samples) and had_s > KNOWN_S:
        outcome.playable = False
        outcome.expect(False, f"{what}{left[0].stat().st_size} bytes cannot be played; {done.said}")
        return
    if done.code == 3 and len(samples):
        length_s, said_s = len(samples) / RATE, json.loads(done.output)["duration_s"]
        outcome.expect(abs(length_s - said_s) < SAID_S, f"{what}{length_s:.2f} s, said to be {said_s:.2f} s")
    if file.suffix[1:] in SCREEN_FORMATS:
        outcome.expect(any(True for _ in read_pictures(left[0])), f"{what}no picture")
    lost_s = had_s - len(samples) / RATE
    if len(samples) >= KNOWN_S * RATE:
        lost_s = missing_s(samples, played, playing.frame_at(done.failed_ns))
    outcome.audio_lost_s = max(outcome.audio_lost_s or 0.0, lost_s)
    outcome.expect(lost_s <= LOST_S, f"{what}{lost_s:.2f} s lost")


FAULTS = (
    *(
        Fault(f"{name} at every write", partial(fails_at_a_write, how=how), ("pulse",), ("pulse",), limit_s=300)
        for name, how in (("disk full", "full"), ("disk full for a moment", "full once"), ("disk broken", "broken"))
    ),
    Fault("disk takes each write in parts", takes_parts, ("pulse",), ("pulse",)),
)
