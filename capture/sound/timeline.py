"""When each block of sound belongs: every rule about time in sound, and the reason of each number. Pure arithmetic.

A source stamps each block with when it sounded, give or take some milliseconds, and its clock is never quite ours. The
count of its samples, on the other hand, is exact. So within a *segment* (sound without a break) samples follow each
other by count, and stamps only say where a segment begins, whether it broke, and how the source's clock drifts:

    stamp ─▶ believable? ─no─▶ placed by count
                 │yes
                 ▼
     no segment yet ──────────▶ wait for some stamps ─▶ their midmean is where the segment begins
     near where foreseen     ─▶ place by count; ClockFilter learns ─▶ DriftLoop ─▶ 1.0 (samples untouched)
     farther off ─────────────▶ wait for some stamps                           └▶ or the ratio to resample by
                                   │one is near again: a late stamp, no break: place by count
                                   └they stay away: the sound broke: a new segment begins at their midmean

`Timeline`, `ClockFilter` and `DriftLoop` know no samples, no threads and no clock. Times are seconds since the
recording's origin (float: exact to 2 ps after four hours); `position_s` is a source's own time, its count of frames
divided by its nominal rate, from the segment's first frame.

ClockFilter is the delay-locked loop of F. Adriaensen, "Using a DLL to filter time" (2005), with the bandwidth chosen by
the measured jitter: a Kalman filter for an offset and a rate that wanders. Its steady state is that loop, with gains
sqrt(2) w and w**2, w = (RATE_WANDER / (variance * GROUP_S)) ** (1/4) a second; before that it is the line of least
squares through all stamps so far, so it needs no slow start.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# --- Breaks -----------------------------------------------------------------------------------------------------------

# A stamp this far from where the count of samples foresees it may mean a break; what follows a break must be in place
# within 20 ms. PulseAudio's stamps are within 0.05 ms, PipeWire's within -1 and +4 ms, or +-9 ms as another program
# measured, or -12 and +16 ms when it resamples: so where stamps are worse than usual, they must be farther off.
JUMP_LEAST_S = 0.020
JUMP_MOST_S = 0.030
JUMP_SIGMAS = 4.0

# Stamps decide after this long (blocks of 50 ms: five stamps, whose midmean is within 4 ms of the truth with +-9 ms of
# jitter), or as soon as this many agree this closely. It only delays the mix, never the sound's place.
SETTLE_S = 0.25
AGREE_COUNT = 3
AGREE_S = 0.0005

# A stamp from the future, or a jump back by more than this, is a broken stamp and no break: the count goes on.
# 10 s is far more than any device buffers; 2 s is PulseAudio's largest buffer.
FUTURE_S = 10.0
BACK_S = 2.0

# --- The clock filter -------------------------------------------------------------------------------------------------

# Stamps are learnt in groups of this length, by their midmean: servers renew their idea of the latency about once a
# second, so the stamps of one second are all wrong by the same.
GROUP_S = 1.0
# And still alike from one group to the next (correlation 0.6 on PipeWire and on a busy computer, measured), which makes
# (1 + 0.6) / (1 - 0.6) of the variance.
ALIKE = 4.0

# The jitter (standard deviation) of stamps and of groups that is assumed until it is measured, and the weight of that
# assumption: +-9 ms of even jitter is 5.2 ms. And the least that is believed.
JITTER_START_S = 0.005
JITTER_START_WEIGHT = 5
JITTER_LEAST_S = 0.0003
JITTER_MEMORY = 64  # groups
JITTER_MEMORY_STAMPS = 400
OUTLIER_SIGMAS = 4.0  # a group counts as if it were at most this far off

RATE_START = 300e-6  # what a source's clock may be off, before it is measured: cheap crystals keep within 100 ppm
# How fast that changes (variance a second): 0.5 ppm in 1 s, 4 ppm in a minute, 10 ppm in five: a warming crystal, and
# a time server that slews the computer's clock. With 9 ms of jitter the filter's time constant is then about a minute.
RATE_WANDER = 3e-13

# --- Drift ------------------------------------------------------------------------------------------------------------

# Samples are left alone until the source is this far from its place. Sound may be 15 ms early and 45 ms late against a
# picture (ATSC IS-191), and the beginning of a segment is known to some milliseconds only.
DEAD_BAND_S = 0.004
SURE_SIGMAS = 3.0  # all of these must be true by so many standard deviations more
MOVED_S = 0.003  # it has moved so far since the segment began, so it is no beginning that was misjudged
MISPLACED_S = 0.012  # or it is so far off: sound was lost in pieces too short to be a break

# It is brought into place with these time constants: what is surely wrong soon, what may be the filter's own noise
# (some tenths of a millisecond) so slowly that the noise makes no flutter (0.3 ms in 100 s: 3 ppm).
PULL_SURE_S = 8.0
PULL_S = 100.0
PULL_MOST = 500e-6  # 0.87 cent; listeners begin to notice at about 3 to 5 cents
GLIDE = 1000e-6  # most change of the ratio in a second of sound: a step would be a kink in the wave, if not a click
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
    """A source's clock against ours: the offset at a position, and the rate at which it grows (s/s)."""

    def __init__(self) -> None:
        self.rate = 0.0
        self._rate_variance = RATE_START**2
        self._group_jitter = _Variance(JITTER_MEMORY)
        self._stamp_jitter = _Variance(JITTER_MEMORY_STAMPS)
        self.restart([])

    def restart(self, offsets_s: Sequence[float]) -> None:
        """A new segment was placed by the midmean of these stamps' offsets; rate and jitter are kept."""
        mean_s = sum(offsets_s) / max(1, len(offsets_s))
        for offset_s in offsets_s:
            self._stamp_jitter.learn(offset_s - mean_s)
        self._group: list[float] = []
        self._group_from_s = 0.0
        self._position_s = 0.0
        self._offset_s = 0.0
        self._offset_variance = self._stamp_jitter.value
        self._covariance = 0.0

    @property
    def doubt_s(self) -> float:
        """Standard deviation of the offset."""
        return math.sqrt(self._offset_variance)

    @property
    def rate_doubt(self) -> float:
        """Standard deviation of the rate."""
        return math.sqrt(self._rate_variance)

    @property
    def jitter_s(self) -> float:
        """Standard deviation of the stamps, as measured."""
        return math.sqrt(self._stamp_jitter.value)

    def offset_s(self, position_s: float) -> float:
        """True time minus (segment's beginning + position)."""
        return self._offset_s + self.rate * (position_s - self._position_s)

    def learn(self, position_s: float, offset_s: float) -> None:
        """One stamp: the sound at `position_s` was `offset_s` off the beginning plus position."""
        self._stamp_jitter.learn(offset_s - self.offset_s(position_s))
        if not self._group:
            self._group_from_s = position_s
        self._group.append(offset_s)
        if position_s >= self._group_from_s + GROUP_S:
            self._learn((self._group_from_s + position_s) / 2.0, midmean(self._group))
            self._group.clear()

    def _learn(self, position_s: float, offset_s: float) -> None:
        dt = position_s - self._position_s
        self._position_s = position_s
        self._offset_s += self.rate * dt
        self._offset_variance += dt * (2.0 * self._covariance + dt * (self._rate_variance + RATE_WANDER * dt / 3.0))
        self._covariance += dt * (self._rate_variance + RATE_WANDER * dt / 2.0)
        self._rate_variance += RATE_WANDER * dt

        total = self._offset_variance + ALIKE * self._group_jitter.value
        most = OUTLIER_SIGMAS * math.sqrt(total)
        surprise = max(-most, min(most, offset_s - self._offset_s))
        gain, rate_gain = self._offset_variance / total, self._covariance / total
        self._offset_s += gain * surprise
        self.rate += rate_gain * surprise
        self._rate_variance -= rate_gain * self._covariance
        self._covariance *= 1.0 - gain
        self._offset_variance *= 1.0 - gain
        self._group_jitter.learn(surprise)


class _Variance:
    """A running mean square: of all so far, until there are `memory` of them."""

    def __init__(self, memory: int) -> None:
        self.value = JITTER_START_S**2
        self._weight = JITTER_START_WEIGHT
        self._memory = memory

    def learn(self, deviation_s: float) -> None:
        self._weight = min(self._weight + 1, self._memory)
        self.value += (deviation_s * deviation_s - self.value) / self._weight
        self.value = max(self.value, JITTER_LEAST_S**2)


class DriftLoop:
    """Decides whether a source's sound is left alone, and if not, by what ratio it is resampled.

    Once it resamples it does so until the source is lost: going back and forth would gain nothing.
    """

    def __init__(self, clock: ClockFilter) -> None:
        self._clock = clock
        self._begun_s: float | None = None
        self._ratio = 1.0
        self.engaged = False

    def restart(self) -> None:
        """A new segment has begun."""
        self._begun_s = None

    def watch(self, error_s: float) -> bool:
        """Whether to resample from now on. `error_s`: true time minus the place of the sample that is next."""
        if self.engaged:
            return True
        sure_s = SURE_SIGMAS * self._clock.doubt_s
        if self._begun_s is None and sure_s < MOVED_S:
            self._begun_s = error_s
        far_s = abs(error_s) - sure_s
        moves = abs(self._clock.rate) > SURE_SIGMAS * self._clock.rate_doubt
        moved = self._begun_s is not None and abs(error_s - self._begun_s) - sure_s > MOVED_S
        self.engaged = far_s > MISPLACED_S or (far_s > DEAD_BAND_S and (moves or moved))
        return self.engaged

    def ratio(self, error_s: float, length_s: float) -> float:
        """Frames of the source to use up for each frame of the recording, for the next `length_s` seconds."""
        sure_s = max(0.0, abs(error_s) - SURE_SIGMAS * self._clock.doubt_s)
        pull = error_s / PULL_S + math.copysign(sure_s, error_s) / PULL_SURE_S
        wanted = 1.0 / (1.0 + self._clock.rate) - max(-PULL_MOST, min(PULL_MOST, pull))
        glide = GLIDE * length_s
        self._ratio = max(self._ratio - glide, min(self._ratio + glide, wanted))
        self._ratio = max(1.0 - RATE_MOST, min(1.0 + RATE_MOST, self._ratio))
        return self._ratio


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
        if abs(off_s) <= min(JUMP_MOST_S, max(JUMP_LEAST_S, JUMP_SIGMAS * self.clock.jitter_s)):
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
