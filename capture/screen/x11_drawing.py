"""What an X server tells of drawing on its screen, and of the pointer over it: DAMAGE, XFIXES, XInput, by python-xlib.

Both belong to one connection, whose events `take` is shown.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from Xlib.ext import damage, ge, xfixes, xinput

from capture.model import Area
from capture.screen.areas import gather
from capture.screen.cursor import Cursor

# A pointer that was in the same place at STILL_LOOKS looks rests: half a second of 30 a second. At every ASK_LOOKS the
# server is asked all the same, for a resting pointer and when it tells of no drawing.
ASK_LOOKS = 8
STILL_LOOKS = 2 * ASK_LOOKS


class Drawing:
    """Where something was drawn on the screen. The server tells the box around it, and again whenever that grows, until
    it is asked to begin anew: a few events, however much is drawn."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._areas: list[Area] | None = None  # since it was asked to begin anew; None: this server tells nothing
        self._told: list[Area] = []  # of these, what the last call returned
        self._quiet_looks = 0
        if display.has_extension("DAMAGE"):
            display.damage_query_version()  # the server refuses the others before this one
            self._damage = display.screen().root.damage_create(damage.DamageReportBoundingBox)
            self._areas = []

    def take(self, event: Any) -> None:
        if self._areas is not None and event.type == self._display.extension_event.DamageNotify:
            box = event.area
            gather(self._areas, Area(box.x, box.y, box.width, box.height))

    def told(self, anew: bool) -> list[Area] | None:
        """Where something may have been drawn since the last call. None when this server tells nothing.

        `anew`: the next call is to return only what comes from now on. That takes a question; without it, the same
        areas are told again, with what was drawn outside them. When there was such, the question is asked in any case:
        one change far away must not make the box large for long.

        The order matters. What the server tells between the reading of the events and this question is read, and asked
        about, the next time. And only after its answer may the screen be looked at, or what is drawn in between would
        neither be in the picture nor told.
        """
        if not self._areas:
            # A server that is frozen draws nothing either: only a question shows it.
            self._quiet_looks += 1
            if self._areas is not None and self._quiet_looks % ASK_LOOKS == 0:
                self._display.sync()
            return self._areas
        self._quiet_looks = 0
        told = list(self._areas)
        if anew or self._told not in ([], told):
            self._display.damage_subtract(self._damage)
            self._display.sync()
            self._areas = []
        self._told = list(self._areas)
        return told


class Pointer:
    """Where the pointer is, and what it looks like. Used by one thread.

    While it rests, the server tells when a hand moves it, and is asked now and then only, since programs may move it
    too. While it moves it is asked every time: a mouse tells up to a thousand times a second.
    """

    def __init__(self, display: Any) -> None:
        self._display = display
        self._root = display.screen().root
        self._image: Any = None  # not known, or not any more
        self._hot = (0, 0)
        self._place: tuple[int, int] | None = (0, 0)  # None: on another screen of this server
        self._still_looks = 0
        self._is_told = False
        self._can_be_told = display.has_extension("XInputExtension")
        self._shows = display.has_extension("XFIXES")
        if self._can_be_told:
            display.xinput_query_version()
        if self._shows:
            display.xfixes_query_version()
            display.xfixes_select_cursor_input(self._root, xfixes.XFixesDisplayCursorNotifyMask)
            # The extension's events share one number.
            self._changed = display.extension_event.DisplayCursorNotify

    def take(self, event: Any) -> None:
        if event.type == ge.GenericEventCode:
            self._moves()
        elif self._shows and (event.type, getattr(event, "sub_code", None)) == self._changed:
            self._image = None

    def now(self) -> Cursor | None:
        """The pointer as it is; 0.1 ms if the server is asked. None when it is on another of its screens."""
        if not self._shows:
            return None
        if self._image is None:
            found = self._display.xfixes_get_cursor_image(self._root)
            pixels = np.array(found.cursor_image, np.uint32).astype("<u4")
            self._image = pixels.view(np.uint8).reshape(found.height, found.width, 4)
            self._hot = found.xhot, found.yhot
        if self._can_be_told and not self._is_told and self._still_looks == STILL_LOOKS:
            self._tell(True)  # and then ask: what comes between the two is told
        if not self._is_told or self._still_looks % ASK_LOOKS == 0:
            answer = self._root.query_pointer()
            place = (answer.root_x, answer.root_y) if answer.same_screen else None
            if place != self._place:
                self._place = place
                self._moves()
        self._still_looks += 1
        if self._place is None:
            return None
        return Cursor(self._image, self._place[0] - self._hot[0], self._place[1] - self._hot[1])

    def _moves(self) -> None:
        self._still_looks = 0
        if self._is_told:
            self._tell(False)

    def _tell(self, told: bool) -> None:
        # Raw, because other motion is told to the window in which it is, if that wants to know.
        self._root.xinput_select_events([(xinput.AllMasterDevices, xinput.RawMotionMask if told else 0)])
        self._is_told = told
