"""Rounds of recordings: every recorder once, one after the other, again and again, while one scene plays."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from performance import judge, meter, scenes, sound, stage
from performance.recorders import SCREEN, SOUND, Job, Running
from performance.stage import Shown
from virtual_desktop import SoundServer, VirtualDesktop

# width, height, pictures a second
FORMATS = {"1080p30": (1920, 1080, 30), "1080p60": (1920, 1080, 60), "4k30": (3840, 2160, 30)}
SOUND_ONLY = "sound only"
# Between the beginning of a recording and the measured stretch: caches fill, queues settle, libraries finish loading.
SETTLE_S = 1.5
# Until the X server has given back what a recorder has used, and the sound server has gone to sleep or has not.
_BETWEEN_S = 0.5


@dataclass
class Measurement:
    """One recording by one recorder. CPU is in seconds a minute of the measured stretch, over all of its processes;
    memory in 10^6 bytes. What has no meaning for a scene is None."""

    scene: str
    format: str
    recorder: str
    round: int
    measured_s: float
    cpu: float  # the recorder's own
    x_cpu: float  # the X server's, the scene's part included
    sound_cpu: float  # the sound server's, the player's part included
    wakeups: float  # of the recorder, a second
    elsewhere: float  # cores that were busy meanwhile with what is none of the bench's: a disturbance
    begin_s: float | None = None  # from the start of the process to the first of the recording
    begin_cpu_s: float | None = None  # CPU until then
    whole_cpu_s: float | None = None  # CPU from the start of the process to its end
    stop_s: float | None = None
    peak_mb: float | None = None
    mb_a_minute: float | None = None  # the file
    shown: int | None = None
    kept: int | None = None
    psnr_db: float | None = None
    ssim: float | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Plan:
    """What is measured: `recorders` in this order in each round, for `seconds` each.

    Recordings stay in `keep`, if that is given.
    """

    recorders: Sequence[str]
    rounds: int
    seconds: float
    sound: SoundServer
    keep: Path | None = None


def screen_rounds(plan: Plan, scene_name: str, format_name: str) -> Iterator[Measurement]:
    """All rounds of one scene in one format."""
    width, height, fps = FORMATS[format_name]
    scene = scenes.SCENES[scene_name](width, height, fps)
    with (
        VirtualDesktop(plan.sound, (width, height), private_home=True) as desktop,
        sound.play(desktop),
        stage.show(desktop, scene_name, width, height, fps) as shown,
    ):
        for number in range(plan.rounds):
            for name in plan.recorders:
                if name in SCREEN:
                    with _folder(plan, f"{scene_name}-{format_name}-{name}-{number}") as folder:
                        job = Job(desktop, folder, width, height, fps)
                        measured, begin_ns, end_ns = _record(SCREEN[name], job, plan.seconds)
                        measured.scene, measured.format, measured.recorder = scene_name, format_name, name
                        measured.round = number
                        if name != "nothing":
                            _judge(measured, job, scene, shown, begin_ns, end_ns)
                    yield measured


def sound_rounds(plan: Plan) -> Iterator[Measurement]:
    """All rounds of sound without a picture."""
    with VirtualDesktop(plan.sound, None, private_home=True) as desktop, sound.play(desktop):
        for number in range(plan.rounds):
            for name in plan.recorders:
                if name in SOUND:
                    with _folder(plan, f"sound-{name}-{number}") as folder:
                        job = Job(desktop, folder)
                        measured, _, _ = _record(SOUND[name], job, plan.seconds)
                        measured.scene, measured.recorder, measured.round = SOUND_ONLY, name, number
                        if name != "nothing":
                            measured.mb_a_minute = job.file.stat().st_size / judge.length_s(job.file) * 60 / 1e6
                    yield measured


@contextlib.contextmanager
def _folder(plan: Plan, name: str) -> Iterator[Path]:
    if plan.keep is not None:
        folder = plan.keep / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="loopnote-bench-") as folder_name:
        yield Path(folder_name)


def _record(start: Callable[[Job], Running], job: Job, seconds: float) -> tuple[Measurement, int, int]:
    """One recording; returns also when (monotonic ns) the measured stretch began and ended."""
    time.sleep(_BETWEEN_S)
    servers = (job.desktop.screen_pids, job.desktop.sound_pids)
    ended_cpu_s = _ended_cpu_s()
    running = start(job)
    try:
        begin_s = running.wait_until_begun()
        begin_cpu_s = meter.cpu_s(running.pids)
        time.sleep(SETTLE_S)
        begin_ns = time.monotonic_ns()
        before = [meter.cpu_s(pids) for pids in (running.pids, *servers)]
        busy_s = meter.busy_s() - meter.cpu_s([os.getpid()])
        woken = sum(map(meter.wakeups, running.pids))
        time.sleep(seconds)
        after = [meter.cpu_s(pids) for pids in (running.pids, *servers)]
        end_ns = time.monotonic_ns()
        busy_s = meter.busy_s() - meter.cpu_s([os.getpid()]) - busy_s
        woken = sum(map(meter.wakeups, running.pids)) - woken
        peak_mb = meter.peak_mb(running.pids)
        time.sleep(SETTLE_S)  # so that the end of the stretch is not the end of the file, which some cut
        stop_s = running.stop()
    finally:
        running.kill()
    measured_s = (end_ns - begin_ns) / 1e9
    cpu, x_cpu, sound_cpu = ((late - early) / measured_s * 60 for early, late in zip(before, after, strict=True))
    elsewhere = max(0.0, busy_s / measured_s)
    measured = Measurement("", "", "", 0, measured_s, cpu, x_cpu, sound_cpu, woken / measured_s, elsewhere)
    if running.pids:
        measured.begin_s, measured.begin_cpu_s, measured.stop_s = begin_s, begin_cpu_s, stop_s
        measured.whole_cpu_s = _ended_cpu_s() - ended_cpu_s
        measured.peak_mb = peak_mb
    return measured, begin_ns, end_ns


def _ended_cpu_s() -> float:
    """CPU of all children of this process that have ended so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _judge(measured: Measurement, job: Job, scene: scenes.Scene, shown: Shown, begin_ns: int, end_ns: int) -> None:
    verdict = judge.judge(job.file, scene)
    if scene.rate:
        numbers = shown.between(begin_ns, end_ns)
        measured.shown, measured.kept = len(numbers), len(numbers & verdict.numbers)
    measured.mb_a_minute = job.file.stat().st_size / verdict.length_s * 60 / 1e6
    measured.psnr_db, measured.ssim = verdict.psnr_db, verdict.ssim
