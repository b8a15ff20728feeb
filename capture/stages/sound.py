"""The mix thread: blocks of all sources in, one gap-free signal out, measured and encoded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from capture.channel import Channel, Closed, Empty
from capture.clock import NS_PER_MS, NS_PER_S, Clock
from capture.model import Notice
from capture.pauses import PauseCutter
from capture.sound.grab import SourceBlock, SourceGone, SourceHole, SourceItem, SourceOpened
from capture.sound.meter import Meter
from capture.sound.mixer import LAG_LIMIT_NS
from capture.stages.absence import Absence

if TYPE_CHECKING:
    from av.packet import Packet

    from capture.model import Samples
    from capture.output.encoders import AudioEncoder
    from capture.sound.mixer import Mixer
    from capture.stages.timing import Timing

# Without a block for so many times the pace, the mixer is asked all the same: a source that lags is then filled with
# silence.
IDLE_PACES = 1.25
# After the end, how long to wait for sound that is still on its way. It covers a block of 50 ms and the latency of a
# Bluetooth speaker (200 to 300 ms); a source that has not given it by then is one that gives nothing.
DRAIN_LIMIT_NS = 700 * NS_PER_MS
# A turn of the mix thread takes 0.36 s at most. One that took longer was held up (the process was
# stopped, the computer swapped), and so were the threads that read the sources: they get a mixer's lag to bring what
# the server has kept.
HELD_UP_NS = 600 * NS_PER_MS
# How near to each other levels are told, in paces: with each block, though no block comes exactly in time.
LEVELS_PACES = 0.75


class SoundStage:
    """Blocks in, packets out. `samplerate` is that of the mix (Hz); there is an encoder for each of its tracks.

    `pace_s` is how often sound comes. Callbacks are called by the mix thread and must not block:
    `on_levels(position_ns, peaks_dbfs)` about as often, `on_source(opened)` when a source was opened (again),
    `on_notice` for what a user should know at once. `missing`: the sources that are
    not there at the beginning, with the reason.
    """

    def __init__(
        self,
        mixer: Mixer,
        samplerate: int,
        encoders: list[AudioEncoder],
        items: Channel[SourceItem],
        packets: Channel[Packet[Any]],
        timing: Timing,
        clock: Clock,
        on_levels: Callable[[int, dict[str, float]], None],
        on_source: Callable[[SourceOpened], None],
        on_notice: Callable[[Notice], None],
        pace_s: float,
        missing: Mapping[int, str] | None = None,
    ) -> None:
        self.mixer = mixer
        self.turns = 0  # that the thread has made: it stands still when there are no more
        self.meter = Meter()  # of what is in the file: pauses do not count
        self._encoders = encoders
        self._items = items
        self._packets = packets
        self._timing = timing
        self._clock = clock
        self._on_levels = on_levels
        self._on_source = on_source
        self._on_notice = on_notice
        self._absence = Absence()
        self._missing = dict(missing or {})
        for index, reason in self._missing.items():
            mixer.lost(index, timing.origin_ns, reason)
        self._idle_s = IDLE_PACES * pace_s
        self._levels_interval_ns = round(LEVELS_PACES * pace_s * NS_PER_S)
        self._levels_due_ns = timing.origin_ns
        self._cutter = PauseCutter(timing.pauses, timing.origin_ns, samplerate)

    def _handle(self, item: SourceItem) -> None:
        source, now_ns = self.mixer.tracks[item.index].name, self._clock.now_ns()
        if isinstance(item, SourceBlock):
            self.mixer.add(item.index, item.block, now_ns)
            self._tell_back(source, now_ns)
        elif isinstance(item, SourceHole):
            self.mixer.lost(item.index, item.at_ns, item.reason)
            self._absence.lost(source, item.reason, now_ns)
        elif isinstance(item, SourceGone) and item.for_good:
            self._absence.for_good(source)
        elif isinstance(item, SourceGone):
            self._absence.lost(source, str(item.error), now_ns)
            if item.index in self._missing:  # nothing but this tells why: first there is no server, then not that name
                self.mixer.lost(item.index, now_ns, str(item.error))
        elif isinstance(item, SourceOpened):
            self._missing.pop(item.index, None)
            playing = bool(item.device.detail.get("playing", True))
            self.mixer.opened(item.index, item.at_ns, playing)
            if not playing:
                self._tell_back(source, now_ns)  # no block may come for hours
            self._on_source(item)

    def _tell_back(self, source: str, now_ns: int) -> None:
        if back := self._absence.back(source, now_ns):
            self._on_notice(back)

    def run(self, stop: threading.Event, early: list[SourceItem]) -> None:
        """Body of the mix thread. Ends when the sound up to `timing.end_ns` is complete, or late beyond waiting.

        `early` is what the sources gave before the thread was started.
        """
        for item in early:
            self._handle(item)
        turn_ns = self._clock.now_ns()
        patient_until_ns = turn_ns
        while not self._complete():
            self.turns += 1
            try:
                self._handle(self._items.get(self._idle_s))
                for item in self._items.drain():
                    self._handle(item)
            except Empty:
                pass
            except Closed:
                if self._timing.end_ns is None:
                    stop.wait(self._idle_s)  # every source has given up; silence goes on until the end is known
            now_ns = self._clock.now_ns()
            if now_ns - turn_ns > HELD_UP_NS:
                patient_until_ns = now_ns + LAG_LIMIT_NS
            while tracks := self.mixer.mix(now_ns, self._timing.end_ns, patient=now_ns < patient_until_ns):
                self._pass_on(tracks)
            self._tell_levels(now_ns)
            turn_ns = self._clock.now_ns()
        end_ns = self._timing.end_ns
        assert end_ns is not None
        for tracks in self.mixer.finish(end_ns):
            self._pass_on(tracks)
        for encoder in self._encoders:
            self._put(encoder.flush())

    def _complete(self) -> bool:
        end_ns = self._timing.end_ns
        if end_ns is None:
            return False
        limit_ns = 0 if self._timing.hurry.is_set() else DRAIN_LIMIT_NS
        return self.mixer.complete_until_ns() >= end_ns or self._clock.now_ns() >= end_ns + limit_ns

    def _pass_on(self, tracks: list[Samples]) -> None:
        for encoder, samples in zip(self._encoders, self._cutter.cut(tracks), strict=True):
            if len(samples):
                self.meter.add(samples)
                self._put(encoder.encode(samples))

    def _put(self, packets: list[Packet[Any]]) -> None:
        self._packets.put_all(packets)
        self.turns += len(packets)

    def _tell_levels(self, now_ns: int) -> None:
        if now_ns >= self._levels_due_ns:
            self._levels_due_ns = now_ns + self._levels_interval_ns
            for notice in self._absence.due(now_ns):
                self._on_notice(notice)
            self._on_levels(now_ns, self.mixer.levels_dbfs())
