"""One recording, from the opening of its sources to the finished file: which threads there are, and how they are
joined.

Owned and called by the recorder's thread only. The workers speak to it through channels and callbacks, which do no more
than post a value to the recorder.
What may wait between them has a bound (bounds.py), and so has the memory that it all takes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from capture.bounds import PACKET_BOUND, PACKET_BOUND_BYTES, PICTURE_BOUND, PICTURE_BOUND_BYTES
from capture.channel import Channel, Overflow
from capture.clock import NS_PER_MS, NS_PER_S, Clock
from capture.errors import CaptureError, NoSoundServer, OutputError, ScreenUnavailable, WorkerFault
from capture.model import AudioFormat, Event, Levels, Notice, VideoFrame
from capture.settings import RecordingSettings
from capture.sources import PACE_S, Sources
from capture.stages.picture_count import PictureCount
from capture.stages.sound import SoundStage
from capture.stages.timing import Timing
from capture.stages.video import VideoStage
from capture.stages.write import WriteStage
from capture.standstill import DISK_STANDSTILL_S, END_STANDSTILL_S, await_end
from capture.worker import Worker, as_fault

if TYPE_CHECKING:
    from capture.output.formats import FormatPlan
    from capture.output.output_file import OutputFile
    from capture.screen.grab import ScreenGrabber
    from capture.screen.source import ScreenSystem
    from capture.sound.grab import SourceOpened
    from capture.sound.source import SoundSystem

FIRST_PICTURE_LIMIT_S = 2.0
SCREEN_STEP_S = 0.05
# The file goes on a little beyond the stop: stamps may be some milliseconds off, and the last syllable must be in it.
TAIL_NS = 30 * NS_PER_MS
SCREEN_END_LIMIT_S = 0.5
DEFAULT_RATE_HZ = 48_000
# Kept for the result: a screen that comes and goes for days must not fill the memory, nor anybody's patience.
NOTICES_MOST = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """A worker ended with an error, or the file is in trouble. `stage`: "sound source", "mix", "screen", "video",
    "write"."""

    stage: str
    error: CaptureError


class Session:
    """Built idle; `open` starts everything or nothing; then `end` or `discard` exactly once."""

    def __init__(
        self,
        settings: RecordingSettings,
        sound: SoundSystem | None,
        screen: ScreenSystem | None,
        clock: Clock,
        post: Callable[[Fault], None],
        emit: Callable[[Event], None],
        hurry: threading.Event,
    ) -> None:
        """`post` and `emit` may be called by any worker. Once `hurry` is set, the end waits for no sound on its way."""
        self._settings = settings
        self._sound = sound
        self._screen = screen
        self._clock = clock
        self._post = post
        self._listener = emit
        self._hurry = hurry
        self.notices: list[Notice] = []  # those that degrade the recording; replaced, not changed
        self.faults: list[Fault] = []
        self.sources = Sources(settings, clock, self._faulty("sound source"))
        self._pictures: Channel[VideoFrame] = Channel(
            "pictures", PICTURE_BOUND, Overflow.DROP_NEWEST, PICTURE_BOUND_BYTES, lambda frame: frame.picture.nbytes
        )
        self._packets: Channel[Any] = Channel(
            "packets", PACKET_BOUND, Overflow.BLOCK, PACKET_BOUND_BYTES, lambda packet: packet.size
        )
        self.grabber: ScreenGrabber | None = None
        self._grab_screen: Worker | None = None
        self._encode_video: Worker | None = None
        self._write: Worker | None = None
        self._encoders: list[tuple[Worker, SoundStage | VideoStage]] = []
        self._encoders_running = 0
        self._encoders_lock = threading.Lock()

    # --- beginning ----------------------------------------------------------------------------------------------------

    def open(self, on_begun: Callable[[], None]) -> None:
        """Start everything; `on_begun` is called at the instant of the first sample. Returns when the recording runs.
        Raises `CaptureError`, and then leaves nothing behind."""
        from capture.output.formats import plan

        try:
            # First, since what cannot be should be said before anything is opened.
            self.plan: FormatPlan = plan(self._settings)
            self._open_screen()
            self._open_sound()
            self._open_output()
            if self._sound is not None and self.has_sound:
                self.sources.await_first_blocks(self._sound)
            self._begin(on_begun)
        except BaseException:
            self._call_off()
            raise

    def _open_screen(self) -> None:
        if self._settings.screen is None:
            return
        assert self._screen is not None
        from capture.screen.grab import ScreenGrabber

        assert self.plan.video is not None
        self.grabber = ScreenGrabber(
            self._screen,
            self._settings.screen,
            self._settings.cursor,
            self._settings.fps,
            self._settings.scale,
            self.plan.video.pixel_format,
            self._pictures,
            self._clock,
            self._listener,  # the result tells it all from the grabber's troubles
        )
        self.grabber.prepare()
        self._grab_screen = Worker("screen", self.grabber.run, self._pictures.close, self._faulty("screen"))
        self._grab_screen.start()

    def _open_sound(self) -> None:
        if not self._settings.has_sound:
            return
        assert self._sound is not None
        error = self.sources.open(self._sound)
        if error is None:
            return
        if not (isinstance(error, NoSoundServer) and self.grabber):
            raise error
        # With a screen to record, sound that is not there yet is no reason not to begin; it is a gap.
        self.tell(Notice(f"no sound yet: {error}", error.hint))

    def _open_output(self) -> None:
        from capture.output.formats import plan
        from capture.output.names import choose_place
        from capture.output.output_file import OutputFile

        self.plan = plan(self._settings, self.sources.samplerate or DEFAULT_RATE_HZ)
        kind: Literal["audio", "video"] = "video" if self.grabber else "audio"
        self.started_at = self._clock.wall()
        place = choose_place(self._settings, self.plan.suffix, kind, self.sources.title, self.started_at)
        tags = {"title": place.final.stem, "date": self.started_at.isoformat(timespec="seconds")}
        output = OutputFile(
            place, self.plan, self.sources.track_names, self.grabber.size if self.grabber else None, tags
        )
        output.open()
        self.output: OutputFile = output

    def _begin(self, on_begun: Callable[[], None]) -> None:
        """Set the origin and start the stages: from here on, all that sounds is in the file."""
        # All that takes time (imports above all) comes before the origin: once it is set, it runs, and says so.
        from capture.sound.mixer import Mixer, SourceMix

        if self.grabber:
            self._await_first_picture(self.grabber)
        self.timing = Timing(self._clock.now_ns(), hurry=self._hurry)
        self._writing = WriteStage(self.output, self._packets, self._clock, self._faulty("write"))
        self._write = Worker("write", self._writing.run, on_fault=self._faulty("write"))
        self._encoders_running = self.has_sound + bool(self.grabber)
        if self.has_sound:
            mixes = [SourceMix(name, self.sources.gain_db(name)) for name in self.sources.names]
            fmt = AudioFormat(self.plan.samplerate, self._settings.channels)
            self.mixer = Mixer(self.timing.origin_ns, fmt, mixes, self._settings.tracks == "separate")
            self._make_mix()
        if self.grabber:
            assert self.output.video is not None
            self.video_stage = VideoStage(
                self.output.video,
                self._pictures,
                self._packets,
                self.timing,
                self._clock,
                lambda: self.grabber.last if self.grabber else None,
            )
            self.pictures = PictureCount(self.grabber)
            self.pictures.go_on()
            self._encode_video = Worker(
                "encode-video", self.video_stage.run, self._video_encoder_ended, self._faulty("video")
            )
            self._encoders.append((self._encode_video, self.video_stage))
        # Before any of them says more of it; and once it is said, only a computer without a thread to give can fail it.
        on_begun()
        self.started_at = self._clock.wall()
        for worker in (*(encoder for encoder, _ in self._encoders), self._write):
            worker.start()

    def _await_first_picture(self, grabber: ScreenGrabber) -> None:
        assert self._grab_screen is not None
        deadline_ns = self._clock.now_ns() + int(FIRST_PICTURE_LIMIT_S * NS_PER_S)
        while self._grab_screen.alive and self._clock.now_ns() < deadline_ns:
            if grabber.first_picture.wait(SCREEN_STEP_S):
                return
        raise self._grab_screen.fault or ScreenUnavailable("the screen gave no picture", "See: loopnote doctor")

    def _make_mix(self) -> None:
        self.sound_stage = SoundStage(
            self.mixer,
            self.plan.samplerate,
            self.output.audio,
            self.sources.items,
            self._packets,
            self.timing,
            self._clock,
            self.tell_levels,
            self._source_opened,
            self.tell,
            PACE_S,
            self.sources.missing,
        )
        body = lambda stop: self.sound_stage.run(stop, self.sources.early)  # noqa: E731
        self._encoders.append((Worker("mix", body, self._encoder_ended, self._faulty("mix")), self.sound_stage))

    # --- while it runs ------------------------------------------------------------------------------------------------

    def pause(self, at_ns: int) -> None:
        self.timing.pauses.pause(at_ns)
        if self.grabber:
            self.pictures.stand_still()

    def resume(self, at_ns: int) -> None:
        self.timing.pauses.resume(at_ns)
        if self.grabber:
            self.pictures.go_on()

    def _source_opened(self, opened: SourceOpened) -> None:
        notice = self.sources.note_opened(opened.index, opened.device, self.timing.position_s(opened.at_ns))
        if notice is not None:
            self.tell(notice)

    def tell(self, event: Event) -> None:
        """Pass an event on, and keep for the result what makes the recording no longer whole. Any thread."""
        if isinstance(event, Notice) and event.degrades and event not in self.notices:
            self.notices = [*self.notices, event][:NOTICES_MOST]
        self._listener(event)

    @property
    def has_sound(self) -> bool:
        return self._settings.has_sound

    @property
    def channels(self) -> int:
        return self._settings.channels

    def anything_runs(self) -> bool:
        """Whether any source, of sound or of pictures, still works, and what it gives gets into the file."""
        has_pictures = self._grab_screen and self._grab_screen.alive and self._encode_video and self._encode_video.alive
        return self.sources.alive or bool(has_pictures)

    def turns(self) -> dict[str, int]:
        """How many turns each running thread has made, by its name: one that makes no more stands still."""
        running = ((self._grab_screen, self.grabber), *self._encoders, (self._write, self._writing))
        found = {worker.name: stage.turns for worker, stage in running if worker and stage and worker.alive}
        return self.sources.turns() | found | getattr(self._sound, "turns", dict)()

    def note(self, fault: Fault) -> None:
        """Remember a fault for the result."""
        self.faults.append(fault)

    def tell_levels(self, now_ns: int, peaks_dbfs: dict[str, float]) -> None:
        """How the recording stands. Called by the mix thread; where there is no sound, by the recorder's."""
        self.tell(Levels(self.timing.position_s(now_ns), self.output.size_bytes, peaks_dbfs))

    def _faulty(self, stage: str) -> Callable[[CaptureError], None]:
        def fault(error: CaptureError) -> None:
            found = Fault(stage, error)
            self.note(found)
            self._post(found)

        return fault

    def _video_encoder_ended(self) -> None:
        self._pictures.close()  # so that nobody looks at the screen for an encoder that has gone
        self._encoder_ended()

    def _encoder_ended(self) -> None:
        with self._encoders_lock:
            self._encoders_running -= 1
            if self._encoders_running == 0:
                self._packets.close()  # the writer's end mark: all that will ever be written is in the channel

    # --- ending -------------------------------------------------------------------------------------------------------

    def end(self, at_ns: int, exact: bool) -> Path:
        """Finish at `at_ns` (a little later unless `exact`) and close the file; returns it."""
        self._finish(at_ns if exact else at_ns + TAIL_NS)
        file = self._writing.file
        if file is None:
            # The last: before it, there may have been a warning that the disk was nearly full.
            errors = [fault.error for fault in self.faults if fault.stage in ("write", "end")]
            if errors and isinstance(errors[-1], OutputError):
                raise errors[-1]
            why = errors[-1] if errors else "nobody knows why"
            raise OutputError(f"{self.output.place.part} could not be finished: {why}", "Run: loopnote recover")
        return file

    def discard(self, at_ns: int) -> None:
        """End without keeping anything."""
        self._writing.discard()
        self._finish(at_ns)

    def _finish(self, end_ns: int) -> None:
        # In this order: nobody may take the end of a pause that lasts to the end for a resume.
        self.timing.end_ns = end_ns
        self._in_any_case(
            self.sources.hasten,
            lambda: self.timing.pauses.finish(end_ns),
            lambda: self._end_screen(end_ns),
            self._pictures.close,
            *self._last_steps(),
        )

    def _last_steps(self) -> Iterator[Callable[[], object]]:
        """For `_in_any_case`, once nothing more is to come: until all of it is in the file, and that is closed."""
        for worker, stage in self._encoders:
            yield partial(self._await_encoder, worker, stage)
        yield self._packets.close  # also when a stage hangs: the file must be closed whatever happens
        yield self._await_file
        # Last, since a sound server that does not answer holds its threads for a while, and nobody needs them any more.
        yield self.sources.stop

    def _in_any_case(self, *steps: Callable[[], object]) -> None:
        """Take every step of the end, whatever becomes of those before it."""
        for step in steps:
            try:
                step()
            except BaseException as bug:  # noqa: BLE001 - as it says
                self.note(Fault("end", as_fault("the end of the recording", bug)))

    def _end_screen(self, end_ns: int) -> None:
        if self.grabber is None:
            return
        threading.Event().wait(max(0.0, (end_ns - self._clock.now_ns()) / NS_PER_S))  # pictures up to the end
        if not self._stop_screen():
            self._listener(Notice("the screen does not answer; its last picture stands to the end", degrades=True))
            if not any(trouble.end_ns is None for trouble in self.grabber.troubles):  # else that tells of it
                self.note(Fault("screen", WorkerFault("the screen thread did not end")))
        self.pictures.stand_still()

    def _await_encoder(self, worker: Worker, stage: SoundStage | VideoStage) -> None:
        """Wait as long as its thread moves, or the writer makes room for it."""
        moved = lambda: (stage.turns, len(self._packets), self._packets.put_count)  # noqa: E731
        if not await_end(worker, moved, END_STANDSTILL_S):
            self.note(Fault(worker.name, WorkerFault(f"the {worker.name} thread did not end; what it held is missing")))

    def _await_file(self) -> None:
        if self._write and not await_end(self._write, lambda: self._writing.turns, DISK_STANDSTILL_S):
            self.note(Fault("write", WorkerFault("the disk did not answer")))

    def _stop_screen(self) -> bool:
        """False when it does not answer: that holds its thread, but nobody is kept waiting for it."""
        if self._grab_screen is None:
            return True
        self._grab_screen.stop()
        return self._grab_screen.join(SCREEN_END_LIMIT_S)

    def _call_off(self) -> None:
        """It did not begin: end what runs already, and leave nothing behind."""
        if self._write:
            self.timing.end_ns = self.timing.origin_ns  # for the stages that run already
            self._writing.discard()
        self._in_any_case(self._pictures.close, self._stop_screen, *self._last_steps())
        if hasattr(self, "output"):
            self.output.abort()

    @property
    def recorded_s(self) -> float:
        """Length of the finished recording."""
        assert self.timing.end_ns is not None
        return self.timing.recorded_ns(self.timing.end_ns) / NS_PER_S

    @property
    def file_s(self) -> float:
        """Length of the file: that of the recording, unless a fault ended it before that."""
        is_whole = not (self.faults or self.output.broken_off)
        return self.recorded_s if is_whole else min(self.recorded_s, self.output.length_s)

    @property
    def lost_packets(self) -> int:
        """Packets that found no room, because the disk stood still for too long."""
        return self._packets.drop_count
