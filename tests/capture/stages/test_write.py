"""The write thread, with a file that fails on demand."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from capture.channel import Channel, Overflow
from capture.clock import FakeClock
from capture.errors import CaptureError, DiskFull, OutputError
from capture.output.output_file import NearlyFull
from capture.stages.write import WriteStage


class File:
    def __init__(self) -> None:
        self.written: list[Any] = []
        self.ticks = 0
        self.end = ""
        self.fail_at: dict[int, Exception] = {}  # the number of the packet
        self.fail_in_tick: dict[int, Exception] = {}
        self.fail_in_close: Exception | None = None
        self.finished: Path | None = None

    def write(self, packet: Any) -> None:
        if packet in self.fail_at:
            raise self.fail_at[packet]
        self.written.append(packet)

    def tick(self, now_ns: int) -> None:
        self.ticks += 1
        if self.ticks in self.fail_in_tick:
            raise self.fail_in_tick[self.ticks]

    def close(self) -> Path:
        self.end += "closed"
        if self.fail_in_close:
            raise self.fail_in_close
        self.finished = Path("done")
        return self.finished

    def abort(self) -> None:
        self.end += "aborted"


class Case:
    def __init__(self) -> None:
        self.file = File()
        self.packets: Channel[Any] = Channel("packets", 100, Overflow.BLOCK)
        self.told: list[CaptureError] = []
        self.stage = WriteStage(self.file, self.packets, FakeClock(), self.told.append)  # type: ignore[arg-type]

    def run(self, count: int = 5) -> None:
        for number in range(1, count + 1):
            self.packets.put(number)
        self.packets.close()
        self.stage.run(threading.Event())


@pytest.fixture
def case() -> Case:
    return Case()


def test_everything_is_written_in_order_then_the_file_is_closed(case: Case) -> None:
    case.run()
    assert case.file.written == [1, 2, 3, 4, 5]
    assert case.file.ticks == 5
    assert case.file.end == "closed"
    assert case.stage.file == Path("done")
    assert (case.told, case.stage.trouble) == ([], None)


def test_the_end_waits_for_what_is_queued_whatever_stop_says(case: Case) -> None:
    stop = threading.Event()
    stop.set()
    for number in (1, 2, 3):
        case.packets.put(number)
    case.packets.close()
    case.stage.run(stop)
    assert case.file.written == [1, 2, 3]


def test_a_disk_that_is_nearly_full_is_told_once_and_written_on(case: Case) -> None:
    warning = NearlyFull("nearly full")
    case.file.fail_in_tick = {2: warning, 3: NearlyFull("again")}
    case.run()
    assert case.told == [warning]
    assert case.stage.trouble is warning
    assert case.file.written == [1, 2, 3, 4, 5]
    assert case.file.end == "closed"


@pytest.mark.parametrize("error", [DiskFull("full"), OutputError("unplugged")], ids=str)
def test_after_a_failed_write_packets_are_taken_but_no_more_written(case: Case, error: CaptureError) -> None:
    case.file.fail_at = {3: error}
    case.run()
    assert case.told == [error]
    assert case.file.written == [1, 2]
    assert len(case.packets) == 0
    assert case.file.end == "closed"
    assert case.stage.file == Path("done")


def test_nearly_full_and_then_full(case: Case) -> None:
    case.file.fail_in_tick = {1: NearlyFull("nearly full")}
    case.file.fail_at = {3: DiskFull("full")}
    case.run()
    assert [str(error) for error in case.told] == ["nearly full"]
    assert case.file.written == [1, 2]


def test_an_idle_file_is_looked_after(case: Case) -> None:
    thread = threading.Thread(target=case.stage.run, args=(threading.Event(),))
    thread.start()
    thread.join(1.2)
    case.packets.close()
    thread.join(5)
    assert not thread.is_alive()
    assert case.file.ticks >= 1


def test_trouble_while_idle_is_told_too(case: Case) -> None:
    case.file.fail_in_tick = {1: OutputError("the disk is gone")}
    thread = threading.Thread(target=case.stage.run, args=(threading.Event(),))
    thread.start()
    thread.join(1.2)
    case.packets.close()
    thread.join(5)
    assert [str(error) for error in case.told] == ["the disk is gone"]


def test_discard_throws_the_file_away(case: Case) -> None:
    case.stage.discard()
    case.run()
    assert case.file.end == "aborted"
    assert case.stage.file is None


def test_a_bug_in_writing_still_closes_the_file(case: Case) -> None:
    case.file.fail_at = {2: ZeroDivisionError("a bug")}
    with pytest.raises(ZeroDivisionError):
        case.run()
    assert case.file.end == "closed"
    assert case.stage.file == Path("done")


def test_a_file_that_cannot_be_closed_is_told_by_its_error(case: Case) -> None:
    case.file.fail_in_close = OutputError("no name is free")
    with pytest.raises(OutputError, match="no name is free"):
        case.run()
    assert case.stage.file is None
