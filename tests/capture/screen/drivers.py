"""One way to act on a desktop, fake or real, so that the same cases run on both."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from Xlib import X, Xatom, display

from capture.model import Area
from capture.screen.fake import Colour, FakeDesktop, FakeScreen
from capture.screen.source import ScreenSystem
from tests.helpers.processes import wait_until
from virtual_desktop import VirtualDesktop

if TYPE_CHECKING:
    from capture.model import Picture

BLACK: Colour = (0, 0, 0)
RED: Colour = (10, 20, 240)
GREEN: Colour = (30, 250, 40)
BLUE: Colour = (255, 50, 60)
GRAY: Colour = (128, 128, 128)


class Driver(Protocol):
    """A desktop of 800x600 at first, with nothing on it, and what a user and their programs do there."""

    system: ScreenSystem

    def fill(self, area: Area, colour: Colour) -> None: ...

    def place_cursor(self, x: int, y: int) -> None: ...

    def open_window(self, title: str, area: Area, colour: Colour) -> str:
        """Returns its id. A window manager may put a frame around it."""
        ...

    def move_window(self, window: str, left: int, top: int) -> None: ...

    def resize_window(self, window: str, width: int, height: int) -> None: ...

    def minimise(self, window: str) -> None: ...

    def bring_back(self, window: str) -> None: ...

    def rename(self, window: str, title: str) -> None: ...

    def close_window(self, window: str) -> None: ...

    def resize_screen(self, width: int, height: int) -> None: ...

    def lose(self) -> None:
        """The screen's server dies."""
        ...


class FakeDriver:
    def __init__(self, tells_drawing: bool) -> None:
        self.desktop = FakeDesktop(800, 600, tells_drawing=tells_drawing)
        self.system: ScreenSystem = FakeScreen(self.desktop)

    def fill(self, area: Area, colour: Colour) -> None:
        self.desktop.fill(area, colour)

    def place_cursor(self, x: int, y: int) -> None:
        self.desktop.place_cursor(x, y)

    def open_window(self, title: str, area: Area, colour: Colour) -> str:
        return self.desktop.open_window(title, area, colour)

    def move_window(self, window: str, left: int, top: int) -> None:
        area = next(w.area for w in self.desktop.windows if w.id == window)
        self.desktop.change_window(window, area=Area(left, top, area.width, area.height))

    def resize_window(self, window: str, width: int, height: int) -> None:
        area = next(w.area for w in self.desktop.windows if w.id == window)
        self.desktop.change_window(window, area=Area(area.left, area.top, width, height))

    def minimise(self, window: str) -> None:
        self.desktop.change_window(window, hidden="is minimised")

    def bring_back(self, window: str) -> None:
        self.desktop.change_window(window, hidden="")

    def rename(self, window: str, title: str) -> None:
        self.desktop.change_window(window, title=title)

    def close_window(self, window: str) -> None:
        self.desktop.close_window(window)

    def resize_screen(self, width: int, height: int) -> None:
        self.desktop.resize(width, height)

    def lose(self) -> None:
        self.desktop.lose()


class X11Driver:
    """On a real X server with a window manager: DISPLAY and XAUTHORITY of this process must name it."""

    def __init__(self, desktop: VirtualDesktop) -> None:
        from capture.screen.x11 import X11Screen

        assert os.environ["DISPLAY"] == desktop.env["DISPLAY"]
        self.system: ScreenSystem = X11Screen()
        self._desktop = desktop
        self._display = display.Display()
        self._root = self._display.screen().root
        self._windows: dict[str, Any] = {}
        # Drawing on the root itself would be lost at each change of the screen.
        self._gc = self._root.create_gc(graphics_exposures=0)
        self.fill(Area(0, 0, 800, 600), BLACK)

    def fill(self, area: Area, colour: Colour) -> None:
        self._gc.change(foreground=_pixel(colour))
        self._root.fill_rectangle(self._gc, area.left, area.top, area.width, area.height)
        self._display.sync()

    def place_cursor(self, x: int, y: int) -> None:
        # As a hand does: what a program does (WarpPointer) is not told to anybody.
        self._display.xtest_fake_input(X.MotionNotify, x=x, y=y)
        self._display.sync()

    def open_window(self, title: str, area: Area, colour: Colour) -> str:
        window = self._root.create_window(
            area.left, area.top, area.width, area.height, 0, self._display.screen().root_depth,
            background_pixel=_pixel(colour), event_mask=X.StructureNotifyMask | X.ExposureMask,
        )  # fmt: skip
        window.set_wm_normal_hints(flags=1 << 0 | 1 << 1)  # the user chose place and size: let it be there
        window.set_wm_class("driver", "Driver")
        self._windows[hex(window.id)] = window
        self.rename(hex(window.id), title)
        window.map()
        self._display.sync()
        wait_until(lambda: hex(window.id) in [w.id for w in self.system.windows()], "the window")
        return hex(window.id)

    def move_window(self, window: str, left: int, top: int) -> None:
        self._xdotool("windowmove", window, str(left), str(top))

    def resize_window(self, window: str, width: int, height: int) -> None:
        self._xdotool("windowsize", "--sync", window, str(width), str(height))

    def minimise(self, window: str) -> None:
        self._xdotool("windowminimize", "--sync", window)

    def bring_back(self, window: str) -> None:
        self._xdotool("windowmap", "--sync", window)

    def rename(self, window: str, title: str) -> None:
        text = title.encode()
        utf8 = self._display.intern_atom("UTF8_STRING")
        self._windows[window].change_property(self._display.intern_atom("_NET_WM_NAME"), utf8, 8, text)
        self._windows[window].change_property(Xatom.WM_NAME, Xatom.STRING, 8, text)
        self._display.sync()

    def close_window(self, window: str) -> None:
        self._windows.pop(window).destroy()
        self._display.sync()

    def resize_screen(self, width: int, height: int) -> None:
        self._desktop.resize_screen(width, height)

    def lose(self) -> None:
        self._windows.clear()
        self._desktop.close()

    def xrandr(self, *args: str) -> None:
        subprocess.run(["xrandr", *args], env=self._desktop.env, check=True, timeout=10, capture_output=True)

    def close(self) -> None:
        """Leave the screen as it was."""
        for window in list(self._windows):
            self.close_window(window)
        try:
            self._display.close()
        except Exception:  # noqa: BLE001 - a server that a test killed
            pass

    def _xdotool(self, *args: str) -> None:
        subprocess.run(["xdotool", *args], env=self._desktop.env, check=True, timeout=10, capture_output=True)


def colours(picture: Picture) -> set[Colour]:
    """All colours in a picture; the fourth byte has no meaning."""
    parts = picture.astype(np.uint32)
    packed = np.unique(parts[:, :, 0] << 16 | parts[:, :, 1] << 8 | parts[:, :, 2])
    return {(int(p) >> 16, int(p) >> 8 & 255, int(p) & 255) for p in packed}


def is_all(picture: Picture, colour: Colour) -> bool:
    return bool((picture[:, :, :3] == np.array(colour, np.uint8)).all())


def _pixel(colour: Colour) -> int:
    blue, green, red = colour
    return red << 16 | green << 8 | blue
