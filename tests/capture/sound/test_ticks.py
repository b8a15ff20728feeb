"""When a source collects what has arrived: often at first and when it is in doubt, seldom in calm times."""

from __future__ import annotations

import threading
import time

from capture.sound.pulse_sources import BLOCK_S, Ticks

# Far longer than any wait that is meant to end.
NEVER_S = 30.0


def waited_s(ticks: Ticks, calm: bool) -> float:
    begun_s = time.monotonic()
    assert ticks.wait(begun_s + NEVER_S, calm)
    return time.monotonic() - begun_s


def test_the_first_look_is_at_once_and_the_next_ones_come_soon_while_it_is_not_calm() -> None:
    ticks = Ticks()
    ticks.pace(NEVER_S)
    assert waited_s(ticks, calm=False) < BLOCK_S
    assert sum(waited_s(ticks, calm=False) for _ in range(4)) < NEVER_S / 10


def test_in_calm_times_it_waits_as_long_as_the_pace_says() -> None:
    ticks = Ticks()
    ticks.pace(0.2)
    waited_s(ticks, calm=True)
    waited_s(ticks, calm=True)
    assert sum(waited_s(ticks, calm=True) for _ in range(2)) > 0.3


def test_a_shorter_pace_ends_a_long_wait() -> None:
    ticks = Ticks()
    ticks.pace(NEVER_S)
    waited_s(ticks, calm=True)
    threading.Timer(0.1, ticks.pace, [0.02]).start()
    assert waited_s(ticks, calm=True) < NEVER_S / 10
