"""The real desktop application in a virtual desktop, used as a person does: the icon is clicked, menus and buttons too.

Where a control is, and what it is called, the application tells (see `spied_loopnote`); what it does is the X server's.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mss
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.children import run_in, start_in
from tests.helpers.processes import wait_until
from tests.helpers.recording import LOOPNOTE
from virtual_desktop import VirtualDesktop

SPIED = [sys.executable, "-m", "tests.helpers.spied_loopnote"]
END_S = 20.0
STEADY_S = 0.15
DRAWN = 60  # levels of grey between the lightest and the darkest of what is not empty
# Of `xwininfo -tree`: depth, id, name, class, size, and where on the screen.
_WINDOW = re.compile(r'^( *)(0x[0-9a-f]+) "?(.*?)"?: \((.*?)\)\s+(\d+)x(\d+)\S+\s+\+(-?\d+)\+(-?\d+)$')

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Box:
    """A rectangle of the screen, in pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def middle(self) -> tuple[int, int]:
        return self.left + self.width // 2, self.top + self.height // 2


@dataclass(frozen=True)
class Control:
    """What can be seen and used: a button, an entry of an open menu, a text."""

    name: str
    kind: str
    box: Box
    enabled: bool
    checked: bool
    focusable: bool
    window: str


@dataclass
class DesktopApp:
    """Made by `desktop_app`."""

    desktop: VirtualDesktop
    process: subprocess.Popen[str]
    answers: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def socket(self) -> Path:
        """Where it listens for commands."""
        return Path(self.desktop.env["XDG_RUNTIME_DIR"]) / "loopnote" / "control"

    @property
    def home(self) -> Path:
        """The user's home (of a desktop with a private one)."""
        return Path(self.desktop.env["HOME"])

    def is_reachable(self) -> bool:
        """Whether it answers to commands."""
        return self.socket.exists()

    def icon(self) -> Box | None:
        """Where its icon in the panel is; None when there is none."""
        in_panel = False
        for line in self._command("xwininfo", "-root", "-tree").splitlines():
            match = _WINDOW.match(line)
            if match is None:
                continue
            in_panel = in_panel or match[3] == "panel"
            if in_panel and match[4] == '"loopnote" "loopnote"':
                return Box(int(match[7]), int(match[8]), int(match[5]), int(match[6]))
        return None

    def wait_for_icon(self) -> Box:
        """Where it is, as soon as the panel has its size and it is drawn: before, clicks go past it."""
        found: list[Box | None] = [None]

        def look() -> bool:
            before, found[0] = found[0], self.icon()
            return found[0] is not None and found[0] == before and bool(np.ptp(self.picture(found[0])) > DRAWN)

        wait_until(look, "the icon in the panel")
        assert found[0] is not None
        return found[0]

    def click(self, at: Box, button: int = 1) -> None:
        """Click in the middle of `at`; 3 is the right button."""
        left, top = at.middle
        self._command("xdotool", "mousemove", str(left), str(top), "click", str(button))

    def key(self, *keys: str) -> None:
        """Press keys one after the other, by xdotool's names."""
        self._command("xdotool", "key", *keys)

    def click_icon(self, button: int = 1) -> None:
        """The left button starts and stops, the right one opens the menu."""
        self.click(self.wait_for_icon(), button)

    def controls(self) -> list[Control]:
        """All that can be seen of it just now, the menus' entries included. Only of a spied application."""
        count = len(self.answers)
        assert self.process.stdin is not None
        self.process.stdin.write("controls\n")
        self.process.stdin.flush()
        wait_until(lambda: len(self.answers) > count, "an answer", 10, lambda: f"({self.process.poll()}) {self.said}")
        return [Control(**{**one, "box": Box(*one["box"])}) for one in json.loads(self.answers[-1])]

    def named(self, name: str, enabled: bool = True, in_menu: bool | None = None) -> Control:
        """The control whose name begins so, as soon as it is there (and enabled).

        It stands still: a window manager puts a new window where it wants to after it came up.
        """
        found: list[Control] = []

        def look() -> bool:
            before = list(found)
            found[:] = [
                one
                for one in self.controls()
                if one.name.startswith(name) and one.enabled >= enabled and in_menu in (None, one.kind == "action")
            ]
            return bool(found) and found == before

        deadline = time.monotonic() + 15
        while not look():
            if time.monotonic() > deadline:
                raise AssertionError(f"no {name!r} among {[one.name for one in self.controls()]} {self.said[-3:]}")
            time.sleep(STEADY_S)
        return found[0]

    def choose(self, *names: str) -> None:
        """Open the icon's menu and click through it."""
        self.open_menu()
        for name in names:
            self.click(self.named(name, in_menu=True).box)

    def open_menu(self) -> None:
        """Open the icon's menu: a click that comes while another menu is just closing does nothing, so once more."""
        for _ in range(3):
            self.click_icon(3)
            with contextlib.suppress(AssertionError):
                wait_until(lambda: any(one.kind == "action" for one in self.controls()), "the menu", 3)
                return
        raise AssertionError(f"the menu does not open {self.said[-3:]}")

    def press(self, name: str) -> None:
        """Click the button of that name."""
        self.click(self.named(name, in_menu=False).box)

    def picture(self, box: Box | None = None) -> Pixels:
        """The real pixels of the screen: uint8 of shape (height, width, 3), RGB."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XAUTHORITY", self.desktop.env["XAUTHORITY"])
            with mss.MSS(display=self.desktop.display) as screen:
                where = screen.monitors[0]
                if box is not None:
                    where = {"left": box.left, "top": box.top, "width": box.width, "height": box.height}
                shot = screen.grab(where)
                return np.frombuffer(shot.rgb, np.uint8).reshape(shot.height, shot.width, 3)

    def steady_picture(self, box: Box) -> Pixels:
        """The picture there once it stands still."""
        before = self.picture(box)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            time.sleep(0.15)
            now = self.picture(box)
            if np.array_equal(now, before):
                return now
            before = now
        raise AssertionError("the picture does not stand still")

    def ask(self, command: str = "status") -> dict[str, Any]:
        """`loopnote COMMAND --json`, from outside."""
        done = run_in(self.desktop, [*LOOPNOTE, command, "--json"], check=False)
        return dict(json.loads(done.stdout or "{}"))

    def wait_for_state(self, state: str) -> dict[str, Any]:
        """Return what it says once it is in that state."""
        told: list[dict[str, Any]] = [{}]

        def look() -> bool:
            told[0] = self.ask()
            return told[0].get("state") == state

        wait_until(look, f"the state {state}", 20, lambda: "\n".join([str(told[0]), *self.said[-30:]]))
        return told[0]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it by a signal; returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(END_S)

    def _command(self, *words: str) -> str:
        return run_in(self.desktop, list(words)).stdout

    def read(self) -> None:
        """Body of the thread that reads its standard output: answers of the spy."""
        assert self.process.stdout is not None
        with contextlib.suppress(ValueError):
            for line in self.process.stdout:
                (self.answers if line.startswith("[") else self.said).append(line.rstrip("\n"))


def read_welcome(desktop: VirtualDesktop) -> None:
    """Leave the desktop (with a home of its own) as somebody does who has read the first start's page."""
    file = Path(desktop.env["HOME"]) / ".local/state/loopnote/welcome.json"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.write_text('{"read": true}')


@contextlib.contextmanager
def desktop_app(
    desktop: VirtualDesktop,
    *words: str,
    spied: bool = True,
    env: dict[str, str] | None = None,
    is_first_start: bool = False,
) -> Iterator[DesktopApp]:
    """Start it, as `loopnote WORDS` does; it has been ended when the block has."""
    if not is_first_start:
        read_welcome(desktop)
    command = [*(SPIED if spied else LOOPNOTE), *words]
    env = {"QT_ACCESSIBILITY": "0", "LOOPNOTE_DEBUG": "1", **(env or {})}
    with start_in(desktop, command, env=env, stderr=subprocess.STDOUT, stdin=subprocess.PIPE) as process:
        app = DesktopApp(desktop, process)
        reader = threading.Thread(target=app.read, name="app-says", daemon=True)
        reader.start()
        try:
            wait_until(app.is_reachable, "the application", 30, lambda: f"({process.poll()}) {app.said}")
            yield app
        finally:
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(END_S)
            if process.poll() is None:
                process.kill()
            reader.join(5)
