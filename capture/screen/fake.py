"""A desktop in memory, for tests and for faults on demand: it can be painted, resized and lost at a given picture."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from mss.exception import ScreenShotError

from capture.errors import ScreenUnavailable
from capture.model import Area
from capture.screen.areas import Window, common, contains
from capture.screen.cursor import Cursor
from capture.screen.mss_source import Mss, MssScreen, mss_errors

if TYPE_CHECKING:
    from numpy.typing import NDArray

Colour = tuple[int, int, int]  # blue, green, red

CURSOR_SIDE = 8
CURSOR_COLOUR: Colour = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class _FakeWindow:
    window: Window
    colour: Colour


class FakeDesktop:
    """Its methods may be called by any thread. `before_grab(number)` is called before each picture, counted from 0.

    `connections` are the fakes of mss that are open now. With `tells_drawing` it tells where something was drawn, as X
    servers do; with `hides_drawing` it leaves that out, as some graphics drivers do.
    """

    def __init__(
        self, width: int = 640, height: int = 480, monitors: Sequence[Area] = (), tells_drawing: bool = False
    ) -> None:
        self.tells_drawing = tells_drawing
        self.hides_drawing = False
        self.drawn: list[Area] = []
        self.before_grab: Callable[[int], None] = lambda number: None
        self.grabs = 0
        self.connections = 0
        self._lock = threading.RLock()
        self._lost = ""
        self._generation = 0
        self._opened = 0
        self._windows: dict[str, _FakeWindow] = {}
        self._cursor = (width // 2, height // 2)
        self.resize(width, height, monitors)

    def resize(self, width: int, height: int, monitors: Sequence[Area] = ()) -> None:
        """A black desktop of this size; `monitors` are one over all of it when none are given."""
        with self._lock:
            self.screen = Area(0, 0, width, height)
            self.monitors = tuple(monitors) or (self.screen,)
            self._pixels: NDArray[np.uint8] = np.zeros((height, width, 4), np.uint8)
            self._generation += 1

    def fill(self, area: Area, colour: Colour) -> None:
        """Paint the background."""
        with self._lock:
            _paint(self._pixels, area, colour)
            self._tell(area)

    def place_cursor(self, x: int, y: int) -> None:
        with self._lock:
            self._cursor = (x, y)

    def lose(self, reason: str = "the server has gone") -> None:
        """From now on nothing can be read, and what was open never comes back."""
        with self._lock:
            self._lost = reason
            self._generation += 1

    def restore(self) -> None:
        with self._lock:
            self._lost = ""

    def open_window(self, title: str, area: Area, colour: Colour) -> str:
        with self._lock:
            self._opened += 1
            window = Window(hex(self._opened), title, area, "fake")
            self._windows[window.id] = _FakeWindow(window, colour)
            self._tell(area)
            return window.id

    def change_window(self, window_id: str, **changes: Any) -> None:
        """Change the `area`, `title` or `hidden` of a window."""
        with self._lock:
            old = self._windows[window_id]
            new = self._windows[window_id] = _FakeWindow(replace(old.window, **changes), old.colour)
            self._tell(old.window.area)
            self._tell(new.window.area)

    def close_window(self, window_id: str) -> None:
        with self._lock:
            self._tell(self._windows.pop(window_id).window.area)

    def _tell(self, area: Area) -> None:
        seen = common(self.screen, area)
        if seen is not None and not self.hides_drawing:
            self.drawn.append(seen)

    # --- What the fake of mss sees -------------------------------------------------------------------------------

    @property
    def windows(self) -> list[Window]:
        with self._lock:
            return [w.window for w in self._windows.values()]

    def state(self) -> tuple[str, int]:
        """Why it is lost (or nothing), and a number that changes with each resize and loss."""
        with self._lock:
            return self._lost, self._generation

    @property
    def cursor(self) -> tuple[int, int]:
        with self._lock:
            return self._cursor

    def picture(self, area: Area) -> bytearray:
        with self._lock:
            number, self.grabs = self.grabs, self.grabs + 1
        self.before_grab(number)
        with self._lock:
            if self._lost:
                raise ScreenShotError(self._lost)
            if not contains(self.screen, area):
                raise ScreenShotError("the area is not on the screen")
            pixels = self._pixels.copy()
            for fake in self._windows.values():
                if not fake.window.hidden:
                    _paint(pixels, fake.window.area, fake.colour)
            right, bottom = area.left + area.width, area.top + area.height
            return bytearray(pixels[area.top : bottom, area.left : right].tobytes())


def _paint(pixels: NDArray[np.uint8], area: Area, colour: Colour) -> None:
    height, width = pixels.shape[:2]
    seen = common(Area(0, 0, width, height), area)
    if seen is not None:
        pixels[seen.top : seen.top + seen.height, seen.left : seen.left + seen.width] = (*colour, 0)


class FakeMss:
    """As `mss.MSS`: knows the screens of the time when it was made, and is useless after the desktop was lost."""

    def __init__(self, desktop: FakeDesktop) -> None:
        lost, _ = desktop.state()
        if lost:
            raise ScreenShotError(lost)
        desktop.connections += 1
        self._desktop = desktop
        self._lost = False
        self.closed = False
        self.performance_status = ["in memory"]
        areas = (desktop.screen, *desktop.monitors)
        self.monitors = [{"left": a.left, "top": a.top, "width": a.width, "height": a.height} for a in areas]

    def grab(self, monitor: dict[str, int], /) -> Any:
        if self._lost or self.closed:
            raise ScreenShotError("the connection is closed")
        try:
            raw = self._desktop.picture(Area(**monitor))
        except ScreenShotError:
            self._lost = bool(self._desktop.state()[0])
            raise
        return SimpleNamespace(raw=raw, width=monitor["width"], height=monitor["height"])

    def close(self) -> None:
        self._desktop.connections -= 0 if self.closed else 1
        self.closed = True


class FakeEye:
    """Sees every change at once."""

    def __init__(self, desktop: FakeDesktop, window: Window | None) -> None:
        self._desktop = desktop
        self._window = window
        self._generation = desktop.state()[1]
        self._told = len(desktop.drawn)
        self._cursor = np.full((CURSOR_SIDE, CURSOR_SIDE, 4), (*CURSOR_COLOUR, 255), np.uint8)

    def layout_changed(self) -> bool:
        lost, generation = self._desktop.state()
        if lost:
            raise ScreenUnavailable(lost)
        before, self._generation = self._generation, generation
        return before != generation

    def window_area(self, surely: bool = False) -> Area:
        assert self._window is not None
        for window in self._desktop.windows:
            if window.id == self._window.id:
                if window.hidden:
                    raise ScreenUnavailable(f"the window {window.hidden}")
                return window.area
        raise ScreenUnavailable("the window was closed")

    def damage(self, anew: bool) -> list[Area] | None:
        drawn = self._desktop.drawn[self._told :]
        self._told += len(drawn) if anew else 0
        return drawn if self._desktop.tells_drawing else None

    def cursor(self) -> Cursor | None:
        return Cursor(self._cursor, *self._desktop.cursor)

    def close(self) -> None:
        pass


class FakeScreen(MssScreen):
    """A `ScreenSystem` over a `FakeDesktop`; all but the desktop itself is the code that the real ones use."""

    way = "fake"
    draws_cursor = True

    def __init__(self, desktop: FakeDesktop) -> None:
        self.desktop = desktop

    def connect(self) -> Mss:
        with mss_errors():
            return FakeMss(self.desktop)

    def list_windows(self) -> list[Window]:
        lost, _ = self.desktop.state()
        if lost:
            raise ScreenUnavailable(lost)
        return self.desktop.windows

    def eye(self, window: Window | None) -> FakeEye:
        return FakeEye(self.desktop, window)
