"""A real `loopnote` in a child process, with a recorder that does what a test says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 60.0

# The recorder of the tests: `script(recorder)` runs in a thread of its own, as a recorder's events do.
FAKE_RECORDER = """
import os, sys, threading
from pathlib import Path
import ui.record_command as command
from capture.errors import CaptureError, NoSoundServer, OutputError, UnknownDevice
from capture.model import *
from ui.cli import main

class Recorder:
    def __init__(self, settings, on_event):
        self.settings, self.on_event = settings, on_event
        self.asked, self.asked_again = threading.Event(), threading.Event()
        self.stops = []
        self._ended = threading.Event()
        self.result = self.error = None

    @property
    def ended(self):
        return self._ended.is_set()

    def begin(self):
        self.state = State.STARTING
        threading.Thread(target=lambda: script(self), daemon=True).start()

    def request_stop(self, quick=False):
        self.stops.append(quick)
        (self.asked_again if self.asked.is_set() else self.asked).set()

    def wait(self, timeout_s):
        assert self._ended.wait(timeout_s)
        if self.error:
            raise self.error
        return self.result

    # --- for scripts

    def begun(self):
        self.state = State.RECORDING
        self.on_event(StateChanged(State.RECORDING, Path(FILE)))

    def finish(self, **changes):
        whole = dict(file=Path(FILE), duration_s=7.5, started_at="2026-01-02T03:04:05+01:00",
                     audio=AudioResult(48000, 2, -3.0, False), video=None)
        self.result = RecordingResult(**{**whole, **changes})
        self.on_event(Finished(self.result))
        self._ended.set()

    def fail(self, error):
        self.error = error
        self.on_event(Failed(error))
        self._ended.set()

command.Recorder = Recorder
waited_for = threading.Event()  # the main thread waits for a signal
wait = command.Signals.wait
command.Signals.wait = lambda self, timeout_s: (waited_for.set(), wait(self, timeout_s))[1]
FILE = os.environ["TEST_FILE"]
"""


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The tests' own environment, with homes of the test's own and without a sound server or a display."""
    left_out = ("PULSE", "LOOPNOTE", "PYTHON", "LC_", "DISPLAY", "WAYLAND", "COLUMNS")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
    homes = {"HOME": folder, "XDG_CONFIG_HOME": folder / "config", "XDG_RUNTIME_DIR": folder, "XDG_STATE_HOME": folder}
    return {
        **kept,
        **{key: str(value) for key, value in homes.items()},
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TEST_FILE": str(folder / "note.opus"),
        **more,
    }


def run(
    words: list[str], folder: Path, *, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE, **env: str
) -> subprocess.CompletedProcess[str]:
    """`loopnote WORDS...` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "ui.cli", *words],
        cwd=ROOT,
        env=environment(folder, **env),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        encoding="utf-8",
        timeout=LIMIT_S,
        check=False,
    )


def recording(
    script: str,
    words: list[str],
    folder: Path,
    *,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
    **env: str,
) -> subprocess.Popen[str]:
    """`loopnote record WORDS...`, running, with a recorder whose thread runs `script` (of `recorder`, a few lines)."""
    (folder / "note.opus").write_bytes(b"x" * 12_000)
    body = "".join(f"    {line}\n" for line in script.splitlines())
    code = f"{FAKE_RECORDER}\ndef script(recorder):\n{body}\nsys.exit(main(['record', *sys.argv[1:]]))\n"
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=ROOT,
        env=environment(folder, **env),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        encoding="utf-8",
    )
