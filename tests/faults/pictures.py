"""What of a counter that was shown on the screen is in a recorded file, and when.

A `counter` scene knows when each of its numbers came up; so each number that the file shows tells how far off its
picture lies there.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.analysis import read_pictures
from tests.helpers.counter import read_counter
from tests.helpers.desktop_scene import Scene


@dataclass(frozen=True)
class Shown:
    """`at_s`: when in the file each number is seen first. `true_s`: when it came up, on the same count."""

    at_s: dict[int, float]
    true_s: dict[int, float]

    def lost(self, from_s: float, to_s: float) -> list[int]:
        """The numbers that came up in that stretch of the file and are not in it."""
        return [number for number, true_s in self.true_s.items() if from_s <= true_s < to_s and number not in self.at_s]

    @property
    def place_s(self) -> float:
        """How far off most pictures lie."""
        return statistics.median(self.at_s[number] - true_s for number, true_s in self._found())

    def worst_s(self, from_s: float, to_s: float) -> float:
        """How far the picture that is farthest from most others lies from them, of those of that stretch."""
        errors = [
            self.at_s[number] - true_s - self.place_s for number, true_s in self._found() if from_s <= true_s < to_s
        ]
        return max(errors, key=abs, default=0.0)

    def _found(self) -> list[tuple[int, float]]:
        return [(number, true_s) for number, true_s in self.true_s.items() if number in self.at_s]


def shown(file: Path, scene: Scene, began_ns: int) -> Shown:
    """Read the counter at the top left of the recorded pictures. Times count from the line `recording FILE`."""
    at_s: dict[int, float] = {}
    for picture_s, luma in read_pictures(file):
        number = read_counter(luma)
        if number is not None:
            at_s.setdefault(number, picture_s)
    # The scene goes on reporting.
    true_s = {number: (at_ns - began_ns) / 1e9 for number, at_ns in list(scene.pictures_ns.items())}
    return Shown(at_s, true_s)
