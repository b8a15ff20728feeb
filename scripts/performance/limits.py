"""What has a limit of its own, not beside other recorders: start-up, the first sample, the stop, memory (issue 4)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from performance import long_file, meter, sound, stage
from performance.recorders import ROOT, Job, loopnote
from virtual_desktop import VirtualDesktop

_COMMAND_S = 30.0
_LOOPNOTE = [sys.executable, "-m", "ui.cli"]
# Until libraries, buffers and the allocator's own pools have their size.
_WARM_UP_S = 20.0
_SAMPLE_S = 1.0
_BEGINNING = "recording "
# Runs the program as always, and says which modules were loaded once the recording had begun.
_TELL_MODULES = """
import json, os, sys, threading
from ui import cli
before = set(sys.modules)
code = cli.main(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    json.dump([name for name in sys.modules if name != "__main__"], file)
os._exit(code)
"""
# Loads those modules, and says when that was done.
_LOAD_MODULES = """
import contextlib, json, sys
with open(sys.argv[1]) as file:
    names = json.load(file)
import importlib
for name in names:
    with contextlib.suppress(Exception):
        importlib.import_module(name)
import time
print(time.monotonic_ns())
"""


@dataclass(frozen=True)
class Figure:
    """Something measured, several times, and the most that its median may be."""

    name: str
    unit: str
    values: list[float]
    most: float | None

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def is_kept(self) -> bool:
        return self.most is None or self.median <= self.most

    def __str__(self) -> str:
        bound = "" if self.most is None else f"  at most {self.most:g}{'' if self.is_kept else ': BROKEN'}"
        spread = f"{min(self.values):.0f} to {max(self.values):.0f}, {len(self.values)} times"
        return f"{self.name:58} {self.median:8.1f} {self.unit:8} ({spread}){bound}"


def main(quick: bool, memory_minutes: float, file: Path | None) -> int:
    """Measure everything and print it as it comes. 1 when a limit is broken."""
    figures: list[Figure] = []

    def tell(*found: Figure) -> None:
        figures.extend(found)
        print(*found, sep="\n", flush=True)

    rounds = 5 if quick else 15
    tell(*_commands(rounds))
    with VirtualDesktop("pulse", private_home=True) as desktop, sound.play(desktop):
        for screen in (False, True):
            tell(*_first_sample(desktop, screen, 3 if quick else 9))
        tell(*_memory(desktop, memory_minutes))
    hours = 0.2 if quick else 2.0
    tell(*[_closing(name, hours, 1 if quick else 3) for name in ("opus", "mp4", "mkv")])
    if file is not None:
        file.write_text(json.dumps([asdict(figure) | {"median": figure.median} for figure in figures], indent=1) + "\n")
    return 0 if all(figure.is_kept for figure in figures) else 1


def _commands(rounds: int) -> list[Figure]:
    """How long a command takes from its start to its end, the shortest possible one of Python first."""
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "loopnote --version": [*_LOOPNOTE, "--version"],
        "loopnote record --help": [*_LOOPNOTE, "record", "--help"],
    }
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    times_ms: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds + 1):
        for name, command in commands.items():
            began_s = time.monotonic()
            subprocess.run(command, env=env, stdout=subprocess.DEVNULL, timeout=_COMMAND_S, check=True)
            times_ms[name].append((time.monotonic() - began_s) * 1000)
    for values in times_ms.values():
        del values[0]  # the files were not in memory yet
    empty, version, help_ = times_ms.values()
    return [
        Figure("python -c pass, start to exit", "ms", empty, None),
        # What a command that only speaks to a running Loopnote may take.
        Figure("loopnote --version, start to exit", "ms", version, 1.5 * median(empty) + 60),
        Figure("loopnote record --help, start to exit", "ms", help_, 250),
    ]


def _first_sample(desktop: VirtualDesktop, screen: bool, rounds: int) -> list[Figure]:
    """From the start of the process to the first sample, and how much of it is not for starting Python and imports."""
    what = "screen and sound" if screen else "sound"
    until_begun_ms, beyond_ms, stop_ms = [], [], []
    with tempfile.TemporaryDirectory(prefix="loopnote-limits-") as name:
        folder = Path(name)
        suffix = "mp4" if screen else "opus"
        options = [*(["--screen", "all"] if screen else []), "--duration", "0.3"]
        modules = folder / "modules.json"
        env = {**desktop.env, "PYTHONPATH": str(ROOT)}
        _run([sys.executable, "-c", _TELL_MODULES, modules, "record", folder / f"x.{suffix}", *options], env, folder)
        for number in range(rounds):
            job = Job(desktop, folder / str(number), fps=30 if screen else None)
            job.folder.mkdir()
            begun_ms, stopped_ms = _begin_and_stop(job)
            loaded_ms = _loaded_ms(modules, env, folder)
            until_begun_ms.append(begun_ms)
            beyond_ms.append(begun_ms - loaded_ms)
            stop_ms.append(stopped_ms)
    return [
        Figure(f"{what}: process start to first sample", "ms", until_begun_ms, None),
        Figure(f"{what}: the same beyond process start and imports", "ms", beyond_ms, 150),
        Figure(f"{what}: stop to 'saved', of a short recording", "ms", stop_ms, 300),
    ]


def _begin_and_stop(job: Job) -> tuple[float, float]:
    """Milliseconds from the start to the line `recording`, and from the request to stop to the line `saved`."""
    running = loopnote(job)
    try:
        begun_ms = running.wait_until_begun(look_s=0.001) * 1000
        time.sleep(1.0)
        asked_s = time.monotonic()
        running.ask_to_stop()
        while "\nsaved " not in running.log.read_text():
            time.sleep(0.001)
            if time.monotonic() - asked_s > _COMMAND_S:
                raise RuntimeError(f"the recording did not end: {running.log.read_text()}")
        stopped_ms = (time.monotonic() - asked_s) * 1000
        running.processes[0].wait(_COMMAND_S)
        return begun_ms, stopped_ms
    finally:
        running.kill()


def _loaded_ms(modules: Path, env: dict[str, str], folder: Path) -> float:
    """From the start of a Python to its having loaded the modules of a recording."""
    began_ns = time.monotonic_ns()
    done = _run([sys.executable, "-c", _LOAD_MODULES, modules], env, folder)
    return (int(done.split()[-1]) - began_ns) / 1e6


def _run(command: list[Any], env: dict[str, str], folder: Path) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, env=env, cwd=folder, capture_output=True, text=True, timeout=_COMMAND_S, check=False)
    if done.returncode not in (0, 3):
        raise RuntimeError(f"{words[:3]} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def _memory(desktop: VirtualDesktop, minutes: float) -> list[Figure]:
    """Memory of a recording of screen and sound, while a scene plays on that changes now and then and always a bit."""
    resident_mb, times_s = [], []
    with tempfile.TemporaryDirectory(prefix="loopnote-limits-") as name, stage.show(desktop, "small", 1920, 1080, 30):
        running = loopnote(Job(desktop, Path(name), 1920, 1080, 30))
        try:
            running.wait_until_begun()
            time.sleep(_WARM_UP_S)
            began_s = time.monotonic()
            while time.monotonic() - began_s < minutes * 60:
                times_s.append(time.monotonic() - began_s)
                resident_mb.append(meter.resident_mb(running.pids))
                time.sleep(_SAMPLE_S)
            peak_mb = meter.peak_mb(running.pids)
            running.stop()
        finally:
            running.kill()
    slope = float(np.polyfit(times_s, resident_mb, 1)[0])  # MB a second
    tenth = max(1, len(resident_mb) // 10)
    grown_mib = (median(resident_mb[-tenth:]) - median(resident_mb[:tenth])) * 1e6 / 2**20
    return [
        Figure("1080p30: peak memory", "MB", [peak_mb], 180),
        Figure(f"1080p30: memory grown in {minutes:g} min", "MiB", [grown_mib], 1),
        Figure("1080p30: slope of memory", "MB/hour", [slope * 3600], None),
    ]


def _closing(name: str, hours: float, rounds: int) -> Figure:
    values = [long_file.closing_ms(name, hours) for _ in range(rounds)]
    return Figure(f"{name}: closing a file of {hours:g} hours", "ms", values, 300)
