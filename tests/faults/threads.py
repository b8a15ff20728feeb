"""A thread of the real command line raises, or hangs, in any place: see `tests.helpers.places`.

Each run tries all places of one thread, several recordings at once, each with an error, a moment and a repetition
chosen by chance. What holds everywhere: the recording ends in time, the file is good up to the fault (a second at most
is missing), whatever can go on does, the fault is named, nobody sees a traceback.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.helpers.bomb import ERRORS, HANG
from tests.helpers.places import Place, When
from tests.helpers.signals import numbered

SOUND = numbered(60, seed=31)
AREA = (0, 0, 320, 240)
AT_ONCE = 6
RECORD_S = 1.5
# What may be missing before the fault.
LOST_S = 1.0
# The first of a sound that is followed, and the last.
EDGE_S = 0.1
# In which a program on a busy computer begins or ends, apart from its deadlines.
SLACK_S = 12.0
HANG_WORDS = ("did not end", "stands still", "not answer", "no answer", "no picture", "stopped answering", "unfinished")

_ = (Any, HANG, ERRORS)


@dataclass(frozen=True)
class Blast:
    """One recording with one bomb in it."""

    place: Place
    kind: str
    when: When
    lasting: bool
    file: Path

    def __str__(self) -> str:
        often = "again and again" if self.lasting else "once"
        return f"{self.place.target}, {self.when}, {self.kind} {often}, {self.file.suffix}"

    @property
    def report(self) -> Path:
        return self.file.with_suffix(".bang")
