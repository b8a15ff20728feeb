"""The body of the grab thread: blocks pass, losses are told and mended, nothing waits for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from capture.channel import Channel, Closed, Overflow
from capture.clock import Clock, FakeClock, MonotonicClock
from capture.errors import CaptureError, NoSoundServer, WorkerFault
from capture.model import AudioBlock, Device
from capture.sound import grab as grab_module
from capture.sound.fake import FakeSource
from capture.sound.grab import NO_ROOM, SourceBlock, SourceGone, SourceHole, SourceItem, SourceOpened, grab
from capture.sound.pulse import PulseSound
from capture.sound.source import SoundSource
from capture.worker import Worker
from virtual_desktop import VirtualDesktop

DEADLINE_S = 8.0
MS = 1_000_000


class Grabbing:
    """A grab thread on a source, and what it put out."""

    def __init__(self, source: SoundSource, clock: Clock, bound: int) -> None:
        self.out: Channel[SourceItem] = Channel("sound", bound, Overflow.BLOCK)
        self.worker = Worker("grab", lambda stop: grab(source, 7, self.out, clock, stop))
        self.worker.start()

    def next(self) -> SourceItem:
        return self.out.get(DEADLINE_S)

    def until(self, kind: type[SourceItem]) -> SourceItem:
        while not isinstance(item := self.next(), kind):
            pass
        return item


@contextmanager
def grabbing(source: SoundSource, clock: Clock | None = None, bound: int = 100) -> Iterator[Grabbing]:
    running = Grabbing(source, clock or MonotonicClock(), bound)
    try:
        yield running
    finally:
        running.worker.stop()
        source.wake()
        assert running.worker.join(DEADLINE_S)


def samples(frames: int = 480, value: float = 0.5) -> np.ndarray:
    return np.full((frames, 2), value, np.float32)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.002)


def test_blocks_pass_in_order_under_their_index() -> None:
    source = FakeSource()
    with grabbing(source) as running:
        opened = running.next()
        assert isinstance(opened, SourceOpened)
        assert (opened.index, opened.device) == (7, source.device)
        for number in range(5):
            source.feed(samples(), number * 10 * MS)
        items = [running.next() for _ in range(5)]
    assert all(isinstance(item, SourceBlock) and item.index == 7 for item in items)
    assert [item.block.start_ns for item in items if isinstance(item, SourceBlock)] == [n * 10 * MS for n in range(5)]


def test_a_lost_source_is_told_where_it_ended_and_opened_again() -> None:
    source = FakeSource()
    with grabbing(source) as running:
        source.feed(samples(480), 100 * MS)
        source.lose("the speaker Desk was removed")
        running.until(SourceBlock)
        assert running.next() == SourceHole(7, 110 * MS, "the speaker Desk was removed")
        assert isinstance(running.next(), SourceOpened)
        source.feed(samples(), 500 * MS)
        assert isinstance(running.next(), SourceBlock)
        assert (source.opened, source.closed) == (2, 1)


def test_what_cannot_be_opened_is_told_once_for_each_reason_and_tried_again() -> None:
    source = FakeSource()
    source.open_errors.extend([NoSoundServer("no server"), NoSoundServer("no server"), NoSoundServer("it is frozen")])
    with grabbing(source) as running:
        items = [running.next() for _ in range(3)]
    assert [str(item.error) for item in items[:2] if isinstance(item, SourceGone)] == ["no server", "it is frozen"]
    assert isinstance(items[2], SourceOpened)
    assert source.opened == 4


def test_a_silence_that_is_a_fault_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grab_module, "READ_S", 0.01)
    source, clock = FakeSource(), FakeClock(5_000 * MS)
    source.silence_reason = "the sound server stopped answering"
    with grabbing(source, clock) as running:
        running.until(SourceOpened)
        source.feed(samples(480), 4_000 * MS)
        running.until(SourceBlock)
        clock.advance(1_000 * MS)
        assert running.next() == SourceHole(7, 4_010 * MS, "the sound server stopped answering")
        clock.advance(5_000 * MS)
        reads = source.reads
        wait_for(lambda: source.reads > reads + 2)
        source.feed(samples(), 9_000 * MS)
        assert isinstance(running.next(), SourceBlock)
        clock.advance(1_000 * MS)
        assert isinstance(running.next(), SourceHole)


def test_silence_that_is_nobodys_fault_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grab_module, "READ_S", 0.01)
    source, clock = FakeSource(), FakeClock()
    asked = threading.Event()

    def why_silent() -> str:
        asked.set()
        return ""

    monkeypatch.setattr(source, "why_silent", why_silent)
    with grabbing(source, clock) as running:
        running.until(SourceOpened)
        clock.advance(5_000 * MS)
        assert asked.wait(DEADLINE_S)
        source.feed(samples(), 0)
        assert isinstance(running.next(), SourceBlock)


def test_what_finds_no_room_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grab_module, "PUT_S", 0.05)
    source = FakeSource()
    with grabbing(source, bound=2) as running:
        for number in range(3):
            source.feed(samples(480), number * 10 * MS)
        wait_for(lambda: running.out.drop_count >= 2)  # the second and the third block found it full
        running.until(SourceBlock)
        source.feed(samples(480), 30 * MS)
        hole = running.until(SourceHole)
        assert isinstance(hole, SourceHole)
        assert hole.reason == NO_ROOM
        block = running.next()
        assert isinstance(block, SourceBlock)
        assert block.block.start_ns == 30 * MS


def test_it_ends_with_its_channel() -> None:
    source = FakeSource()
    running = Grabbing(source, MonotonicClock(), 10)
    running.until(SourceOpened)
    running.out.close()
    source.feed(samples(), 0)
    assert running.worker.join(DEADLINE_S)
    assert running.worker.fault is None
    assert not source.is_open
    with pytest.raises(Closed):
        running.next()


@pytest.mark.parametrize("open_first", [True, False])
def test_it_ends_when_told_whatever_it_does(open_first: bool) -> None:
    source = FakeSource()
    if not open_first:
        source.open_errors.extend([NoSoundServer("no server")] * 100_000)
    with grabbing(source) as running:
        running.next()
    assert not source.is_open


def test_a_bug_in_a_source_that_was_never_open_ends_it_as_a_fault() -> None:
    class Broken(FakeSource):
        def open(self) -> Device:
            raise ZeroDivisionError

    source = Broken()
    running = Grabbing(source, MonotonicClock(), 10)
    assert running.worker.join(DEADLINE_S)
    assert isinstance(running.worker.fault, WorkerFault)
    assert not source.is_open


@pytest.mark.parametrize("often", [1, 4])
def test_a_bug_in_a_source_that_was_open_is_told_once_and_outlived(often: int) -> None:
    class Stumbling(FakeSource):
        stumbles = 0

        def read(self, timeout_s: float) -> AudioBlock | None:
            if self.stumbles < often:
                self.stumbles += 1
                raise ZeroDivisionError("by nought")
            return super().read(timeout_s)

    source = Stumbling()
    told: list[CaptureError] = []
    out: Channel[SourceItem] = Channel("sound", 100, Overflow.BLOCK)
    worker = Worker("grab", lambda stop: grab(source, 7, out, MonotonicClock(), stop, on_mistake=told.append))
    worker.start()
    items = [out.get(DEADLINE_S) for _ in range(2 * often + 1)]
    assert [type(item) for item in items] == [SourceOpened, SourceHole] * often + [SourceOpened]
    assert isinstance(items[1], SourceHole)
    assert "by nought" in items[1].reason
    source.feed(samples(), 0)
    assert isinstance(out.get(DEADLINE_S), SourceBlock)
    assert [str(fault) for fault in told] == [items[1].reason]
    worker.stop()
    source.wake()
    assert worker.join(DEADLINE_S)
    assert worker.fault is None


def test_a_server_that_comes_back_is_heard_within_a_second(
    own_desktop: VirtualDesktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = PulseSound().loopback(None)
    attempts = 0
    really_open = source.open

    def count_and_open() -> Device:
        nonlocal attempts
        attempts += 1
        return really_open()

    monkeypatch.setattr(source, "open", count_and_open)
    with grabbing(source) as running:
        running.until(SourceOpened)
        own_desktop.stop_sound()
        hole = running.until(SourceHole)
        assert isinstance(hole, SourceHole)
        assert "server" in hole.reason
        running.until(SourceGone)
        wait_for(lambda: attempts > 7)  # by now it tries at its slowest
        own_desktop.start_sound()
        back_ns = time.monotonic_ns()
        opened = running.until(SourceOpened)
        assert isinstance(opened, SourceOpened)
        assert opened.at_ns - back_ns < 1_000 * MS


def test_a_frozen_server_is_named_while_it_is_frozen(own_desktop: VirtualDesktop) -> None:
    with grabbing(PulseSound().loopback(None)) as running:
        running.until(SourceBlock)
        own_desktop.freeze_sound()
        try:
            hole = running.until(SourceHole)
        finally:
            own_desktop.thaw_sound()
        assert isinstance(hole, SourceHole)
        assert hole.reason == "the sound server stopped answering"
        running.until(SourceBlock)
