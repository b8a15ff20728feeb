"""Speakers and microphones of PulseAudio and PipeWire as sound sources that follow the listener."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from capture.errors import CaptureError, SourceLost, UnknownDevice
from capture.model import AudioBlock, Device
from capture.sound import pulse_link
from capture.sound.pulse_scene import (
    CHANNELS,
    Endpoint,
    Scene,
    find_microphone,
    find_speaker,
    microphone_device,
    speaker_device,
)
from capture.sound.pulse_watch import Watcher, ask

if TYPE_CHECKING:
    from capture.sound.pulse_stream import RecordStream

# How often what has arrived is collected. PulseAudio sends pieces of 10 ms and less, however large a fragment is asked
# for, so waking for each would cost several times the CPU; libpulse keeps them meanwhile.
BLOCK_S = 0.05
# How long the server may take to say what there is, at open.
SCENE_S = 1.0


class Ticks:
    """The wait of a read: until it is time to collect, or something cannot wait. `alarm` and `wake`: any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._alarmed = False
        self._woken = False
        self._next_s = 0.0

    def alarm(self) -> None:
        """Something changed: let the read look at once."""
        with self._changed:
            self._alarmed = True
            self._changed.notify()

    def wake(self) -> None:
        """Let the read return."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def wait(self, deadline_s: float) -> bool:
        """Until the next tick, or an alarm. False when it is time to return: woken, or `deadline_s` has passed."""
        now_s = time.monotonic()
        if now_s >= deadline_s:
            return False
        # Every BLOCK_S, counted from the last tick; from now on when that is long ago.
        self._next_s = min(max(self._next_s + BLOCK_S, now_s), now_s + BLOCK_S)
        with self._changed:
            self._changed.wait_for(lambda: self._alarmed or self._woken, min(self._next_s, deadline_s) - now_s)
            self._alarmed = False
            woken, self._woken = self._woken, False
        return not woken


class EndpointSource:
    """What a speaker plays, or a microphone hears. A `SoundSource`; see there for who calls what."""

    def __init__(self, watcher: Watcher, name: str) -> None:
        self.name = name
        self._watcher = watcher
        self._ticks = Ticks()
        self._stream: RecordStream | None = None
        self._scene: Scene | None = None
        self._new_scene = False
        self._blocks: list[AudioBlock] = []
        self._chosen: Endpoint | None = None
        self._leaving = ""  # why, once what had arrived by then was taken

    # For the two kinds:

    def _choose(self, scene: Scene) -> tuple[Endpoint, str, Device]:
        """What to listen to now: it, the id of the source that gives it, and what to tell about it."""
        raise NotImplementedError

    def _gone(self, title: str) -> str:
        """The text that says that the endpoint was taken away."""
        raise NotImplementedError

    def _differs(self, scene: Scene, old: Endpoint) -> str:
        """Why another endpoint should be listened to now; empty when it should not."""
        raise NotImplementedError

    # SoundSource:

    def open(self) -> Device:
        self.close()
        self._watcher.listen(self._on_scene)
        try:
            scene = self._watcher.fresh(SCENE_S)
            chosen, source_id, device = self._choose(scene)
            self._stream = pulse_link.open_stream(
                source_id,
                chosen.samplerate,
                CHANNELS,
                scene.fragment_s,
                self._ticks.alarm,
                cycle_late=bool(chosen.monitor) and is_cycle_late(scene, chosen),
            )
        except CaptureError:
            self._watcher.leave(self._on_scene)
            raise
        self._chosen = chosen
        return device

    def read(self, timeout_s: float) -> AudioBlock | None:
        deadline_s = time.monotonic() + timeout_s
        while not self._blocks:
            if self._stream is None or self._chosen is None:
                raise SourceLost("the source is not open")
            if self._leaving:
                raise SourceLost(self._leaving)
            if self._new_scene and self._scene is not None:
                self._new_scene = False
                self._leaving = self._differs(self._scene, self._chosen)
            if not self._leaving and not self._ticks.wait(deadline_s):
                return None
            rate = self._chosen.samplerate
            try:
                self._blocks = [AudioBlock(start_ns, samples, rate) for start_ns, samples in self._stream.take()]
            except SourceLost as error:
                raise SourceLost(self._leaving or self._why_lost()) from error
        return self._blocks.pop(0)

    def close(self) -> None:
        self._watcher.leave(self._on_scene)
        stream, self._stream = self._stream, None
        self._chosen = None
        self._leaving = ""
        self._blocks = []
        if stream is not None:
            pulse_link.close_stream(stream)

    def wake(self) -> None:
        self._ticks.wake()

    def why_silent(self) -> str:
        """Asked by the grabber when nothing has come for a while: the reason when that is a fault, else empty."""
        return why_silent()

    def _on_scene(self, scene: Scene | None) -> None:
        # The watch's thread.
        if scene is None:
            return
        stream, old = self._stream, self._scene
        if stream is not None and old is not None and stirs(old, scene):
            stream.stir()
        self._scene = scene
        self._new_scene = True
        self._ticks.alarm()

    def _why_lost(self) -> str:
        assert self._stream is not None
        assert self._chosen is not None
        link = self._stream.link
        return link.why_ended() if link.ended else self._gone(self._chosen.title)


class Loopback(EndpointSource):
    """What a speaker plays. Unnamed, it follows the default; a named one it comes back to whenever that is there."""

    def __init__(self, watcher: Watcher, wanted: Endpoint | None) -> None:
        super().__init__(watcher, "system")
        self._wanted = wanted

    def _choose(self, scene: Scene) -> tuple[Endpoint, str, Device]:
        if self._wanted is None:
            speaker = scene.standard_speaker()
            return speaker, speaker.monitor, speaker_device(scene, speaker)
        found = scene.speaker(self._wanted.id)
        if found is not None:
            return found, found.monitor, speaker_device(scene, found)
        speaker = scene.standard_speaker()
        return speaker, speaker.monitor, speaker_device(scene, speaker, instead_of=self._wanted.title)

    def _gone(self, title: str) -> str:
        return f"the speaker {title} was removed"

    def _differs(self, scene: Scene, old: Endpoint) -> str:
        if scene.speaker(old.id) is None:
            return self._gone(old.title)
        if self._wanted is None or scene.speaker(self._wanted.id) is None:
            default = scene.speaker(scene.default_speaker)
            if default is not None and default.id != old.id:
                return f"the default speaker changed from {old.title} to {default.title}"
        elif self._wanted.id != old.id:
            return f"the speaker {self._wanted.title} is back"
        return ""


class Microphone(EndpointSource):
    """A microphone, or the default one. One that is named and goes away is waited for; no other takes its place."""

    def __init__(self, watcher: Watcher, wanted: Endpoint | None) -> None:
        super().__init__(watcher, "mic")
        self._wanted = wanted

    def _choose(self, scene: Scene) -> tuple[Endpoint, str, Device]:
        if self._wanted is None:
            microphone = scene.standard_microphone()
        else:
            found = scene.microphone(self._wanted.id)
            if found is None:
                raise UnknownDevice(f"the microphone {self._wanted.title} is not connected", "Connect it again.")
            microphone = found
        return microphone, microphone.id, microphone_device(scene, microphone)

    def _gone(self, title: str) -> str:
        return f"the microphone {title} was removed"

    def _differs(self, scene: Scene, old: Endpoint) -> str:
        if scene.microphone(old.id) is None:
            return self._gone(old.title)
        if self._wanted is None and scene.microphones:
            default = scene.standard_microphone()
            if default.id != old.id:
                return f"the default microphone changed from {old.title} to {default.title}"
        return ""


def wanted_speaker(name: str) -> Endpoint:
    """Look `name` up now. Raises `UnknownDevice` or `NoSoundServer`."""
    return find_speaker(ask(), name)


def wanted_microphone(name: str) -> Endpoint:
    """Look `name` up now. Raises `UnknownDevice` or `NoSoundServer`."""
    return find_microphone(ask(), name)


def is_cycle_late(scene: Scene, speaker: Endpoint) -> bool:
    """Whether the speaker's monitor lags a cycle behind what players are told: see `Stamps`.

    Not assumed of real hardware, whose own delay (which PipeWire's monitors do not know) is of about the same length.
    """
    return scene.on_pipewire and not speaker.is_hardware


def stirs(old: Scene, new: Scene) -> bool:
    """Whether something began or ended to play: PipeWire may change its cycle then, and leave out one or two."""
    return new.on_pipewire and old.playbacks != new.playbacks


def why_silent() -> str:
    """Whether silence is the server's fault. Blocks for up to 0.3 s when it does not answer."""
    try:
        ask(0.3)
    except CaptureError as error:
        return str(error)
    return ""
