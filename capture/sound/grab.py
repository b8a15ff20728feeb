"""The body of a grab thread: one sound source, read as long as the recording lasts, opened again whenever it is lost.

A source that is away never ends a recording: the grabber says so and goes on trying. What that means for the recording
(a gap, a failure when it was the first attempt) is the recorder's to decide.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from capture.channel import Channel, Closed
from capture.clock import NS_PER_MS, NS_PER_S, Clock
from capture.errors import CaptureError
from capture.model import AudioBlock, Device
from capture.sound.source import SoundSource
from capture.worker import as_fault

log = logging.getLogger(__name__)

# How long a read waits before the grabber looks whether it should stop: longer than a block takes to come.
READ_S = 0.5
# Attempts to open again: quickly at first, since most losses are a change of device; then so often that a sound server
# that was started again is heard within half a second. A failed attempt costs about 2 ms.
BACKOFF_S = (0.0, 0.02, 0.05, 0.1, 0.25)
# After a mistake of ours, or of a library's, it is opened again as well: one moment must not end the sound of
# hours. But the mistake may come again at once, and for ever; so the pauses grow, until it has gone well for a while.
MISTAKE_PAUSE_S = 0.1
MISTAKE_PAUSE_MOST_S = 5.0
WELL_NS = 10_000 * NS_PER_MS
# Longer than any pause of a working sound server; then its source is asked whether something is wrong.
SILENCE_NS = 1_000 * NS_PER_MS
# The bound on waiting for room: whoever takes the items has hung, and what comes meanwhile is lost (and said to be).
PUT_S = 5.0
NO_ROOM = "the mixer did not keep up"


@dataclass(frozen=True, slots=True)
class SourceOpened:
    """The source is open (again): blocks of `device.samplerate` follow."""

    index: int
    device: Device
    at_ns: int


@dataclass(frozen=True, slots=True)
class SourceBlock:
    """Sound of the source number `index`."""

    index: int
    block: AudioBlock


@dataclass(frozen=True, slots=True)
class SourceHole:
    """From `at_ns` on, until the next block, there is nothing, because of `reason` (a text for people)."""

    index: int
    at_ns: int
    reason: str


@dataclass(frozen=True, slots=True)
class SourceGone:
    """It could not be opened (again). Sent once for each different reason; attempts go on, unless it is `for_good`."""

    index: int
    error: CaptureError
    for_good: bool = False


SourceItem = SourceOpened | SourceBlock | SourceHole | SourceGone


def grab(
    source: SoundSource,
    index: int,
    out: Channel[SourceItem],
    clock: Clock,
    stop: threading.Event,
    on_turn: Callable[[], None] = lambda: None,
    on_mistake: Callable[[CaptureError], None] = lambda fault: None,
) -> None:
    """Open `source`, put what it gives into `out` under `index`, open it again when it is lost, until `stop` is set.

    Body of a `Worker`: returns within about `READ_S` of `stop` (sooner with `source.wake()`), or when `out` is closed.
    Raises nothing but bugs before the source was open for the first time, having said first that it is gone for good;
    later ones are told to `on_mistake` (once each; it must not block), and the source is opened again. `on_turn` is
    called several times a second: a thread that does not stands still.
    """
    grabbing = _Grab(source, index, out, clock, stop, on_turn, on_mistake)
    try:
        grabbing.run()
    except Closed:
        pass
    except BaseException as bug:
        grabbing.tell_end(as_fault(f"the {threading.current_thread().name} thread", bug))
        raise
    finally:
        source.close()


class _Grab:
    def __init__(
        self,
        source: SoundSource,
        index: int,
        out: Channel[SourceItem],
        clock: Clock,
        stop: threading.Event,
        on_turn: Callable[[], None],
        on_mistake: Callable[[CaptureError], None],
    ) -> None:
        self._source = source
        self._index = index
        self._out = out
        self._clock = clock
        self._stop = stop
        self._on_turn = on_turn
        self._on_mistake = on_mistake
        self._told: set[str] = set()  # the mistakes
        self._began = False
        self._opened_ns = 0
        self._end_ns: int | None = None  # of the last block
        self._missed = False

    def run(self) -> None:
        pause_s = MISTAKE_PAUSE_S
        while not self._stop.is_set():
            try:
                device = self._open()
                if device is None:
                    return
                self._opened_ns = self._clock.now_ns()
                self._put(SourceOpened(self._index, device, self._opened_ns))
                self._began = True
                self._read()
            except Closed:
                raise
            except CaptureError as lost:
                self._source.close()
                self._put(SourceHole(self._index, self._heard_until_ns(), str(lost)))
            except BaseException as bug:
                if not self._began:
                    raise
                if self._clock.now_ns() - self._opened_ns > WELL_NS:
                    pause_s = MISTAKE_PAUSE_S
                self._outlive(as_fault(f"the {threading.current_thread().name} thread", bug))
                self._rest(pause_s)
                pause_s = min(2 * pause_s, MISTAKE_PAUSE_MOST_S)

    def _outlive(self, fault: CaptureError) -> None:
        """Leave the source as one that was lost, whatever state it is in."""
        try:
            self._source.close()
        except Exception as more:  # it has failed already
            log.debug("closing %s", self._source.name, exc_info=more)
        if str(fault) not in self._told:
            self._told.add(str(fault))
            self._on_mistake(fault)
        self._out.put(SourceHole(self._index, self._heard_until_ns(), str(fault)), PUT_S)

    def _rest(self, pause_s: float) -> None:
        until_ns = self._clock.now_ns() + round(pause_s * NS_PER_S)
        while (left_ns := until_ns - self._clock.now_ns()) > 0:
            self._on_turn()
            if self._stop.wait(min(READ_S, left_ns / NS_PER_S)):
                return

    def tell_end(self, fault: CaptureError) -> None:
        """Nobody shall wait for this source: neither for its opening nor for its sound. Never blocks."""
        with contextlib.suppress(Closed):
            self._out.put(SourceHole(self._index, self._heard_until_ns(), str(fault)), 0.0)
            self._out.put(SourceGone(self._index, fault, for_good=True), 0.0)

    def _open(self) -> Device | None:
        """Try until it opens; None when it is time to stop."""
        said = ""
        for attempt in range(2**62):
            self._on_turn()
            if self._stop.wait(BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]):
                return None
            try:
                return self._source.open()
            except CaptureError as error:
                if str(error) != said:
                    said = str(error)
                    self._put(SourceGone(self._index, error))
        raise AssertionError("unreachable")

    def _read(self) -> None:
        quiet_since_ns = self._clock.now_ns()
        asked = False
        while not self._stop.is_set():
            self._on_turn()
            block = self._source.read(READ_S)
            now_ns = self._clock.now_ns()
            if block is not None:
                self._end_ns = block.end_ns
                self._put(SourceBlock(self._index, block))
                quiet_since_ns = now_ns
                asked = False
            elif not asked and now_ns - quiet_since_ns >= SILENCE_NS:
                asked = True
                # Not every source can tell; most silence is nobody's fault.
                reason = getattr(self._source, "why_silent", str)()
                if reason:
                    self._put(SourceHole(self._index, self._heard_until_ns(), reason))

    def _heard_until_ns(self) -> int:
        return self._clock.now_ns() if self._end_ns is None else self._end_ns

    def _put(self, item: SourceItem) -> None:
        if self._missed:
            hole = SourceHole(self._index, self._heard_until_ns(), NO_ROOM)
            self._missed = not self._out.put(hole, PUT_S)
        if not self._out.put(item, PUT_S):
            self._missed = True
