"""`loopnote record`: starts a recorder, obeys signals, shows progress, prints the result."""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
import time
from dataclasses import replace

from capture import settings as user_settings
from capture.errors import CaptureError
from capture.model import Event, Failed, Finished, Notice, RecordingResult, State, StateChanged
from capture.recorder import OUTCOME_LIMIT_S, Recorder
from capture.worker import as_fault
from ui.arguments import typed
from ui.control import ControlServer
from ui.progress import Progress
from ui.record_control import RecordControl, listen
from ui.request import Request, request_of, trimmed
from ui.signals import Signals
from ui.text import (
    EXIT_DEGRADED,
    EXIT_FAILED,
    EXIT_SAVED,
    READ_IT,
    OutputGone,
    complain,
    length_in_words,
    print_json,
    printable,
    settle_streams,
    size_in_words,
    tell,
)

# Checks for the end at least this often; a signal, or the end itself, wakes at once.
LOOK_S = 1.0
# Between a recorder's last event and its result lie some microseconds.
RESULT_LIMIT_S = 10.0
# Somebody who asks for the end the third time, this long after the first, is not just impatient: something hangs.
PATIENCE_S = 5.0
ASKED_IN_EARNEST = 3
NO_BEGINNING = "the recording does not begin, so it was given up"
NO_END = "the recording was left unfinished, because it does not end"


def record(args: argparse.Namespace) -> int:
    """Run to the end; returns the exit code. Main thread only (signals)."""
    request = request_of(typed(args), user_settings.load())
    signals = Signals()
    try:
        return _record(request, signals, args.json)
    finally:
        signals.ignore()


def _record(request: Request, signals: Signals, as_json: bool) -> int:
    progress = Progress(sys.stderr, show_levels=sys.stderr.isatty())
    began, over = threading.Event(), threading.Event()

    def on_event(event: Event) -> None:
        try:
            progress.show(event)
            control.see(event)
        finally:
            if isinstance(event, StateChanged) and event.state is State.RECORDING and not began.is_set():
                began.set()
                if remark := trimmed(request.settings):
                    progress.show(Notice(remark))
            if isinstance(event, Finished | Failed):
                over.set()
                signals.wake()

    bug: CaptureError | None = None
    server: ControlServer | None = None
    try:
        recorder = Recorder(request.settings, on_event)
        control = RecordControl(recorder)
        server = listen(control)
        recorder.begin()
        try:
            unfinished = _obey(signals, recorder, over)
        except BaseException as error:  # noqa: BLE001 - whatever it is, what was recorded must become a file
            bug = as_fault("the command line", error)
            recorder.request_stop()
            unfinished = "" if over.wait(OUTCOME_LIMIT_S) or recorder.ended else NO_END
    finally:
        progress.end()
        if server is not None:
            server.close()
    if unfinished:
        complain(unfinished, "Finish what there is of it with: loopnote recover")
        return EXIT_FAILED
    if progress.fault:
        complain(str(progress.fault), "The recording has not suffered from it. Please report this.")
    try:
        result = recorder.wait(RESULT_LIMIT_S)
    except CaptureError as error:
        raise (error if began.is_set() else request.blamed(error)) from error
    if bug:
        result = replace(result, degraded=(*result.degraded, str(bug)))
    # The object first: who started this for its sake may not read standard error, and then writing there blocks.
    gone = _print_result(result) if as_json else None
    _tell(result)
    if gone is not None:
        complain(f"the recording is saved, but its result could not be written: {gone}", READ_IT)
    return EXIT_DEGRADED if result.degraded or gone is not None else EXIT_SAVED


def _print_result(result: RecordingResult) -> BaseException | None:
    """For other programs; returns why none takes it."""
    try:
        print_json(result.to_json())
    except OutputGone as gone:
        settle_streams()  # or it would be tried again at the end
        return gone.__cause__
    return None


def _obey(signals: Signals, recorder: Recorder, over: threading.Event) -> str:
    """Wait for the end, by itself or as asked for. Returns why it is left, when it does not come (else nothing).

    That is when it was asked for in earnest, or when something has taken longer than all deadlines of the recorder:
    counted in looks, which stand still when the program does.
    """
    asked, first_asked_s, looks = 0, 0.0, 0
    while not (over.is_set() or recorder.ended):
        if signals.wait(LOOK_S):
            asked += 1
            first_asked_s = first_asked_s or time.monotonic()
            if asked >= ASKED_IN_EARNEST and time.monotonic() - first_asked_s > PATIENCE_S:
                return NO_END
            recorder.request_stop(quick=asked > 1)
        looks = looks + 1 if asked or recorder.state in (State.STARTING, State.STOPPING) else 0
        if looks * LOOK_S > OUTCOME_LIMIT_S:
            return NO_BEGINNING if recorder.state is State.STARTING else NO_END
    return ""


def _tell(result: RecordingResult) -> None:
    lines = [f"saved {printable(str(result.file))} ({length_in_words(result.duration_s)}"]
    with contextlib.suppress(OSError):  # somebody has moved it already
        lines[0] += f", {size_in_words(result.file.stat().st_size)}"
    lines[0] += ")"
    lines += [f"  not whole: {printable(text)}" for text in result.degraded]
    if result.audio is not None and result.audio.silent:
        lines.append("  the sound is silent from beginning to end; see: loopnote devices")
    tell("\n".join(lines) + "\n")
