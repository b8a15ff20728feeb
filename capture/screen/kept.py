"""One picture of a part of the desktop, brought up to date only where the desktop has changed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from capture.model import Area
from capture.screen.areas import common, moved
from capture.screen.changes import changed_rows
from capture.screen.cursor import Cursor, Laid, lay, lift, part

if TYPE_CHECKING:
    from capture.model import Picture

log = logging.getLogger(__name__)

# So many looks at which nothing was told to have changed are followed by one at everything: some graphics drivers tell
# nothing of what they draw. That is two seconds of 30 pictures each.
CHECK_LOOKS = 60
# Where it was as it should be, this is done twice as seldom, down to every 16 s.
CHECK_LOOKS_MOST = 8 * CHECK_LOOKS
# After so many changes in a row it is a film, or text that scrolls: then the same areas are looked at without asking
# where something was drawn; that they are still the right ones is made sure of once a second of 30 looks.
LIVELY_LOOKS = 4
ASK_LOOKS = 32


class KeptPicture:
    """The picture of an area that may move and change its size. Used by the screen thread only.

    At every look `parts` says what must be grabbed, and `put` takes it. Between the two nothing has changed here, so
    that a look can be given up. What is told to have changed is compared all the same: many programs draw again what
    was there. `changed` are the areas, within the picture, in which the last `put` may have made a difference.
    """

    def __init__(self) -> None:
        self.changed: tuple[Area, ...] = ()
        self._picture: Picture | None = None
        self._area = Area(0, 0, 0, 0)
        self._outdated = True
        self._cursor: Cursor | None = None
        self._laid: Laid | None = None  # the cursor, in the picture
        self._quiet_looks = 0
        self._check_looks = CHECK_LOOKS
        self._changes = 0  # in a row
        self._checking = self._suspicious = self._distrusted = False

    def outdate(self) -> None:
        """Nothing is known any more of what has changed since the last `put`."""
        self._outdated = True

    @property
    def is_lively(self) -> bool:
        """Whether what is drawn next will be where it was drawn last."""
        return self._changes >= LIVELY_LOOKS and self._changes % ASK_LOOKS != 0

    def parts(self, area: Area, damage: Sequence[Area] | None) -> list[Area]:
        """What must be grabbed to have the picture of `area`, as parts of it; all places are the desktop's.

        `damage` is where the desktop may have changed since the last look; None when nobody knows.
        """
        self._checking = False
        if damage is None or self._outdated or self._area != area or self._distrusts(damage):
            return [area]
        self._quiet_looks = 0 if damage else self._quiet_looks + 1
        if self._quiet_looks > self._check_looks:
            self._quiet_looks = 0
            self._check_looks = min(2 * self._check_looks, CHECK_LOOKS_MOST)
            self._checking = True
            return [area]
        seen = [where for told in damage if (where := common(area, told)) is not None]
        # A whole new picture takes the place of the old one; parts are copied into it.
        large = 2 * sum(where.width * where.height for where in seen) > area.width * area.height
        return [area] if large else seen

    def put(self, area: Area, grabbed: Sequence[tuple[Area, Picture]], cursor: Cursor | None) -> Picture:
        """Take what was grabbed of the `parts`, with the pointer to be drawn. Returns the picture of `area`, which is
        valid until the next call."""
        same = self._is_drawn(cursor, area)
        changed: list[Area] = []
        if grabbed or not same:
            before = self._lift()
            for where, pixels in grabbed:
                changed += self._replace(where, pixels, whole=where == area)
            self._suspicious = self._checking and bool(changed)
            self._changes = self._changes + 1 if changed else 0
            after = self._lay(cursor, area)
            if not same:
                changed += [place for place in (before, after) if place is not None]
        self._area, self._cursor, self._outdated = area, cursor, False
        self.changed = tuple(changed)
        assert self._picture is not None
        return self._picture

    def _replace(self, where: Area, pixels: Picture, whole: bool) -> list[Area]:
        """Put `pixels`, of the place `where` on the desktop, into the picture; returns what differs."""
        known = self._picture
        if whole:
            self._picture = pixels
            if known is None or known.shape != pixels.shape:
                return [Area(0, 0, where.width, where.height)]
            where = Area(0, 0, where.width, where.height)
        else:
            assert known is not None
            where = moved(where, -self._area.left, -self._area.top)
            known = part(known, where)
        rows = changed_rows(known, pixels)
        if rows is None:
            return []
        first, end = rows
        if not whole:
            known[first:end] = pixels[first:end]
        return [Area(where.left, where.top + first, where.width, end - first)]

    def _lift(self) -> Area | None:
        """Take the pointer off the picture; returns where it was."""
        laid, self._laid = self._laid, None
        if laid is None:
            return None
        assert self._picture is not None
        lift(laid, self._picture)
        return laid.area

    def _lay(self, cursor: Cursor | None, area: Area) -> Area | None:
        """Draw the pointer; returns where it is now."""
        assert self._picture is not None
        self._laid = None if cursor is None else lay(cursor, self._picture, area.left, area.top)
        return None if self._laid is None else self._laid.area

    def _is_drawn(self, cursor: Cursor | None, area: Area) -> bool:
        """Whether the picture shows this pointer already."""
        drawn = self._cursor
        if cursor is None or drawn is None:
            return cursor is drawn
        # Within the picture, since the area may have moved.
        place = cursor.left - area.left, cursor.top - area.top
        return cursor.image is drawn.image and place == (drawn.left - self._area.left, drawn.top - self._area.top)

    def _distrusts(self, damage: Sequence[Area]) -> bool:
        """Whether the screen is known to change without being told to have. What a look at everything found may only
        have come up during that look; then it is told at the next."""
        if self._suspicious and not damage and not self._distrusted:
            log.warning("the screen changes without telling; all of it is looked at from now on")
            self._distrusted = True
        self._suspicious = False
        return self._distrusted
