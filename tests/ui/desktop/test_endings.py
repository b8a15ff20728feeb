"""However the application ends, nothing is lost and nothing is left behind."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from tests.helpers.analysis import read_sound
from tests.helpers.children import run_in
from tests.helpers.desktop_app import SPIED, DesktopApp, desktop_app
from tests.helpers.notification_server import notification_server
from tests.helpers.player import play
from tests.helpers.processes import command_lines, wait_until
from tests.helpers.recording import loopnote
from tests.helpers.signals import tone
from virtual_desktop import VirtualDesktop

# A slot of Qt's that fails while something is recorded, as a bug would.
BUG = "Pause"


def recordings(app: DesktopApp) -> list[Path]:
    return sorted((app.home / "Music" / "Loopnote").glob("*"))


def left_overs(app: DesktopApp) -> list[str]:
    """Processes, sockets and unfinished files."""
    mark = f"DISPLAY={app.desktop.display} "
    programs = ("-m ui.cli", "-m tests.helpers.spied_loopnote")
    lines = [line for line in command_lines(environment=True).values() if mark in line]
    own = [line for line in lines if any(program in line for program in programs)]
    parts = [str(path) for path in (app.home / "Music").rglob(".*") if path.is_file()]
    return [*own, *parts, *([str(app.socket)] if app.socket.exists() else [])]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_saves_what_is_recorded(panel_desktop: VirtualDesktop, number: signal.Signals) -> None:
    with play(panel_desktop, tone(60, 440)), desktop_app(panel_desktop, spied=False) as app:
        app.click_icon()
        app.wait_for_state("recording")
        time_s = 1.0
        wait_until(lambda: app.ask()["duration_s"] >= time_s, f"{time_s} s to be recorded")
        assert app.end(number) == 0
        (file,) = recordings(app)
        assert read_sound(file).duration_s > time_s
        assert left_overs(app) == []


def test_quit_in_the_menu_saves_what_is_recorded(panel_desktop: VirtualDesktop) -> None:
    with (
        play(panel_desktop, tone(60, 440)),
        notification_server(panel_desktop, "actions") as shown,
        desktop_app(panel_desktop) as app,
    ):
        app.click_icon()
        app.wait_for_state("recording")
        app.choose("Quit")
        shown.wait_for("Recording saved")
        assert app.process.wait(20) == 0
        (file,) = recordings(app)
        assert read_sound(file).duration_s > 0.1
        assert left_overs(app) == []


def test_after_a_kill_the_next_start_works_and_the_file_is_recovered(panel_desktop: VirtualDesktop) -> None:
    with play(panel_desktop, tone(60, 440)):
        with desktop_app(panel_desktop, spied=False) as app:
            app.click_icon()
            app.wait_for_state("recording")
            wait_until(lambda: app.ask()["duration_s"] >= 2, "2 s to be recorded")
            app.end(signal.SIGKILL)
        with desktop_app(panel_desktop, spied=False) as app:
            assert loopnote(panel_desktop, "recover")[0] == 0
            (file,) = [path for path in recordings(app) if not path.name.startswith(".")]
            assert read_sound(file).duration_s > 1
            app.click_icon()
            app.wait_for_state("recording")
            assert app.end() == 0
            assert left_overs(app) == []


def test_a_panel_that_is_killed_takes_nothing_with_it(panel_desktop: VirtualDesktop) -> None:
    with play(panel_desktop, tone(60, 440)), desktop_app(panel_desktop) as app:
        app.click_icon()
        app.wait_for_state("recording")
        panel_desktop.stop_tray()
        app.press("Stop")  # the window has come instead
        app.wait_for_state("idle")
        (file,) = recordings(app)
        assert read_sound(file).duration_s > 0.1
        assert app.end() == 0
        assert left_overs(app) == []


@pytest.mark.parametrize("seed", range(4))
def test_quitting_at_any_moment_leaves_nothing_broken(panel_desktop: VirtualDesktop, seed: int) -> None:
    chance = random.Random(seed)
    ways = ["signal", "quit"]
    with play(panel_desktop, tone(60, 440)), desktop_app(panel_desktop, spied=False) as app:
        app.click_icon()
        moment = time.monotonic() + chance.uniform(0, 1.2)
        while time.monotonic() < moment:
            time.sleep(0.01)
        if chance.choice(ways) == "signal":
            app.end()
        else:
            loopnote(panel_desktop, "quit")
        assert app.process.wait(20) == 0
        for file in recordings(app):
            assert read_sound(file).duration_s > 0
        assert left_overs(app) == []


def test_a_signal_at_the_start_leaves_no_socket(panel_desktop: VirtualDesktop) -> None:
    done = run_in(panel_desktop, SPIED, env={"LOOPNOTE_TEST_SIGNAL": "socket"}, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (Path(panel_desktop.env["XDG_RUNTIME_DIR"]) / "loopnote" / "control").exists()


def test_a_bug_in_a_slot_is_told_and_the_recording_goes_on(panel_desktop: VirtualDesktop) -> None:
    env = {"LOOPNOTE_TEST_BUG": BUG, "LOOPNOTE_DEBUG": ""}
    with (
        play(panel_desktop, tone(60, 440)),
        notification_server(panel_desktop, "body") as shown,
        desktop_app(panel_desktop, env=env) as app,
    ):
        app.click_icon()
        app.wait_for_state("recording")
        app.choose(BUG)
        told = shown.wait_for("An error inside Loopnote; the recording goes on")
        assert told["text"] == "ZeroDivisionError: a bug"
        assert "Traceback" not in "\n".join(app.said)
        assert app.ask()["state"] == "recording"
        app.click_icon()
        app.wait_for_state("idle")
        (file,) = recordings(app)
        assert read_sound(file).duration_s > 0.1
