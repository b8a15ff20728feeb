"""Pictures as the encoder takes them, of which only what has changed is made anew."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from capture.model import Area
from capture.screen.areas import common, even_around, gather
from capture.screen.convert import update_i420
from capture.screen.cursor import part

if TYPE_CHECKING:
    from capture.model import Picture

# Sheets that wait to be used again: in turn with the one being encoded. More of them are left from when many pictures
# waited for the encoder.
SPARE_MOST = 2


class _Sheet:
    """One picture's memory. `stale` is where it does not show what the screen shows."""

    def __init__(self, shape: tuple[int, ...], stale: Area) -> None:
        self._memory = bytearray(int(np.prod(shape)))
        self.pixels: Picture = np.frombuffer(self._memory, np.uint8).reshape(shape)
        self.stale = [stale]
        self._given: weakref.ref[Any] | None = None

    def give_out(self) -> Picture:
        """The picture, to be read only; as long as anything of it is in use, the sheet is not free."""
        memory = np.frombuffer(self._memory, np.uint8)
        memory.flags.writeable = False
        # What is cut or shaped from an array keeps the array alive that owns the memory, or refers to its owner: this.
        self._given = weakref.ref(memory)
        return memory.reshape(self.pixels.shape)

    @property
    def is_free(self) -> bool:
        return self._given is None or self._given() is None


class Sheets:
    """Draws the newest picture of the screen onto a sheet that nobody reads any more, where it is not on it yet.

    Used by the screen thread only; the pictures given out may be read, and let go, by any thread. They never change
    while anybody holds them.
    """

    def __init__(self, pixel_format: Literal["i420", "bgra"], width: int, height: int) -> None:
        self._update = update_i420 if pixel_format == "i420" else _copy
        self._shape = (height * 3 // 2, width) if pixel_format == "i420" else (height, width, 4)
        self._whole = Area(0, 0, width, height)
        self._sheets: list[_Sheet] = []  # the one drawn last is the last

    def outdate(self, areas: Iterable[Area] | None) -> None:
        """The screen has changed in these areas of its picture; None: everywhere."""
        for area in [self._whole] if areas is None else areas:
            # A picture of another size is fitted into the sheets, and then drawn as a whole.
            seen = common(self._whole, even_around(area))
            if seen is not None:
                for sheet in self._sheets:
                    gather(sheet.stale, seen)

    def draw(self, picture: Picture) -> Picture:
        """`picture` (BGRA, of the size of the sheets) in the encoder's format. Read only."""
        free = [sheet for sheet in self._sheets if sheet.is_free]
        # The newest of them lacks the least. New memory is dear: the system has to clear it.
        sheet = free[-1] if free else _Sheet(self._shape, self._whole)
        for area in sheet.stale:
            self._update(sheet.pixels, picture, area)
        sheet.stale = []
        unused = free[:-SPARE_MOST]
        self._sheets = [each for each in self._sheets if each is not sheet and each not in unused] + [sheet]
        return sheet.give_out()


def _copy(pixels: Picture, picture: Picture, area: Area) -> None:
    part(pixels, area)[:] = part(picture, area)
