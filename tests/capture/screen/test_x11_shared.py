"""Pictures in memory that the X server writes into: they stay while they are held, and there is a way without it."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import mss
import pytest
from mss.exception import ScreenShotError
from mss.linux import xcbgen

from capture.model import Area
from capture.screen.mss_source import grab_picture
from capture.screen.x11_shared import SharedMss
from tests.capture.screen.drivers import BLUE, GREEN, RED, X11Driver, is_all

WHOLE = Area(0, 0, 800, 600)
COLOURS = (RED, GREEN, BLUE, RED, GREEN)


@pytest.fixture
def count_copies(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What mss itself grabbed since."""
    copies: list[Any] = []
    grab = mss.MSS.grab

    def counted(sct: mss.MSS, monitor: Any, /) -> Any:
        copies.append(monitor)
        return grab(sct, monitor)

    monkeypatch.setattr(mss.MSS, "grab", counted)
    return copies


def test_pictures_stay_as_they_were_as_long_as_any_part_of_them_is_held(
    x11: X11Driver, count_copies: list[Any]
) -> None:
    sct = SharedMss(x11.system.describe()["display"])
    count_copies.clear()
    held = []
    for colour in COLOURS:
        x11.fill(WHOLE, colour)
        held.append(grab_picture(sct, WHOLE)[10:20, 10:20])
    assert all(is_all(part, colour) for part, colour in zip(held, COLOURS, strict=True))
    # One to look whether memory is shared; there is room for two, the rest is copied.
    assert len(count_copies) == 1 + len(COLOURS) - 2
    sct.close()
    assert all(is_all(part, colour) for part, colour in zip(held, COLOURS, strict=True)), "closing leaves them alone"


def test_no_picture_is_copied_while_only_the_newest_is_held(x11: X11Driver, count_copies: list[Any]) -> None:
    sct = SharedMss(x11.system.describe()["display"])
    count_copies.clear()
    picture = None
    for colour in COLOURS:
        x11.fill(WHOLE, colour)
        picture = grab_picture(sct, WHOLE)
        assert is_all(picture, colour)
    assert len(count_copies) == 1
    sct.close()


def test_a_server_that_shares_no_memory_is_recorded_by_copies(
    x11: X11Driver, monkeypatch: pytest.MonkeyPatch, count_copies: list[Any]
) -> None:
    def refuse(*args: Any, **settings: Any) -> None:
        raise ScreenShotError("not here")

    sct = SharedMss(x11.system.describe()["display"])
    count_copies.clear()
    monkeypatch.setattr(xcbgen, "shm_attach_fd", refuse)
    for colour in COLOURS:
        x11.fill(WHOLE, colour)
        assert is_all(grab_picture(sct, WHOLE), colour)
    assert len(count_copies) == 1 + len(COLOURS)
    sct.close()


def test_the_memory_is_given_back(x11: X11Driver) -> None:
    def mapped() -> int:
        return Path("/proc/self/maps").read_text().count("loopnote-pictures")

    gc.collect()
    before = mapped()
    source = x11.system.open("all", True)
    source.grab()
    assert mapped() == before + 1
    source.close()
    del source
    gc.collect()
    assert mapped() == before
