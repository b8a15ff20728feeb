"""The way to this computer's screen, chosen when it is asked for: nothing of it is loaded for sound alone."""

from __future__ import annotations

import sys

from capture.errors import ScreenUnavailable
from capture.screen.source import ScreenSystem


def screen_system() -> ScreenSystem:
    """This computer's screen. Opens nothing; raises `ScreenUnavailable` where Loopnote knows no way to it.

    On Linux the display and the kind of session are those of the environment at the time of this call.
    """
    if sys.platform == "win32":
        from capture.screen.windows import WindowsScreen

        return WindowsScreen()
    if sys.platform == "darwin":
        from capture.screen.macos import MacScreen

        return MacScreen()
    if sys.platform.startswith("linux"):
        from capture.screen.x11 import X11Screen

        return X11Screen()
    raise ScreenUnavailable(
        f"Loopnote cannot record the screen on {sys.platform} yet",
        "Record the sound only, without --screen or with --no-screen.",
    )
