"""Ctrl-C, SIGTERM and SIGHUP as something to wait for: real signals to a real child process."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.real_time

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 60.0
Start = Callable[..., subprocess.Popen[str]]

# Each line that the child says is a step that the test waits for.
PRELUDE = """
import os, signal, sys, threading, time
from ui.signals import Signals
signals = Signals()
def say(text):
    print(text, flush=True)
def await_line():
    sys.stdin.readline()
"""


@pytest.fixture
def start() -> Iterator[Start]:
    children: list[subprocess.Popen[str]] = []

    def run(code: str, before: Callable[[], object] | None = None) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + code],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=before,  # the only way to start it with a signal ignored
        )
        children.append(child)
        return child

    yield run
    for child in children:
        child.kill()
        child.communicate(timeout=LIMIT_S)


def line_of(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    line = child.stdout.readline()
    assert line, f"the child ended with {child.wait(LIMIT_S)}: {child.stderr.read() if child.stderr else ''}"
    return line.strip()


def go_on(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()


def ended_well(child: subprocess.Popen[str]) -> None:
    _, err = child.communicate(timeout=LIMIT_S)
    assert (child.returncode, err) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda s: s.name)
def test_a_signal_ends_the_wait_at_once_and_asks_for_the_end(start: Start, number: signal.Signals) -> None:
    child = start("say('ready'); say(signals.wait(3600))")
    assert line_of(child) == "ready"
    child.send_signal(number)
    assert line_of(child) == "True"
    ended_well(child)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda s: s.name)
def test_a_signal_that_comes_while_nobody_waits_is_kept(start: Start, number: signal.Signals) -> None:
    """Also when another thread, of a library, could receive it: such a thread must not end the program."""
    child = start(
        "threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()\n"
        "say('ready'); await_line(); say(signals.wait(3600)); say(signals.wait(0))"
    )
    assert line_of(child) == "ready"
    child.send_signal(number)
    go_on(child)
    assert line_of(child) == "True"
    assert line_of(child) == "False"
    ended_well(child)


def test_each_signal_asks_once(start: Start) -> None:
    child = start("say('ready')\nfor _ in range(3): say(signals.wait(3600))\nsay(signals.wait(0.01))")
    assert line_of(child) == "ready"
    for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
        child.send_signal(number)
        assert line_of(child) == "True"
    assert line_of(child) == "False"
    ended_well(child)


def test_the_wait_ends_at_its_deadline(start: Start) -> None:
    child = start(
        "before = time.monotonic(); say(signals.wait(0.05)); say(time.monotonic() - before >= 0.05)\n"
        "say(signals.wait(0)); say(signals.wait(-1))"
    )
    assert [line_of(child) for _ in range(4)] == ["False", "True", "False", "False"]
    ended_well(child)


def test_wake_ends_the_wait_from_another_thread_without_asking_for_the_end(start: Start) -> None:
    child = start(
        "threading.Thread(target=lambda: (await_line(), signals.wake())).start()\n"
        "say('ready'); say(signals.wait(3600)); say(signals.wait(0))"
    )
    assert line_of(child) == "ready"
    go_on(child)
    assert [line_of(child), line_of(child)] == ["False", "False"]
    ended_well(child)


def test_wake_before_the_wait_is_kept_and_never_blocks(start: Start) -> None:
    child = start("signals.wake(); say(signals.wait(3600))\nfor _ in range(500_000): signals.wake()\nsay('done')")
    assert [line_of(child), line_of(child)] == ["False", "done"]
    ended_well(child)


def test_a_signal_during_other_work_interrupts_nothing(start: Start) -> None:
    """A Python handler that raised, or that took a lock, would show here as a traceback or as a child that hangs."""
    child = start(
        "lock = threading.Lock(); event = threading.Event()\n"
        "threading.Thread(target=lambda: (await_line(), event.set())).start()\n"
        "say('ready')\n"
        "while not event.is_set():\n"
        "    with lock: sum(range(100))\n"
        "say('whole'); asked = 0\n"
        "while signals.wait(0): asked += 1\n"
        "say(asked > 0)"
    )
    assert line_of(child) == "ready"
    for _ in range(200):
        child.send_signal(signal.SIGINT)
        child.send_signal(signal.SIGTERM)
    go_on(child)
    assert [line_of(child), line_of(child)] == ["whole", "True"]
    ended_well(child)


def test_a_program_that_is_leaving_is_not_killed_instead(start: Start) -> None:
    child = start("signals.ignore(); say('leaving'); await_line(); sys.exit(7)")
    assert line_of(child) == "leaving"
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        child.send_signal(number)
    go_on(child)
    assert child.wait(LIMIT_S) == 7


def test_nohup_is_obeyed(start: Start) -> None:
    child = start(
        "say('ready'); await_line(); say(signals.wait(0)); say(signals.wait(3600))",
        before=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert line_of(child) == "ready"
    child.send_signal(signal.SIGHUP)
    go_on(child)
    assert line_of(child) == "False"
    child.send_signal(signal.SIGTERM)
    assert line_of(child) == "True"
    ended_well(child)


def test_ctrl_c_is_heard_even_where_a_shell_ignores_it_for_the_background(start: Start) -> None:
    child = start("say('ready'); say(signals.wait(3600))", before=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    assert line_of(child) == "ready"
    child.send_signal(signal.SIGINT)
    assert line_of(child) == "True"
    ended_well(child)


def test_no_signal_ends_the_program_after_numpy_has_started_its_threads(start: Start) -> None:
    child = start(
        "import numpy; numpy.dot(numpy.ones((300, 300)), numpy.ones((300, 300)))\n"
        "say('ready'); await_line()\n"
        "for _ in range(2): say(signals.wait(3600))"
    )
    assert line_of(child) == "ready"
    child.send_signal(signal.SIGTERM)
    child.send_signal(signal.SIGHUP)
    go_on(child)
    assert [line_of(child), line_of(child)] == ["True", "True"]
    ended_well(child)
