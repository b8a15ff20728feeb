"""The mouse pointer, which no system puts into its pictures: laid onto them, and taken off again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from capture.model import Area
from capture.screen.areas import common

if TYPE_CHECKING:
    from capture.model import Picture


@dataclass(frozen=True, slots=True, eq=False)
class Cursor:
    """A pointer: `image` is uint8 BGRA of shape (height, width, 4), its colours multiplied by its opacity already.

    `left` and `top` are those of the image on the desktop. The image is the same object as long as it looks the same.
    """

    image: Picture
    left: int
    top: int


@dataclass(frozen=True, slots=True)
class Laid:
    """Where a pointer lies in a picture, and what was there before."""

    area: Area
    under: Picture


def lay(cursor: Cursor, picture: Picture, left: int, top: int) -> Laid | None:
    """Draw `cursor` into `picture`, whose corner has that place on the desktop. None when it lies elsewhere."""
    rows, columns = cursor.image.shape[:2]
    whole = Area(cursor.left - left, cursor.top - top, columns, rows)
    seen = common(Area(0, 0, picture.shape[1], picture.shape[0]), whole)
    if seen is None:
        return None
    target = part(picture, seen)
    laid = Laid(seen, target.copy())
    image = part(cursor.image, Area(seen.left - whole.left, seen.top - whole.top, seen.width, seen.height))
    # "Over", with colours multiplied by the opacity (Porter and Duff 1984).
    behind = (target[..., :3].astype(np.uint16) * (255 - image[..., 3:].astype(np.uint16)) + 127) // 255
    target[..., :3] = np.minimum(behind + image[..., :3], 255)
    return laid


def lift(laid: Laid, picture: Picture) -> None:
    """Take off again what `lay` has drawn into the same picture."""
    part(picture, laid.area)[:] = laid.under


def part(picture: Picture, area: Area) -> Picture:
    """That part of a picture, not copied."""
    return picture[area.top : area.top + area.height, area.left : area.left + area.width]
