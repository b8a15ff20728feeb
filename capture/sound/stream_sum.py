"""Adds up several streams of one clock by their time stamps: the tabs of one browser. Pure: no thread, no server."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from capture.clock import NS_PER_MS, frames_to_ns, ns_to_frames

if TYPE_CHECKING:
    from capture.model import Samples

# Stamps of one stream waver by less than this (two of PipeWire's usual cycles); beyond it, sound is missing in between.
_WAVER_NS = 45 * NS_PER_MS
# A stream that has given nothing for this long has paused, and is not waited for: four blocks.
_PATIENCE_NS = 200 * NS_PER_MS
# After a silence longer than this, time is not filled with zeros but left out.
_LONGEST_FILL_NS = 300 * NS_PER_MS


@dataclass(slots=True)
class _Line:
    next_frame: int  # where its next frame belongs
    heard_ns: int  # when it last gave something
    waver_ns: int  # what its stamps say beyond that


class StreamSum:
    """Streams in, one out: blocks of float32 (frames, channels), all of one sample rate. One thread.

    A single stream comes through as it is, stamps and samples.
    """

    def __init__(self, samplerate: int, channels: int) -> None:
        self._rate = samplerate
        self._lines: dict[Hashable, _Line] = {}
        self._epoch_ns: int | None = None  # the time of frame 0 of the common line
        self._out = 0  # the first frame that was not yet given out
        self._pending: Samples = np.zeros((0, channels), np.float32)  # from frame `_out` on
        self._ready: list[tuple[int, Samples]] = []
        self._last_waver_ns = 0

    def add(self, key: Hashable, start_ns: int, samples: Samples, now_ns: int) -> None:
        """Sound of the stream `key`, arrived at `now_ns`."""
        if self._epoch_ns is None:
            self._epoch_ns = start_ns
        lead_ns = self._lead_waver_ns()
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line(self._frame_at(start_ns, lead_ns), now_ns, lead_ns)
        frame = line.next_frame
        line.waver_ns = start_ns - self._epoch_ns - frames_to_ns(frame, self._rate)
        if abs(line.waver_ns - lead_ns) > _WAVER_NS:
            frame = self._frame_at(start_ns, lead_ns)
            line.waver_ns = start_ns - self._epoch_ns - frames_to_ns(frame, self._rate)
        line.heard_ns = now_ns
        line.next_frame = frame + len(samples)
        self._mix_in(frame, samples)

    def end(self, key: Hashable) -> None:
        """The stream is no more."""
        self._lines.pop(key, None)

    def take(self, now_ns: int) -> list[tuple[int, Samples]]:
        """What is complete, as (start_ns, samples)."""
        active = [line.next_frame for line in self._lines.values() if now_ns - line.heard_ns < _PATIENCE_NS]
        complete = min(active) if active else self._out + len(self._pending)
        self._give_out(complete)
        ready, self._ready = self._ready, []
        return ready

    def _lead_waver_ns(self) -> int:
        """How far the clock of the streams has moved from the common line: what the oldest active stream says."""
        return next((line.waver_ns for line in self._lines.values()), self._last_waver_ns)

    def _frame_at(self, start_ns: int, lead_ns: int) -> int:
        assert self._epoch_ns is not None
        return ns_to_frames(start_ns - self._epoch_ns - lead_ns, self._rate)

    def _mix_in(self, frame: int, samples: Samples) -> None:
        if frame > self._out + len(self._pending) + ns_to_frames(_LONGEST_FILL_NS, self._rate):
            self._give_out(self._out + len(self._pending))
            self._out = frame
        late = self._out - frame
        if late > 0:
            samples = samples[late:]
            frame = self._out
        first = frame - self._out
        missing = first + len(samples) - len(self._pending)
        if missing > 0:
            self._pending = np.concatenate([self._pending, np.zeros((missing, samples.shape[1]), np.float32)])
        self._pending[first : first + len(samples)] += samples

    def _give_out(self, until: int) -> None:
        count = min(until - self._out, len(self._pending))
        if count <= 0:
            return
        assert self._epoch_ns is not None
        self._last_waver_ns = self._lead_waver_ns()
        start_ns = self._epoch_ns + frames_to_ns(self._out, self._rate) + self._last_waver_ns
        self._ready.append((start_ns, self._pending[:count]))
        self._pending = self._pending[count:].copy()
        self._out += count
