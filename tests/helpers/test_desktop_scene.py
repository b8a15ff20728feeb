"""The synthetic desktop shows what it says, when it says."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.children import run_in
from tests.helpers.counter import read_counter
from tests.helpers.desktop_scene import SceneName, show
from tests.helpers.processes import wait_until
from virtual_desktop import VirtualDesktop

GRAB = """
import sys, numpy as np
from Xlib import X
from Xlib.display import Display
root = Display().screen().root
size = root.get_geometry()
image = root.get_image(0, 0, size.width, size.height, X.ZPixmap, 0xFFFFFFFF)
np.save(sys.argv[1], np.frombuffer(image.data, np.uint8).reshape(size.height, size.width, 4)[:, :, 1])
"""


def grab(desktop: VirtualDesktop, tmp_path: Path) -> NDArray[np.uint8]:
    """The screen's green, (height, width); the scenes know only shades of gray."""
    path = tmp_path / "screen.npy"
    run_in(desktop, GRAB, args=[path])
    picture: NDArray[np.uint8] = np.load(path)
    return picture


@pytest.mark.parametrize("scene", ["counter", "scroll"])
def test_the_number_shown_is_the_number_reported(x_screen: VirtualDesktop, tmp_path: Path, scene: SceneName) -> None:
    with show(x_screen, scene, area=(64, 32, 1600, 900), fps=30, count=12) as shown:
        shown.wait_until_ended(15)
        assert sorted(shown.pictures_ns) == list(range(1, 13))
        times = [shown.pictures_ns[number] for number in sorted(shown.pictures_ns)]
        assert times == sorted(times)
        assert (times[-1] - times[0]) / 1e9 == pytest.approx(11 / 30, abs=0.2)


def test_a_grabbed_picture_holds_its_number(x_screen: VirtualDesktop, tmp_path: Path) -> None:
    with show(x_screen, "counter", area=(64, 32, 1600, 900), fps=0.05, count=2) as shown:
        wait_until(lambda: shown.pictures_ns, "the first number is there")
        assert read_counter(grab(x_screen, tmp_path), 64, 32) == 1
        assert list(shown.pictures_ns) == [1]


def test_a_static_scene_does_not_change(x_screen: VirtualDesktop, tmp_path: Path) -> None:
    with show(x_screen, "static", count=600):
        first = grab(x_screen, tmp_path)
        second = grab(x_screen, tmp_path)
    assert first.mean() > 100, "the scene is not there"
    assert np.array_equal(first, second)


def test_scrolling_text_moves_most_of_the_picture(x_screen: VirtualDesktop, tmp_path: Path) -> None:
    with show(x_screen, "scroll", fps=30, count=600) as shown:
        wait_until(lambda: shown.pictures_ns, "it began")
        first = grab(x_screen, tmp_path)
        number = max(shown.pictures_ns)
        wait_until(lambda: max(shown.pictures_ns) > number + 3, "it went on")
        second = grab(x_screen, tmp_path)
    changed_rows = (first != second).any(axis=1).mean()
    assert changed_rows > 0.5


def test_a_scene_with_a_title_is_a_window_that_can_be_found(x_screen: VirtualDesktop) -> None:
    with show(x_screen, "static", area=(100, 100, 600, 400), count=600, title="Chat with Ada"):
        wait_until(lambda: "Chat with Ada" in run_in(x_screen, ["xwininfo", "-root", "-tree"]).stdout, "it is listed")


def test_flashes_are_seen_on_the_screen(x_screen: VirtualDesktop, tmp_path: Path) -> None:
    with show(x_screen, "flash", sound=False, count=40, interval_s=0.2, fps=60) as shown:
        deadline = time.monotonic() + 15
        shades: set[bool] = set()
        while len(shades) < 2 and time.monotonic() < deadline:
            shades.add(bool(grab(x_screen, tmp_path).mean() > 127))
        assert shades == {True, False}
        wait_until(lambda: shown.flashes, "a flash is reported")
        assert shown.flashes[0].sounded_ns is None
