"""Which pictures of a scene that counts them are in a recorded file, and whether each lies in its place."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.analysis import read_pictures
from tests.helpers.counter import read_counter
from tests.helpers.desktop_scene import Scene

# What stands for less than this falls between two looks at the screen, at 30 of them a second.
SEEN_S = 0.045


@dataclass(frozen=True)
class Corner:
    """Where the counter lies in the recorded picture, and how much larger or smaller than on the screen it is."""

    left: int = 0
    top: int = 0
    scale: float = 1


@dataclass(frozen=True)
class Shown:
    """Times in seconds of the file: `shown_s` when each number was on the screen, `seen_s` when it is in the file.

    The first are counted from the line `recording FILE`, which comes some milliseconds after the file's beginning.
    `without_s` are the times of the file's pictures in which none of the numbers is.
    """

    shown_s: dict[int, float]
    seen_s: dict[int, float]
    without_s: list[float]

    def lost(self, from_s: float, to_s: float) -> list[int]:
        """What was shown in that stretch, long enough to be seen, and is not in the file."""
        instants = list(self.shown_s.items())
        ends = [at_s for _, at_s in instants[1:]] + [float("inf")]
        return [
            number
            for (number, at_s), end_s in zip(instants, ends, strict=True)
            if from_s <= at_s and end_s <= to_s and end_s - at_s >= SEEN_S and number not in self.seen_s
        ]

    def first_seen_s(self, after_s: float) -> float:
        """When the first picture that was shown after that is in the file; infinity when none is."""
        return min(
            (at_s for number, at_s in self.seen_s.items() if self.shown_s.get(number, -1.0) >= after_s),
            default=float("inf"),
        )

    def off_s(self, from_s: float, to_s: float) -> float:
        """How far from its place that picture of the stretch is which is farthest from it; infinity without any."""
        return max(
            (
                abs(self.seen_s[number] - at_s)
                for number, at_s in self.shown_s.items()
                if number in self.seen_s and from_s <= at_s <= to_s
            ),
            default=float("inf"),
        )

    @property
    def place_s(self) -> float:
        """How far off most pictures lie."""
        return statistics.median(self._errors_s.values())

    def worst_s(self, from_s: float, to_s: float) -> float:
        """How far the picture of the stretch that is farthest from where most pictures lie is from there."""
        errors_s = [error_s for number, error_s in self._errors_s.items() if from_s <= self.shown_s[number] < to_s]
        return max((error_s - self.place_s for error_s in errors_s), key=abs, default=0.0)

    @property
    def _errors_s(self) -> dict[int, float]:
        return {number: self.seen_s[number] - at_s for number, at_s in self.shown_s.items() if number in self.seen_s}


def find_pictures(file: Path, began_ns: int, scenes: Iterable[tuple[Scene, Corner]]) -> list[Shown]:
    """Read `file` once, and find each scene's pictures at its corner; a scene may be looked for at several."""
    made = [
        # The scene may go on reporting.
        (scene, corner, Shown({n: (at_ns - began_ns) / 1e9 for n, at_ns in list(scene.pictures_ns.items())}, {}, []))
        for scene, corner in scenes
    ]
    for at_s, luma in read_pictures(file):
        for scene, corner, film in made:
            number = read_counter(luma, corner.left, corner.top, corner.scale)
            if number in scene.pictures_ns:
                film.seen_s.setdefault(number, at_s)
            else:
                film.without_s.append(at_s)
    return [film for _, _, film in made]
