"""`loopnote record`: starts a recorder, obeys signals, shows progress, prints the result."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading

from capture import settings as user_settings
from capture.model import Event, Failed, Finished, RecordingResult
from capture.recorder import Recorder
from ui.arguments import settings_from
from ui.progress import Progress
from ui.text import length_in_words, size_in_words

# Checks for the end at least this often; a signal, or the end itself, wakes at once.
LOOK_S = 1.0


def record(args: argparse.Namespace) -> int:
    """Run to the end; returns the exit code. Main thread only (signals)."""
    settings = settings_from(args, user_settings.load())
    signals = Signals()
    progress = Progress(sys.stderr, show_levels=sys.stderr.isatty())

    def on_event(event: Event) -> None:
        progress.show(event)
        if isinstance(event, Finished | Failed):
            signals.wake()

    recorder = Recorder(settings, on_event)
    recorder.begin()
    asked = 0
    while not recorder.ended:
        if signals.wait(LOOK_S):
            asked += 1
            recorder.request_stop(quick=asked > 1)
    progress.end()
    result = recorder.wait(timeout_s=1.0)
    if args.json:
        sys.stdout.write(json.dumps(result.to_json(), ensure_ascii=False) + "\n")
    _tell(result)
    return 3 if result.degraded else 0


def _tell(result: RecordingResult) -> None:
    size = result.file.stat().st_size
    lines = [f"saved {result.file} ({length_in_words(result.duration_s)}, {size_in_words(size)})"]
    lines += [f"  not whole: {text}" for text in result.degraded]
    if result.audio is not None and result.audio.silent:
        lines.append("  the sound is silent from beginning to end; see: loopnote devices")
    sys.stderr.write("\n".join(lines) + "\n")


class Signals:
    """Ctrl-C, SIGTERM and SIGHUP as something to wait for.

    On POSIX the signals are blocked and fetched, in place of handlers: a handler may run while this very thread holds
    a lock that it needs. Blocking happens before any thread is started, so all threads inherit it.
    """

    def __init__(self) -> None:
        self._posix = hasattr(signal, "sigtimedwait")
        self._event = threading.Event()
        self._count = 0
        if self._posix:
            self._asking = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
            self._waking = signal.SIGURG  # ignored by default, used by nobody here
            signal.pthread_sigmask(signal.SIG_BLOCK, self._asking | {self._waking})
        else:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: self._note())

    def wait(self, timeout_s: float) -> bool:
        """True when an end was asked for; False after `timeout_s` or `wake`. Main thread."""
        if self._posix:
            info = signal.sigtimedwait(self._asking | {self._waking}, timeout_s)
            return info is not None and info.si_signo in self._asking
        before = self._count
        self._event.wait(timeout_s)
        self._event.clear()
        return self._count > before

    def wake(self) -> None:
        """End a `wait` of the main thread. Any thread."""
        if self._posix:
            os.kill(os.getpid(), self._waking)
        else:
            self._event.set()

    def _note(self) -> None:
        self._count += 1
        self._event.set()
