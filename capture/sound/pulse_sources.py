"""Speakers and microphones of PulseAudio and PipeWire as sound sources that follow the listener."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from capture.clock import NS_PER_MS
from capture.errors import CaptureError, SourceLost, UnknownDevice
from capture.model import AudioBlock, Device
from capture.sound import pulse_link
from capture.sound.pulse_scene import (
    CHANNELS,
    Endpoint,
    Scene,
    microphone_device,
    speaker_device,
)
from capture.sound.pulse_watch import Watcher, ask
from capture.sound.track import QUIET

if TYPE_CHECKING:
    from capture.sound.pulse_stream import RecordStream

# How often what has arrived is collected, unless `pace` says less. PulseAudio sends pieces of 10 ms and less, however
# large a fragment is asked for, so waking for each would cost several times the CPU; libpulse keeps them meanwhile.
# In calm times that may be longer: see `RecordStream.calm`.
BLOCK_S = 0.05
# How long the server may take to say what there is, at open.
SCENE_S = 1.0
# And when nothing comes: by then it had a second already.
SILENCE_ANSWER_S = 0.3
# How long a stream is in doubt, and from when on its sound tells: what came before was on its way already.
DOUBT_NS = 250 * NS_PER_MS
DOUBT_FROM_NS = 100 * NS_PER_MS
# Being listened to wakes an idle speaker, and that is a change like another: for so long none puts a stream in doubt.
SETTLED_NS = 300 * NS_PER_MS


class Ticks:
    """The wait of a read: until it is time to collect, or something cannot wait. `alarm` and `wake`: any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._alarmed = False
        self._woken = False
        self._next_s = 0.0
        self._pace_s = BLOCK_S

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

    def pace(self, block_s: float) -> None:
        """How often to collect from now on."""
        self._pace_s = block_s
        self.alarm()

    def wait(self, deadline_s: float, calm: bool) -> bool:
        """Until the next tick, or an alarm. False when it is time to return: woken, or `deadline_s` has passed.

        Unless it is `calm`, ticks come every BLOCK_S at least.
        """
        now_s = time.monotonic()
        if now_s >= deadline_s:
            return False
        # Counted from the last tick; from now on when that is long ago.
        step_s = self._pace_s if calm else min(self._pace_s, BLOCK_S)
        self._next_s = min(max(self._next_s + step_s, now_s), now_s + step_s)
        with self._changed:
            self._changed.wait_for(lambda: self._alarmed or self._woken, min(self._next_s, deadline_s) - now_s)
            self._alarmed = False
            woken, self._woken = self._woken, False
        return not woken


class Doubt:
    """Whether a stream still lives. Pure; one thread, but for `begin`.

    Measured on PipeWire 0.3.65: once a speaker was suspended, whoever was listening to it gets zeros for ever, while
    those that come later hear what plays. Zeros may also be the truth. So for a moment they are withheld: sound proves
    that the stream lives; without any, opening it again loses nothing.
    """

    def __init__(self) -> None:
        self.confirmed = False
        self._since_ns: int | None = None
        self._withheld: list[AudioBlock] = []

    def begin(self, now_ns: int) -> None:
        """Something happened that may have ended it. Any thread."""
        self._since_ns = now_ns

    @property
    def pending(self) -> bool:
        """Whether it is in doubt just now."""
        return self._since_ns is not None

    def sift(self, blocks: list[AudioBlock], now_ns: int) -> list[AudioBlock]:
        """Those of these (and of those before) that may be given on; sets `confirmed` when it is dead."""
        since_ns = self._since_ns
        if since_ns is None:
            return blocks
        given: list[AudioBlock] = []
        for block in blocks:
            self._withheld.append(block)
            if block.samples.any():
                given += self._withheld
                self._withheld = []
                if block.end_ns > since_ns + DOUBT_FROM_NS:
                    self._since_ns = None
        if self._since_ns is None:
            given += self._withheld
            self._withheld = []
        elif now_ns > since_ns + DOUBT_NS:
            self.confirmed = True
        return given


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
        self._doubt = Doubt()
        self._opened_ns = 0

    # For the two kinds:

    kind = ""  # what people call it

    def _choose(self, scene: Scene) -> tuple[Endpoint, str, Device]:
        """What to listen to now: it, the id of the source that gives it, and what to tell about it."""
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
        self._opened_ns = time.monotonic_ns()
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
            if not self._leaving and not self._ticks.wait(deadline_s, calm=self._is_calm(self._stream)):
                return None
            rate = self._chosen.samplerate
            try:
                blocks = [AudioBlock(start_ns, samples, rate) for start_ns, samples in self._stream.take()]
            except SourceLost as error:
                raise SourceLost(self._leaving or self._why_lost()) from error
            self._blocks = self._doubt.sift(blocks, time.monotonic_ns())
            if self._doubt.confirmed:
                # Where nobody plays there was nothing to lose, and so there is nothing to say.
                named = f"the {self.kind} {self._chosen.title} was suspended or set up anew"
                self._leaving = named if self._scene and self._scene.plays_on(self._chosen) else QUIET
        return self._blocks.pop(0)

    def _is_calm(self, stream: RecordStream) -> bool:
        return stream.calm and not self._doubt.pending

    def close(self) -> None:
        self._watcher.leave(self._on_scene)
        stream, self._stream = self._stream, None
        self._chosen = None
        self._leaving = ""
        self._doubt = Doubt()
        self._blocks = []
        if stream is not None:
            pulse_link.close_stream(stream)

    def wake(self) -> None:
        self._ticks.wake()

    def pace(self, block_s: float) -> None:
        self._ticks.pace(block_s)

    def why_silent(self) -> str:
        """Asked by the grabber when nothing has come for a while: the reason when that is a fault, else empty."""
        try:
            scene = ask(SILENCE_ANSWER_S)
        except CaptureError as error:
            return str(error)
        chosen = self._chosen
        found = chosen and next((e for e in (*scene.speakers, *scene.sources) if e.id == chosen.id), None)
        return f"the {self.kind} {found.title} is suspended" if found and found.state == "suspended" else ""

    def _on_scene(self, scene: Scene | None) -> None:
        # The watch's thread.
        if scene is None:
            return
        stream, chosen, old = self._stream, self._chosen, self._scene
        if stream is not None and old is not None and stirs(old, scene):
            stream.stir()
        settled = time.monotonic_ns() > self._opened_ns + SETTLED_NS
        if settled and chosen and old and scene.on_pipewire and scene.may_have_slept(old, chosen.id):
            self._doubt.begin(time.monotonic_ns())
        self._scene = scene
        self._new_scene = True
        self._ticks.alarm()

    def _why_lost(self) -> str:
        assert self._stream is not None
        assert self._chosen is not None
        link = self._stream.link
        return link.why_ended() if link.ended else self._gone(self._chosen)

    def _gone(self, endpoint: Endpoint) -> str:
        return f"the {self.kind} {endpoint.title} was removed"


class Loopback(EndpointSource):
    """What a speaker plays. Unnamed, it follows the default; a named one it comes back to whenever that is there."""

    kind = "speaker"

    def __init__(self, watcher: Watcher, wanted: Endpoint | None) -> None:
        super().__init__(watcher, "system")
        self._wanted = wanted

    def _choose(self, scene: Scene) -> tuple[Endpoint, str, Device]:
        found = None if self._wanted is None else scene.speaker(self._wanted.id)
        speaker = found or scene.standard_speaker()
        detail: dict[str, object] = {"playing": scene.plays_on(speaker)}
        if self._wanted is not None and found is None:
            detail["instead_of"] = self._wanted.title
        return speaker, speaker.monitor, speaker_device(scene, speaker, **detail)

    def _differs(self, scene: Scene, old: Endpoint) -> str:
        if scene.speaker(old.id) is None:
            return self._gone(old)
        if self._wanted is None or scene.speaker(self._wanted.id) is None:
            default = scene.speaker(scene.default_speaker)
            if default is not None and default.id != old.id:
                return f"the default speaker changed from {old.title} to {default.title}"
        elif self._wanted.id != old.id:
            return f"the speaker {self._wanted.title} is back"
        return ""


class Microphone(EndpointSource):
    """A microphone, or the default one. One that is named and goes away is waited for; no other takes its place."""

    kind = "microphone"

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

    def _differs(self, scene: Scene, old: Endpoint) -> str:
        if scene.microphone(old.id) is None:
            return self._gone(old)
        if self._wanted is None and scene.microphones:
            default = scene.standard_microphone()
            if default.id != old.id:
                return f"the default microphone changed from {old.title} to {default.title}"
        return ""


def is_cycle_late(scene: Scene, speaker: Endpoint) -> bool:
    """Whether the speaker's monitor lags a cycle behind what players are told: see `Stamps`.

    Not assumed of real hardware, whose own delay (which PipeWire's monitors do not know) is of about the same length.
    """
    return scene.on_pipewire and not speaker.is_hardware


def stirs(old: Scene, new: Scene) -> bool:
    """Whether something began or ended to play: PipeWire may change its cycle then, and leave out one or two."""
    return new.on_pipewire and old.playbacks != new.playbacks
