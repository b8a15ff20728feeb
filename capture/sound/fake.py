"""A sound system that exists in memory only, for tests: its server can be killed, frozen and changed on demand.

`FakeSound` is a small world of speakers, microphones and playing applications, which passes the same contract tests as
the real systems. `FakeSource` is one source that gives exactly what a test feeds it, for tests of what comes after.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from capture.clock import NS_PER_MS, Clock, MonotonicClock, frames_to_ns, ns_to_frames
from capture.errors import CaptureError, NoSoundServer, SourceLost, UnknownDevice
from capture.model import AudioBlock, Device, DeviceKind
from capture.sound.source import DeviceChange, SoundSource, Watch

if TYPE_CHECKING:
    from capture.model import Samples

RATE_HZ = 48_000
CHANNELS = 2
BLOCK_NS = 50 * NS_PER_MS

Wave = Callable[[int, int], "Samples"]  # (first frame, frames) -> float32 (frames, 2)


def silence(frames: int) -> Samples:
    """Nothing, for so long."""
    return np.zeros((frames, CHANNELS), np.float32)


class FakeSource:
    """A `SoundSource` fed by hand. Give it faults in advance: `open_errors` and `losses` are used up in their order.

    `feed`, `lose` and `wake` may be called by any thread; waiting is real time, whatever clock the test has.
    """

    def __init__(self, name: str = "system", samplerate: int = RATE_HZ, channels: int = CHANNELS) -> None:
        self.name = name
        self.device = Device(DeviceKind.SPEAKER, f"fake-{name}", f"Fake {name}", True, samplerate, channels)
        self.open_errors: deque[CaptureError] = deque()
        self.silence_reason = ""
        self.opened = 0
        self.closed = 0
        self.reads = 0
        self.is_open = False
        self._items: deque[AudioBlock | CaptureError] = deque()
        self._woken = False
        self._changed = threading.Condition()

    def feed(self, samples: Samples, start_ns: int) -> None:
        """A block that the next read gives."""
        with self._changed:
            self._items.append(AudioBlock(start_ns, samples, self.device.samplerate))
            self._changed.notify_all()

    def lose(self, reason: str) -> None:
        """After what was fed, the source is lost."""
        with self._changed:
            self._items.append(SourceLost(reason))
            self._changed.notify_all()

    def open(self) -> Device:
        self.opened += 1
        if self.open_errors:
            raise self.open_errors.popleft()
        self.is_open = True
        return self.device

    def read(self, timeout_s: float) -> AudioBlock | None:
        with self._changed:
            self.reads += 1
            self._changed.wait_for(lambda: bool(self._items) or self._woken, timeout_s)
            self._woken = False
            item = self._items.popleft() if self._items else None
        if isinstance(item, CaptureError):
            raise item
        return item

    def close(self) -> None:
        if self.is_open:
            self.closed += 1
        self.is_open = False

    def wake(self) -> None:
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def pace(self, block_s: float) -> None: ...

    def why_silent(self) -> str:
        return self.silence_reason


@dataclass(eq=False)
class FakePlayback:
    """What an application plays in a `FakeSound`, from its frame 0 at `start_ns` on. Made by `FakeSound.play`."""

    world: FakeSound
    application: str
    wave: Wave
    start_ns: int
    endpoint: str
    paused: bool = False

    def stop(self) -> None:
        self.world.change("application", lambda: self.world.playbacks.remove(self))

    def pause(self) -> None:
        """From now on silent; the application keeps its stream."""
        self.world.change("application", lambda: setattr(self, "paused", True))

    def move(self, speaker: str) -> None:
        self.world.change("application", lambda: setattr(self, "endpoint", speaker))


class FakeSound:
    """A `SoundSystem` in memory, with one speaker to begin with. All methods may be called by any thread."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or MonotonicClock()
        self.playbacks: list[FakePlayback] = []
        self.alive = True
        self.frozen = False
        self.suspended: set[str] = set()
        self.changed = threading.Condition()
        self._endpoints: dict[str, Device] = {}
        self._listeners: list[Callable[[DeviceChange], None]] = []
        self.add_speaker("fake_speaker", "Fake speaker")

    # --- what a test does to it ---------------------------------------------------------------------------------------

    def add_speaker(self, speaker_id: str, name: str, samplerate: int = RATE_HZ) -> None:
        self._add(Device(DeviceKind.SPEAKER, speaker_id, name, False, samplerate, CHANNELS))

    def add_microphone(self, microphone_id: str, name: str, samplerate: int = RATE_HZ) -> None:
        self._add(Device(DeviceKind.MICROPHONE, microphone_id, name, False, samplerate, CHANNELS))

    def remove(self, endpoint_id: str) -> None:
        """Unplug it. Another of its kind becomes the default if it was; what plays there moves to that."""

        def unplug() -> None:
            gone = self._endpoints.pop(endpoint_id)
            heir = next((d.id for d in self._endpoints.values() if d.kind is gone.kind), None)
            if gone.is_default and heir is not None:
                self._endpoints[heir] = replace(self._endpoints[heir], is_default=True)
            for playback in self.playbacks:
                if playback.endpoint == endpoint_id and heir is not None:
                    playback.endpoint = heir

        self.change(self._endpoints[endpoint_id].kind.value, unplug)

    def set_default(self, endpoint_id: str) -> None:
        def choose() -> None:
            kind = self._endpoints[endpoint_id].kind
            for device in list(self._endpoints.values()):
                if device.kind is kind:
                    self._endpoints[device.id] = replace(device, is_default=device.id == endpoint_id)

        self.change("default", choose)

    def play(self, application: str, wave: Wave, endpoint: str | None = None) -> FakePlayback:
        """Let an application play, from now on, at the default speaker or `endpoint` (a microphone: speak into it)."""
        where = endpoint or next(
            d.id for d in self._endpoints.values() if d.kind is DeviceKind.SPEAKER and d.is_default
        )
        playback = FakePlayback(self, application, wave, self.clock.now_ns(), where)
        self.change("application", lambda: self.playbacks.append(playback))
        return playback

    def suspend(self, endpoint_id: str) -> None:
        self.change("speaker", lambda: self.suspended.add(endpoint_id))

    def resume(self, endpoint_id: str) -> None:
        self.change("speaker", lambda: self.suspended.discard(endpoint_id))

    def kill(self) -> None:
        """The server dies; what played ends."""
        with self.changed:
            self.alive = False
            self.playbacks.clear()
        self.change("server lost", lambda: None)

    def restart(self) -> None:
        self.change("server back", lambda: setattr(self, "alive", True))

    def freeze(self) -> None:
        self.change("", lambda: setattr(self, "frozen", True))

    def thaw(self) -> None:
        self.change("", lambda: setattr(self, "frozen", False))

    # --- SoundSystem --------------------------------------------------------------------------------------------------

    def describe(self) -> dict[str, str]:
        self.require()
        return {"server": "in memory", "client": "none"}

    def devices(self) -> list[Device]:
        self.require()
        with self.changed:
            found = [self._with_state(device) for device in self._endpoints.values()]
            names = dict.fromkeys(playback.application for playback in self.playbacks)
            return found + [self.application_device(name) for name in names]

    def loopback(self, speaker: str | None) -> SoundSource:
        wanted = None if speaker is None else self._find(DeviceKind.SPEAKER, speaker)
        return _WorldSource(self, "system", DeviceKind.SPEAKER, wanted)

    def application(self, name: str) -> SoundSource:
        found = self._find(DeviceKind.APPLICATION, name)
        return _WorldSource(self, found.name, DeviceKind.APPLICATION, found)

    def microphone(self, name: str) -> SoundSource:
        wanted = None if name == "default" else self._find(DeviceKind.MICROPHONE, name)
        return _WorldSource(self, "mic", DeviceKind.MICROPHONE, wanted)

    def watch(self, on_change: Callable[[DeviceChange], None]) -> Watch:
        with self.changed:
            self._listeners.append(on_change)
        return _FakeWatch(lambda: self._listeners.remove(on_change))

    def sounding(self, listen_s: float) -> list[Device]:
        self.require()
        with self.changed:
            heard = {playback.endpoint for playback in self.playbacks if not playback.paused}
            speakers = [self._with_state(device) for device in self._endpoints.values()]
            return [speaker for speaker in speakers if speaker.id in heard and speaker.kind is DeviceKind.SPEAKER]

    # --- for its sources ----------------------------------------------------------------------------------------------

    def change(self, what: str, step: Callable[[], object]) -> None:
        with self.changed:
            step()
            self.changed.notify_all()
            listeners = list(self._listeners)
        for listener in listeners if what else ():
            listener(DeviceChange(what))

    def require(self) -> None:
        if not self.alive:
            raise NoSoundServer("no sound server answers")
        if self.frozen:
            raise NoSoundServer("the sound server stopped answering")

    def endpoint(self, endpoint_id: str) -> Device | None:
        return self._endpoints.get(endpoint_id)

    def default(self, kind: DeviceKind) -> Device | None:
        return next((d for d in self._endpoints.values() if d.kind is kind and d.is_default), None)

    def application_device(self, name: str) -> Device:
        streams = [playback for playback in self.playbacks if playback.application == name]
        playing = any(not stream.paused for stream in streams)
        detail = {"playing": playing, "speaker": streams[0].endpoint if streams else ""}
        return Device(DeviceKind.APPLICATION, name, name, False, RATE_HZ, CHANNELS, detail)

    def render(self, start_ns: int, frames: int, rate: int, heard: Callable[[FakePlayback], bool]) -> Samples:
        """What all playbacks that `heard` accepts sound like together."""
        total = silence(frames)
        for playback in self.playbacks:
            first = ns_to_frames(start_ns - playback.start_ns, rate)
            if not heard(playback) or playback.paused or first + frames <= 0:
                continue
            skip = max(0, -first)
            part = playback.wave(first + skip, frames - skip)
            total[skip : skip + len(part)] += part
        return total

    def _add(self, device: Device) -> None:
        def plug() -> None:
            self._endpoints[device.id] = replace(device, is_default=self.default(device.kind) is None)

        self.change(device.kind.value, plug)

    def _with_state(self, device: Device) -> Device:
        playing = any(playback.endpoint == device.id and not playback.paused for playback in self.playbacks)
        state = "suspended" if device.id in self.suspended else "running" if playing else "idle"
        extra = {"monitor": f"{device.id}.monitor"} if device.kind is DeviceKind.SPEAKER else {}
        return replace(device, detail={**extra, "state": state, "muted": False, "volume": 1.0})

    def _find(self, kind: DeviceKind, name: str) -> Device:
        wanted = name.casefold()
        of_kind = [device for device in self.devices() if device.kind is kind]
        exact = [d for d in of_kind if wanted in (d.id.casefold(), d.name.casefold())]
        found = exact or [d for d in of_kind if wanted in d.name.casefold() or wanted in d.id.casefold()]
        if len(found) != 1:
            names = ", ".join(device.name for device in found or of_kind)
            problem = "could be more than one" if found else "is no"
            raise UnknownDevice(f"{name!r} {problem} {kind.value}: {names}")
        return found[0]


@dataclass
class _FakeWatch:
    leave: Callable[[], None]
    closed: bool = field(default=False)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.leave()


class _WorldSource:
    """A speaker, a microphone or an application of a `FakeSound`."""

    def __init__(self, world: FakeSound, name: str, kind: DeviceKind, wanted: Device | None) -> None:
        self.name = name
        self._world = world
        self._kind = kind
        self._wanted = wanted
        self._device: Device | None = None
        self._next_ns = 0
        self._woken = False

    def open(self) -> Device:
        self._world.require()
        with self._world.changed:
            self._device = self._target()
            self._next_ns = self._world.clock.now_ns()
            return self._device

    def read(self, timeout_s: float) -> AudioBlock | None:
        clock = self._world.clock
        deadline_ns = clock.now_ns() + int(timeout_s * 1e9)
        with self._world.changed:
            while not self._woken:
                if self._device is None or not self._world.alive:
                    raise SourceLost("the sound server ended")
                self._check(self._device)
                now_ns = clock.now_ns()
                if self._silent(self._device):
                    self._next_ns = now_ns  # what passes meanwhile is gone: a hole
                elif self._next_ns + BLOCK_NS <= now_ns:
                    return self._block(self._device)
                until_ns = min(deadline_ns, max(self._next_ns + BLOCK_NS, now_ns))
                if now_ns >= deadline_ns:
                    return None
                self._world.changed.wait(max(0.0005, (until_ns - now_ns) / 1e9))
            self._woken = False
            return None

    def close(self) -> None:
        self._device = None

    def wake(self) -> None:
        with self._world.changed:
            self._woken = True
            self._world.changed.notify_all()

    def pace(self, block_s: float) -> None: ...

    def why_silent(self) -> str:
        return "the sound server stopped answering" if self._world.frozen else ""

    def _target(self) -> Device:
        if self._kind is DeviceKind.APPLICATION:
            return self._world.application_device(self.name)
        found = self._world.endpoint(self._wanted.id) if self._wanted else None
        if found is None and (self._wanted is None or self._kind is DeviceKind.SPEAKER):
            found = self._world.default(self._kind)
            if found is not None and self._wanted is not None:
                found = replace(found, detail={"instead_of": self._wanted.name})
        if found is None:
            raise UnknownDevice(f"there is no {self._kind.value}")
        return found

    def _check(self, device: Device) -> None:
        if self._world.frozen or self._kind is DeviceKind.APPLICATION:
            return
        if self._world.endpoint(device.id) is None:
            raise SourceLost(f"the {self._kind.value} {device.name} was removed")
        target = self._target()
        if target.id != device.id:
            raise SourceLost(f"the default {self._kind.value} changed from {device.name} to {target.name}")

    def _silent(self, device: Device) -> bool:
        if self._world.frozen or device.id in self._world.suspended:
            return True
        mine = [playback for playback in self._world.playbacks if playback.application == self.name]
        return self._kind is DeviceKind.APPLICATION and all(playback.paused for playback in mine)

    def _block(self, device: Device) -> AudioBlock:
        start_ns, rate = self._next_ns, device.samplerate
        frames = ns_to_frames(BLOCK_NS, rate)

        def heard(playback: FakePlayback) -> bool:
            if self._kind is DeviceKind.APPLICATION:
                return playback.application == self.name
            return playback.endpoint == device.id

        self._next_ns = start_ns + frames_to_ns(frames, rate)
        return AudioBlock(start_ns, self._world.render(start_ns, frames, rate, heard), rate)
