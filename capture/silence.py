"""The silence watchdog: says when a recording of the speakers hears nothing, and where sound is playing instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from capture.clock import NS_PER_S
from capture.errors import CaptureError
from capture.model import Notice
from capture.worker import Worker

if TYPE_CHECKING:
    from capture.session import Session
    from capture.sound.source import SoundSystem

# The promise: two seconds of silence, and it is said.
SILENCE_NS = 2 * NS_PER_S
LISTEN_S = 0.3


class SilenceWatchdog:
    """Looks once, when the first two seconds are over. Used by the recorder's thread; listens in one of its own."""

    def __init__(self, session: Session, sound: SoundSystem | None, emit: Callable[[Notice], None]) -> None:
        self._session = session
        self._sound = sound
        self._emit = emit
        self._done = False

    def look(self, now_ns: int) -> float:
        """Check if it is time to. Returns the seconds until it wants to be called again. Never blocks."""
        if self._done:
            return 3600.0
        left_ns = SILENCE_NS - self._session.timing.recorded_ns(now_ns)
        if left_ns > 0:
            return left_ns / NS_PER_S
        self._done = True
        if self._session.sound_stage.meter.silent:
            Worker("silence-watch", lambda stop: self._say()).start()
        return 3600.0

    def _say(self) -> None:
        known = self._session.sources.device_names
        heard = ", ".join(known) or "no device"
        text = f"nothing but silence so far from: {heard}"
        try:
            others = [device.name for device in self._sound.sounding(LISTEN_S)] if self._sound else []
        except CaptureError:
            others = []
        others = [name for name in others if name not in known]
        if others:
            hint = f"Sound is playing on: {', '.join(others)}. Record that with: --speaker {others[0]!r}"
        else:
            hint = "No other speaker plays anything either. The recording goes on, and takes what will play."
        self._emit(Notice(text, hint))
