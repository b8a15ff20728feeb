"""The screen on macOS: pictures by mss (CoreGraphics).

Written from Apple's documentation and mss's; not yet tried on a real machine. mss draws no cursor there, and windows
cannot be chosen by title, since their list needs pyobjc.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import mss

from capture.errors import ScreenUnavailable
from capture.screen.mss_source import Mss, MssScreen, mss_errors

_CORE_GRAPHICS = "/System/Library/Frameworks/CoreGraphics.framework/CoreGraphics"


def may_record() -> bool:
    """Whether this program has the permission; without it, pictures show the wallpaper and no error comes.

    CGPreflightScreenCaptureAccess asks without asking the user; it exists since macOS 10.15.
    """
    try:
        preflight = ctypes.CDLL(_CORE_GRAPHICS).CGPreflightScreenCaptureAccess
    except (OSError, AttributeError):
        return True  # an older system has no such permission
    preflight.restype = ctypes.c_bool
    return bool(preflight())


class MacScreen(MssScreen):
    """A `ScreenSystem` of macOS."""

    way = "macOS CoreGraphics"
    no_windows_hint = "Record a screen or a region: --screen 1, --screen X,Y,WIDTHxHEIGHT"

    def __init__(self, may_record: Callable[[], bool] = may_record) -> None:
        self._may_record = may_record

    def connect(self) -> Mss:
        if not self._may_record():
            raise ScreenUnavailable(
                "macOS does not let this program record the screen",
                "Allow it in System Settings, Privacy & Security, Screen Recording, then start it anew.",
            )
        with mss_errors():
            return mss.MSS()
