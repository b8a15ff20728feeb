"""When a stream's frames sounded, from what the sound server says about it now and then. Pure."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from capture.clock import NS_PER_MS, frames_to_ns, ns_to_frames

if TYPE_CHECKING:
    from capture.model import Samples


# A server's answers are late by a time that varies: on PipeWire by 0 to one cycle, since it counts once a cycle (5 to
# 43 ms), on PulseAudio by 0 to 5 ms, for the way from its device thread to its main thread. The earliest of the last
# answers is the nearest to the truth. Over so short a time even a clock that is off by 1000 ppm moves by 2.5 ms only.
_WINDOW_NS = 2_500 * NS_PER_MS
# More than answers are ever late: the stream stood still or jumped, and what was known before is void.
_JUMP_NS = 60 * NS_PER_MS
# Later than a cycle (or this, where there are none) is suspicious: PipeWire leaves one or two out when something that
# begins or ends to play changes the length of its cycle. A close look then tells: several answers within a cycle, the
# earliest of which is later than before by more than this. (A busy server may be that late, but not every time.)
_LEAST_CYCLE_NS = 10 * NS_PER_MS
_MOVED_NS = 5 * NS_PER_MS
_CLOSE_LOOK_ANSWERS = 5
_CLOSE_LOOK_ADVANCES = 2
# PipeWire's largest cycle at its default settings. More means that too few answers came to tell.
_LARGEST_CYCLE_FRAMES = 2048
# PulseAudio keeps 4 MiB for who does not collect (11 s of stereo), then throws away what comes, and says so to nobody:
# frames are numbered as if nothing had happened. It keeps the next ones as soon as the collecting begins again; when
# exactly is known to so much before (a thread that wakes later than another) and after (what it hands on at a time).
_RESUMED_BEFORE_NS = 100 * NS_PER_MS
_RESUMED_AFTER_NS = 50 * NS_PER_MS


def believable_ns(at_ns: int, asked_ns: int, told_ns: int) -> int:
    """When an answer was given that is said to be from `at_ns`: between the question and its arrival, that is.

    What lies outside is a date that was set meanwhile, or a thread that was held up between reading two clocks. Then it
    is taken for an answer that was as late as can be, which does no harm: see `_WINDOW_NS`.
    """
    return at_ns if asked_ns <= at_ns <= told_ns else told_ns


class Stamps:
    """Maps a frame's number in a stream to the time at which it sounded. Not locked: one thread at a time.

    With `cycle_late` the sound comes one cycle of the server after it was given to the speaker: so it is with the
    monitors of PipeWire's virtual speakers (measured at cycles of 256 to 1024 frames, to 0.5 ms). It is found out here.
    """

    def __init__(self, samplerate: int, cycle_late: bool = False) -> None:
        self._rate = samplerate
        self._cycle_late = cycle_late
        # (time of the answer, time of frame 0 by it), origins ascending: the first is the least of the window.
        self._origins: deque[tuple[int, int]] = deque()
        # Frames counted between the last answers: multiples of the cycle.
        self._steps: deque[int] = deque(maxlen=20)
        self._last_frame = 0
        self._last_cycle = 0
        # The answers of a close look while one goes on.
        self._close_look: list[tuple[int, int]] | None = []
        # After a standstill: until when it lasted; and the origin of what was kept before the server ran over.
        self._resumed_ns: int | None = None
        self._kept_origin_ns: int | None = None

    @property
    def known(self) -> bool:
        """Whether `sounded_ns` can tell anything yet."""
        return bool(self._origins)

    @property
    def settled(self) -> bool:
        """Whether no close look goes on. While one does, ask again every few milliseconds: several times a cycle."""
        return self._close_look is None

    def look_closely(self) -> None:
        """Begin a close look: something may have changed in the server."""
        if self._close_look is None:
            self._close_look = []
            self._last_cycle = self.cycle_frames
            self._steps.clear()
            self._last_frame = 0

    def learn(self, at_ns: int, frame: int, sounds_in_ns: int) -> None:
        """At `at_ns` the next frame to come was number `frame`, which sounds `sounds_in_ns` later (negative: before).

        An answer from before the first frame is worth nothing (nobody knows when it will come) and passed over.
        """
        if frame <= 0:
            return
        if self._last_frame:
            self._steps.append(abs(frame - self._last_frame))
        self._last_frame = frame
        origin_ns = at_ns + sounds_in_ns - frames_to_ns(frame, self._rate)
        late_ns = origin_ns - self._origins[0][1] if self._origins else 0
        if abs(late_ns) > _JUMP_NS:
            if self._resumed_ns is not None and self._kept_origin_ns is None:
                self._kept_origin_ns = self._origins[0][1]
            self._origins.clear()
            self.look_closely()
        elif late_ns > max(frames_to_ns(self.cycle_frames, self._rate), _LEAST_CYCLE_NS):
            self.look_closely()
        if self._close_look is not None:
            self._close_look.append((at_ns, origin_ns))
            if len(self._close_look) >= _CLOSE_LOOK_ANSWERS and self._advances >= _CLOSE_LOOK_ADVANCES:
                self._finish_close_look(self._close_look)
        self._remember(at_ns, origin_ns)

    def stood_still(self, until_ns: int) -> None:
        """Nobody collected for long, until now. Should the next answers jump, the server has run over meanwhile."""
        self._resumed_ns, self._kept_origin_ns = until_ns, None

    def undoubted(self, frame: int, samples: Samples) -> list[tuple[int, Samples]]:
        """(first frame, samples) of what is left of a piece without the frames of which nobody knows whether they came
        before or after what was thrown away in a standstill.
        """
        if self._resumed_ns is None or self._kept_origin_ns is None:
            return [(frame, samples)]
        resumed = ns_to_frames(self._resumed_ns - self._by(self._origins[0][1], frame), self._rate)
        before = max(0, resumed - ns_to_frames(_RESUMED_BEFORE_NS, self._rate))
        after = max(0, resumed + ns_to_frames(_RESUMED_AFTER_NS, self._rate))
        parts = [(frame, samples[:before]), (frame + after, samples[after:])]
        return [(at, part) for at, part in parts if len(part)]

    def sounded_ns(self, frame: int) -> int:
        """When frame number `frame` sounded. Only when `known`; see `undoubted`."""
        sounded_ns = self._by(self._origins[0][1], frame)
        if self._resumed_ns is not None and self._kept_origin_ns is not None and sounded_ns < self._resumed_ns:
            return self._by(self._kept_origin_ns, frame)
        return sounded_ns

    def _by(self, origin_ns: int, frame: int) -> int:
        if self._cycle_late:
            frame -= self.cycle_frames
        return origin_ns + frames_to_ns(frame, self._rate)

    @property
    def cycle_frames(self) -> int:
        """How many frames the server handles at a time; 0 when that is not known or makes no sense."""
        cycle = math.gcd(*self._steps)
        return cycle if 0 < cycle <= _LARGEST_CYCLE_FRAMES else self._last_cycle

    @property
    def _advances(self) -> int:
        return sum(step > 0 for step in self._steps)

    def _finish_close_look(self, answers: list[tuple[int, int]]) -> None:
        self._close_look = None
        earliest_ns = min(origin_ns for _, origin_ns in answers)
        if self._origins and earliest_ns - self._origins[0][1] > _MOVED_NS:
            self._origins.clear()
        for at_ns, origin_ns in answers:
            self._remember(at_ns, origin_ns)

    def _remember(self, at_ns: int, origin_ns: int) -> None:
        origins = self._origins
        while origins and origins[-1][1] >= origin_ns:
            origins.pop()
        origins.append((at_ns, origin_ns))
        while origins[0][0] < at_ns - _WINDOW_NS:
            origins.popleft()
