"""One way to do things to a sound system, whichever it is: the world in memory, PulseAudio, or PipeWire."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np

from capture.sound.fake import FakePlayback, FakeSound
from capture.sound.pulse import PulseSound
from capture.sound.source import SoundSystem
from tests.helpers.pulse_stream import PlaybackStream
from tests.helpers.signals import RATE, Samples
from virtual_desktop import VirtualDesktop

Wave = Callable[[int, int], Samples]


def wave_of(samples: Samples) -> Wave:
    """Plays `samples` once."""
    return lambda first, frames: samples[first : first + frames]


def sine(frequency_hz: float, peak: float = 0.25) -> Wave:
    """Plays a steady tone for ever."""

    def wave(first: int, frames: int) -> Samples:
        phase = 2 * np.pi * frequency_hz * np.arange(first, first + frames) / RATE
        return np.repeat((peak * np.sin(phase)).astype(np.float32)[:, None], 2, axis=1)

    return wave


class Player(Protocol):
    """An application that plays."""

    def stop(self) -> None: ...

    def pause(self) -> None: ...

    def move(self, speaker: str) -> None: ...

    def origin_ns(self) -> float:
        """When its frame 0 sounded, or would have, as the player itself is told. Only while it plays."""
        ...


class Bench(Protocol):
    """What the contract tests do to a sound system; `speaker` is the id of the one that is there at first."""

    sound: SoundSystem
    speaker: str

    def play(self, application: str, wave: Wave, speaker: str | None = None) -> Player: ...

    def speak(self, microphone: str, wave: Wave) -> Player: ...

    def add_speaker(self, name: str) -> None: ...

    def add_microphone(self, name: str) -> None: ...

    def remove(self, name: str) -> None: ...

    def set_default_speaker(self, name: str) -> None: ...

    def suspend(self, speaker: str) -> None: ...

    def resume(self, speaker: str) -> None: ...

    def kill(self) -> None: ...

    def restart(self) -> None: ...

    def freeze(self) -> None: ...

    def thaw(self) -> None: ...

    def close(self) -> None: ...


class FakeBench:
    """The world in memory."""

    def __init__(self) -> None:
        self.world = FakeSound()
        self.sound: SoundSystem = self.world
        self.speaker = "fake_speaker"

    def play(self, application: str, wave: Wave, speaker: str | None = None) -> Player:
        return _FakePlayer(self.world.play(application, wave, speaker))

    def speak(self, microphone: str, wave: Wave) -> Player:
        return _FakePlayer(self.world.play("somebody", wave, microphone))

    def add_speaker(self, name: str) -> None:
        self.world.add_speaker(name, name)

    def add_microphone(self, name: str) -> None:
        self.world.add_microphone(name, name)

    def remove(self, name: str) -> None:
        self.world.remove(name)

    def set_default_speaker(self, name: str) -> None:
        self.world.set_default(name)

    def suspend(self, speaker: str) -> None:
        self.world.suspend(speaker)

    def resume(self, speaker: str) -> None:
        self.world.resume(speaker)

    def kill(self) -> None:
        self.world.kill()

    def restart(self) -> None:
        self.world.restart()

    def freeze(self) -> None:
        self.world.freeze()

    def thaw(self) -> None:
        self.world.thaw()

    def close(self) -> None:
        pass


class _FakePlayer:
    def __init__(self, playback: FakePlayback) -> None:
        self._playback = playback

    def stop(self) -> None:
        self._playback.stop()

    def pause(self) -> None:
        self._playback.pause()

    def move(self, speaker: str) -> None:
        self._playback.move(speaker)

    def origin_ns(self) -> float:
        return self._playback.start_ns


class PulseBench:
    """PulseAudio or PipeWire, in a virtual desktop to which this process is already pointed."""

    def __init__(self, desktop: VirtualDesktop) -> None:
        self.desktop = desktop
        self.sound: SoundSystem = PulseSound()
        self.speaker = desktop.pactl("get-default-sink").strip()
        self._modules: dict[str, list[int]] = {}
        self._players: list[_PulsePlayer] = []

    def play(self, application: str, wave: Wave, speaker: str | None = None) -> Player:
        player = _PulsePlayer(self.desktop, application, wave, speaker)
        self._players.append(player)
        return player

    def speak(self, microphone: str, wave: Wave) -> Player:
        return self.play("somebody", wave, f"{microphone}_feed")

    def add_speaker(self, name: str) -> None:
        self._modules[name] = [self.desktop.load_null_sink(name)]

    def add_microphone(self, name: str) -> None:
        feed = self.desktop.load_null_sink(f"{name}_feed")
        self._modules[name] = [self.desktop.load_microphone(name, f"{name}_feed"), feed]

    def remove(self, name: str) -> None:
        for module in self._modules.pop(name):
            self.desktop.unload(module)

    def set_default_speaker(self, name: str) -> None:
        self.desktop.set_default_sink(name)

    def suspend(self, speaker: str) -> None:
        self.desktop.pactl("suspend-sink", speaker, "1")

    def resume(self, speaker: str) -> None:
        self.desktop.pactl("suspend-sink", speaker, "0")

    def kill(self) -> None:
        self._modules.clear()
        self.desktop.stop_sound()

    def restart(self) -> None:
        self.desktop.start_sound()

    def freeze(self) -> None:
        self.desktop.freeze_sound()

    def thaw(self) -> None:
        self.desktop.thaw_sound()

    def close(self) -> None:
        self.thaw()
        for player in self._players:
            player.stop()
        for name in list(self._modules):
            self.remove(name)


class _PulsePlayer:
    def __init__(self, desktop: VirtualDesktop, application: str, wave: Wave, speaker: str | None) -> None:
        self._desktop = desktop
        self._stream = PlaybackStream(wave, name=application, sink=speaker)
        self._index = self._stream.sink_input
        self._stream.go_on()

    def stop(self) -> None:
        self._stream.close()

    def pause(self) -> None:
        self._stream.pause()

    def move(self, speaker: str) -> None:
        self._desktop.pactl("move-sink-input", str(self._index), speaker)

    def origin_ns(self) -> float:
        found: list[float] = []
        deadline_s = time.monotonic() + 5.0
        while len(found) < 12 and time.monotonic() < deadline_s:
            timing = self._stream.timing()
            if timing is not None and timing.frame > 0:
                found.append(timing.at_ns - timing.frame * 1e9 / RATE)
            time.sleep(0.004)
        # The server's answers are late by up to one of its cycles, never early; on PulseAudio by some 0.1 ms.
        return min(found) if max(found) - min(found) > 1e6 else statistics.median(found)
