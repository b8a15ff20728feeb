"""X servers of a test's own, without a window manager, and a program on them."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import Xlib.display
import Xlib.error
from Xlib import Xatom

from capture.errors import ScreenUnavailable
from capture.screen.x11 import X11Screen
from owned_processes import OwnedProcesses


class XServer:
    """An X server of 640x480 without access control, which can be ended and started again under the same number."""

    def __init__(self, folder: Path) -> None:
        self._processes = OwnedProcesses("loopnote-x-")
        self._authority = folder / "empty"
        self._authority.touch()
        read_end, write_end = os.pipe()
        try:
            self._start("-displayfd", str(write_end), pass_fds=[write_end])
            self._processes.wait_for("Xvfb", lambda: bool(self._number(read_end)), 20)
        finally:
            os.close(read_end)
            os.close(write_end)

    def _number(self, read_end: int) -> str:
        os.set_blocking(read_end, False)
        try:
            self.display = ":" + os.read(read_end, 64).decode().strip()
        except BlockingIOError:
            return ""
        return self.display

    @property
    def environ(self) -> dict[str, str]:
        return {"DISPLAY": self.display, "XAUTHORITY": str(self._authority)}

    @property
    def pid(self) -> int:
        return self._processes.pids_of("Xvfb")[0]

    def kill(self) -> None:
        self._processes.stop("Xvfb", how=signal.SIGKILL)

    def start_again(self) -> None:
        # A killed server leaves its lock behind; the new one removes it when it sees that nobody holds it.
        self._start(self.display)
        self._processes.wait_for("Xvfb", self._answers, 20)

    def close(self) -> None:
        self._processes.close()

    def _start(self, *args: str, pass_fds: tuple[int, ...] | list[int] = ()) -> None:
        argv = ["Xvfb", *args, "-screen", "0", "640x480x24", "-nolisten", "tcp", "-ac", "-noreset"]
        self._processes.start(argv, dict(os.environ), death_signal="TERM", pass_fds=pass_fds)

    def _answers(self) -> bool:
        try:
            return bool(X11Screen(self.environ).screens())
        except ScreenUnavailable:
            return False


class Client:
    """A program with one red window of 200x160 at 100,100, on an X server without a window manager."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.display = Xlib.display.Display(environ["DISPLAY"])
        screen = self.display.screen()
        self.root = screen.root
        self.window = self.root.create_window(100, 100, 200, 160, 0, screen.root_depth, background_pixel=0xF0140A)
        self.window.set_wm_name("Film")
        self.window.map()
        self.display.sync()

    def tell(self, window: Any, name: str, *values: int) -> None:
        window.change_property(self.display.intern_atom(name), Xatom.CARDINAL, 32, list(values))
        self.display.sync()

    def close(self) -> None:
        with suppress(Xlib.error.ConnectionClosedError, OSError):  # a test may have killed the server
            self.display.close()
