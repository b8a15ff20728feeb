"""The screen on macOS, on fakes: mss over a desktop in memory, and the permission by word."""

from __future__ import annotations

from typing import Any

import mss
import pytest

from capture.errors import ScreenUnavailable, UnknownArea
from capture.model import Area
from capture.screen import macos
from capture.screen.fake import FakeDesktop, FakeMss
from capture.screen.macos import MacScreen
from tests.capture.screen.drivers import RED, is_all


@pytest.fixture
def desktop(monkeypatch: pytest.MonkeyPatch) -> FakeDesktop:
    made = FakeDesktop(800, 600, monitors=[Area(0, 0, 500, 600), Area(500, 0, 300, 600)])

    def open_mss(**settings: Any) -> FakeMss:
        assert not settings, "mss knows no setting of ours on macOS and warns of each"
        return FakeMss(made)

    monkeypatch.setattr(mss, "MSS", open_mss)
    return made


def test_screens_regions_and_pictures(desktop: FakeDesktop) -> None:
    screen = MacScreen(may_record=lambda: True)
    assert screen.find("primary") == Area(0, 0, 500, 600)
    assert screen.find("2") == Area(500, 0, 300, 600)
    assert screen.find("all") == Area(0, 0, 800, 600)
    desktop.fill(Area(10, 20, 30, 40), RED)
    source = screen.open("10,20,30x40", cursor=True)
    assert is_all(source.grab(), RED)
    source.close()
    assert desktop.connections == 0


def test_windows_cannot_be_chosen_yet_and_that_is_said(desktop: FakeDesktop) -> None:
    screen = MacScreen(may_record=lambda: True)
    assert screen.windows() == []
    with pytest.raises(UnknownArea, match="on this system yet") as caught:
        screen.find("window:film")
    assert "--screen X,Y" in caught.value.hint


def test_without_permission_there_are_no_pictures_of_the_wallpaper(desktop: FakeDesktop) -> None:
    screen = MacScreen(may_record=lambda: False)
    for question in (screen.screens, screen.describe, lambda: screen.find("all"), lambda: screen.open("all", False)):
        with pytest.raises(ScreenUnavailable, match="does not let") as caught:
            question()
        assert "Privacy" in caught.value.hint


class FakePreflight:
    restype: Any = None

    def __init__(self, answer: bool) -> None:
        self._answer = answer

    def __call__(self) -> bool:
        return self._answer


@pytest.mark.parametrize("answer", [True, False])
def test_the_permission_is_asked_of_the_system(monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
    class CoreGraphics:
        CGPreflightScreenCaptureAccess = FakePreflight(answer)

    monkeypatch.setattr("capture.screen.macos.ctypes.CDLL", lambda path: CoreGraphics)
    assert macos.may_record() is answer


def test_a_system_without_such_a_permission_lets_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capture.screen.macos.ctypes.CDLL", lambda path: object())
    assert macos.may_record()
