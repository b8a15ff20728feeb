"""What a fault of the bench is, and what became of a recording that it hit."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.helpers.processes import wait_until
from virtual_desktop import SoundServer, VirtualDesktop

BOTH: tuple[SoundServer, ...] = ("pulse", "pipewire")


@dataclass(frozen=True)
class Ground:
    """Where one run happens: a sound server, an empty folder, and the chance by which it chooses its moments.

    `number` counts the runs of a fault. `sample`: where a fault has many places to strike at, strike at a few of them
    (the tests) instead of at all (the bench).
    """

    sound: SoundServer
    folder: Path
    chance: random.Random
    number: int = 1
    sample: bool = False

    def desktop(self, **options: Any) -> VirtualDesktop:
        """A desktop of its own, for this run alone; use it in a `with`."""
        return VirtualDesktop(self.sound, **options)


@dataclass
class Outcome:
    """What became of one recording.

    `audio_lost_s`, `video_lost_s`: what could have been heard or seen and is not in the file, apart from what the fault
    itself took away. `back_s`: from the end of the fault (or, where the recording can follow at once, from the fault
    itself) to the first sound or picture that is recorded again. None: not measured by this fault. `said` is what the
    result said of it. Each of `problems` is a promise that was broken, in words; none means that it was kept.
    `left_out`: why this machine cannot have that fault at all (nothing was tried); empty: it was tried.
    """

    playable: bool
    said: str = ""
    audio_lost_s: float | None = None
    video_lost_s: float | None = None
    back_s: float | None = None
    problems: list[str] = field(default_factory=list)
    left_out: str = ""

    def expect(self, kept: object, problem: str) -> None:
        """Note `problem` unless `kept` is true."""
        if not kept:
            self.problems.append(problem)


@dataclass(frozen=True)
class Fault:
    """One kind of fault. `run` injects it into a real recording at a moment of its choice, and judges the file.

    `run` raises AssertionError for what it cannot go on after; that counts as a problem too. It runs in a process of
    its own, which is ended (and that is a failure) after `limit_s`. `quick`: on which servers the tests run it once;
    `alone`: it takes the whole computer, so that no other may run beside it.
    """

    name: str
    run: Callable[[Ground], Outcome]
    sound: tuple[SoundServer, ...] = BOTH
    quick: tuple[SoundServer, ...] = BOTH
    limit_s: float = 90.0
    alone: bool = False


def said_of(result: dict[str, Any]) -> str:
    """What a recording's result says was not as it should be."""
    return "; ".join(result.get("degraded", []))


def must_name(outcome: Outcome, result: dict[str, Any], *words: str) -> None:
    """The result must not call the recording whole, and must name the fault by one of `words` (in any case)."""
    outcome.said = said_of(result)
    outcome.expect(result.get("degraded"), "the result calls the recording whole")
    text = outcome.said.casefold()
    outcome.expect(not words or any(word.casefold() in text for word in words), f"not named: {' or '.join(words)}")


def let_pass(length_s: float) -> None:
    """Return after that time."""
    until_s = time.monotonic() + length_s
    wait_until(lambda: time.monotonic() >= until_s, "time to pass", length_s + 5)


def lengths_s(gaps: Iterable[dict[str, Any]]) -> float:
    """The length of all gaps of a result together."""
    return sum(float(gap["length_s"]) for gap in gaps)
