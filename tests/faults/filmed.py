"""A recording of the screen and the sound together, and what of every such one is to be judged."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.faults.judge import Trace
from tests.faults.pictures import Corner, Shown, find_pictures
from tests.faults.taped import CUT_S, PLACE_S, Tape
from tests.helpers.desktop_scene import Scene, show
from tests.helpers.recording import record
from virtual_desktop import VirtualDesktop

# The counter's pictures a second, of 30 that are looked for.
PICTURES_HZ = 10
# A busy computer holds the screen thread up now and then, but not for so many of them in a row; and a picture is taken
# to have come up half-way between two looks.
LOST_IN_A_ROW = 2
PICTURE_PLACE_S = 0.2
AREA = (0, 0, 640, 128)
SCREEN = ("--screen", "0,0,640x128")


@dataclass
class Film(Tape):
    """A tape with the pictures of a screen that shows a counter."""

    scene: Scene = field(default_factory=Scene)

    @cached_property
    def pictures(self) -> Shown:
        (pictures,) = find_pictures(Path(self.result["file"]), self.recording.began_ns, [(self.scene, Corner())])
        return pictures

    def expect_pictures(self, from_s: float, to_s: float) -> None:
        """The screen was recorded all the time, and each picture is near its place."""
        lost = self.pictures.lost(from_s, to_s)
        self.outcome.video_lost_s = (self.outcome.video_lost_s or 0.0) + len(lost) / PICTURES_HZ
        in_a_row = [number for number in lost if set(range(number, number + LOST_IN_A_ROW + 1)) <= set(lost)]
        self.outcome.expect(not in_a_row, f"pictures are lost in a row, from these numbers on: {in_a_row[:10]}")
        worst_s = self.pictures.worst_s(from_s, to_s)
        self.outcome.expect(abs(worst_s) <= PICTURE_PLACE_S, f"a picture is {1000 * worst_s:+.0f} ms from its place")

    def expect_sound(self, heard: Trace, from_s: float, to_s: float, near_s: float | None = None) -> float:
        """Nothing of that stretch is lost, and all of it is as far from its place as before, which was `near_s`.

        Returns how far that is.
        """
        self.expect_whole(heard, from_s, to_s, "sound")
        place_s = heard.place_s(from_s, to_s)
        off_s = heard.worst_s(from_s, to_s, place_s if near_s is None else near_s)
        self.outcome.expect(abs(off_s) <= PLACE_S, f"{1000 * off_s:+.0f} ms from its place after {from_s:.2f} s")
        return place_s

    def expect_gap(self, from_s: float, to_s: float, *words: str) -> None:
        """The result says by one of `words` that, where and for how long there was no sound."""
        self.must_name(*words)
        gaps = self.result["audio"]["gaps"]
        said_s = sum(max(0.0, min(gap["at_s"] + gap["length_s"], to_s) - max(gap["at_s"], from_s)) for gap in gaps)
        told = said_s >= to_s - from_s - 2 * CUT_S
        self.outcome.expect(told, f"gap from {from_s:.2f} to {to_s:.2f} s, said: {gaps}")


@contextlib.contextmanager
def filmed(desktop: VirtualDesktop, file: Path, *words: str, **options: Any) -> Iterator[Film]:
    """Show the counter, and record it with the sound; `words` are more of the command, `options` as of `record`."""
    with (
        show(desktop, "counter", area=AREA, fps=PICTURES_HZ, count=900) as scene,
        record(desktop, file, *SCREEN, *words, **options) as recording,
    ):
        yield Film(recording, scene=scene)
