"""Where the application can be reached: a panel that comes late, goes, or never comes; a second start."""

from __future__ import annotations

import contextlib

import pytest

from tests.helpers.children import run_in
from tests.helpers.desktop_app import DesktopApp, desktop_app
from tests.helpers.desktop_services import desktop_service
from tests.helpers.processes import wait_until
from tests.helpers.recording import LOOPNOTE
from virtual_desktop import VirtualDesktop

WINDOW = "Loopnote"


def shown(app: DesktopApp) -> set[str]:
    """The titles of its windows that can be seen."""
    return {control.window for control in app.controls()}


def wait_for_windows(app: DesktopApp, *titles: str) -> None:
    wait_until(lambda: shown(app) == set(titles), f"{titles}", 10, lambda: f"but {shown(app)}")


def test_without_a_panel_there_is_a_window_and_with_it_goes_the_application(bare_desktop: VirtualDesktop) -> None:
    with desktop_app(bare_desktop) as app:
        wait_for_windows(app, WINDOW)
        app.press("Start recording")
        app.wait_for_state("recording")
        app.press("Pause")
        app.wait_for_state("paused")
        app.press("Stop")
        app.wait_for_state("idle")
        assert app.icon() is None
        app.named("Start recording")
        app.key("alt+F4")
        assert app.process.wait(10) == 0


def test_a_panel_that_comes_late_gets_the_icon_and_one_that_goes_is_stood_in_for(bare_desktop: VirtualDesktop) -> None:
    with desktop_app(bare_desktop) as app:
        wait_for_windows(app, WINDOW)
        bare_desktop.start_tray()
        app.wait_for_icon()
        app.named("Start recording")
        app.key("alt+F4")  # now it only hides
        wait_for_windows(app)
        app.click_icon()
        app.wait_for_state("recording")
        app.click_icon()
        app.wait_for_state("idle")
        bare_desktop.stop_tray()
        wait_for_windows(app, WINDOW)


@pytest.mark.parametrize("is_late", [True, False])
def test_a_panel_of_the_newer_kind_gets_the_icon_also_when_it_comes_late(
    bare_desktop: VirtualDesktop, is_late: bool
) -> None:
    with contextlib.ExitStack() as stack:
        if is_late:
            app = stack.enter_context(desktop_app(bare_desktop))
            wait_for_windows(app, WINDOW)
        panel = stack.enter_context(desktop_service(bare_desktop, "panel"))
        if not is_late:
            app = stack.enter_context(desktop_app(bare_desktop))
        assert panel.stdout is not None
        assert panel.stdout.readline().startswith("icon ")
        assert shown(app) == ({WINDOW} if is_late else set())
        panel.kill()
        wait_for_windows(app, WINDOW)


def test_a_second_start_brings_the_window_forward(panel_desktop: VirtualDesktop) -> None:
    with desktop_app(panel_desktop) as app:
        app.wait_for_icon()
        assert shown(app) == set()
        for _ in range(2):
            done = run_in(panel_desktop, LOOPNOTE)
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
            wait_for_windows(app, WINDOW)
            wait_until(lambda: active_window(panel_desktop) == WINDOW, "the window in front", 5)
        assert app.process.poll() is None


def active_window(desktop: VirtualDesktop) -> str:
    return run_in(desktop, ["xdotool", "getactivewindow", "getwindowname"], check=False).stdout.strip()
