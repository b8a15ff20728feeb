"""The choice of the way to the screen."""

from __future__ import annotations

import subprocess
import sys

import pytest

from capture.errors import ScreenUnavailable
from capture.screen.system import screen_system


@pytest.mark.parametrize(
    ("platform", "name"), [("linux", "X11Screen"), ("win32", "WindowsScreen"), ("darwin", "MacScreen")]
)
def test_each_system_has_its_own(monkeypatch: pytest.MonkeyPatch, platform: str, name: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert type(screen_system()).__name__ == name


def test_an_unknown_system_is_told_what_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "plan9")
    with pytest.raises(ScreenUnavailable, match="plan9") as caught:
        screen_system()
    assert "sound" in caught.value.hint


def test_choosing_and_importing_loads_none_of_the_heavy_libraries() -> None:
    code = """
import sys
import capture.screen.grab, capture.screen.system, capture.screen.areas, capture.screen.source
heavy = {"numpy", "cv2", "mss", "Xlib"} & set(sys.modules)
sys.exit(f"loaded: {heavy}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
