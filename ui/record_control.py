"""What `loopnote status`, `pause`, `stop` and the like do to a recording that `loopnote record` makes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from capture.errors import CaptureError
from capture.model import Event, Levels, State, StateChanged
from capture.recorder import Recorder
from ui.control import AlreadyRunning, Answer, ControlServer
from ui.text import EXIT_DEGRADED, EXIT_FAILED, EXIT_SAVED

log = logging.getLogger(__name__)

# A pause takes effect at once; this is for a recorder that is just being started.
CHANGE_S = 5.0
STOP_S = 80.0
_NAMES = {State.FAILED: State.IDLE}  # the states as others know them


class RecordControl:
    """Answers for one recorder. `see` is called with each of its events; `answer` by the control server's threads."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._file: str | None = None
        self._elapsed_s = 0.0
        self._changed = threading.Condition()

    def see(self, event: Event) -> None:
        if isinstance(event, StateChanged):
            with self._changed:
                self._file = self._file if event.file is None else str(event.file)
                self._changed.notify_all()
        elif isinstance(event, Levels):
            self._elapsed_s = event.elapsed_s

    def answer(self, command: str) -> Answer:
        """Do it, and tell what came of it. Blocks until that is known."""
        match command:
            case "status":
                return self.status()
            case "pause":
                return self._change(self._recorder.pause, State.PAUSED, "nothing is being recorded")
            case "resume":
                return self._change(self._recorder.resume, State.RECORDING, "the recording is not paused")
            case "stop" | "toggle" | "quit":
                return self.stop()
            case "start":
                return self.refusal("something is being recorded already", "See: loopnote status")
            case _:
                return self.refusal(f"there is no command {command!r}", "See: loopnote --help")

    def status(self) -> Answer:
        """How the recording stands."""
        state = _NAMES.get(self._recorder.state, self._recorder.state)
        return Answer(state.value, self._file, round(self._elapsed_s, 3))

    def refusal(self, error: str, hint: str) -> Answer:
        """How it stands, and why what was asked for was not done."""
        now = self.status()
        return Answer(now.state, now.file, now.duration_s, error=error, hint=hint, exit_code=EXIT_FAILED)

    def _change(self, change: Callable[[], None], wanted: State, refusal: str) -> Answer:
        change()
        with self._changed:
            if not self._changed.wait_for(lambda: self._recorder.state is wanted, CHANGE_S):
                return self.refusal(refusal, "See: loopnote status")
        return self.status()

    def stop(self) -> Answer:
        """Stop it, and wait for what becomes of it."""
        try:
            self._recorder.request_stop()
            result = self._recorder.wait(STOP_S)
        except CaptureError as error:
            return Answer("idle", error=str(error), hint=error.hint, exit_code=EXIT_FAILED)
        except TimeoutError as error:
            return self.refusal(str(error), "See: loopnote status")
        code = EXIT_DEGRADED if result.degraded else EXIT_SAVED
        return Answer("idle", str(result.file), result.duration_s, result.to_json(), exit_code=code)


def listen(control: RecordControl) -> ControlServer | None:
    """Let others reach this recording; None when another instance is the one that is reached, or there is no way."""
    try:
        return ControlServer(control.answer)
    except AlreadyRunning:
        log.debug("another instance of Loopnote is the one that commands reach")
    except OSError as error:
        log.debug("no commands can reach this recording: %s", error)
    return None
