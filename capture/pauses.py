"""Pauses: when the recording stood still, and the cutting of those stretches out of the sound.

    recorder's thread ─▶ Pauses (instants) ─▶ any thread: the place of a picture in the recording
                                         └──▶ PauseCutter (mix thread): the same instants cut out of the sound

Both take out the same instants, so picture and sound stay together: a cut differs from its instants by at most half an
audio frame at each end. Times are monotonic nanoseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from capture.clock import ns_to_frames

if TYPE_CHECKING:
    from capture.model import Samples

# At each side of a cut the sound fades (raised cosine) over this long, so that it does not click. Shorter than any
# sound of speech, longer than a period of 200 Hz. No other sample is changed.
FADE_S = 0.005
# How late a resume may be said without loss: longer than the recorder's thread is ever held up, and little memory.
KEPT_S = 0.5


class Pauses:
    """The instants. Written by one thread; read by any, since the spans are replaced in one step."""

    def __init__(self) -> None:
        self.spans: tuple[tuple[int, int | None], ...] = ()  # (pause, resume); None: still paused. In order, apart.

    def pause(self, at_ns: int) -> None:
        """Stand still from then on. Nothing happens when it does already."""
        if not self._open():
            resumed_ns = self.spans[-1][1] if self.spans else None
            self.spans = (*self.spans, (at_ns if resumed_ns is None else max(at_ns, resumed_ns), None))

    def resume(self, at_ns: int) -> None:
        """Go on from then on. Nothing happens when it does already."""
        if self._open():
            paused_ns = self.spans[-1][0]
            self.spans = (*self.spans[:-1], (paused_ns, max(at_ns, paused_ns)))

    def finish(self, end_ns: int) -> None:
        """The recording ends, perhaps while it stands still: then nothing more is added to it."""
        self.resume(end_ns)

    def is_paused(self, at_ns: int) -> bool:
        return any(start <= at_ns and (end is None or at_ns < end) for start, end in self.spans)

    def paused_ns(self, from_ns: int, to_ns: int) -> int:
        """How much of that stretch was paused."""
        total_ns = 0
        for start, end in self.spans:
            total_ns += max(0, min(to_ns, to_ns if end is None else end) - max(from_ns, start))
        return total_ns

    def goes_on_at(self, at_ns: int) -> int | None:
        """The first instant from `at_ns` on that is not paused; None while no end of the pause is known."""
        for start, end in self.spans:
            if end is None and start <= at_ns:
                return None
            if end is not None and start <= at_ns < end:
                at_ns = end
        return at_ns

    def _open(self) -> bool:
        return bool(self.spans) and self.spans[-1][1] is None


class PauseCutter:
    """Cuts pauses out of contiguous sound that begins at `origin_ns`. Called by the mix thread; never blocks.

    A pause should be known before the sound of that instant is cut; the mix lags, so it mostly is. If some was let
    through already, the cut is later at both ends, by as much and by the fade: its length stays right. A resume that is
    said too late finds its sound in what is kept of a pause for `KEPT_S`; silence stands for what is older.
    """

    def __init__(self, pauses: Pauses, origin_ns: int, samplerate: int) -> None:
        self._pauses = pauses
        self._origin_ns = origin_ns
        self._rate = samplerate
        self._fade_frames = max(1, round(FADE_S * samplerate))
        self._frame = 0  # the next that will come
        self._seen = 0  # spans that were taken over into:
        self._cuts: list[tuple[int, int | None]] = []  # not yet passed: (first frame, frame after)
        self._shift = 0  # of the last cut, in frames
        self._run_start: int | None = 0  # where what is kept now began; None: it is being cut
        self._begins_soft = False  # it began after a cut
        self._fading_to: int | None = None  # the cut before which it is already fading out
        self._kept_frames = round(KEPT_S * samplerate)
        self._kept: list[Samples] = []  # of a pause that goes on: what a resume may turn out to need

    def cut(self, tracks: list[Samples]) -> list[Samples]:
        """The next sound of every track, shape (frames, channels), without what was paused.

        The same arrays where nothing is to be done; given arrays are never written to.
        """
        start = self._frame
        self._frame = end = start + len(tracks[0])
        if self._kept:
            start -= len(self._kept[0])
            tracks = [_joined([kept, track], track) for kept, track in zip(self._kept, tracks, strict=True)]
            self._kept = []
        goes_on = self._run_start is not None and not self._begins_soft
        if goes_on and not self._cuts and self._seen == len(self._pauses.spans):
            return tracks
        self._look(start)
        parts: list[list[Samples]] = [[] for _ in tracks]
        at = start
        while at < end:
            cut_from, cut_to = self._cuts[0] if self._cuts else (end + self._fade_frames, None)
            if at < cut_from:
                until = min(end, cut_from)
                self._keep(tracks, parts, start, at, until, cut_from)
                at = until
            else:
                self._run_start = None
                if cut_to is None:
                    first = max(at, end - self._kept_frames) - start
                    self._kept = [track[first:] for track in tracks]
                    break
                if cut_to > end:
                    break
                self._cuts.pop(0)
                at = cut_to
                if at < start:
                    for pieces, track in zip(parts, tracks, strict=True):
                        pieces.append(_silence_like(track, start - at))
                    at = start
        return [_joined(pieces, track) for pieces, track in zip(parts, tracks, strict=True)]

    def _look(self, start: int) -> None:
        """Take over what the recorder has said since."""
        spans = self._pauses.spans
        if self._cuts and self._cuts[-1][1] is None:
            self._seen -= 1
            first, last = self._cuts.pop()[0], self._end_of(spans[self._seen][1])
            self._cuts.append((first, last))
            self._seen += 1
        for start_ns, end_ns in spans[self._seen :]:
            wanted = ns_to_frames(start_ns - self._origin_ns, self._rate)
            earliest = max(start, self._cuts[-1][1] or 0) if self._cuts else start
            if not self._cuts and self._run_start is not None and self._run_start < start:
                earliest += self._fade_frames  # what comes now must still fade, or it clicks
            self._shift = max(0, earliest - wanted)
            self._cuts.append((wanted + self._shift, self._end_of(end_ns)))
        self._seen = len(spans)

    def _end_of(self, end_ns: int | None) -> int | None:
        return None if end_ns is None else ns_to_frames(end_ns - self._origin_ns, self._rate) + self._shift

    def _keep(
        self, tracks: list[Samples], parts: list[list[Samples]], start: int, at: int, until: int, cut_from: int
    ) -> None:
        """Keep the frames from `at` to `until`, of tracks that begin at `start`; the next cut is at `cut_from`."""
        import numpy as np

        if self._run_start is None:
            self._run_start, self._begins_soft = at, True
        weight: Samples | None = None
        if self._begins_soft:
            weight = self._rise(np.arange(at - self._run_start, until - self._run_start, dtype=np.float32))
            self._begins_soft = until < self._run_start + self._fade_frames
        fade_from = max(cut_from - self._fade_frames, self._run_start)
        if until > fade_from and (at <= fade_from or self._fading_to == cut_from):
            self._fading_to = cut_from
            fall = self._rise(np.arange(cut_from - 1 - at, cut_from - 1 - until, -1, dtype=np.float32))
            weight = fall if weight is None else weight * fall
        for pieces, track in zip(parts, tracks, strict=True):
            piece = track[at - start : until - start]
            pieces.append(piece if weight is None else piece * weight[:, np.newaxis])

    def _rise(self, distances: Samples) -> Samples:
        """Weights of frames that are so many frames away from the cut."""
        import numpy as np

        steps = np.minimum((distances + 0.5) / self._fade_frames, 1.0)
        weights: Samples = (0.5 - 0.5 * np.cos(np.pi * steps)).astype(np.float32)
        return weights


def _silence_like(track: Samples, frames: int) -> Samples:
    import numpy as np

    return np.zeros((frames, track.shape[1]), np.float32)


def _joined(pieces: list[Samples], track: Samples) -> Samples:
    import numpy as np

    if not pieces:
        return track[:0]
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
