"""Runs `loopnote record` as a user does, in a virtual desktop, and knows when it said what."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.helpers.children import run_in, start_in
from virtual_desktop import VirtualDesktop

LOOPNOTE = [sys.executable, "-m", "ui.cli"]
# A recording ends within a second; this is for a machine that is busy with other things.
END_S = 30.0


@dataclass
class Recording:
    """A running `loopnote record --json`; made by `record`."""

    process: subprocess.Popen[str]
    lines: list[tuple[int, str]] = field(default_factory=list)  # (monotonic ns, line of standard error)
    began_ns: int = 0  # when the line `recording FILE` was read
    file: Path = Path()
    stopped_ns: int = 0  # when the end was asked for
    _began: threading.Event = field(default_factory=threading.Event)
    _read_all: threading.Event = field(default_factory=threading.Event)

    def wait_until_begun(self, timeout_s: float = 20.0) -> None:
        if not self._began.wait(timeout_s):
            raise AssertionError(f"the recording did not begin (exit code: {self.process.poll()}): {self.said}")

    @property
    def now_s(self) -> float:
        """Seconds since it began."""
        return (time.monotonic_ns() - self.began_ns) / 1e9

    @property
    def stopped_s(self) -> float:
        """When the end was asked for, in seconds since it began."""
        return (self.stopped_ns - self.began_ns) / 1e9

    @property
    def said(self) -> str:
        return "\n".join(line for _, line in self.lines)

    def send_stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Ask for the end, as Ctrl-C does, and note when."""
        self.stopped_ns = time.monotonic_ns()
        self.process.send_signal(number)

    def stop(self, expect: int | None = 0) -> dict[str, Any]:
        """Ctrl-C; returns what `--json` printed."""
        self.send_stop()
        return self.result(expect)

    def result(self, expect: int | None = 0) -> dict[str, Any]:
        """Wait for the end; returns what `--json` printed. Fails unless it exits with `expect` (None: 0 or 3)."""
        assert self.process.stdout is not None
        output = self.process.stdout.read()
        code = self.process.wait(END_S)
        self._read_all.wait(END_S)
        wanted = (0, 3) if expect is None else (expect,)
        assert code in wanted, f"exit code {code}\n{self.said}\n{output}"
        return json.loads(output) if output else {}

    def await_all_said(self) -> None:
        """Wait until the last line of an ended program was read."""
        self._read_all.wait(END_S)

    def read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append((time.monotonic_ns(), line.rstrip("\n")))
            if line.startswith("recording ") and not self._began.is_set():
                self.began_ns = self.lines[-1][0]
                self.file = Path(line.removeprefix("recording ").rstrip("\n"))
                self._began.set()
        self._read_all.set()


@contextlib.contextmanager
def record(
    desktop: VirtualDesktop,
    *options: str | Path,
    wait: bool = True,
    program: Sequence[str] = LOOPNOTE,
    debug: bool = True,
    env: dict[str, str] | None = None,
) -> Iterator[Recording]:
    """Start `loopnote record OPTIONS --json`. With `wait` it has begun when the block begins; it is killed after it.

    `program` takes the place of the command line; `env` is added to its environment. Without `debug` it says what users
    see.
    """
    command = [*program, "record", *map(str, options), "--json"]
    env = {**(env or {}), **({"LOOPNOTE_DEBUG": "1"} if debug else {})}
    with start_in(desktop, command, stderr=subprocess.PIPE, env=env) as process:
        recording = Recording(process)
        reader = threading.Thread(target=recording.read, name="recording-says", daemon=True)
        reader.start()
        if wait:
            recording.wait_until_begun()
        yield recording
        if process.poll() is None:
            process.kill()
        reader.join(10)


def loopnote(desktop: VirtualDesktop, *words: str | Path, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Run a `loopnote` command to its end: exit code, standard output, standard error."""
    done = run_in(desktop, [*LOOPNOTE, *map(str, words)], check=False, env=env)
    return done.returncode, done.stdout, done.stderr
