"""The first start, what a crash had left, the settings and the countdown, in the real application."""

from __future__ import annotations

import signal
import time

from tests.helpers.analysis import read_sound
from tests.helpers.desktop_app import desktop_app
from tests.helpers.notification_server import notification_server
from tests.helpers.player import play
from tests.helpers.processes import wait_until
from tests.helpers.recording import record
from tests.helpers.signals import tone
from virtual_desktop import VirtualDesktop


def test_the_first_start_tries_the_sound_and_is_shown_once(panel_desktop: VirtualDesktop) -> None:
    with desktop_app(panel_desktop, is_first_start=True) as app:
        app.press("Try it")
        app.named("✓ Loopnote hears what plays on Virtual speaker")
        app.press("Use Loopnote")
        wait_until(lambda: not any(one.name == "Use Loopnote" for one in app.controls()), "the page to go")
        assert app.end() == 0
    with desktop_app(panel_desktop, is_first_start=True) as app:
        app.wait_for_icon()
        assert not any(one.window == "Welcome to Loopnote" for one in app.controls())


def test_the_first_start_says_that_nothing_is_heard(bare_desktop: VirtualDesktop) -> None:
    bare_desktop.stop_sound()
    with desktop_app(bare_desktop, is_first_start=True) as app:
        app.press("Try it")
        app.named("no sound server answers")


def test_what_a_crash_left_is_repaired_and_offered(panel_desktop: VirtualDesktop) -> None:
    with play(panel_desktop, tone(60, 440)), record(panel_desktop) as recording:
        wait_until(lambda: time.monotonic_ns() > recording.began_ns + 2_000_000_000, "two seconds of sound")
        recording.process.send_signal(signal.SIGKILL)
        recording.process.wait(10)
    with notification_server(panel_desktop) as told, desktop_app(panel_desktop) as app:
        told.wait_for("A broken-off recording was repaired")
        (file,) = sorted((app.home / "Music" / "Loopnote").iterdir())
        assert read_sound(file).duration_s > 1.0


def test_the_settings_take_effect_at_once(panel_desktop: VirtualDesktop) -> None:
    with play(panel_desktop, tone(60, 440)), desktop_app(panel_desktop) as app:
        app.choose("Settings")
        app.named("Record what plays on")
        app.key("alt+a")
        app.click(app.named("Show the recorder window while recording").box)
        app.press("OK")
        app.click_icon()
        app.wait_for_state("recording")
        assert not any("Pause" in one.name and one.kind != "action" for one in app.controls())
        assert app.ask("stop")["file"]  # a click so soon after the first would be a double click, which starts once
        assert "show_panel = false" in (app.home / ".config/loopnote/settings.toml").read_text()


def test_the_countdown_can_be_cancelled_and_is_not_recorded(panel_desktop: VirtualDesktop) -> None:
    with desktop_app(panel_desktop) as app:
        settings = app.home / ".config/loopnote/settings.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text("[desktop]\ncountdown_s = 7\n")
        assert app.end() == 0
    with play(panel_desktop, tone(60, 440)), desktop_app(panel_desktop) as app:
        app.click_icon()
        app.click(app.named("Click to cancel").box)
        wait_until(lambda: not any(one.name == "Click to cancel" for one in app.controls()), "its end")
        assert app.ask()["state"] == "idle"
        app.click_icon()
        app.named("Click to cancel")
        app.wait_for_state("recording")
        assert not any(one.name == "Click to cancel" for one in app.controls())
