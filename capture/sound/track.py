"""One source of a mix: its blocks in, its sound on the recording's frames out, holes filled and noted.

    block ─▶ channels ─▶ Timeline: wait / begin / go on ─▶ FixedRate, when the rates differ ─▶ DriftStage ─▶ queue

Frame k of a recording belongs at origin + k / samplerate. The queue is gap-free from the frame that was taken last:
where nothing came there is silence and a `Hole`; what came too late for its place is thrown away and is a `Dropped`.
Called by the mix thread; never blocks. Arrays are float32 of shape (frames, channels).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from capture.clock import NS_PER_S, frames_to_ns, ns_to_frames
from capture.sound.channels import fit_channels
from capture.sound.drift import DriftStage
from capture.sound.meter import peak_of
from capture.sound.resample import FixedRate
from capture.sound.timeline import Step, Timeline

if TYPE_CHECKING:
    from capture.model import AudioBlock, AudioFormat, Samples

NOT_BEGUN = "no sound had come yet"
NO_SOUND = "no sound came"
QUIET = "nothing was playing"
# How much sound on each side of a hole must be digital silence for the hole to be taken for silence too.
EDGE_S = 0.005
TAKEN = "its place was taken already"
# Sound left out that is worth a word: two devices that follow each other may overlap by less.
DROPPED_NS = NS_PER_S // 20
# A failing device must not fill the memory with notes in a recording of days; what more comes widens the last one.
NOTES_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch (monotonic ns) in which the source gave nothing; silence stands in its place."""

    source: str
    start_ns: int
    end_ns: int
    reason: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """Sound that was thrown away because its place (monotonic ns) was taken: it came too late, or overlapped."""

    source: str
    start_ns: int
    end_ns: int
    reason: str


Note = TypeVar("Note", Hole, Dropped)


class Track:
    """One source. Frames are counted from the recording's origin."""

    def __init__(self, name: str, origin_ns: int, fmt: AudioFormat) -> None:
        self.name = name
        self.timeline = Timeline()
        self.holes: list[Hole] = []
        self.dropped: list[Dropped] = []
        self.lost = False
        self.repaired_blocks = 0  # blocks that held something that is no number
        self.end_frame = 0  # the queue is filled up to here
        self._origin_ns = origin_ns
        self._format = fmt
        self._rate_in = fmt.samplerate
        self._waiting: deque[Samples] = deque()  # for the timeline to decide
        self._queue: deque[Samples] = deque()  # placed, from the frame that was taken last up to end_frame
        self._stage = DriftStage(fmt.samplerate, fmt.channels, self.timeline)
        self._converter: FixedRate | None = None
        self._open = False  # converter and stage hold sound of a segment that goes on
        self._segment_frames = 0  # frames, at the source's rate, that the timeline let go on in this segment
        self._why = NOT_BEGUN
        self._edge_frames = round(EDGE_S * fmt.samplerate)
        self._ended_silent = False
        self._back_frame = 0  # what belongs before it and came late is from a time in which the source was lost

    @property
    def complete_frame(self) -> int:
        """The source gave sound up to here; what waits for a decision does not count."""
        return self.end_frame + self._stage.pending + (self._converter.pending if self._converter else 0)

    def add(self, block: AudioBlock, now_ns: int | None) -> None:
        """The next block. `now_ns`: the time, as far as it is known."""
        if not block.frames:
            return
        if block.samplerate != self._rate_in:
            self._end_source()
            self._rate_in = block.samplerate
        if self.lost and now_ns is not None:
            self._back_frame = frame_at(now_ns, self._origin_ns, self._format.samplerate)
        self.lost = False
        self._waiting.append(self._sound_of(block))
        stamp_s = (block.start_ns - self._origin_ns) / NS_PER_S
        now_s = None if now_ns is None else (now_ns - self._origin_ns) / NS_PER_S
        self._obey(self.timeline.add(stamp_s, block.frames / block.samplerate, now_s))

    def lose(self, at_frame: int, reason: str) -> None:
        """The source ended; nothing that belongs before `at_frame` will come any more."""
        self._end_source()
        if self.lost:
            self.fill(at_frame)  # for the reason that was known until now
        self.lost = True
        if self.holes and self.holes[-1].end_ns == self._ns(self.end_frame) and self.holes[-1].reason == NO_SOUND:
            self.holes[-1] = replace(self.holes[-1], reason=reason)  # it had fallen silent because of this
        self._why = reason
        self.fill(at_frame)

    def wait_for_sound(self, from_frame: int) -> None:
        """After a loss: the source is there, and gives nothing only because there is nothing to give."""
        if self.lost:
            self.fill(from_frame)
            self._why = QUIET

    def fill(self, to_frame: int) -> None:
        """Silence up to there, unless what waits reaches so far."""
        if self.end_frame >= to_frame:
            return
        self._obey(self.timeline.decide())
        if self.end_frame < to_frame:
            self._close()
        if self.end_frame < to_frame:
            self._silence(to_frame)

    def finish(self, end_frame: int) -> None:
        """The recording ends there: place everything, and silence after it."""
        self._end_source()
        self.fill(end_frame)

    def take(self, frames: int) -> Samples:
        """The next frames of the queue, which must be there; C-contiguous, and to be read only."""
        parts: list[Samples] = []
        while frames:
            head = self._queue[0]
            if len(head) <= frames:
                self._queue.popleft()
            else:
                self._queue[0] = head[frames:]
                head = head[:frames]
            parts.append(head)
            frames -= len(head)
        if not parts:
            return np.zeros((0, self._format.channels), np.float32)
        return np.ascontiguousarray(parts[0]) if len(parts) == 1 else np.concatenate(parts)

    def remarks(self) -> list[str]:
        """What was not as it should be, apart from holes, in words for people."""
        dropped_ns = sum(note.end_ns - note.start_ns for note in self.dropped)
        found = []
        if dropped_ns > DROPPED_NS:
            found.append(f"{dropped_ns / NS_PER_S:.2f} s of sound came too late and was left out ({self.name})")
        if self.timeline.broken_stamps:
            found.append(f"the times of {self.timeline.broken_stamps} blocks of sound made no sense ({self.name})")
        if self.repaired_blocks:
            found.append(f"{self.repaired_blocks} blocks of sound held no numbers in places ({self.name})")
        return found

    # --- from blocks to placed sound ---

    def _sound_of(self, block: AudioBlock) -> Samples:
        samples = fit_channels(np.asarray(block.samples, np.float32), self._format.channels)
        if not math.isfinite(peak_of(samples)):
            # One such sample would silence a resampler for good, and some encoders refuse it.
            samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
            self.repaired_blocks += 1
        return samples

    def _obey(self, step: Step) -> None:
        if not step.take:
            return
        if step.begin_s is not None:
            self._close()
            self._segment_frames = 0
            self._stage.begin(round(step.begin_s * self._format.samplerate), 0.0)
        elif not self._open:  # silence was put in while it was late; it goes on where it would have been
            self._stage.begin(self._stage.next_frame, self._segment_frames / self._rate_in)
        if not self._open and self._rate_in != self._format.samplerate:
            self._converter = FixedRate(self._rate_in, self._format.samplerate, self._format.channels)
        self._open = True
        for _ in range(step.take):
            samples = self._waiting.popleft()
            self._segment_frames += len(samples)
            self._through_stage(self._converter.push(samples) if self._converter else samples)

    def _through_stage(self, samples: Samples) -> None:
        placed = self._stage.push(samples)
        self._put(self._stage.next_frame - len(placed), placed)

    def _close(self) -> None:
        """Get out what converter and stage hold: what comes next does not follow it at once."""
        if not self._open:
            return
        if self._converter:
            self._through_stage(self._converter.flush())
            self._converter = None
        rest = self._stage.flush()
        self._put(self._stage.next_frame - len(rest), rest)
        self._open = False

    def _end_source(self) -> None:
        self._obey(self.timeline.decide())
        self._close()
        self._waiting.clear()
        self.timeline.forget()

    # --- the queue and its notes ---

    def _put(self, at_frame: int, samples: Samples) -> None:
        if not len(samples):
            return
        if at_frame > self.end_frame:
            self._silence(at_frame)
        cut = min(self.end_frame - at_frame, len(samples))
        if cut > 0:
            self._note_dropped(at_frame, samples[:cut])
            samples = samples[cut:]
        samples = self._after_made_up_silence(samples)
        if len(samples):
            self._forgive_quiet(samples)
            self._queue.append(samples)
            self.end_frame += len(samples)
            self._why = NO_SOUND
            self._ended_silent = not samples[-self._edge_frames :].any()

    def _forgive_quiet(self, samples: Samples) -> None:
        """A hole between digital silence and digital silence, for which nobody gave a reason, lost no sound.

        A server that changes its period when an application begins to play (PipeWire: by up to 80 ms) leaves such.
        """
        last = self.holes[-1] if self.holes else None
        if not (last and last.reason == NO_SOUND and last.end_ns == self._ns(self.end_frame)):
            return
        if self._ended_silent and not samples[: self._edge_frames].any():
            self.holes[-1] = replace(last, reason=QUIET)

    def _after_made_up_silence(self, samples: Samples) -> Samples:
        """Without the silence that a server that was frozen gives for that time, once it goes on: it is of the hole."""
        last = self.holes[-1] if self.holes else None
        most = min(len(samples), self._back_frame - self.end_frame)
        if most <= 0 or not last or last.end_ns != self._ns(self.end_frame):
            return samples
        sounding = np.flatnonzero(samples[:most].any(axis=1))
        silent = int(sounding[0]) if len(sounding) else most
        if silent:
            self._why = last.reason
            self._silence(self.end_frame + silent)
        return samples[silent:]

    def _note_dropped(self, at_frame: int, samples: Samples) -> None:
        """Sound that goes is noted; silence is no loss, nor is what sounded before the recording began."""
        sounding = np.flatnonzero(samples.any(axis=1)) + at_frame
        sounding = sounding[sounding >= 0]
        if len(sounding):
            self._note(self.dropped, Dropped, int(sounding[0]), int(sounding[-1]) + 1, TAKEN)

    def _silence(self, to_frame: int) -> None:
        self._note(self.holes, Hole, self.end_frame, to_frame, self._why)
        length = to_frame - self.end_frame
        self._queue.append(np.broadcast_to(np.float32(0.0), (length, self._format.channels)))  # takes no memory
        self.end_frame = to_frame

    def _note(self, notes: list[Note], kind: type[Note], start_frame: int, end_frame: int, reason: str) -> None:
        start_ns, end_ns = self._ns(start_frame), self._ns(end_frame)
        last = notes[-1] if notes else None
        if last and ((last.end_ns == start_ns and last.reason == reason) or len(notes) >= NOTES_MOST):
            notes[-1] = replace(last, end_ns=end_ns)
        else:
            notes.append(kind(self.name, start_ns, end_ns, reason))

    def _ns(self, frame: int) -> int:
        return self._origin_ns + frames_to_ns(frame, self._format.samplerate)


def frame_at(at_ns: int, origin_ns: int, samplerate: int) -> int:
    """The frame nearest to `at_ns`."""
    return ns_to_frames(at_ns - origin_ns, samplerate)
