"""The world in memory as Windows and macOS show it through `soundcard`, so that the contract tests run on those too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from capture.clock import NS_PER_MS, NS_PER_S
from capture.model import Device, DeviceKind
from capture.sound.fake import FakeSound
from capture.sound.macos import MacSound
from capture.sound.soundcard_desk import Desk
from capture.sound.windows import WindowsSound
from tests.capture.sound.benches import FakeBench
from tests.helpers.fake_soundcard import PACKET_FRAMES, SAMPLERATE, FakeDevice, FakeSoundcard

if TYPE_CHECKING:
    from capture.model import Samples

PACKET_NS = 10 * NS_PER_MS


class WorldDevice(FakeDevice):
    """A device that gives what plays at an endpoint of a `FakeSound`, in packets of 10 ms as they are due."""

    callback_s = 0.01

    def __init__(self, world: FakeSound, endpoint: Device) -> None:
        super().__init__(endpoint.id, endpoint.name)
        self.makes_up_zeros = True
        self._world = world
        self._end_ns: int | None = None  # of the last packet; None: nothing plays
        self._was_idle = False

    def next_packet(self, timeout_s: float) -> tuple[Samples, bool] | None:
        """As Windows: nothing at all while nothing plays, and then word of a loss."""
        world, clock = self._world, self._world.clock
        deadline_ns = clock.now_ns() + int(timeout_s * NS_PER_S)
        with world.changed:
            while True:
                self._require()
                now_ns = clock.now_ns()
                begins_ns = [p.start_ns for p in world.playbacks if p.endpoint == self.id and not p.paused]
                if begins_ns and self._end_ns is None:
                    self._end_ns = max(min(begins_ns), now_ns - PACKET_NS)
                    self._was_idle = True
                elif not begins_ns:
                    self._end_ns = None
                if self._end_ns is not None and self._end_ns + PACKET_NS <= now_ns:
                    return self._next_packet(self._end_ns)
                until_ns = deadline_ns if self._end_ns is None else min(deadline_ns, self._end_ns + PACKET_NS)
                if now_ns >= deadline_ns:
                    return None
                world.changed.wait(max(0.0005, (until_ns - now_ns) / NS_PER_S))

    def called_back(self) -> Samples | None:
        """As macOS: always something, silence included; nothing once the device is gone."""
        world = self._world
        with world.changed:
            if world.endpoint(self.id) is None or not world.alive:
                return None
            now_ns = world.clock.now_ns()
            start_ns = self._end_ns if self._end_ns is not None else now_ns - PACKET_NS
            self._end_ns = start_ns + (now_ns - start_ns) // NS_PER_MS * NS_PER_MS
            return self._render(start_ns, (self._end_ns - start_ns) * SAMPLERATE // NS_PER_S)

    def _next_packet(self, start_ns: int) -> tuple[Samples, bool]:
        was_idle, self._was_idle = self._was_idle, False
        self._end_ns = start_ns + PACKET_NS
        return self._render(start_ns, PACKET_FRAMES), was_idle

    def _render(self, start_ns: int, frames: int) -> Samples:
        return self._world.render(start_ns, frames, SAMPLERATE, lambda playback: playback.endpoint == self.id)

    def _require(self) -> None:
        if not self._world.alive:
            raise RuntimeError("Error 0x88890010")  # AUDCLNT_E_SERVICE_NOT_RUNNING
        if self._world.endpoint(self.id) is None:
            raise RuntimeError("Error 0x88890004")  # AUDCLNT_E_DEVICE_INVALIDATED


class WorldSoundcard(FakeSoundcard):
    """The `soundcard` package of a computer that has the devices of a `FakeSound`, asked afresh each time."""

    def __init__(self, system: str, world: FakeSound) -> None:
        super().__init__(system)
        self._world = world
        self._known: dict[str, WorldDevice] = {}

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._refresh()
        super().install(monkeypatch)

    def _asked(self) -> None:
        self.error = None if self._world.alive else RuntimeError("Error 0x88890010")
        super()._asked()
        self._refresh()

    def _refresh(self) -> None:
        with self._world.changed:
            endpoints = [d for d in self._world.devices() if d.kind is not DeviceKind.APPLICATION]
        for endpoint in endpoints:
            self._known.setdefault(endpoint.id, WorldDevice(self._world, endpoint))
        of_kind: dict[DeviceKind, list[FakeDevice]] = {
            kind: [self._known[d.id] for d in endpoints if d.kind is kind]
            for kind in (DeviceKind.SPEAKER, DeviceKind.MICROPHONE)
        }
        default: dict[DeviceKind, FakeDevice] = {d.kind: self._known[d.id] for d in endpoints if d.is_default}
        self.speakers, self.microphones = of_kind[DeviceKind.SPEAKER], of_kind[DeviceKind.MICROPHONE]
        self.default_speaker = default.get(DeviceKind.SPEAKER)
        self.default_microphone = default.get(DeviceKind.MICROPHONE)
        if self.system == "macos":
            # A virtual device is an input and an output under one id.
            self.microphones = [*self.microphones, *(s for s in self.speakers if "BlackHole" in s.name)]


class SoundcardBench(FakeBench):
    """A bench of the contract tests: Windows, or macOS with a virtual device as its one speaker."""

    def __init__(self, system: str, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        if system == "macos":
            self.speaker = "BlackHole 2ch"
            self.world.add_speaker(self.speaker, self.speaker)
            self.world.remove("fake_speaker")
        self._library = WorldSoundcard(system, self.world)
        self._library.install(monkeypatch)
        self._desk = Desk()
        self._desk.look()  # its thread is there for good, and no stream's
        kinds: dict[str, Any] = {"windows": WindowsSound, "macos": MacSound}
        self.sound = kinds[system](self._desk)

    def close(self) -> None:
        self._library.release()
        self._desk.close()
