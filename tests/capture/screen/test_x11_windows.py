"""Windows on an X server without a window manager, and what some window managers and programs say of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from capture.errors import ScreenUnavailable
from capture.model import Area
from capture.screen import mss_source
from capture.screen.x11 import X11Screen
from tests.capture.screen.drivers import RED, is_all
from tests.capture.screen.x_servers import Client, XServer
from tests.helpers.processes import wait_until

if TYPE_CHECKING:
    from capture.model import Picture


def test_windows_are_found_without_a_window_manager(x_own: XServer, client: Client) -> None:
    menu = client.root.create_window(0, 0, 50, 50, 0, client.display.screen().root_depth, override_redirect=True)
    menu.set_wm_name("Menu")
    menu.map()
    client.root.create_window(0, 0, 50, 50, 0, client.display.screen().root_depth).set_wm_name("Never shown")
    client.display.sync()
    system = X11Screen(x_own.environ)
    assert [w.name for w in system.windows()] == ["Film"]
    assert system.find("window:film") == Area(100, 100, 200, 160)


def test_a_shadow_that_a_program_draws_is_not_recorded(x_own: XServer, client: Client) -> None:
    system = X11Screen(x_own.environ)
    source = system.open("window:film", False)
    assert source.grab().shape == (160, 200, 4)
    client.tell(client.window, "_GTK_FRAME_EXTENTS", 10, 20, 30, 40)  # left, right, top, bottom
    assert system.find("window:film") == Area(110, 130, 170, 90)
    wait_until(lambda: source.grab().shape == (90, 170, 4), "the picture without the shadow")
    source.close()


def test_a_window_on_another_workspace_is_not_there(x_own: XServer, client: Client) -> None:
    client.tell(client.root, "_NET_CURRENT_DESKTOP", 0)
    client.tell(client.window, "_NET_WM_DESKTOP", 0)
    system = X11Screen(x_own.environ)
    source = system.open("window:film", False)
    client.tell(client.root, "_NET_CURRENT_DESKTOP", 1)
    with pytest.raises(ScreenUnavailable, match="another workspace"):
        source.grab()
    assert system.windows() == []
    client.tell(client.window, "_NET_WM_DESKTOP", 0xFFFFFFFF)  # on all of them
    assert source.grab().shape == (160, 200, 4)
    source.close()


def test_a_window_that_is_not_mapped_cannot_be_seen(x_own: XServer, client: Client) -> None:
    source = X11Screen(x_own.environ).open("window:film", False)
    client.window.unmap()
    client.display.sync()
    with pytest.raises(ScreenUnavailable, match="is hidden"):
        source.grab()
    client.window.map()
    client.display.sync()
    assert source.grab().shape == (160, 200, 4)
    source.close()


def test_a_minimised_window_that_stays_mapped_cannot_be_seen(x_own: XServer, client: Client) -> None:
    source = X11Screen(x_own.environ).open("window:film", False)
    client.tell(client.window, "WM_STATE", 3, 0)  # IconicState, no icon window
    with pytest.raises(ScreenUnavailable, match="is minimised"):
        source.grab()
    client.tell(client.window, "WM_STATE", 1, 0)
    assert source.grab().shape == (160, 200, 4)
    source.close()


def test_a_window_is_followed_when_its_frame_moves_without_a_word_to_it(x_own: XServer, client: Client) -> None:
    frame = client.root.create_window(50, 40, 220, 190, 0, client.display.screen().root_depth, background_pixel=0)
    client.window.reparent(frame, 10, 20)
    frame.map()
    client.tell(client.root, "_NET_CLIENT_LIST", client.window.id)
    system = X11Screen(x_own.environ)
    assert system.find("window:film") == Area(60, 60, 200, 160)
    source = system.open("window:film", False)
    assert is_all(source.grab(), RED)
    frame.configure(x=300, y=200)
    client.display.sync()
    assert is_all(source.grab(), RED)
    assert system.find("window:film") == Area(310, 220, 200, 160)
    source.close()


def test_a_window_that_is_closed_while_its_picture_is_taken_gives_none(
    x_own: XServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = X11Screen(x_own.environ).open("window:film", False)
    assert is_all(source.grab(), RED)
    client.window.clear_area()  # it draws, or there would be nothing to look at
    client.display.sync()
    grab = mss_source.grab_picture

    def close_and_grab(sct: mss_source.Mss, area: Area) -> Picture:
        client.window.destroy()
        client.display.sync()
        return grab(sct, area)

    monkeypatch.setattr(mss_source, "grab_picture", close_and_grab)
    with pytest.raises(ScreenUnavailable, match="was closed"):
        source.grab()
    source.close()


def test_a_window_that_moves_while_its_picture_is_taken_is_looked_at_again(
    x_own: XServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = X11Screen(x_own.environ).open("window:film", False)
    grab = mss_source.grab_picture
    places = iter([(300, 200), (320, 210)])

    def move_and_grab(sct: mss_source.Mss, area: Area) -> Picture:
        for x, y in places:
            client.window.configure(x=x, y=y)
            client.display.sync()
            break
        return grab(sct, area)

    monkeypatch.setattr(mss_source, "grab_picture", move_and_grab)
    assert is_all(source.grab(), RED)
    source.close()
