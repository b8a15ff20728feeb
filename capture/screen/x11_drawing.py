"""What an X server tells of what is drawn on its screen, and of the pointer over it: DAMAGE and XFIXES, by python-xlib.

Both belong to one connection, whose events `take` is shown.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from Xlib.ext import damage, xfixes

from capture.model import Area
from capture.screen.areas import gather
from capture.screen.cursor import Cursor


class Drawing:
    """Where something was drawn on the screen. The server tells the box around it, and tells it anew whenever it grows,
    until it is told that this was looked at: a few events, however much is drawn."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._areas: list[Area] | None = None  # None: this server tells nothing
        if display.has_extension("DAMAGE"):
            display.damage_query_version()  # the server refuses the others before this one
            self._damage = display.screen().root.damage_create(damage.DamageReportBoundingBox)
            self._areas = []

    def take(self, event: Any) -> None:
        if self._areas is not None and event.type == self._display.extension_event.DamageNotify:
            box = event.area
            gather(self._areas, Area(box.x, box.y, box.width, box.height))

    def told(self) -> list[Area] | None:
        """What was told since the last call, and is from now on told again. None when this server tells nothing.

        The order matters. What the server tells between the reading of the events and this question is read, and asked
        about, the next time. And only after its answer may the screen be looked at, or what is drawn in between would
        neither be in the picture nor told.
        """
        if not self._areas:
            return self._areas
        self._display.damage_subtract(self._damage)
        self._display.sync()
        told, self._areas = self._areas, []
        return told


class Pointer:
    """Where the pointer is, and what it looks like."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._root = display.screen().root
        self._image: Any = None  # not known, or not any more
        self._hot = (0, 0)
        self._shows = display.has_extension("XFIXES")
        if self._shows:
            display.xfixes_query_version()
            display.xfixes_select_cursor_input(self._root, xfixes.XFixesDisplayCursorNotifyMask)

    def take(self, event: Any) -> None:
        # The extension's events share one number.
        if self._shows and (event.type, getattr(event, "sub_code", None)) == self._changed:
            self._image = None

    @property
    def _changed(self) -> tuple[int, int]:
        number: tuple[int, int] = self._display.extension_event.DisplayCursorNotify
        return number

    def now(self) -> Cursor | None:
        """Ask the server: 0.1 ms, and 0.3 ms when it looks different. None when it is on another of its screens."""
        if not self._shows:
            return None
        if self._image is None:
            found = self._display.xfixes_get_cursor_image(self._root)
            pixels = np.array(found.cursor_image, np.uint32).astype("<u4")
            self._image = pixels.view(np.uint8).reshape(found.height, found.width, 4)
            self._hot = found.xhot, found.yhot
        place = self._root.query_pointer()
        if not place.same_screen:
            return None
        return Cursor(self._image, place.root_x - self._hot[0], place.root_y - self._hot[1])
