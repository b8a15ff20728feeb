"""The recorder: the states, the commands, and the only place that decides what a fault means.

It runs in a thread of its own, so that it stops in time (duration, full disk) whatever the ui is doing. The public
methods may be called by any thread; they post a command and wait, with a deadline, for what comes of it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from capture.channel import Channel, Closed, Empty, Overflow
from capture.clock import NS_PER_S, Clock, MonotonicClock
from capture.errors import CaptureError, WorkerFault
from capture.lapses import LapseWatch
from capture.model import Event, Failed, Finished, Levels, Notice, RecordingResult, State, StateChanged
from capture.result import summarise
from capture.session import Fault, Session
from capture.settings import RecordingSettings
from capture.silence import SilenceWatchdog
from capture.sound.source import SoundSystem
from capture.sound.system import sound_system
from capture.standstill import Standstill
from capture.worker import Worker, as_fault

if TYPE_CHECKING:
    from capture.screen.source import ScreenSystem

log = logging.getLogger(__name__)

MOVES: dict[State, frozenset[State]] = {
    State.IDLE: frozenset({State.STARTING}),
    State.STARTING: frozenset({State.RECORDING, State.FAILED}),
    State.RECORDING: frozenset({State.PAUSED, State.STOPPING, State.FAILED}),
    State.PAUSED: frozenset({State.RECORDING, State.STOPPING, State.FAILED}),
    State.STOPPING: frozenset({State.IDLE, State.FAILED}),
    State.FAILED: frozenset({State.IDLE}),
}
# Commands and faults waiting for the recorder's thread: people press few buttons a second, and a pipeline has few
# threads.
COMMAND_BOUND = 64
# How long a public method waits for its outcome: longer than every deadline in the session together.
OUTCOME_LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class _Stop:
    at_ns: int
    discard: bool = False


@dataclass(frozen=True, slots=True)
class _Pause:
    at_ns: int


@dataclass(frozen=True, slots=True)
class _Resume:
    at_ns: int


_Command = _Stop | _Pause | _Resume | Fault


class Recorder:
    """Makes one recording. `on_event` is called by several threads, one at a time, and must not block.

    `sound` and `screen` are the computer's own unless given (tests give fakes).
    """

    def __init__(
        self,
        settings: RecordingSettings,
        on_event: Callable[[Event], None] = lambda event: None,
        clock: Clock | None = None,
        sound: SoundSystem | None = None,
        screen: ScreenSystem | None = None,
    ) -> None:
        self.settings = settings
        self._state = State.IDLE
        self._clock = clock or MonotonicClock()
        self._sound = sound
        self._screen = screen
        self._on_event = on_event
        self._event_lock = threading.RLock()
        self._commands: Channel[_Command] = Channel("commands", COMMAND_BOUND, Overflow.BLOCK)
        self._hurry = threading.Event()
        self._stop_asked = threading.Event()
        self._began = threading.Event()
        self._ended = threading.Event()
        self._by_duration = False
        self._result: RecordingResult | None = None
        self._error: CaptureError | None = None
        self._worker = Worker("recorder", self._run, on_fault=self._failed)

    # --- for any thread -----------------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        return self._state

    @property
    def ended(self) -> bool:
        """True when the recording has come to its end, by itself or by command, well or not."""
        return self._ended.is_set()

    def begin(self) -> None:
        """Start, without waiting: `StateChanged(RECORDING)`, or `Failed`, comes as an event. Once a Recorder."""
        if self._worker.started:
            raise RuntimeError("a Recorder makes one recording")
        self._move(State.STARTING)
        try:
            self._worker.start()
        except CaptureError as fault:
            self._failed(fault)
            raise

    def start(self) -> None:
        """Start, and wait until the recording truly runs. Raises the `CaptureError` for which it does not."""
        self.begin()
        self.wait_begun()

    def wait_begun(self) -> None:
        """Wait until a recording that was begun truly runs. Raises the `CaptureError` for which it does not."""
        if not self._began.wait(OUTCOME_LIMIT_S):
            raise CaptureError("the recording did not begin", "See: loopnote doctor")
        if self._error is not None:
            raise self._error

    def pause(self) -> None:
        """Take what comes now out of the recording, picture and sound alike. Nothing happens unless recording."""
        self._post(_Pause(self._clock.now_ns()))

    def resume(self) -> None:
        """Go on after a pause."""
        self._post(_Resume(self._clock.now_ns()))

    def request_stop(self, quick: bool = False) -> None:
        """Stop at this instant; returns at once.

        `quick` does not wait for sound that is still on its way; that can be said later, too, of a stop that was asked
        for before.
        """
        if quick and self._is_active:
            self._hurry.set()
        if self._is_active:
            self._stop_asked.set()
        self._post(_Stop(self._clock.now_ns()))

    def stop(self) -> RecordingResult:
        """Stop at this instant, and wait for the finished file. Raises `CaptureError` when there is none."""
        if self._state is State.IDLE and not self._ended.is_set():
            raise CaptureError("nothing is being recorded", "Start the recording first.")
        self.request_stop()
        return self.wait(OUTCOME_LIMIT_S)

    def discard(self) -> None:
        """Stop and keep nothing. Nothing happens before the beginning and after the end."""
        if self._is_active:
            self._hurry.set()
            self._stop_asked.set()
            self._post(_Stop(self._clock.now_ns(), discard=True))
            self._ended.wait(OUTCOME_LIMIT_S)

    def wait(self, timeout_s: float) -> RecordingResult:
        """Wait for the end. Raises `TimeoutError`, or the `CaptureError` because of which there is no file."""
        if not self._ended.wait(timeout_s):
            raise TimeoutError(f"the recording did not end within {timeout_s:g} s")
        if self._result is None:
            raise self._error or CaptureError("the recording was discarded")
        return self._result

    # --- the recorder's thread ----------------------------------------------------------------------------------------

    def _run(self, stop: threading.Event) -> None:
        settings = self.settings
        if settings.has_sound and self._sound is None:
            self._sound = sound_system()
        if settings.screen is not None and self._screen is None:
            from capture.screen.system import screen_system

            self._screen = screen_system()
        session = Session(settings, self._sound, self._screen, self._clock, self._post, self._emit, self._hurry)
        session.open(on_begun=lambda: self._first_sample(session))
        self._began.set()
        try:
            end = self._conduct(session)
        except BaseException as bug:  # noqa: BLE001 - whatever it is, what was recorded must become a file
            self._tell(as_fault("the recorder", bug), session)
            end = self._stop_now()
        self._move(State.STOPPING)
        if end.discard:
            session.discard(end.at_ns)
        else:
            file = session.end(end.at_ns, exact=self._by_duration)
            self._result = self._summary(session, file)
        self._move(State.IDLE)
        self._ended.set()
        if self._result is not None:
            self._emit(Finished(self._result))

    def _first_sample(self, session: Session) -> None:
        if self._stop_asked.is_set():
            raise CaptureError("the recording was stopped before it began, so there is no file", "")
        self._move(State.RECORDING, session)

    def _summary(self, session: Session, file: Path) -> RecordingResult:
        """What became of it. The file is there by now, so no fault in the telling may make a failure of it."""
        try:
            return summarise(session, file)
        except BaseException as bug:  # noqa: BLE001 - as it says
            fault = as_fault("summing up the result", bug)
            return RecordingResult(
                file, session.output.length_s, session.started_at.isoformat(), None, None, (str(fault),)
            )

    def _conduct(self, session: Session) -> _Stop:
        """Obey commands until the end."""
        watchdog = SilenceWatchdog(session, self._sound, self._emit) if session.sources.has_speaker else None
        standstill = Standstill(session.turns)
        lapses = LapseWatch(session.timing, self._clock, session.tell, filming=session.grabber is not None)
        while True:
            due_ns = self._due_ns(session)
            now_ns = self._clock.now_ns()
            if due_ns is not None and now_ns >= due_ns:
                self._by_duration = True
                return _Stop(due_ns)
            if not session.has_sound and self._state is State.RECORDING:
                session.tell_levels(now_ns, {})
            waits_s = [1.0 if due_ns is None else min(1.0, (due_ns - now_ns) / NS_PER_S)]
            waits_s.append(lapses.look(now_ns))
            if watchdog is not None:
                try:
                    waits_s.append(watchdog.look(now_ns))
                except BaseException as bug:  # noqa: BLE001 - a help only; the recording goes on
                    self._tell(as_fault("the watch for silence", bug), session)
                    watchdog = None
            for name in standstill.look(now_ns):
                if self._is_fatal_standstill(name, session):
                    return self._stop_now()
            ailing = getattr(self._sound, "ailing", str)()  # not every sound system can tell
            if ailing and ailing not in [str(fault.error) for fault in session.faults]:
                self._tell(CaptureError(ailing, WorkerFault.default_hint), session)
            try:
                command = self._commands.get(max(0.0, min(waits_s)))
            except Empty:
                continue
            if isinstance(command, _Stop):
                return command
            self._obey(command, session)
            if isinstance(command, Fault) and self._is_fatal(command, session):
                return self._stop_now()

    def _stop_now(self) -> _Stop:
        """After a fault: nothing more is worth waiting for."""
        self._hurry.set()
        return _Stop(self._clock.now_ns())

    def _due_ns(self, session: Session) -> int | None:
        """When the asked duration is reached; None without one, and while paused."""
        if self.settings.duration_s is None or self._state is State.PAUSED:
            return None
        now_ns = self._clock.now_ns()
        left_ns = round(self.settings.duration_s * NS_PER_S) - session.timing.recorded_ns(now_ns)
        return now_ns + left_ns

    def _obey(self, command: _Command, session: Session) -> None:
        if isinstance(command, _Pause) and self._state is State.RECORDING:
            session.pause(command.at_ns)
            self._move(State.PAUSED)
        elif isinstance(command, _Resume) and self._state is State.PAUSED:
            session.resume(command.at_ns)
            self._move(State.RECORDING)
        elif isinstance(command, Fault):
            self._emit(Notice(str(command.error), command.error.hint, degrades=True))

    def _is_fatal(self, fault: Fault, session: Session) -> bool:
        """Whether the recording cannot go on. One source, or the picture, may be lost while others give something."""
        if fault.stage in ("mix", "write") or (fault.stage == "video" and session.output.sound_waits):
            return True
        return not session.anything_runs()

    def _is_fatal_standstill(self, name: str, session: Session) -> bool:
        """Tell of a thread that stands still. What the mixer does not take is lost; all others may come back."""
        if name == "write":
            # What is on its way waits in memory, and what finds no room there is counted.
            self._emit(Notice("the disk does not answer; what is recorded waits in memory meanwhile"))
            return False
        self._tell(WorkerFault(f"the {name} thread stands still; what it should have given is missing"), session)
        return name == "mix"

    def _tell(self, error: CaptureError, session: Session) -> None:
        fault = Fault("recorder", error)
        session.note(fault)
        self._obey(fault, session)

    # --- state and events ---------------------------------------------------------------------------------------------

    def _move(self, state: State, session: Session | None = None) -> None:
        """The one setter of the state."""
        with self._event_lock:
            if state not in MOVES[self._state]:
                raise RuntimeError(f"the recorder cannot go from {self._state.value} to {state.value}")
            self._state = state
        self._emit(StateChanged(state, session.output.place.final if session else None))

    def _failed(self, fault: CaptureError) -> None:
        """The recorder's own thread ended with an error: there is no recording, or none that could be finished."""
        self._error = fault
        try:
            if isinstance(fault, WorkerFault):
                log.error("%s", fault)
                if not self._began.is_set() and fault.hint == fault.default_hint:
                    fault.hint = WorkerFault.hint_before
            self._move(State.FAILED)
            self._emit(Failed(fault))
        finally:
            self._began.set()
            self._ended.set()

    def _emit(self, event: Event) -> None:
        with self._event_lock:
            try:
                self._on_event(event)
            except BaseException:
                if not isinstance(event, Levels):
                    log.exception("a listener failed on %s", type(event).__name__)

    @property
    def _is_active(self) -> bool:
        return self._state not in (State.IDLE, State.FAILED)

    def _post(self, command: _Command) -> None:
        if not self._is_active:
            return  # nobody reads commands before the beginning and after the end
        try:
            self._commands.put(command, timeout_s=1.0)
        except Closed:
            log.debug("after the end: %s", command)
