"""The picker on a real X server with two monitors, at every scale: right to the pixel, and gone when it has chosen."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import av
import mss
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.children import run_in, start_in
from tests.helpers.processes import wait_until
from tests.helpers.recording import loopnote
from tests.ui.desktop.pickers import PICKER, WINDOWS
from virtual_desktop import VirtualDesktop

WIDTH, HEIGHT = 1280, 800
RED, GREEN, BLUE = (0xC0, 0x30, 0x20), (0x20, 0xA0, 0x40), (0x20, 0x40, 0x80)
SCALES = ["1", "1.5", "2"]

pytestmark = pytest.mark.real_time


@pytest.fixture(scope="module")
def scene() -> Iterator[VirtualDesktop]:
    """Two monitors side by side, and two windows on the left one."""
    with VirtualDesktop("none", (WIDTH, HEIGHT)) as desktop:
        desktop.xrandr("--setmonitor", "left", "640/170x800/200+0+0", "screen")
        desktop.xrandr("--setmonitor", "right", "640/170x800/200+640+0", "none")
        with start_in(desktop, WINDOWS) as windows:
            assert windows.stdout is not None
            assert windows.stdout.readline() == "shown\n"
            yield desktop


class Picker:
    """The running picker."""

    def __init__(self, desktop: VirtualDesktop, process: subprocess.Popen[str]) -> None:
        self.desktop = desktop
        self._process = process

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def xdotool(self, *words: str) -> None:
        run_in(self.desktop, ["xdotool", *words])

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        between = (start[0] + end[0]) // 2, (start[1] + end[1]) // 2
        moves = [word for place in (between, end) for word in ("mousemove", *map(str, place))]
        self.xdotool("mousemove", *map(str, start), "mousedown", "1", *moves, "mouseup", "1")

    def click(self, x: int, y: int) -> None:
        self.xdotool("mousemove", str(x), str(y), "click", "1")


@contextlib.contextmanager
def picking(desktop: VirtualDesktop, scale: str = "1", kind: str = "any") -> Iterator[Picker]:
    with start_in(desktop, PICKER, env={"QT_SCALE_FACTOR": scale, "KIND": kind}) as process:
        picker = Picker(desktop, process)
        assert picker.line() == "shown"
        yield picker


def pixels(desktop: VirtualDesktop) -> NDArray[np.uint8]:
    """What is on the screen: uint8 RGB of shape (height, width, 3)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XAUTHORITY", desktop.env["XAUTHORITY"])
        with mss.MSS(display=desktop.display) as screen:
            shot = screen.grab(screen.monitors[0])
            return np.frombuffer(shot.rgb, np.uint8).reshape(shot.height, shot.width, 3)


def recorded(desktop: VirtualDesktop, area: str, file: Path) -> NDArray[np.uint8]:
    """The first picture of a recording of it."""
    code, _, said = loopnote(
        desktop, "record", file, "--no-system", f"--screen={area}", "--duration", "0.5", "--no-cursor"
    )
    assert code in (0, 3), said
    with av.open(str(file)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24").astype(np.uint8)


@pytest.mark.parametrize("scale", SCALES)
def test_a_rectangle_over_both_monitors_is_right_to_the_pixel(
    scene: VirtualDesktop, scale: str, tmp_path: Path
) -> None:
    with picking(scene, scale) as picker:
        picker.drag((101, 151), (700, 448))
        picker.xdotool("key", "Left", "Up", "shift+Right", "shift+Right", "shift+Down", "shift+Down")
        picker.xdotool("key", "Return")
        assert picker.line() == "chosen 100,150,602x300"
    picture = recorded(scene, "100,150,602x300", tmp_path / "part.mp4")
    assert picture.shape[:2] == (300, 602)
    for (x, y), colour in {(50, 50): RED, (250, 100): GREEN, (598, 296): BLUE, (50, 296): BLUE}.items():
        assert np.abs(picture[y, x].astype(int) - colour).max() < 16, (x, y, "nothing of the picker is in it")


@pytest.mark.parametrize("scale", SCALES)
def test_each_pixel_can_be_pointed_at(scene: VirtualDesktop, scale: str) -> None:
    with picking(scene, scale) as picker:
        shown = pixels(scene)
        for x, y in ((0, 0), (WIDTH - 1, 0), (0, HEIGHT - 1), (WIDTH - 1, HEIGHT - 1)):
            assert tuple(shown[y, x]) != BLUE, (x, y, "the picker does not cover it")
        picker.drag((0, 0), (WIDTH - 1, HEIGHT - 1))
        picker.xdotool("key", "Return")
        assert picker.line() == f"chosen 0,0,{WIDTH}x{HEIGHT}"
    for start, end, text in (((7, 13), (113, 207), "7,13,107x195"), ((1279, 799), (641, 333), "641,333,639x467")):
        with picking(scene, scale) as picker:
            picker.drag(start, end)
            picker.xdotool("key", "Return")
            assert picker.line() == f"chosen {text}"


@pytest.mark.parametrize("scale", ["1", "2"])
@pytest.mark.parametrize(("at", "text"), [((300, 250), "window:High"), ((101, 299), "window:Low"), ((700, 50), "2")])
def test_a_click_takes_the_window_or_the_screen(
    scene: VirtualDesktop, scale: str, at: tuple[int, int], text: str
) -> None:
    with picking(scene, scale) as picker:
        picker.click(*at)
        assert picker.line() == f"chosen {text}"


def test_a_chosen_window_is_recorded_to_the_pixel(scene: VirtualDesktop, tmp_path: Path) -> None:
    with picking(scene, kind="window") as picker:
        picker.xdotool("mousemove", "900", "700", "key", "Tab", "key", "Return")
        assert picker.line() == "chosen window:High"
    picture = recorded(scene, "window:High", tmp_path / "window.mp4")
    assert picture.shape[:2] == (200, 300)
    assert np.abs(picture.astype(int) - GREEN).max() < 16


def test_the_desktop_shows_through_and_the_chosen_is_bright(scene: VirtualDesktop) -> None:
    before = pixels(scene)
    with picking(scene, "2") as picker:
        picker.drag((150, 120), (449, 319))
        wait_until(lambda: tuple(pixels(scene)[200, 300]) == GREEN, "the chosen part", 5)
        shown = pixels(scene)
        assert np.array_equal(shown[120:320, 150:450], before[120:320, 150:450])
        assert tuple(shown[119, 150]) != tuple(before[119, 150])
        assert 0 < int(shown[110, 110, 0]) < RED[0]  # of the other window, which is dimmed
        picker.xdotool("key", "Escape")
        assert picker.line() == "cancelled"
    wait_until(lambda: np.array_equal(pixels(scene), before), "the desktop as it was", 5)


def test_the_right_button_leaves_too(scene: VirtualDesktop) -> None:
    with picking(scene) as picker:
        picker.xdotool("mousemove", "300", "300", "click", "3")
        assert picker.line() == "cancelled"
