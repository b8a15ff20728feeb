"""The panel and the window: reached by the keyboard, named for screen readers, and kept out of the film."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.analysis import read_pictures
from tests.helpers.desktop_app import Box, DesktopApp, desktop_app
from tests.helpers.player import play
from tests.helpers.processes import wait_until
from tests.helpers.signals import tone
from virtual_desktop import VirtualDesktop

USABLE = {"QPushButton", "QToolButton", "QCheckBox", "QComboBox"}


def choose_screen(desktop: VirtualDesktop, spec: str) -> None:
    """As if it had been chosen in the menu before."""
    folder = Path(desktop.env["HOME"]) / ".local" / "state" / "loopnote"
    folder.mkdir(parents=True)
    (folder / "choice.json").write_text(json.dumps({"recording": {"screen": spec}}))


def panel_box(app: DesktopApp) -> Box | None:
    boxes = [control.box for control in app.controls() if control.window == "Recorder"]
    if not boxes:
        return None
    left, top = min(box.left for box in boxes), min(box.top for box in boxes)
    right, bottom = max(box.left + box.width for box in boxes), max(box.top + box.height for box in boxes)
    return Box(left, top, right - left, bottom - top)


def test_every_control_has_a_name_and_the_keyboard_reaches_it(panel_desktop: VirtualDesktop) -> None:
    with play(panel_desktop, tone(60, 440)), desktop_app(panel_desktop) as app:
        app.choose("Open window")
        app.named("Start recording", in_menu=False)
        for state in ("idle", "recording"):
            controls = app.controls()
            assert len([control for control in controls if control.kind in USABLE]) >= 3
            for control in controls:
                if control.kind in USABLE:
                    assert control.name, control
                    assert control.focusable, control
                elif control.kind in ("Meter", "RecordingMark"):
                    assert control.name, control
            if state == "idle":
                app.key("space")  # the button to start has the focus
                app.wait_for_state("recording")
        app.key("alt+p")
        app.wait_for_state("paused")
        app.key("alt+s")
        app.wait_for_state("idle")


def test_the_whole_menu_by_keyboard(panel_desktop: VirtualDesktop) -> None:
    with desktop_app(panel_desktop) as app:
        app.open_menu()
        app.named("Start recording", in_menu=True)
        app.key("c")  # Screen
        app.named("All screens", in_menu=True)
        app.key("a")
        wait_until(lambda: not app.controls(), "the menu to close", 5)
        app.choose("Screen")
        assert app.named("All screens", in_menu=True).checked
        app.key("Escape", "Escape")
        app.open_menu()
        app.named("Quit", in_menu=True)
        app.key("q")
        assert app.process.wait(10) == 0


def test_the_panel_is_beside_the_region_that_is_filmed(panel_desktop: VirtualDesktop) -> None:
    choose_screen(panel_desktop, "640,0,640x600")
    with play(panel_desktop, tone(60, 440)), desktop_app(panel_desktop) as app:
        app.click_icon()
        file = Path(app.wait_for_state("recording")["file"])
        wait_until(lambda: panel_box(app), "the panel", 10)
        app.named("Stop", in_menu=False)
        box = panel_box(app)
        assert box is not None
        assert box.left + box.width < 640 or box.top > 600
        wait_until(lambda: app.ask()["duration_s"] > 2, "2 s to be recorded", 10)
        app.press("Stop")
        app.wait_for_state("idle")
    pictures = [picture for _, picture in read_pictures(file)]
    assert all(np.abs(picture.astype(int) - pictures[0]).max() < 30 for picture in pictures)


@pytest.mark.parametrize("spec", ["all", "window:Loopnote"])
def test_the_panel_hides_where_there_is_no_room_beside_the_film(panel_desktop: VirtualDesktop, spec: str) -> None:
    choose_screen(panel_desktop, spec)
    with play(panel_desktop, tone(60, 440)), desktop_app(panel_desktop) as app:
        app.wait_for_icon()
        if spec.startswith("window:"):
            app.choose("Open window")
        app.click_icon()
        app.wait_for_state("recording")
        wait_until(lambda: app.ask()["duration_s"] > 1, "1 s to be recorded", 10)
        assert panel_box(app) is None
        app.click_icon()
        app.wait_for_state("idle")


def test_who_does_not_want_the_panel_does_not_see_it(panel_desktop: VirtualDesktop) -> None:
    with play(panel_desktop, tone(60, 440)):
        for wanted in (True, False):
            with desktop_app(panel_desktop) as app:
                if wanted:
                    app.choose("Show recorder while recording")
                app.click_icon()
                app.wait_for_state("recording")
                wait_until(lambda: app.ask()["duration_s"] > 1, "1 s to be recorded", 10)
                assert panel_box(app) is None
                if not wanted:
                    app.choose("Show recorder while recording")
                    wait_until(lambda: panel_box(app), "the panel", 10)
