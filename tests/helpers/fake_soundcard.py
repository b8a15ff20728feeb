"""A stand-in for the `soundcard` package as it is on Windows and macOS, with devices that do what a test says.

It imitates what version 0.4.6 does, faults and oddities included, as read in its mediafoundation.py and coreaudio.py:
what `record` waits for, the zeros that it makes up, warnings as the only word of lost data, rubbish in mono streams.
"""

from __future__ import annotations

import sys
import threading
import time
import types
import warnings
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from capture.errors import SourceLost

if TYPE_CHECKING:
    from capture.model import Samples
    from capture.sound.source import SoundSource

SAMPLERATE = 48_000
PACKET_FRAMES = 480  # a device's period: 10 ms
# No wait of the fake is longer; a test that runs into it has failed already.
LIMIT_S = 10.0


class SoundcardRuntimeWarning(RuntimeWarning):
    """As in the library."""


class FakeDevice:
    """A device, and what it will give to whoever records it. Methods are for the test's thread.

    `id` is text on Windows and a number on macOS. When there is no packet, a Windows recorder gives an empty one after
    10 ms; with `makes_up_zeros` it makes up zeros, as it does when nothing plays; with `hangs` it waits.
    """

    def __init__(self, device_id: Any, name: str, channels: int = 2) -> None:
        self.id = device_id
        self.name = name
        self.channels = channels
        self.makes_up_zeros = False
        self.hangs = False
        self.broken_properties: set[str] = set()
        self.properties: dict[int, float] = {}  # Core Audio's, by selector
        self.opened_with: list[dict[str, Any]] = []
        self.recording_count = 0
        self.start_error: Exception | None = None
        self.may_start = threading.Event()  # its driver starts no stream before
        self.may_start.set()
        self._packets: deque[tuple[Samples, bool] | Exception] = deque()
        self._changed = threading.Condition()
        self._released = False
        self._recorders: list[MacRecorder] = []

    def give(self, samples: Samples, lost_before: bool = False) -> None:
        """One packet, ready to be recorded. `lost_before`: the system says that sound was lost before it."""
        with self._changed:
            self._packets.append((np.asarray(samples, dtype=np.float32), lost_before))
            self._changed.notify_all()
        for recorder in self._recorders:
            recorder.fill(self._packets)

    def fail(self, error: Exception) -> None:
        """The next `record` raises this."""
        with self._changed:
            self._packets.append(error)
            self._changed.notify_all()

    def release(self) -> None:
        """Let every waiting `record` end, at the end of a test."""
        with self._changed:
            self._released = True
            self._changed.notify_all()

    # --- for the recorders ---

    callback_s = LIMIT_S  # how often macOS gives sound by itself

    def called_back(self) -> Samples | None:
        """macOS gives what it has."""
        raise AssertionError("nobody ended this wait, which has no end in the library")

    def next_packet(self, timeout_s: float) -> tuple[Samples, bool] | None:
        """The oldest packet; None when none comes in time."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._packets) or self._released, timeout_s)
            if self._released and not self._packets:
                raise RuntimeError("Error 0x88890004")  # AUDCLNT_E_DEVICE_INVALIDATED
            if not self._packets:
                return None
            packet = self._packets.popleft()
        if isinstance(packet, Exception):
            raise packet
        return packet

    def add_recorder(self, recorder: MacRecorder) -> None:
        self._recorders.append(recorder)
        recorder.fill(self._packets)


class _Handle:
    """What a listing gives: soundcard's _Speaker or _Microphone."""

    def __init__(self, device: FakeDevice) -> None:
        self._device = device

    @property
    def id(self) -> Any:
        return self._device.id

    @property
    def name(self) -> str:
        return str(self._property("name"))

    @property
    def channels(self) -> int:
        return int(self._property("channels"))

    def _property(self, name: str) -> Any:
        if name in self._device.broken_properties:
            raise AssertionError
        return getattr(self._device, name)


class WindowsMicrophone(_Handle):
    """mediafoundation._Microphone."""

    def __init__(self, device: FakeDevice, isloopback: bool = False) -> None:
        super().__init__(device)
        self.isloopback = isloopback

    def recorder(
        self, samplerate: int, channels: int | None = None, blocksize: int | None = None, exclusive_mode: bool = False
    ) -> WindowsRecorder:
        self._device.opened_with.append({"samplerate": samplerate, "channels": channels, "blocksize": blocksize})
        return WindowsRecorder(self._device, samplerate, channels or self.channels)


class WindowsRecorder:
    """mediafoundation._Recorder."""

    def __init__(self, device: FakeDevice, samplerate: int, channels: int) -> None:
        self._device = device
        self._samplerate = samplerate
        self._channels = channels

    def __enter__(self) -> WindowsRecorder:
        self._device.may_start.wait(LIMIT_S)
        if self._device.start_error is not None:
            raise self._device.start_error
        self._device.recording_count += 1
        self._idle_start_ns: int | None = None
        return self

    def __exit__(self, *_: object) -> None:
        self._device.recording_count -= 1

    def record(self, numframes: int | None = None) -> Samples:
        assert numframes is None, "with a number, mediafoundation invents zeros and keeps remainders"
        device = self._device
        if self._idle_start_ns is None:
            self._idle_start_ns = time.perf_counter_ns()
        packet = device.next_packet(LIMIT_S if device.hangs else 0.04 if device.makes_up_zeros else 0.01)
        if packet is None and not device.makes_up_zeros:
            return np.zeros((0, self._channels), np.float32)
        if packet is None:
            elapsed_ns = time.perf_counter_ns() - self._idle_start_ns
            self._idle_start_ns += elapsed_ns
            return np.zeros((self._samplerate * elapsed_ns // 10**9, self._channels), np.float32)
        self._idle_start_ns = None  # and so the time since the last zeros is forgotten
        samples, lost_before = packet
        if lost_before:
            module: Any = sys.modules[type(self).__module__]
            module.warnings.warn("data discontinuity in recording", SoundcardRuntimeWarning)
        if self._channels == 1:
            return np.full((len(samples), 1), 1e30, np.float32)
        return samples


class MacMicrophone(_Handle):
    """coreaudio._Microphone."""

    def recorder(self, samplerate: int, channels: int | None = None, blocksize: int | None = None) -> MacRecorder:
        self._device.opened_with.append({"samplerate": samplerate, "channels": channels, "blocksize": blocksize})
        return MacRecorder(self._device)


class MacRecorder:
    """coreaudio._Recorder: it waits for its queue without any limit."""

    def __init__(self, device: FakeDevice) -> None:
        self._device = device
        self._record_event = threading.Event()
        self._queue: deque[Samples] = deque()

    def __enter__(self) -> MacRecorder:
        if self._device.start_error is not None:
            raise self._device.start_error
        self._device.recording_count += 1
        self._device.add_recorder(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._device.recording_count -= 1

    def fill(self, packets: deque[Any]) -> None:
        while packets:
            self._queue.append(packets.popleft()[0])
            self._record_event.set()

    def record(self, numframes: int | None = None) -> Samples:
        assert numframes is None
        while not self._queue:
            if not self._record_event.wait(self._device.callback_s):
                samples = self._device.called_back()
                if samples is not None:
                    return samples
            self._record_event.clear()
        return self._queue.popleft()


class _CoreAudio:
    """coreaudio._CoreAudio."""

    devices: dict[Any, FakeDevice]

    @classmethod
    def get_property(cls, target: Any, selector: int, ctype: str, scope: int = 0) -> list[float]:
        properties = cls.devices[target].properties
        assert selector in properties, "Core Audio does not have the requested property"
        return [properties[selector]]


class FakeSoundcard:
    """The package. Change `speakers`, `microphones` and the defaults at any time."""

    def __init__(self, system: str) -> None:
        self.system = system
        self.speakers: list[FakeDevice] = []
        self.microphones: list[FakeDevice] = []
        self.default_speaker: FakeDevice | None = None
        self.default_microphone: FakeDevice | None = None
        self.threads: set[str] = set()  # that asked anything
        self.error: Exception | None = None  # raised by every question
        self._answers = threading.Event()
        self._answers.set()

    def hang(self) -> None:
        """No question is answered until `release`."""
        self._answers.clear()

    def release(self) -> None:
        self._answers.set()
        for device in self.speakers + self.microphones:
            device.release()

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make `import soundcard` find it."""
        backend_name = "soundcard." + {"windows": "mediafoundation", "macos": "coreaudio"}[self.system]
        backend: Any = types.ModuleType(backend_name)
        backend.warnings = warnings
        for kind in (WindowsMicrophone, WindowsRecorder, MacMicrophone, MacRecorder):
            monkeypatch.setattr(kind, "__module__", backend_name)
            setattr(backend, "_" + kind.__name__, kind)
        _CoreAudio.devices = {device.id: device for device in self.speakers + self.microphones}
        backend._CoreAudio = _CoreAudio
        package: Any = types.ModuleType("soundcard")
        package.all_speakers = self._all_speakers
        package.all_microphones = self._all_microphones
        package.default_speaker = lambda: self._default(lambda: self.default_speaker)
        package.default_microphone = lambda: self._default(lambda: self.default_microphone)
        monkeypatch.setitem(sys.modules, "soundcard", package)
        monkeypatch.setitem(sys.modules, backend_name, backend)

    def _asked(self) -> None:
        self.threads.add(threading.current_thread().name)
        self._answers.wait(LIMIT_S)
        if self.error is not None:
            raise self.error

    def _all_speakers(self) -> list[_Handle]:
        self._asked()
        return [_Handle(device) for device in self.speakers]

    def _all_microphones(self, include_loopback: bool = False) -> list[_Handle]:
        self._asked()
        if self.system == "macos":
            assert not include_loopback, "macOS has no loopbacks; the library warns when asked for them"
            return [MacMicrophone(device) for device in self.microphones]
        loopbacks = [WindowsMicrophone(device, isloopback=True) for device in self.speakers] if include_loopback else []
        return [*loopbacks, *(WindowsMicrophone(device) for device in self.microphones)]

    def _default(self, choice: Callable[[], FakeDevice | None]) -> _Handle:
        self._asked()
        device = choice()
        if device is None:
            raise RuntimeError("Error 0x80070490")  # ERROR_NOT_FOUND
        return _Handle(device)


def read_until_lost(source: SoundSource) -> SourceLost:
    """Read on until the source says that it is lost."""
    for _ in range(1000):
        try:
            source.read(LIMIT_S)
        except SourceLost as lost:
            return lost
    raise AssertionError("it was not lost")
