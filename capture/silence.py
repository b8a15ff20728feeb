"""The silence watchdog: says when a recording of the speakers hears nothing, and where sound is playing instead."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from capture.clock import NS_PER_S
from capture.model import DeviceKind, Notice
from capture.worker import Worker

if TYPE_CHECKING:
    from capture.session import Session
    from capture.sound.source import SoundSystem

log = logging.getLogger(__name__)

# After two seconds of silence it is said.
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
        if all(self._session.mixer.source_meters[name].silent for name in self._session.sources.speaker_names):
            Worker("silence-watch", lambda stop: self._say()).start()
        return 3600.0

    def _say(self) -> None:
        known = self._session.sources.device_names
        others: list[str] = []
        try:
            others = self._others(known)
        except Exception:  # whatever it is, the word about the silence itself must come
            log.debug("looking for other speakers", exc_info=True)
        hint = "The recording goes on, and takes what will play."
        instead = others[0] if others else ""
        if others:
            hint = f"Sound is playing on: {', '.join(others)}. Record that with: --speaker {others[0]!r}"
        text = f"nothing but silence so far from: {', '.join(known) or 'no device'}"
        self._emit(Notice(text, hint, speaker_instead=instead))

    def _others(self, known: list[str]) -> list[str]:
        """Other speakers that sound now, and those on which an application plays though it may just draw breath."""
        if self._sound is None:
            return []
        devices = self._sound.devices()
        playing = {app.detail.get("speaker") for app in devices if app.detail.get("playing")}
        found = [device.name for device in devices if device.kind is DeviceKind.SPEAKER and device.id in playing]
        found += [device.name for device in self._sound.sounding(LISTEN_S)]
        return [name for name in dict.fromkeys(found) if name not in known]
