"""The screen of an X server: pictures by mss (shared memory where possible), all else by python-xlib."""

from __future__ import annotations

import os
from collections.abc import Mapping

from capture.errors import ScreenUnavailable
from capture.screen.areas import Window
from capture.screen.mss_source import Mss, MssScreen, Unreadable, close_quietly, mss_errors
from capture.screen.x11_desktop import XDesktop
from capture.screen.x11_shared import SharedMss

_SOUND_ONLY = "Record the sound only, without --screen or with --no-screen."


class X11Screen(MssScreen):
    """An X11 `ScreenSystem` for the display of `environ` (DISPLAY and, to explain its lack, the session's kind)."""

    way = "X11"
    draws_cursor = True

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        self._name = environ.get("DISPLAY", "")
        self._wayland = bool(environ.get("WAYLAND_DISPLAY")) or environ.get("XDG_SESSION_TYPE", "") == "wayland"
        self._checked = False

    def display(self) -> str:
        return self._name

    def connect(self) -> Mss:
        if not self._checked:
            self._desktop().close()
        return self._reached()

    def list_windows(self) -> list[Window]:
        desktop = self._desktop()
        try:
            return desktop.windows()
        finally:
            desktop.close()

    def eye(self, window: Window | None) -> XDesktop:
        desktop = self._desktop()
        try:
            desktop.watch(window)
        except BaseException:
            desktop.close()
            raise
        return desktop

    def _desktop(self) -> XDesktop:
        """A new connection to a server that shows a real screen. Raises `ScreenUnavailable`."""
        if not self._name:
            if self._wayland:
                raise wayland_unavailable()
            raise ScreenUnavailable(
                "there is no display: DISPLAY is not set", f"Start loopnote inside a desktop session. {_SOUND_ONLY}"
            )
        # First by mss (that is, libxcb): python-xlib leaves its sockets open when nobody answers, and tries TCP, too.
        close_quietly(self._reached())
        desktop = XDesktop(self._name)
        if not self._checked:
            # Asked of the server and not of the session: an X server of its own may run inside a Wayland session.
            try:
                if desktop.is_xwayland:
                    raise wayland_unavailable()
            except BaseException:
                desktop.close()
                raise
            self._checked = True
        return desktop

    def _reached(self) -> Mss:
        try:
            with mss_errors():
                return SharedMss(self._name)
        except Unreadable as error:
            reason = str(error.__cause__).removeprefix("Cannot connect to display: ")
            raise ScreenUnavailable(
                f"the display {self._name} cannot be opened: {reason}",
                "Set DISPLAY and XAUTHORITY as your desktop session has them (see: loopnote doctor).",
            ) from error


def wayland_unavailable() -> ScreenUnavailable:
    """The error for a session in which X11 shows nothing of the screen."""
    return ScreenUnavailable(
        "this is a Wayland session, whose screen Loopnote cannot record yet; sound works there as ever",
        f"{_SOUND_ONLY} To record the screen, log in with an X11 (Xorg) session.",
    )
