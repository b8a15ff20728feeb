"""The screen on Windows: pictures by mss (GDI), windows by user32 and dwmapi.

Written from Microsoft's documentation and mss's; not yet tried on a real machine. mss draws no cursor there.
"""

from __future__ import annotations

import ctypes
from ctypes import wintypes
from typing import Any

import mss

from capture.errors import ScreenUnavailable
from capture.model import Area
from capture.screen.areas import Window
from capture.screen.eye import PolledEye
from capture.screen.mss_source import Mss, MssScreen, mss_errors

DWMWA_EXTENDED_FRAME_BOUNDS = 9  # the window as it is seen; GetWindowRect counts an invisible border of 7 pixels too
DWMWA_CLOAKED = 14  # not zero: there but not shown, as a window of another virtual desktop is
GWL_EXSTYLE = -20
WS_EX_TOOLWINDOW = 0x80  # not in the task bar: palettes, helpers


class WindowsScreen(MssScreen):
    """A `ScreenSystem` of Windows."""

    way = "Windows GDI"

    def __init__(self, win32: Win32 | None = None) -> None:
        self._win32 = win32

    @property
    def win32(self) -> Win32:
        if self._win32 is None:
            self._win32 = Win32()
        return self._win32

    def connect(self) -> Mss:
        with mss_errors():
            return mss.MSS()

    def list_windows(self) -> list[Window]:
        found = []
        for handle in self.win32.handles():
            title = self.win32.title(handle)
            if title and not self.win32.is_tool(handle):
                area, hidden = self.win32.area(handle), self.win32.why_hidden(handle)
                found.append(Window(hex(handle), title, area, "", hidden))
        return found[::-1]  # Windows counts from the top

    def eye(self, window: Window | None) -> WindowsEye:
        return WindowsEye(self, window)


class WindowsEye(PolledEye):
    """Asks for the window's place before every picture: that is a read of shared memory there, not a message."""

    def __init__(self, system: WindowsScreen, window: Window | None) -> None:
        super().__init__(system)
        self._win32 = system.win32
        self._window = window

    def window_area(self, surely: bool = False) -> Area:
        assert self._window is not None
        handle = int(self._window.id, 16)
        hidden = self._win32.why_hidden(handle)
        if hidden:
            raise ScreenUnavailable(f"the window {hidden}", "Bring it back onto the screen.")
        return self._win32.area(handle)


class Win32:
    """The few calls of user32 and dwmapi, with their types declared (a handle has 64 bits, an int argument 32)."""

    def __init__(self, user32: Any = None, dwmapi: Any = None) -> None:
        user32 = self._user32 = user32 or _library("user32")
        dwmapi = self._dwmapi = dwmapi or _library("dwmapi")
        # WNDENUMPROC: BOOL CALLBACK (HWND, LPARAM), called by the system's convention where that differs from C's.
        prototype = getattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE)
        self._enum_proc = prototype(wintypes.BOOL, wintypes.HWND, wintypes.LPARAM)
        user32.EnumWindows.argtypes = [self._enum_proc, wintypes.LPARAM]
        user32.GetWindowTextW.argtypes = [wintypes.HWND, wintypes.LPWSTR, ctypes.c_int]
        user32.GetWindowTextLengthW.argtypes = [wintypes.HWND]
        user32.GetWindowLongW.argtypes = [wintypes.HWND, ctypes.c_int]
        user32.GetWindowRect.argtypes = [wintypes.HWND, ctypes.POINTER(wintypes.RECT)]
        for name in ("IsWindow", "IsWindowVisible", "IsIconic"):
            getattr(user32, name).argtypes = [wintypes.HWND]
        dwmapi.DwmGetWindowAttribute.argtypes = [wintypes.HWND, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD]

    def handles(self) -> list[int]:
        found: list[int] = []

        def collect(handle: int | None, _: int) -> bool:
            if handle:
                found.append(handle)
            return True

        self._user32.EnumWindows(self._enum_proc(collect), 0)
        return found

    def title(self, handle: int) -> str:
        length = self._user32.GetWindowTextLengthW(handle)
        text = ctypes.create_unicode_buffer(length + 1)
        self._user32.GetWindowTextW(handle, text, length + 1)
        return text.value

    def is_tool(self, handle: int) -> bool:
        return bool(self._user32.GetWindowLongW(handle, GWL_EXSTYLE) & WS_EX_TOOLWINDOW)

    def why_hidden(self, handle: int) -> str:
        """Why the window cannot be seen; empty when it can."""
        if not self._user32.IsWindow(handle):
            return "was closed"
        if self._user32.IsIconic(handle):
            return "is minimised"
        if not self._user32.IsWindowVisible(handle):
            return "is hidden"
        cloaked = wintypes.DWORD(0)
        if self._attribute(handle, DWMWA_CLOAKED, cloaked) and cloaked.value:
            return "is on another desktop"
        return ""

    def area(self, handle: int) -> Area:
        rect = wintypes.RECT()
        if not self._attribute(handle, DWMWA_EXTENDED_FRAME_BOUNDS, rect):
            self._user32.GetWindowRect(handle, ctypes.byref(rect))
        return Area(rect.left, rect.top, rect.right - rect.left, rect.bottom - rect.top)

    def _attribute(self, handle: int, number: int, value: Any) -> bool:
        """Read an attribute of the window into `value`; False when the system refuses (it answers with S_OK, zero)."""
        result = self._dwmapi.DwmGetWindowAttribute(handle, number, ctypes.byref(value), ctypes.sizeof(value))
        return bool(result == 0)


def _library(name: str) -> Any:
    load: Any = getattr(ctypes, "WinDLL", None)  # only there on Windows, and type checkers elsewhere know it
    return load(name)
