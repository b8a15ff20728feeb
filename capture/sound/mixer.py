"""The mix: what several sources gave, as one signal (or one a source) on the recording's frames.

    AudioBlock ─▶ Track a ─▶ queue ─▶ gain ─▶ Meter ─┬─▶ sum ─▶ [mixed]
    AudioBlock ─▶ Track b ─▶ queue ─▶ gain ─▶ Meter ─┴───────▶ [a, b], when separate

`mix` goes as far as the slowest source has given sound, but never lags more than `lag_limit_ns` behind the time it is
told: a source that is slower than that has silence put in its place, and a `Hole` says so. One source at 0 dB passes
through bit for bit. Nothing is limited or clipped: a sum beyond full scale is the encoder's to clip and a meter's to
count.

One thread (the mix thread) calls everything here; nothing blocks, nothing reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from capture.clock import NS_PER_MS, NS_PER_S, frames_to_ns
from capture.sound.meter import Meter
from capture.sound.track import Dropped, Hole, Track, frame_at

if TYPE_CHECKING:
    from capture.model import AudioBlock, AudioFormat, Samples

__all__ = ["FOREVER_NS", "Dropped", "Hole", "Mixer", "SourceMix"]

# Longer than a block (0.3 s), the timeline's wait for stamps after a break (250 ms) and a reader that was held up by a
# busy computer; short enough that a live meter and the replay memory do not stand still.
LAG_LIMIT_NS = 700 * NS_PER_MS

# The longest stretch that is handed on at a time: whoever was asleep for a night must not need memory for all of it.
STRETCH_S = 1.0

FOREVER_NS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class SourceMix:
    """How one source goes into the mix; `name` is its track's."""

    name: str
    gain_db: float = 0.0


class Mixer:
    """Mixes sources, which are numbered as in `sources`. Frames are counted from `origin_ns`."""

    def __init__(
        self,
        origin_ns: int,
        fmt: AudioFormat,
        sources: Sequence[SourceMix],
        separate: bool = False,
        lag_limit_ns: int = LAG_LIMIT_NS,
    ) -> None:
        self.frames_done = 0
        self.source_meters = {source.name: Meter() for source in sources}  # after the gain
        self.tracks = [Track(source.name, origin_ns, fmt) for source in sources]
        self._gains = [np.float32(10.0 ** (source.gain_db / 20.0)) for source in sources]
        self._origin_ns = origin_ns
        self._format = fmt
        self._separate = separate
        self._lag_limit_ns = lag_limit_ns
        self._stretch = round(STRETCH_S * fmt.samplerate)
        self._now_ns: int | None = None

    @property
    def position_ns(self) -> int:
        """The time of the next frame that will be mixed."""
        return self._origin_ns + frames_to_ns(self.frames_done, self._format.samplerate)

    @property
    def holes(self) -> list[Hole]:
        """Where silence stands for what did not come, by time; the last of a source may still be growing."""
        return sorted((hole for track in self.tracks for hole in track.holes), key=lambda hole: hole.start_ns)

    @property
    def dropped(self) -> list[Dropped]:
        """What came too late for its place, or overlapped, by time."""
        return sorted((note for track in self.tracks for note in track.dropped), key=lambda note: note.start_ns)

    def add(self, source: int, block: AudioBlock, now_ns: int | None = None) -> None:
        """The next block of a source, in the order in which they came; `now_ns`: when, if not just after a mix."""
        self.tracks[source].add(block, self._now_ns if now_ns is None else now_ns)

    def lost(self, source: int, at_ns: int, reason: str) -> None:
        """The source ended at about `at_ns`; the hole that follows is named `reason`. Blocks may come again later."""
        self.tracks[source].lose(frame_at(at_ns, self._origin_ns, self._format.samplerate), reason)

    def opened(self, source: int, at_ns: int, playing: bool) -> None:
        """The source is there again since `at_ns`; unless something is `playing` there, nothing is missing any more."""
        if not playing:
            self.tracks[source].wait_for_sound(frame_at(at_ns, self._origin_ns, self._format.samplerate))

    def complete_until_ns(self) -> int:
        """All sources that are not lost have given their sound up to here; FOREVER_NS when all are lost."""
        frames = [track.complete_frame for track in self.tracks if not track.lost]
        return self._origin_ns + frames_to_ns(min(frames), self._format.samplerate) if frames else FOREVER_NS

    def mix(self, now_ns: int, end_ns: int | None = None, patient: bool = False) -> list[Samples] | None:
        """The next stretch of every track, a second at most, contiguous from the origin; None when nothing is ready.

        Ask until it is None. With `patient`, nothing is filled with silence yet, however late it is: who mixes was held
        up, and what the sources gave meanwhile is still on its way.

        Tracks are of equal length, shape (frames, channels), float32, to be read only. They never reach beyond `now_ns`
        (the monitor of a speaker gives sound a moment before it is heard), so that a pause or an end that comes now is
        never too late; nor beyond `end_ns`, when that is known.
        """
        self._now_ns = now_ns if self._now_ns is None else max(now_ns, self._now_ns)
        most = self._end_frame(self._now_ns if end_ns is None else min(self._now_ns, end_ns))
        oldest = frame_at(self._now_ns - self._lag_limit_ns, self._origin_ns, self._format.samplerate)
        for track in self.tracks:
            if not patient:
                track.fill(min(oldest, most))
        ready = min(most, *(track.end_frame for track in self.tracks), self.frames_done + self._stretch)
        return self._mixed(ready) if ready > self.frames_done else None

    def finish(self, end_ns: int) -> Iterator[list[Samples]]:
        """All that is left up to `end_ns`, rounded up to a frame, in stretches; what is missing is silence.

        The last call.
        """
        end_frame = self._end_frame(end_ns)
        for track in self.tracks:
            track.finish(end_frame)
        while self.frames_done < end_frame:
            yield self._mixed(min(end_frame, self.frames_done + self._stretch))

    def levels_dbfs(self) -> dict[str, float]:
        """The peak of each source, after its gain, since this was last called; -inf is digital silence."""
        return {name: meter.take_dbfs() for name, meter in self.source_meters.items()}

    def remarks(self) -> list[str]:
        """What else was not as it should be, in words for people; holes are told by `holes`."""
        return [remark for track in self.tracks for remark in track.remarks()]

    def _end_frame(self, end_ns: int) -> int:
        return -((self._origin_ns - end_ns) * self._format.samplerate // NS_PER_S)

    def _mixed(self, to_frame: int) -> list[Samples]:
        frames = to_frame - self.frames_done
        self.frames_done = to_frame
        tracks = []
        for track, gain, meter in zip(self.tracks, self._gains, self.source_meters.values(), strict=True):
            samples = track.take(frames)
            if gain != 1.0:
                samples = samples * gain
            meter.add(samples)
            tracks.append(samples)
        if self._separate or len(tracks) == 1:
            return tracks
        total = tracks[0] + tracks[1]
        for samples in tracks[2:]:
            total += samples
        return [total]
