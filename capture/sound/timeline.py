"""When each block of sound belongs: every rule about time in sound, and the reason of each number. Pure arithmetic.

A source stamps each block with when it sounded, give or take some milliseconds, and its clock is never quite ours. The
count of its samples, on the other hand, is exact. So within a *segment* (sound without a break) samples follow each
other by count, and stamps only say where a segment begins, whether it broke, and how the source's clock drifts:

    stamp ─▶ believable? ─no─▶ placed by count
                 │yes
                 ▼
     no segment yet ──────────▶ wait for some stamps ─▶ their midmean is where the segment begins
     within JUMP of foreseen ─▶ place by count; ClockFilter learns ─▶ DriftLoop ─▶ 1.0 (samples untouched)
     farther off ─────────────▶ wait for some stamps                           └▶ or the ratio to resample by
                                   │one is near again: a late stamp, no break: place by count
                                   └they stay away: the sound broke: a new segment begins at their midmean

`Timeline`, `ClockFilter` and `DriftLoop` know no samples, no threads and no clock. Times are seconds since the
recording's origin (float: exact to 2 ps after four hours); `position_s` is a source's own time, its count of frames
divided by its nominal rate, from the segment's first frame.

ClockFilter is the delay-locked loop of F. Adriaensen, "Using a DLL to filter time" (2005), with the bandwidth chosen by
the measured jitter: a Kalman filter for an offset and a rate that wanders. Its steady state is that loop, with gains
sqrt(2) w and w**2 for w = (RATE_WANDER / (variance * block length)) ** (1/4); before that it is the line of least
squares through all stamps so far, so it needs no slow start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# --- Breaks -----------------------------------------------------------------------------------------------------------

# A stamp this far from where the count of samples foresees it may mean a break. Jitter is at most +-9 ms on PipeWire
# and 0.05 ms on PulseAudio, rarely some 15 ms under load; what follows a break must be in place within 20 ms.
JUMP_S = 0.020

# Stamps decide after this long (blocks of 50 ms: five stamps, whose midmean is within 4 ms of the truth with +-9 ms of
# jitter), or as soon as this many agree this closely (PulseAudio; three stamps with +-9 ms of jitter do so by chance
# once in 400 times). It only delays the mix, never the sound's place.
SETTLE_S = 0.25
AGREE_COUNT = 3
AGREE_S = 0.0005

# A stamp from the future, or a jump back by more than this, is a broken stamp and no break: the count goes on.
# 10 s is far more than any device buffers; 2 s is PulseAudio's largest buffer.
FUTURE_S = 10.0
BACK_S = 2.0

# --- The clock filter -------------------------------------------------------------------------------------------------

# The jitter assumed until it is measured (PipeWire's +-9 ms is 5.2 ms of standard deviation); and the least that is
# believed, since jitter is not as random as the filter assumes.
JITTER_START_S = 0.006
JITTER_LEAST_S = 0.0003
JITTER_MEMORY = 64  # stamps over which jitter is averaged
OUTLIER_SIGMAS = 4.0  # a stamp counts as if it were at most this far off

RATE_START = 300e-6  # what a source's clock may be off, before it is measured: cheap crystals keep within 100 ppm
# How fast that changes (variance a second): 0.5 ppm in 1 s, 4 ppm in a minute, 10 ppm in five: a warming crystal, and
# a time server that slews the computer's clock. With 9 ms of jitter the filter's time constant is then about a minute.
RATE_WANDER = 3e-13

# --- Drift ------------------------------------------------------------------------------------------------------------

# Samples are left alone until the source is this far from its place. Sound may be 15 ms early and 45 ms late against a
# picture (ATSC IS-191), and the beginning of a segment is known to 4 ms only.
DEAD_BAND_S = 0.004
MOVED_S = 0.003  # and has moved so far since the segment began: not a beginning that was misjudged
DOUBT_S = 0.001  # and the filter knows it to this (one standard deviation)
MISPLACED_S = 0.012  # farther off than this it is mended even so: sound was lost in pieces too short to be a break

PULL_S = 20.0  # the time constant with which it is brought into place; the filter's noise gives 10 ppm of flutter
PULL_MOST = 500e-6  # 0.87 cent; listeners begin to notice at about 3 to 5 cents
RATE_MOST = 0.015  # beyond this it is no clock but a wrong sample rate; jumps then keep it in place


@dataclass(frozen=True, slots=True)
class Step:
    """Place the `take` oldest waiting blocks now; when `begin_s` is a time, a new segment begins with them there."""

    take: int
    begin_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Waiting:
    position_s: float
    stamp_s: float | None  # None: not believed


class ClockFilter:
    """A source's clock against ours: the offset at `position_s`, and the rate at which it grows (s/s)."""

    def __init__(self) -> None:
        self.rate = 0.0
        self._rate_variance = RATE_START**2
        self._jitter_variance = JITTER_START_S**2
        self._jitter_weight = 2
        self.restart([])

    def restart(self, offsets_s: Sequence[float]) -> None:
        """A new segment was placed by the midmean of these stamps' offsets; rate and jitter are kept."""
        mean_s = sum(offsets_s) / max(1, len(offsets_s))
        for offset_s in offsets_s:
            self._learn_jitter(offset_s - mean_s)
        self._position_s = 0.0
        self._offset_s = 0.0
        self._offset_variance = self._jitter_variance / max(1, len(offsets_s))
        self._covariance = 0.0

    @property
    def doubt_s(self) -> float:
        """Standard deviation of the offset."""
        return self._offset_variance**0.5

    @property
    def jitter_s(self) -> float:
        """Standard deviation of the stamps, as measured."""
        return self._jitter_variance**0.5

    def offset_s(self, position_s: float) -> float:
        """True time minus (segment's beginning + position)."""
        return self._offset_s + self.rate * (position_s - self._position_s)

    def learn(self, position_s: float, offset_s: float) -> None:
        """One stamp: the sound at `position_s` was `offset_s` off the beginning plus position."""
        dt = position_s - self._position_s
        self._position_s = position_s
        self._offset_s += self.rate * dt
        self._offset_variance += dt * (2.0 * self._covariance + dt * (self._rate_variance + RATE_WANDER * dt / 3.0))
        self._covariance += dt * (self._rate_variance + RATE_WANDER * dt / 2.0)
        self._rate_variance += RATE_WANDER * dt

        total = self._offset_variance + self._jitter_variance
        most = OUTLIER_SIGMAS * total**0.5
        surprise = max(-most, min(most, offset_s - self._offset_s))
        gain, rate_gain = self._offset_variance / total, self._covariance / total
        self._offset_s += gain * surprise
        self.rate += rate_gain * surprise
        self._rate_variance -= rate_gain * self._covariance
        self._covariance *= 1.0 - gain
        self._offset_variance *= 1.0 - gain

        self._learn_jitter(surprise)

    def _learn_jitter(self, surprise_s: float) -> None:
        self._jitter_weight = min(self._jitter_weight + 1, JITTER_MEMORY)
        self._jitter_variance += (surprise_s * surprise_s - self._jitter_variance) / self._jitter_weight
        self._jitter_variance = max(self._jitter_variance, JITTER_LEAST_S**2)


class DriftLoop:
    """Decides whether a source's sound is left alone, and if not, by what ratio it is resampled.

    Once it resamples it does so until the source is lost: going back and forth would gain nothing.
    """

    def __init__(self, clock: ClockFilter) -> None:
        self._clock = clock
        self._begun_s: float | None = None
        self.engaged = False

    def restart(self) -> None:
        """A new segment has begun."""
        self._begun_s = None

    def watch(self, error_s: float) -> bool:
        """Whether to resample from now on. `error_s`: true time minus the place of the sample that is next."""
        if not self.engaged and self._clock.doubt_s < DOUBT_S:
            if self._begun_s is None:
                self._begun_s = error_s
            moved_s = abs(error_s - self._begun_s)
            self.engaged = abs(error_s) > MISPLACED_S or (abs(error_s) > DEAD_BAND_S and moved_s > MOVED_S)
        return self.engaged

    def ratio(self, error_s: float) -> float:
        """Frames of the source to use up for each frame of the recording."""
        pull = max(-PULL_MOST, min(PULL_MOST, error_s / PULL_S))
        return max(1.0 - RATE_MOST, min(1.0 + RATE_MOST, 1.0 / (1.0 + self._clock.rate) - pull))


class Timeline:
    """Places the blocks of one source. The caller keeps the waiting blocks, and obeys the `Step`s in order.

    `breaks` counts the segments that began after the first, `broken_stamps` the stamps that were not believed.
    """

    def __init__(self) -> None:
        self.breaks = 0
        self.broken_stamps = 0
        self.forget()

    def forget(self) -> None:
        """The source ended; what comes next is another device with another clock. Nothing may be waiting."""
        self.clock = ClockFilter()
        self.drift = DriftLoop(self.clock)
        self._begin_s: float | None = None  # of the segment
        self._frames_s = 0.0  # position of the end of all blocks, the waiting ones included
        self._waiting: list[_Waiting] = []

    @property
    def begun(self) -> bool:
        """Whether a segment has begun since the last `forget`."""
        return self._begin_s is not None

    def time_s(self, position_s: float) -> float:
        """When the sound at `position_s` of the segment truly sounded, to the best of our knowledge."""
        assert self._begin_s is not None, "no segment has begun"
        return self._begin_s + position_s + self.clock.offset_s(position_s)

    def add(self, stamp_s: float, length_s: float, now_s: float | None = None) -> Step:
        """One block more is waiting. `now_s` is the time of the last mix, as far as it is known."""
        position_s = self._frames_s
        self._frames_s += length_s
        believed = now_s is None or stamp_s <= now_s + FUTURE_S
        if self._begin_s is None:
            self.broken_stamps += not believed
            self._waiting.append(_Waiting(position_s, stamp_s if believed else now_s))
            return self._settle()
        off_s = stamp_s - self.time_s(position_s)
        believed = believed and off_s > -BACK_S
        if not believed:
            self.broken_stamps += 1
            self._waiting.append(_Waiting(position_s, None))
            return self._settle() if len(self._waiting) > 1 else self._take()
        self._waiting.append(_Waiting(position_s, stamp_s))
        if abs(off_s) <= JUMP_S:
            self.clock.learn(position_s, stamp_s - position_s - self._begin_s)
            return self._take()
        return self._settle()

    def decide(self) -> Step:
        """Place all that is waiting, now: no more will come in time."""
        return self._begin() if self._waiting else Step(0)

    def _take(self) -> Step:
        count = len(self._waiting)
        self._waiting.clear()
        return Step(count)

    def _settle(self) -> Step:
        """Begin a segment when the waiting stamps are enough for it."""
        waited_s = self._frames_s - self._waiting[0].position_s
        if waited_s >= SETTLE_S:
            return self._begin()
        offsets_s = self._offsets_s()
        if len(offsets_s) >= AGREE_COUNT and max(offsets_s) - min(offsets_s) <= AGREE_S:
            return self._begin()
        return Step(0)

    def _offsets_s(self) -> list[float]:
        return [block.stamp_s - block.position_s for block in self._waiting if block.stamp_s is not None]

    def _begin(self) -> Step:
        offsets_s = self._offsets_s()
        if not offsets_s:
            return self._take() if self._begin_s is not None else Step(0)
        first_s = self._waiting[0].position_s
        begin_s = midmean(offsets_s) + first_s
        if self._begin_s is not None:
            self.breaks += 1
        self._begin_s = begin_s
        self._frames_s -= first_s
        self.clock.restart(offsets_s)
        self.drift.restart()
        return Step(self._take().take, begin_s)


def midmean(values: Sequence[float]) -> float:
    """Mean of the middle half: nearly as sharp as the mean, and one wild value does not move it."""
    ordered = sorted(values)
    cut = (len(ordered) + 1) // 4
    middle = ordered[cut : len(ordered) - cut]
    return sum(middle) / len(middle)
