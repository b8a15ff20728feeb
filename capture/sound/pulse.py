"""PulseAudio, and PipeWire through its PulseAudio protocol: the `SoundSystem` of Linux.

pulse_scene       what there is, as values, and finding what a user named
pulse_client      questions and events, through pulsectl, with deadlines
pulse_watch       the thread that keeps the scene up to date
pulse_link        the connection for streams, through soundcard, made late and renewed
pulse_connection  that connection itself (imports soundcard: only ever imported late)
pulse_stream      one record stream with time stamps on it
pulse_sources     speakers and microphones          pulse_application   one application's streams, added up
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from capture.errors import CaptureError
from capture.model import Device, DeviceKind
from capture.sound import pulse_link
from capture.sound.pulse_application import Application
from capture.sound.pulse_scene import CHANNELS, Scene, all_devices, find_application, find_microphone, find_speaker
from capture.sound.pulse_scene import speaker_device as describe_speaker
from capture.sound.pulse_sources import Loopback, Microphone
from capture.sound.pulse_watch import Watcher, ask
from capture.sound.source import DeviceChange, SoundSource, Watch

# What is this quiet is as good as silent: -80 dBFS.
_SILENCE = 1e-4
_LISTEN_STEP_S = 0.02


class PulseSound:
    """A `SoundSystem`; see there. Making it does nothing yet."""

    def __init__(self) -> None:
        self._watcher = Watcher()

    def describe(self) -> dict[str, str]:
        """Keys: "server", "client". Raises `NoSoundServer`."""
        scene = ask()
        # PipeWire gives its own name and version as the name, and the protocol's as the version.
        server = scene.server_name if "on " in scene.server_name else f"PulseAudio {scene.server_version}"
        return {"server": server, "client": f"soundcard {_version('soundcard')}, pulsectl {_version('pulsectl')}"}

    def devices(self) -> list[Device]:
        return all_devices(ask())

    def loopback(self, speaker: str | None) -> SoundSource:
        return Loopback(self._watcher, None if speaker is None else find_speaker(ask(), speaker))

    def application(self, name: str) -> SoundSource:
        return Application(self._watcher, find_application(ask(), name))

    def microphone(self, name: str) -> SoundSource:
        if name.casefold() == "default":
            return Microphone(self._watcher, None)
        return Microphone(self._watcher, find_microphone(ask(), name))

    def watch(self, on_change: Callable[[DeviceChange], None]) -> Watch:
        return _ChangeWatch(self._watcher, on_change)

    def turns(self) -> dict[str, int]:
        """Of the watch's thread, as those of a recording's own: see capture/standstill.py."""
        return self._watcher.turns()

    def ailing(self) -> str:
        """Why changes of the devices are not noticed; empty as a rule."""
        return self._watcher.ailing()

    def sounding(self, listen_s: float) -> list[Device]:
        scene = ask()
        streams = {}
        heard: list[Device] = []
        alarm = threading.Event()
        try:
            for speaker in scene.speakers:
                try:
                    streams[speaker.id] = pulse_link.open_stream(
                        speaker.monitor, speaker.samplerate, CHANNELS, scene.fragment_s, alarm.set
                    )
                except CaptureError:
                    continue
            end_s = time.monotonic() + listen_s
            waiting = set(streams)
            while waiting and time.monotonic() < end_s:
                alarm.wait(_LISTEN_STEP_S)
                alarm.clear()
                for speaker_id in list(waiting):
                    try:
                        peaks = [float(abs(samples).max()) for _, samples in streams[speaker_id].take()]
                    except CaptureError:
                        waiting.discard(speaker_id)
                        continue
                    if max(peaks, default=0.0) > _SILENCE:
                        waiting.discard(speaker_id)
                        found = scene.speaker(speaker_id)
                        assert found is not None
                        heard.append(describe_speaker(scene, found))
        finally:
            for stream in streams.values():
                pulse_link.close_stream(stream)
        return heard


class _ChangeWatch:
    """Turns scenes into changes."""

    def __init__(self, watcher: Watcher, on_change: Callable[[DeviceChange], None]) -> None:
        self._watcher = watcher
        self._on_change = on_change
        self._last: Scene | None = None
        self._lost = False
        watcher.listen(self._on_scene)

    def close(self) -> None:
        self._watcher.leave(self._on_scene)

    def _on_scene(self, scene: Scene | None) -> None:
        if scene is None:
            if not self._lost:
                self._lost = True
                self._on_change(DeviceChange("server lost"))
            return
        changes = [DeviceChange("server back")] if self._lost else []
        if self._last is not None:
            changes += [DeviceChange(what) for what in _differences(self._last, scene)]
        self._lost = False
        self._last = scene
        for change in changes:
            self._on_change(change)


def _differences(old: Scene, new: Scene) -> list[str]:
    """What of `DeviceChange.what` differs."""
    before, after = all_devices(old), all_devices(new)
    kinds = (DeviceKind.SPEAKER, DeviceKind.MICROPHONE, DeviceKind.APPLICATION)
    found = [kind.value for kind in kinds if _of(before, kind) != _of(after, kind)]
    if (old.default_speaker, old.default_microphone) != (new.default_speaker, new.default_microphone):
        found.append("default")
    return found


def _of(devices: list[Device], kind: DeviceKind) -> list[tuple[str, str, object, object]]:
    # Volume and the like change all the time and are nobody's business here.
    return [(d.id, d.name, d.detail.get("playing"), d.detail.get("state")) for d in devices if d.kind is kind]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(version unknown)"
