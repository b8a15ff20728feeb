"""A playing computer in memory, and a recorder on it. All else is real: threads, channels, encoders, the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from capture.model import Area, Event, Levels, Notice, RecordingResult, State, StateChanged
from capture.recorder import Recorder
from capture.screen.fake import FakeDesktop, FakeScreen
from capture.settings import RecordingSettings
from capture.sound.fake import RATE_HZ, FakeSound
from tests.helpers.processes import wait_until
from tests.helpers.signals import Samples

WHOLE = Area(0, 0, 64, 48)
PEAK = 0.25


def hum(first: int, frames: int) -> Samples:
    """440 Hz, which any application of these tests plays."""
    phase = 2 * np.pi * 440 * np.arange(first, first + frames) / RATE_HZ
    return np.repeat((PEAK * np.sin(phase)).astype(np.float32)[:, None], 2, axis=1)


class Studio:
    """A playing computer in memory, a recorder on it, and all that the recorder tells."""

    def __init__(self, folder: Path, file: str = "note.wav", **settings: Any) -> None:
        self.folder = folder
        self.sound = FakeSound()
        self.sound.add_microphone("fake_mic", "Fake microphone")
        self.playing = self.sound.play("Player", hum)
        self.desktop = FakeDesktop(WHOLE.width, WHOLE.height)
        self.events: list[Event] = []
        self.listener: Callable[[Event], None] = lambda event: None
        self.settings = RecordingSettings(**{"file": folder / file, **settings})
        self.recorder = Recorder(self.settings, self._hear, None, self.sound, FakeScreen(self.desktop))

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        self.listener(event)

    @property
    def states(self) -> list[State]:
        return [event.state for event in self.events if isinstance(event, StateChanged)]

    @property
    def notices(self) -> list[Notice]:
        return [event for event in self.events if isinstance(event, Notice)]

    @property
    def files(self) -> list[str]:
        """Everything in the folder, hidden files included."""
        return sorted(path.name for path in self.folder.iterdir())

    def record(self, length_s: float) -> None:
        """Let so much be recorded (pauses do not count)."""
        first_s = self._elapsed_s()
        wait_until(lambda: self._elapsed_s() >= first_s + length_s, f"{length_s} s to be recorded")

    def await_end(self) -> RecordingResult:
        return self.recorder.wait(15)

    def _elapsed_s(self) -> float:
        return next((event.elapsed_s for event in reversed(self.events) if isinstance(event, Levels)), 0.0)
