"""One run of one fault, in a child process with a time limit: `run_once`, and what that child does (`main`)."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib
import json
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults.frame import Fault, Ground, Outcome
from tests.helpers.processes import command_lines, wait_until
from virtual_desktop import SoundServer

ROOT = Path(__file__).resolve().parents[2]
# Every process of a run has this in its environment, so that one that is left behind is found.
MARK = "LOOPNOTE_FAULT_RUN"
# A process that was told to end may take a moment for it.
LEFTOVER_S = 5.0


def run_once(fault: Fault, sound: SoundServer, seed: int, sample: bool = False) -> Outcome:
    """Run it in a child; one that does not end within its limit is killed with all that it started. Blocks.

    `sample`: see `Ground`.
    """
    from tests.faults.register import HOMES  # not in the child: every module makes sounds, which takes a while

    mark = secrets.token_hex(8)
    path = os.pathsep.join([str(ROOT), str(ROOT / "scripts")])
    with tempfile.TemporaryDirectory(prefix="fault-") as folder:
        words = [HOMES[fault], fault.name, sound, str(seed), folder, *(["--sample"] if sample else [])]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.once", *words],
            env={**os.environ, "PYTHONPATH": path, MARK: mark},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            output, said = process.communicate(timeout=fault.limit_s)
        except subprocess.TimeoutExpired:
            outcome = Outcome(False, problems=[f"no end within {fault.limit_s:g} s"])
        else:
            outcome = _read(output, process.returncode, said)
        finally:
            _end(process)
        outcome.problems += _left_behind(mark)
        return outcome


def _read(output: str, code: int, said: str) -> Outcome:
    if code != 0 or not output.strip():
        return Outcome(False, problems=[f"the run itself failed ({code}): {said.strip()[-2000:]}"])
    return Outcome(**json.loads(output.strip().splitlines()[-1]))


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait(timeout=10)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _left_behind(mark: str) -> list[str]:
    """What still runs of this run; it is killed."""

    def left() -> dict[int, str]:
        return {pid: line for pid, line in command_lines(environment=True).items() if mark in line}

    with contextlib.suppress(AssertionError):
        wait_until(lambda: not left(), "an end of all that was started", LEFTOVER_S)
    problems = []
    for pid, line in left().items():
        problems.append(f"left running: {line[:60]}")
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return problems


def main() -> None:
    """Run a fault in this process; prints its outcome as one line of JSON."""
    # Under `nohup` it is ignored, and so it would be in all that is started here: a handler is not passed on.
    signal.signal(signal.SIGHUP, lambda *_: None)
    parser = argparse.ArgumentParser()
    parser.add_argument("home", help="the module that holds the fault")
    parser.add_argument("name")
    parser.add_argument("sound")
    parser.add_argument("seed", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sample", action="store_true", help="a few of many places to strike at")
    options = parser.parse_args()
    for name in ("CACHE", "CONFIG", "DATA", "STATE"):
        os.environ[f"XDG_{name}_HOME"] = str(options.folder / f"xdg-{name.lower()}")
    folder = options.folder / "recordings"
    folder.mkdir()
    faults: tuple[Fault, ...] = importlib.import_module(options.home).FAULTS
    fault = next(fault for fault in faults if fault.name == options.name)
    chance = random.Random(f"{options.name}{options.seed}")
    try:
        outcome = fault.run(Ground(options.sound, folder, chance, options.seed, options.sample))
    except AssertionError as error:
        outcome = Outcome(False, problems=[str(error) or "an assertion failed"])
    sys.stdout.write(json.dumps(dataclasses.asdict(outcome)) + "\n")


if __name__ == "__main__":
    main()
