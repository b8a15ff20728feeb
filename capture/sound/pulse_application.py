"""One application's sound, whatever it plays it on: all of its streams, added up, while it comes and goes."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from capture.errors import CaptureError, NoSoundServer, SourceLost
from capture.model import AudioBlock, Device
from capture.sound import pulse_link
from capture.sound.pulse_scene import CHANNELS, Playback, Scene, application_device, stream_rate
from capture.sound.pulse_sources import SCENE_S, SILENCE_ANSWER_S, Ticks, stirs
from capture.sound.pulse_watch import Watcher, ask
from capture.sound.stream_sum import StreamSum

if TYPE_CHECKING:
    from capture.sound.pulse_connection import Link
    from capture.sound.pulse_stream import RecordStream

log = logging.getLogger(__name__)

# An application's stream (its index) on a speaker (its index): moved to another speaker, it must be tapped anew.
Tap = tuple[int, int]


class Application:
    """Everything that one application plays. A `SoundSource`; while the application is away, `read` gives None."""

    def __init__(self, watcher: Watcher, playback: Playback) -> None:
        self.name = playback.title
        self._identity = playback.identity
        self._watcher = watcher
        self._ticks = Ticks()
        self._taps: dict[Tap, RecordStream] = {}
        self._held: Link | None = None
        self._samplerate = 0
        self._scene: Scene | None = None
        self._new_scene = False
        self._sum = StreamSum(1, CHANNELS)
        self._blocks: list[AudioBlock] = []

    def open(self) -> Device:
        self.close()
        self._watcher.listen(self._on_scene)
        try:
            scene = self._watcher.fresh(SCENE_S)
            streams = scene.streams_of(self._identity)
            # One rate for all streams, now and later: that of the speaker where it plays.
            self._samplerate = stream_rate(scene, streams[0] if streams else None)
            self._sum = StreamSum(self._samplerate, CHANNELS)
            self._held = pulse_link.hold()
            self._follow(scene)
        except CaptureError:
            self.close()
            raise
        return application_device(scene, self._identity, self.name, self._samplerate, CHANNELS)

    def read(self, timeout_s: float) -> AudioBlock | None:
        deadline_s = time.monotonic() + timeout_s
        while not self._blocks:
            if not self._samplerate:
                raise SourceLost("the source is not open")
            if not self._ticks.wait(deadline_s, calm=False):
                return None
            self._collect()  # first: what had arrived of a stream that is left is the end of its sound
            if self._new_scene and self._scene is not None:
                self._new_scene = False
                self._follow(self._scene)
        return self._blocks.pop(0)

    def close(self) -> None:
        self._watcher.leave(self._on_scene)
        for tap in list(self._taps):
            self._end(tap)
        held, self._held = self._held, None
        if held is not None:
            pulse_link.release(held)
        self._samplerate = 0
        self._blocks = []

    def wake(self) -> None:
        self._ticks.wake()

    def pace(self, block_s: float) -> None:
        self._ticks.pace(block_s)

    def why_silent(self) -> str:
        """As `EndpointSource.why_silent`."""
        try:
            ask(SILENCE_ANSWER_S)
        except CaptureError as error:
            return str(error)
        return ""

    def _collect(self) -> None:
        now_ns = time.monotonic_ns()
        for tap, stream in list(self._taps.items()):
            try:
                for start_ns, samples in stream.take():
                    self._sum.add(tap, start_ns, samples, now_ns)
            except SourceLost as error:
                if stream.link.ended:
                    raise SourceLost(stream.link.why_ended()) from error
                # The application closed it, or it was moved: the next scene tells which.
                self._end(tap)
                self._new_scene = True
        self._blocks = [AudioBlock(at_ns, samples, self._samplerate) for at_ns, samples in self._sum.take(now_ns)]

    def _follow(self, scene: Scene) -> None:
        """Tap the streams that the application has now, and only these."""
        now: set[Tap] = {(stream.index, stream.speaker) for stream in scene.streams_of(self._identity)}
        for tap in set(self._taps) - now:
            self._end(tap)
        for tap in sorted(now - set(self._taps)):
            speaker = scene.speaker_at(tap[1])
            if speaker is None:
                continue
            try:
                self._taps[tap] = pulse_link.open_stream(
                    speaker.monitor, self._samplerate, CHANNELS, scene.fragment_s, self._ticks.alarm, sink_input=tap[0]
                )
            except NoSoundServer:
                raise
            except SourceLost:
                # It ended or was moved since the scene was drawn: the event for that is on its way, and brings us back.
                log.debug("the stream %s of %s was refused", tap, self.name, exc_info=True)

    def _end(self, tap: Tap) -> None:
        pulse_link.close_stream(self._taps.pop(tap))
        self._sum.end(tap)

    def _on_scene(self, scene: Scene | None) -> None:
        # The watch's thread.
        if scene is None:
            return
        if self._scene is not None and stirs(self._scene, scene):
            for stream in list(self._taps.values()):
                stream.stir()
        self._scene = scene
        self._new_scene = True
        self._ticks.alarm()
