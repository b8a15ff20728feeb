"""The running application: it makes one recording at a time, for its windows and for who asks from outside.

    tray, hotkeys ── begin, stop, pause ──▶ [Instance] ── a Recorder for each recording
    loopnote toggle ── answer("toggle") ──▶     └──────── events ──▶ listen (the ui)

No Qt here: what holds for a recording must not hang on a window. Every method may be called by any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from capture.errors import CaptureError
from capture.model import Event, State
from capture.recorder import OUTCOME_LIMIT_S, Recorder
from capture.settings import RecordingSettings
from ui.control import Answer
from ui.record_control import RecordControl
from ui.text import EXIT_FAILED

NOTHING = CaptureError("nothing is being recorded", "Start with: loopnote start")

MakeRecorder = Callable[[RecordingSettings, Callable[[Event], None]], Recorder]


class Instance:
    """`choose` says what the next recording is to be (raises `CaptureError`); `listen` gets all events of recorders.

    `listen` is called as a recorder's `on_event` is, so it must not block; `show` and `quit` are called when somebody
    asks for the window, or for the end of the application, by a thread of the asker's.
    """

    def __init__(
        self,
        choose: Callable[[], RecordingSettings],
        listen: Callable[[Event], None],
        show: Callable[[], None] = lambda: None,
        quit_: Callable[[], None] = lambda: None,
        make: MakeRecorder = Recorder,
    ) -> None:
        self._choose = choose
        self._listen = listen
        self._show = show
        self._quit = quit_
        self._make = make
        self._lock = threading.Lock()
        self._recorder: Recorder | None = None
        self._control: RecordControl | None = None
        self._is_closed = False

    @property
    def state(self) -> State:
        """Of the recording that is being made; IDLE when there is none."""
        recorder = self._recorder
        return State.IDLE if recorder is None or recorder.ended else recorder.state

    @property
    def settings(self) -> RecordingSettings | None:
        """Of the recording that is being made, or was the last; None before the first."""
        recorder = self._recorder
        return None if recorder is None else recorder.settings

    def begin(self) -> Recorder:
        """Begin a recording, without waiting. Raises `CaptureError` when one runs already, or none can be begun."""
        with self._lock:
            if self._is_closed:
                raise CaptureError("Loopnote is about to end", "Start it again: loopnote")
            if self._current is not None:
                raise CaptureError("something is being recorded already", "See: loopnote status")
            recorder = self._make(self._choose(), self._hear)
            self._control = RecordControl(recorder)
            self._recorder = recorder
            recorder.begin()
            return recorder

    def stop(self) -> None:
        """Stop at this instant, without waiting."""
        if (recorder := self._current) is not None:
            recorder.request_stop()

    def pause_or_resume(self) -> None:
        """Change between the two."""
        if (recorder := self._current) is not None:
            (recorder.resume if recorder.state is State.PAUSED else recorder.pause)()

    def close(self) -> None:
        """Begin nothing any more; stop what runs, and wait for its file. Not for threads that must not block."""
        with self._lock:
            self._is_closed = True
        if (recorder := self._current) is not None:
            recorder.request_stop()
            try:
                recorder.wait(OUTCOME_LIMIT_S)
            except (CaptureError, TimeoutError):
                return  # told as an event, or it hangs and is left for `recover`

    def answer(self, command: str) -> Answer:
        """Do what was asked from outside, and tell what came of it. Blocks until that is known."""
        match command:
            case "start":
                return self._start()
            case "toggle" if self._current is None:
                return self._start()
            case "show":
                self._show()
                return self._status()
            case "quit":
                now = self._control.stop() if self._current is not None and self._control else Answer("idle")
                self._quit()
                return now
            case "status":
                return self._status()
            case _ if self._current is not None and self._control is not None:
                return self._control.answer(command)
            case "pause" | "resume" | "stop":
                return _refusal(NOTHING)
            case _:
                return _refusal(CaptureError(f"there is no command {command!r}", "See: loopnote --help"))

    @property
    def _current(self) -> Recorder | None:
        recorder = self._recorder
        return recorder if recorder is not None and not recorder.ended else None

    def _start(self) -> Answer:
        try:
            self.begin().wait_begun()
        except CaptureError as error:
            return _refusal(error) if self._current is None else self._told(error)
        return self._status()

    def _told(self, error: CaptureError) -> Answer:
        return self._control.refusal(str(error), error.hint) if self._control else _refusal(error)

    def _status(self) -> Answer:
        return self._control.status() if self._current is not None and self._control else Answer("idle")

    def _hear(self, event: Event) -> None:
        if self._control is not None:
            self._control.see(event)
        self._listen(event)


def _refusal(error: CaptureError) -> Answer:
    return Answer("idle", error=str(error), hint=error.hint, exit_code=EXIT_FAILED)
