"""What sees changes of the screens, the windows and the pointer, beside the pictures themselves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from capture.errors import CaptureError
from capture.model import Area
from capture.screen.cursor import Cursor

if TYPE_CHECKING:
    from capture.screen.mss_source import MssScreen


class Eye(Protocol):
    """What tells an open source of changes, and of the pointer. All methods are called by the screen thread, before
    every picture."""

    def layout_changed(self) -> bool:
        """Whether the screens may have changed since the last call (or since the eye was made)."""
        ...

    def window_area(self, surely: bool = False) -> Area:
        """Where the followed window is. Raises `ScreenUnavailable` when it cannot be seen.

        `surely`: at this very moment, and not only by what was told until now. That may cost a question.
        """
        ...

    def damage(self, anew: bool) -> list[Area] | None:
        """Where on the desktop something may have been drawn since the last call (or since the eye was made), up to
        the last `layout_changed` at least; None on systems that cannot tell.

        Without `anew` the next call may return the same areas again, which costs nothing if they change all the time.
        """
        ...

    def cursor(self) -> Cursor | None:
        """The pointer as it is now; None when there is none to be seen, and on systems that do not show it."""
        ...

    def close(self) -> None: ...


class PolledEye:
    """For systems that tell mss of no changes: asks for the layout again every `every_s`."""

    def __init__(self, system: MssScreen, every_s: float = 1.0) -> None:
        self._system = system
        self._every_s = every_s
        self._asked_s = time.monotonic()
        self._layout = system.layout()

    def layout_changed(self) -> bool:
        now_s = time.monotonic()
        if now_s - self._asked_s < self._every_s:
            return False
        self._asked_s = now_s
        before, self._layout = self._layout, self._system.layout()
        return before != self._layout

    def window_area(self, surely: bool = False) -> Area:
        raise CaptureError("this system follows no windows")

    def damage(self, anew: bool) -> list[Area] | None:
        return None

    def cursor(self) -> Cursor | None:
        return None

    def close(self) -> None:
        pass
