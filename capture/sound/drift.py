"""One segment of one source on the recording's frames: untouched while its clock keeps ours, else resampled into place.

    bypass:  frames ────────────────────────────────▶ the same arrays
    engage:  the last frames again, then new ones ─▶ VariableRate ─▶ cross-fade out of the untouched sound ─▶ frames

The time rules are in timeline.py; here is only what they do to samples. Arrays are float32 of shape (frames, channels)
at the recording's sample rate. Called by the mix thread; never blocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from capture.sound.resample import RatioResampler, VariableRate
from capture.sound.timeline import Timeline

if TYPE_CHECKING:
    from capture.model import Samples

# What the resampler hears of the past before its sound is used: several times its look-ahead, so that it has settled;
# in the first half it also makes up for its delay, so that it goes on at the very place where the untouched sound ends.
HISTORY_FRAMES = 2048
# That holds for low frequencies; at 10 kHz the resampler is 0.2 frames later, at 20 kHz 1.2. Fading over 20 ms turns
# the step into a moment's change of pitch. The ratio, which begins at 1 and glides, changes by 20 ppm meanwhile.
FADE_FRAMES = 960


class DriftStage:
    """Places the frames of one segment. `next_frame` is where the next frame that comes out belongs."""

    def __init__(
        self,
        samplerate: int,
        channels: int,
        timeline: Timeline,
        make_resampler: Callable[[int], RatioResampler] = VariableRate,
    ) -> None:
        self._rate = samplerate
        self._channels = channels
        self._timeline = timeline
        self._make_resampler = make_resampler
        self.begin(0, 0.0)

    def begin(self, at_frame: int, position_s: float) -> None:
        """What is pushed next begins at `at_frame`, and at `position_s` of the timeline's segment. `flush` first."""
        self.next_frame = at_frame
        self._begin_s = position_s
        self._frames_in = 0
        self._position = 0.0  # of the input, in frames since `begin`: what the next frame that comes out holds
        self._history: list[Samples] = []
        self._history_frames = 0
        self._skip = 0  # frames still to be thrown away: the resampler's delay
        self._resampler: RatioResampler | None = None
        self._untouched: list[Samples] = []  # what the cross-fade fades out
        self._faded = FADE_FRAMES
        if self._timeline.drift.engaged:
            self._engage(fade=False)

    @property
    def pending(self) -> int:
        """Frames that went in and have not come out, as nearly as a whole number can say."""
        return max(0, int(self._frames_in - self._position)) if self._resampler else 0

    def push(self, samples: Samples) -> Samples:
        """The next frames of the segment; gives those that can be placed now, from `next_frame` on."""
        if self._resampler is None:
            if not self._timeline.drift.watch(self._error_s()) or not self._history:
                self._frames_in += len(samples)
                self._position += len(samples)
                self.next_frame += len(samples)
                self._remember(samples)
                return samples
            self._engage(fade=True)
        self._frames_in += len(samples)
        return self._resample(samples, self._timeline.drift.ratio(self._error_s(), len(samples) / self._rate))

    def flush(self) -> Samples:
        """The end of the segment: gives what is left of it. Only `begin` may follow."""
        if self._resampler is None:
            return np.zeros((0, self._channels), np.float32)
        # Its delay keeps back the last frames: push them out with silence.
        late = np.zeros((round(self._resampler.delay), self._channels), np.float32)
        first = self._resample(late, self._timeline.drift.ratio(self._error_s(), 0.0))
        rest = self._faded_in(self._resampler.flush())
        self.next_frame += len(rest)
        self._resampler = None
        return np.concatenate([first, rest])

    def _error_s(self) -> float:
        """How much later than its place the next frame truly sounded."""
        position_s = self._begin_s + self._position / self._rate
        return self._timeline.time_s(position_s) - self.next_frame / self._rate

    def _remember(self, samples: Samples) -> None:
        self._history.append(samples)
        self._history_frames += len(samples)
        while self._history_frames - len(self._history[0]) >= HISTORY_FRAMES:
            self._history_frames -= len(self._history.pop(0))

    def _engage(self, fade: bool) -> None:
        """From here on resample; with `fade`, seamlessly out of the untouched sound."""
        self._resampler = self._make_resampler(self._channels)
        whole_delay = math.ceil(self._resampler.delay)
        self._skip = whole_delay
        self._position += whole_delay - self._resampler.delay
        if fade:
            history = np.concatenate(self._history)[-HISTORY_FRAMES:]
            catch_up = len(history) // 2 - self._resampler.lookahead
            ratio = 1.0 + (self._resampler.delay - whole_delay) / catch_up if catch_up > 100 else 1.0
            come = len(self._resampler.push(history[: len(history) // 2], ratio))
            self._position += (ratio - 1.0) * come
            come += len(self._resampler.push(history[len(history) // 2 :], 1.0))
            self._skip += len(history) - come
            self._faded = 0
        self._history = []
        self._history_frames = 0

    def _resample(self, samples: Samples, ratio: float) -> Samples:
        assert self._resampler is not None
        if self._faded < FADE_FRAMES:
            self._untouched.append(samples)
        out = self._resampler.push(samples, ratio)
        if self._skip:
            skipped = min(self._skip, len(out))
            self._skip -= skipped
            self._position += (ratio - 1.0) * skipped
            out = out[skipped:]
        self._position += ratio * len(out)
        # The resampler keeps a ratio to 2e-8 only: 0.14 ms in four hours. But it always gives all that it can, so what
        # it holds back is the look-ahead and about one frame.
        if len(out):
            most = self._frames_in - self._resampler.lookahead - self._resampler.delay
            self._position = min(max(self._position, most - 1.5), most + 0.5)
        out = self._faded_in(out)
        self.next_frame += len(out)
        return out

    def _faded_in(self, out: Samples) -> Samples:
        """Cross-fade the first frames out of the untouched ones."""
        if self._faded >= FADE_FRAMES or not len(out):
            return out
        untouched = np.concatenate(self._untouched)
        count = min(FADE_FRAMES - self._faded, len(out), len(untouched))
        steps = (np.arange(self._faded, self._faded + count, dtype=np.float32) + 0.5) / FADE_FRAMES
        weight = (0.5 - 0.5 * np.cos(np.pi * steps))[:, np.newaxis].astype(np.float32)
        out = out.copy()
        out[:count] = out[:count] * weight + untouched[:count] * (1 - weight)
        self._faded += count
        self._untouched = [untouched[count:]] if self._faded < FADE_FRAMES else []
        return out
