"""The one thread type: its end always arrives, and whatever went wrong arrives as a value."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from capture.channel import Channel, Closed, Overflow
from capture.errors import Cancelled, CaptureError, SourceLost, WorkerFault
from capture.worker import Worker

# Far above what anything here takes; reached only when a test fails.
LIMIT_S = 20.0


@pytest.fixture(autouse=True)
def escaped() -> Iterator[list[BaseException]]:
    """What came out of a thread, which nothing may."""
    seen: list[BaseException] = []
    before = threading.excepthook
    threading.excepthook = lambda args: seen.append(args.exc_value or SystemExit())
    yield seen
    threading.excepthook = before
    assert seen == []


def raising(error: BaseException) -> Worker:
    def body(stop: threading.Event) -> None:
        raise error

    return Worker("the name", body)


def test_the_body_runs_in_a_named_daemon_thread() -> None:
    seen: list[threading.Thread] = []
    worker = Worker("the name", lambda stop: seen.append(threading.current_thread()))
    worker.start()
    assert worker.join(LIMIT_S)
    assert (seen[0].name, seen[0].daemon) == ("the name", True)
    assert seen[0] is not threading.current_thread()
    assert worker.fault is None


def test_stop_reaches_the_body_and_join_keeps_its_deadline() -> None:
    running = threading.Event()

    def body(stop: threading.Event) -> None:
        running.set()
        assert stop.wait(LIMIT_S)

    worker = Worker("test", body)
    worker.start()
    assert running.wait(LIMIT_S)
    alive_before = worker.alive
    assert worker.join(0.02) is False
    worker.stop()
    assert worker.join(LIMIT_S) is True
    assert (alive_before, worker.alive) == (True, False)
    assert worker.fault is None


def test_a_stop_before_the_start_is_not_lost() -> None:
    seen: list[bool] = []
    worker = Worker("test", lambda stop: seen.append(stop.is_set()))
    worker.stop()
    worker.start()
    assert worker.join(LIMIT_S)
    assert seen == [True]


def test_a_worker_that_was_never_started_has_ended() -> None:
    worker = Worker("test", lambda stop: None)
    assert not worker.alive
    assert worker.join(0) is True


def test_the_end_comes_once_in_the_worker_s_thread_after_the_body() -> None:
    steps: list[tuple[str, str]] = []

    def note(step: str) -> None:
        steps.append((step, threading.current_thread().name))

    worker = Worker("w", lambda stop: note("body"), lambda: note("end"), lambda fault: note("fault"))
    worker.start()
    assert worker.join(LIMIT_S)
    assert steps == [("body", "w"), ("end", "w")]


@pytest.mark.parametrize(
    "error",
    [ValueError("bad"), SourceLost("gone"), Cancelled(), SystemExit(3), KeyboardInterrupt(), MemoryError()],
    ids=lambda error: type(error).__name__,
)
def test_the_end_arrives_whatever_the_body_raises(error: BaseException) -> None:
    channel: Channel[int] = Channel("out", 4, Overflow.BLOCK)

    def body(stop: threading.Event) -> None:
        channel.put(1)
        raise error

    worker = Worker("test", body, channel.close)
    worker.start()
    assert channel.get(LIMIT_S) == 1
    with pytest.raises(Closed):
        channel.get(LIMIT_S)
    assert worker.join(LIMIT_S)


def test_a_capture_error_is_kept_as_it_is() -> None:
    error = SourceLost("the device is gone", "Plug it in.")
    worker = raising(error)
    worker.start()
    assert worker.join(LIMIT_S)
    assert worker.fault is error


@pytest.mark.parametrize("error", [ZeroDivisionError("a bug"), AssertionError(), SystemExit(1), KeyboardInterrupt()])
def test_any_other_exception_becomes_a_fault_that_names_thread_and_kind(error: BaseException) -> None:
    worker = raising(error)
    worker.start()
    assert worker.join(LIMIT_S)
    assert isinstance(worker.fault, WorkerFault)
    assert "the name" in str(worker.fault)
    assert type(error).__name__ in str(worker.fault)
    assert str(error) in str(worker.fault)
    assert "loopnote doctor" in worker.fault.hint


def test_cancelling_is_an_end_and_no_fault() -> None:
    told: list[CaptureError] = []

    def body(stop: threading.Event) -> None:
        raise Cancelled

    worker = Worker("test", body, on_fault=told.append)
    worker.start()
    assert worker.join(LIMIT_S)
    assert worker.fault is None
    assert told == []


def test_the_owner_hears_of_the_fault_once_after_the_end_and_finds_the_worker_ended() -> None:
    steps: list[object] = []

    def body(stop: threading.Event) -> None:
        steps.append(worker.alive)
        raise SourceLost("gone")

    def on_fault(fault: CaptureError) -> None:
        steps.extend([worker.alive, fault])

    worker = Worker("test", body, lambda: steps.append("end"), on_fault)
    worker.start()
    assert worker.join(LIMIT_S)
    assert steps == [True, "end", False, worker.fault]
    assert isinstance(worker.fault, SourceLost)


def test_an_end_that_raises_is_a_fault_too() -> None:
    told: list[CaptureError] = []

    def on_end() -> None:
        raise OSError("could not close")

    worker = Worker("test", lambda stop: None, on_end, told.append)
    worker.start()
    assert worker.join(LIMIT_S)
    assert isinstance(worker.fault, WorkerFault)
    assert "could not close" in str(worker.fault)
    assert told == [worker.fault]


@pytest.mark.parametrize("second", [OSError("what came of it"), SourceLost("what came of it")])
def test_the_first_fault_stands_when_the_end_raises_as_well(second: Exception) -> None:
    told: list[CaptureError] = []

    def body(stop: threading.Event) -> None:
        raise SourceLost("the cause")

    def on_end() -> None:
        raise second

    worker = Worker("test", body, on_end, told.append)
    worker.start()
    assert worker.join(LIMIT_S)
    assert str(worker.fault) == "the cause"
    assert told == [worker.fault]


def test_a_listener_that_raises_lets_nothing_out() -> None:
    def on_fault(fault: CaptureError) -> None:
        raise RuntimeError("a bug in the listener")

    worker = Worker("test", raising(SourceLost("gone"))._body, on_fault=on_fault)
    worker.start()
    assert worker.join(LIMIT_S)
    assert str(worker.fault) == "gone"


def test_an_unexpected_exception_is_logged_with_its_place_for_those_who_ask(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="capture.worker"):
        worker = raising(ZeroDivisionError("a bug"))
        worker.start()
        assert worker.join(LIMIT_S)
    assert [record.levelno for record in caplog.records] == [logging.DEBUG], "at a higher level users would see it"
    assert caplog.records[0].exc_info is not None


def test_no_thread_is_left_behind() -> None:
    def body(stop: threading.Event) -> None:
        stop.wait(LIMIT_S)

    def running() -> int:
        return sum(thread.name.startswith("left behind") for thread in threading.enumerate())

    workers = [Worker(f"left behind {number}", body) for number in range(20)]
    for worker in workers:
        worker.start()
    assert running() == 20
    for worker in workers:
        worker.stop()
    for worker in workers:
        assert worker.join(LIMIT_S)
    assert running() == 0


def test_without_a_thread_to_be_had_the_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    worker = Worker("the name", lambda stop: None)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(WorkerFault, match="the the name thread could not be started: can't start") as caught:
            worker.start()
    assert caught.value.hint
    assert worker.join(0) is True


def test_a_worker_does_not_wait_for_itself() -> None:
    seen: list[bool] = []
    worker = Worker("test", lambda stop: seen.append(worker.join(LIMIT_S)))
    worker.start()
    assert worker.join(LIMIT_S)
    assert seen == [False]
    assert worker.fault is None
