"""Threads that stand still: found after some looks and told once; given up at the end only when nothing moves."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable

import pytest

from capture import standstill
from capture.standstill import LOOK_INTERVAL_NS, STANDSTILL_LOOKS, Standstill, await_end
from capture.worker import Worker

LIMIT_S = 20.0


class Threads:
    """What the turns of some threads are, look by look."""

    def __init__(self) -> None:
        self.turns: dict[str, int] = {}
        self.standstill = Standstill(lambda: dict(self.turns))
        self._now_ns = 0

    def look(self, **moves: int) -> list[str]:
        """After the named threads have made so many turns."""
        for name, turns in moves.items():
            self.turns[name] = self.turns.get(name, 0) + turns
        self._now_ns += LOOK_INTERVAL_NS
        return self.standstill.look(self._now_ns)


def test_a_thread_that_stops_is_told_once_after_some_looks() -> None:
    threads = Threads()
    assert threads.look(mix=3, write=1) == []
    told = [threads.look(write=1) for _ in range(STANDSTILL_LOOKS + 5)]
    assert told == [[]] * (STANDSTILL_LOOKS - 1) + [["mix"]] + [[]] * 5


def test_a_slow_thread_that_moves_now_and_then_is_not_told() -> None:
    threads = Threads()
    threads.look(write=1)
    for _ in range(5):
        assert [threads.look() for _ in range(STANDSTILL_LOOKS - 1)] == [[]] * (STANDSTILL_LOOKS - 1)
        assert threads.look(write=1) == []


def test_one_that_moves_again_and_stops_again_is_told_again() -> None:
    threads = Threads()
    threads.look(write=1)
    for _ in range(2):
        assert [name for _ in range(STANDSTILL_LOOKS) for name in threads.look()] == ["write"]
        threads.look(write=1)


def test_one_that_ended_is_not_told() -> None:
    threads = Threads()
    threads.look(screen=1, mix=1)
    del threads.turns["screen"]
    assert [name for _ in range(STANDSTILL_LOOKS + 1) for name in threads.look(mix=1)] == []


def test_looks_in_quick_succession_are_one_and_a_pause_of_the_whole_program_is_nobody_s_standstill() -> None:
    threads = Threads()
    threads.look(mix=1)
    assert [threads.standstill.look(LOOK_INTERVAL_NS + number) for number in range(100)] == [[]] * 100
    assert threads.standstill.look(3600 * LOOK_INTERVAL_NS) == []


def hanging(released: threading.Event) -> Worker:
    def body(stop: threading.Event) -> None:
        released.wait(LIMIT_S)

    worker = Worker("hanging", body)
    worker.start()
    return worker


def timed(step: Callable[[], bool]) -> tuple[bool, float]:
    began_s = time.monotonic()
    return step(), time.monotonic() - began_s


def test_an_end_is_awaited_and_a_thread_that_never_began_has_ended() -> None:
    worker = Worker("quick", lambda stop: None)
    assert await_end(worker, lambda: 0, 1.0)
    worker.start()
    assert await_end(worker, lambda: 0, LIMIT_S)


def test_one_that_stands_still_is_given_up() -> None:
    released = threading.Event()
    worker = hanging(released)
    ended, took_s = timed(lambda: await_end(worker, lambda: "nothing new", 0.3))
    released.set()
    assert not ended
    assert took_s >= 0.3
    assert worker.join(LIMIT_S)


def test_one_that_moves_is_waited_for_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standstill, "END_LIMIT_S", 0.8)
    released = threading.Event()
    worker = hanging(released)
    ended, took_s = timed(lambda: await_end(worker, itertools.count().__next__, 0.3))
    released.set()
    assert not ended
    assert took_s >= 0.8
    assert worker.join(LIMIT_S)
