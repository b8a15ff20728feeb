"""The kept picture on a desktop that tells where it draws, and on one that does not tell all of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from capture.errors import ScreenUnavailable
from capture.model import Area
from capture.screen import kept
from capture.screen.fake import FakeDesktop, FakeScreen
from tests.capture.screen.drivers import BLACK, BLUE, GREEN, RED, is_all

WHOLE = Area(0, 0, 640, 480)


@pytest.fixture
def desktop() -> FakeDesktop:
    return FakeDesktop(tells_drawing=True)


def test_a_still_screen_is_looked_at_as_a_whole_now_and_then_only(desktop: FakeDesktop) -> None:
    source = FakeScreen(desktop).open("all", cursor=True)
    for _ in range(20 * kept.CHECK_LOOKS):
        source.grab()
    # The first look, and after 1, 2, 4 and 8 times CHECK_LOOKS more.
    assert desktop.grabs == 5


def test_a_screen_that_changes_without_telling_is_found_out_and_looked_at_from_then_on(
    desktop: FakeDesktop, caplog: pytest.LogCaptureFixture
) -> None:
    source = FakeScreen(desktop).open("all", cursor=False)
    source.grab()
    desktop.hides_drawing = True
    desktop.fill(Area(100, 100, 8, 8), RED)
    changed = []
    for _ in range(kept.CHECK_LOOKS + 1):
        source.grab()
        changed.append(bool(source.changed))
    assert changed == [False] * kept.CHECK_LOOKS + [True]
    source.grab()
    for colour in (GREEN, BLUE, RED):
        desktop.fill(WHOLE, colour)
        assert is_all(source.grab(), colour)
    assert len(caplog.records) == 1


def test_what_came_up_during_the_look_at_everything_and_is_told_at_the_next_one_raises_no_distrust(
    desktop: FakeDesktop, caplog: pytest.LogCaptureFixture
) -> None:
    source = FakeScreen(desktop).open("all", cursor=False)
    source.grab()

    def draw(number: int) -> None:
        if number == 1:
            desktop.fill(Area(10, 10, 20, 20), RED)

    desktop.before_grab = draw
    for _ in range(3 * kept.CHECK_LOOKS):
        source.grab()
    assert desktop.grabs < 6
    assert caplog.records == []


def test_a_look_that_failed_loses_no_change(desktop: FakeDesktop) -> None:
    window = desktop.open_window("Film", Area(10, 10, 64, 48), RED)
    source = FakeScreen(desktop).open("window:film", cursor=False)
    assert is_all(source.grab(), RED)
    desktop.fill(WHOLE, GREEN)

    def close(number: int) -> None:
        desktop.change_window(window, hidden="is minimised")

    desktop.before_grab = close
    with pytest.raises(ScreenUnavailable):
        source.grab()
    desktop.before_grab = lambda number: None
    desktop.change_window(window, hidden="")
    desktop.hides_drawing = True
    assert is_all(source.grab(), RED)


def test_the_picture_stands_while_looks_fail(desktop: FakeDesktop) -> None:
    """A picture that waits for the encoder must not show what lies behind a window that was closed meanwhile."""
    window = desktop.open_window("Film", Area(10, 10, 64, 48), RED)
    source = FakeScreen(desktop).open("window:film", cursor=True)
    picture = source.grab()
    before = picture.copy()
    hide: Callable[[int], None] = lambda number: desktop.change_window(window, hidden="is minimised")  # noqa: E731
    desktop.fill(Area(0, 0, 100, 100), BLACK)
    desktop.before_grab = hide
    with pytest.raises(ScreenUnavailable):
        source.grab()
    assert (picture == before).all()


def test_a_window_that_moved_with_its_picture_is_no_change(desktop: FakeDesktop) -> None:
    window = desktop.open_window("Film", Area(10, 10, 64, 48), RED)
    source = FakeScreen(desktop).open("window:film", cursor=False)
    source.grab()
    desktop.change_window(window, area=Area(30, 50, 64, 48))
    assert is_all(source.grab(), RED)
    assert source.changed == ()
