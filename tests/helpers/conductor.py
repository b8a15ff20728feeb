"""A `capture.Recorder` in a child process, in a virtual desktop, that is told what to do."""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from capture import CaptureError, Recorder, RecordingSettings
from capture.model import Event, RecordingResult, StateChanged
from tests.helpers.children import environment
from tests.helpers.processes import wait_until
from virtual_desktop import VirtualDesktop

# Above all deadlines of the recorder that a test could meet.
_ANSWER_S = 30.0


class Conductor:
    """The recorder of a child process; made by `conduct`. Instants are monotonic nanoseconds."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._states: list[tuple[int, str]] = []
        self._answers: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, name="conductor-reports", daemon=True)
        self._reader.start()

    def do(self, command: str) -> int:
        """Call that method of the recorder, and wait until it returns. Gives back when it was called."""
        answer = self._ask(command)
        assert "error" not in answer, answer["error"]
        at_ns: int = answer["at_ns"]
        return at_ns

    def refused(self, command: str) -> str:
        """Call that method, which must raise a `CaptureError`; gives back its words."""
        error: str = self._ask(command)["error"]
        return error

    def stop(self) -> tuple[int, dict[str, Any]]:
        """Stop; gives back when, and the result as `--json` prints it."""
        answer = self._ask("stop")
        assert "error" not in answer, answer["error"]
        return answer["at_ns"], answer["result"]

    def await_state(self, state: str) -> int:
        """Wait until that is the state; gives back since when."""
        reached = lambda: bool(self._states) and self._states[-1][1] == state  # noqa: E731
        wait_until(reached, f"{state} to be the state", describe=lambda: str(self._states))
        return self._states[-1][0]

    def _ask(self, command: str) -> dict[str, Any]:
        known = len(self._answers)
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        wait_until(lambda: len(self._answers) > known, f"an answer to {command}", _ANSWER_S)
        return self._answers[-1]

    def _read(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError):  # a killed child may leave half a line
            for line in self._process.stdout:
                report = json.loads(line)
                if "state" in report:
                    self._states.append((report["at_ns"], report["state"]))
                else:
                    self._answers.append(report)


@contextlib.contextmanager
def conduct(desktop: VirtualDesktop, file: Path, **settings: Any) -> Iterator[Conductor]:
    """A recorder for `file` with these settings, not yet started; killed at the end of the block."""
    command = [sys.executable, "-m", "tests.helpers.conductor", json.dumps({"file": str(file), **settings})]
    process = subprocess.Popen(
        command, env=environment(desktop), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        yield Conductor(process)
    finally:
        process.kill()
        process.wait(10)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def main() -> None:
    """Obey one command a line, and report as JSON lines what came of it, and every state."""
    parser = argparse.ArgumentParser()
    parser.add_argument("settings", type=json.loads)
    settings = parser.parse_args().settings
    said = threading.Lock()

    def say(at_ns: int, **report: object) -> None:
        with said:
            print(json.dumps({"at_ns": at_ns, **report}), flush=True)

    def on_event(event: Event) -> None:
        if isinstance(event, StateChanged):
            say(time.monotonic_ns(), state=event.state.value)

    recorder = Recorder(RecordingSettings(**{**settings, "file": Path(settings["file"])}), on_event)
    for line in sys.stdin:
        at_ns = time.monotonic_ns()
        try:
            command: Callable[[], RecordingResult | None] = getattr(recorder, line.strip())
            result = command()
            say(at_ns, result=result.to_json() if result is not None else None)
        except CaptureError as error:
            say(at_ns, error=str(error))


if __name__ == "__main__":
    main()
