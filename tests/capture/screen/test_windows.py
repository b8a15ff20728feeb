"""The screen on Windows, on fakes: user32 and dwmapi in Python, and mss over a desktop in memory."""

from __future__ import annotations

import ctypes
from ctypes import wintypes
from types import SimpleNamespace
from typing import Any

import mss
import pytest

from capture.errors import ScreenUnavailable, UnknownArea
from capture.model import Area
from capture.screen.fake import FakeDesktop, FakeMss
from capture.screen.windows import (
    DWMWA_CLOAKED,
    DWMWA_EXTENDED_FRAME_BOUNDS,
    GWL_EXSTYLE,
    WS_EX_TOOLWINDOW,
    Win32,
    WindowsScreen,
)
from tests.capture.screen.drivers import BLACK, RED, colours, is_all

# Handles are 64-bit numbers there; one that a 32-bit int would cut shows that the types are declared.
FILM, NOTES = 0x1_0000_0011, 0x22


class Call:
    """A function of a DLL: called with what was declared for it, as ctypes would."""

    def __init__(self, body: Any) -> None:
        self.argtypes: list[Any] | None = None
        self._body = body

    def __call__(self, *args: Any) -> Any:
        assert self.argtypes is not None, "its argument types are not declared"
        assert len(args) == len(self.argtypes)
        for argument, declared in zip(args, self.argtypes, strict=True):
            declared.from_param(argument)
        return self._body(*args)


class FakeWindows:
    """user32 and dwmapi over a table of windows."""

    def __init__(self) -> None:
        self.windows: dict[int, dict[str, Any]] = {}
        self.dwm_works = True
        self.user32 = SimpleNamespace(
            EnumWindows=Call(lambda callback, extra: all(callback(handle, extra) for handle in list(self.windows))),
            GetWindowTextLengthW=Call(lambda handle: len(self.windows[handle]["title"])),
            GetWindowTextW=Call(self._title),
            GetWindowLongW=Call(lambda handle, index: self.windows[handle]["style"] if index == GWL_EXSTYLE else 0),
            GetWindowRect=Call(lambda handle, rect: self._rect(rect, self.windows[handle]["outer"])),
            IsWindow=Call(lambda handle: handle in self.windows),
            IsWindowVisible=Call(lambda handle: self.windows[handle]["visible"]),
            IsIconic=Call(lambda handle: self.windows[handle]["iconic"]),
        )
        self.dwmapi = SimpleNamespace(DwmGetWindowAttribute=Call(self._attribute))

    def add(self, handle: int, title: str, area: Area, **changes: Any) -> None:
        outer = Area(area.left - 7, area.top, area.width + 14, area.height + 7)
        state = {"visible": True, "iconic": False, "cloaked": 0, "style": 0, "title": title, "area": area}
        self.windows[handle] = {**state, "outer": outer, **changes}

    def _title(self, handle: int, text: Any, size: int) -> int:
        text.value = self.windows[handle]["title"][: size - 1]
        return len(text.value)

    def _attribute(self, handle: int, number: int, value: Any, size: int) -> int:
        if not self.dwm_works:
            return -2147024890  # E_HANDLE
        if number == DWMWA_CLOAKED:
            assert size == ctypes.sizeof(wintypes.DWORD)
            value._obj.value = self.windows[handle]["cloaked"]
        elif number == DWMWA_EXTENDED_FRAME_BOUNDS:
            assert size == ctypes.sizeof(wintypes.RECT)
            self._rect(value, self.windows[handle]["area"])
        return 0

    def _rect(self, pointer: Any, area: Area) -> int:
        rect = pointer._obj
        rect.left, rect.top = area.left, area.top
        rect.right, rect.bottom = area.left + area.width, area.top + area.height
        return 1


@pytest.fixture
def system() -> FakeWindows:
    return FakeWindows()


@pytest.fixture
def desktop(monkeypatch: pytest.MonkeyPatch) -> FakeDesktop:
    made = FakeDesktop(800, 600, monitors=[Area(0, 0, 500, 600), Area(500, 0, 300, 600)])

    def open_mss(**settings: Any) -> FakeMss:
        assert not settings, "mss knows no setting of ours on Windows and warns of each"
        return FakeMss(made)

    monkeypatch.setattr(mss, "MSS", open_mss)
    return made


@pytest.fixture
def screen(system: FakeWindows, desktop: FakeDesktop) -> WindowsScreen:
    return WindowsScreen(Win32(system.user32, system.dwmapi))


def test_screens_and_regions(screen: WindowsScreen) -> None:
    assert [d.detail["area"] for d in screen.screens()] == [[0, 0, 500, 600], [500, 0, 300, 600]]
    assert screen.find("all") == Area(0, 0, 800, 600)
    assert screen.find("primary") == Area(0, 0, 500, 600)
    assert screen.find("2") == Area(500, 0, 300, 600)
    assert screen.find("10,20,30x40") == Area(10, 20, 30, 40)
    with pytest.raises(UnknownArea, match="2 screens"):
        screen.find("3")
    assert screen.describe()["cursor"].startswith("not drawn")


def test_windows_are_listed_as_they_are_seen(screen: WindowsScreen, system: FakeWindows) -> None:
    system.add(FILM, "Film – Anna", Area(100, 100, 200, 160))
    system.add(NOTES, "Palette", Area(0, 0, 50, 50), style=WS_EX_TOOLWINDOW)
    system.add(0x23, "", Area(0, 0, 50, 50))
    system.add(0x24, "Away", Area(0, 0, 50, 50), visible=False)
    system.add(0x25, "Elsewhere", Area(0, 0, 50, 50), cloaked=2)
    (listed,) = screen.windows()
    assert (listed.id, listed.name) == (hex(FILM), "Film – Anna")
    assert listed.detail["area"] == [100, 100, 200, 160]
    assert screen.find("window:film") == Area(100, 100, 200, 160)


def test_without_the_window_composer_the_outer_rectangle_serves(screen: WindowsScreen, system: FakeWindows) -> None:
    system.add(FILM, "Film", Area(100, 100, 200, 160))
    system.dwm_works = False
    assert screen.find("window:film") == Area(93, 100, 214, 166)


def test_a_window_is_followed(screen: WindowsScreen, system: FakeWindows, desktop: FakeDesktop) -> None:
    system.add(FILM, "Film", Area(100, 100, 200, 160))
    desktop.fill(Area(300, 200, 200, 160), RED)
    source = screen.open("window:film", cursor=True)
    assert colours(source.grab()) == {BLACK}
    system.add(FILM, "Film", Area(300, 200, 200, 160))
    assert is_all(source.grab(), RED)
    source.close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"iconic": True}, "is minimised"),
        ({"visible": False}, "is hidden"),
        ({"cloaked": 2}, "is on another desktop"),
    ],
)
def test_a_window_that_cannot_be_seen_is_lost_and_comes_back(
    screen: WindowsScreen, system: FakeWindows, change: dict[str, Any], words: str
) -> None:
    area = Area(100, 100, 200, 160)
    system.add(FILM, "Film", area)
    source = screen.open("window:film", cursor=False)
    system.add(FILM, "Film", area, **change)
    with pytest.raises(ScreenUnavailable, match=words):
        source.grab()
    with pytest.raises(UnknownArea, match=words):
        screen.find("window:film")
    system.add(FILM, "Film", area)
    assert source.grab().shape == (160, 200, 4)
    del system.windows[FILM]
    with pytest.raises(ScreenUnavailable, match="was closed"):
        source.grab()
    source.close()


def test_a_resized_screen_is_noticed(
    screen: WindowsScreen, desktop: FakeDesktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 100.0
    monkeypatch.setattr("capture.screen.mss_source.time.monotonic", lambda: now_s)
    source = screen.open("all", cursor=False)
    desktop.resize(1024, 768)
    assert source.grab().shape == (600, 800, 4), "not asked for at every picture"
    now_s += 1.1
    assert source.grab().shape == (768, 1024, 4)
    desktop.resize(640, 480)
    assert source.grab().shape == (480, 640, 4), "a smaller one is noticed by its refusal"
    source.close()
    assert desktop.connections == 0
