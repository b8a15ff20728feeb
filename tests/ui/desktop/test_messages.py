"""What the desktop is told when a recording was saved, was not whole, or failed; and what its buttons do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.children import run_in
from tests.helpers.desktop_app import DesktopApp, desktop_app
from tests.helpers.desktop_services import desktop_service
from tests.helpers.notification_server import notification_server
from tests.helpers.player import play
from tests.helpers.processes import wait_until
from tests.helpers.signals import tone
from virtual_desktop import VirtualDesktop

CLIPBOARD = """
import json, sys
from PyQt5.QtWidgets import QApplication
from PyQt5.QtCore import QTimer
KINDS = ('text/uri-list', 'x-special/gnome-copied-files')
app = QApplication(sys.argv)
def look():
    data = app.clipboard().mimeData()
    print(json.dumps({kind: bytes(data.data(kind)).decode() for kind in KINDS if data.hasFormat(kind)}))
    app.quit()
QTimer.singleShot(100, look)
app.exec_()
"""


def opener(desktop: VirtualDesktop, code: int = 0) -> tuple[dict[str, str], Path]:
    """An `xdg-open` that writes down what it is to open: the environment with it, and where it writes."""
    folder, opened = desktop.folder / "bin", desktop.folder / "opened"
    folder.mkdir()
    (folder / "xdg-open").write_text(f'#!/bin/sh\necho "$1" >> {opened}\nexit {code}\n')
    (folder / "xdg-open").chmod(0o755)
    return {"PATH": f"{folder}:{desktop.env['PATH']}"}, opened


def one_recording(app: DesktopApp) -> Path:
    app.click_icon()
    app.wait_for_state("recording")
    return Path(app.ask("stop")["file"])


def test_saved_with_buttons_that_play_show_and_share(panel_desktop: VirtualDesktop) -> None:
    env, opened = opener(panel_desktop)
    with (
        play(panel_desktop, tone(60, 440)),
        notification_server(panel_desktop, "actions", "body", "body-markup") as shown,
        desktop_app(panel_desktop, env=env) as app,
    ):
        file = one_recording(app)
        saved = shown.wait_for("Recording saved")
        assert saved["title"] == "Recording saved"
        assert saved["signature"] == "susssasa{sv}i"
        assert file.name in saved["text"]
        assert saved["urgency"] == 1
        assert saved["buttons"][3::2] == ["Play", "Show", "Share"] or saved["buttons"][1::2][1:] == [
            "Play",
            "Show",
            "Share",
        ]
        shown.click(saved, "Play")
        wait_until(opened.exists, "the player", 10)
        assert Path(opened.read_text().strip().removeprefix("file://").replace("%20", " ")) == file
        opened.unlink()
        shown.click(saved, "Show")  # nobody is the file manager here: the folder is opened
        wait_until(opened.exists, "the folder", 10)
        assert opened.read_text().strip().removeprefix("file://").rstrip("/") == str(file.parent)
        shown.click(saved, "Share")
        shown.wait_for(f"{file.name} was copied")
        clipboard = json.loads(run_in(panel_desktop, CLIPBOARD).stdout)
        url = file.as_uri()
        assert clipboard["text/uri-list"].strip() == url
        assert clipboard["x-special/gnome-copied-files"] == f"copy\n{url}"


def test_what_is_amiss_is_told_and_markup_is_not_obeyed(panel_desktop: VirtualDesktop) -> None:
    with (
        notification_server(panel_desktop, "actions", "body", "body-markup") as shown,
        desktop_app(panel_desktop) as app,
    ):
        app.wait_for_icon()
        one_recording(app)
        saved = shown.wait_for("Recording saved, but")
        assert "Nothing but silence" in saved["text"]


def test_who_wants_no_messages_is_told_what_is_amiss_all_the_same(panel_desktop: VirtualDesktop) -> None:
    settings = Path(panel_desktop.env["HOME"]) / ".config" / "loopnote" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("[desktop]\nnotifications = false\n")
    with notification_server(panel_desktop, "body") as shown, desktop_app(panel_desktop) as app:
        with play(panel_desktop, tone(60, 440)):
            one_recording(app)
        one_recording(app)
        shown.wait_for("Recording saved, but something is amiss")
        assert len(shown.messages) == 1


def test_a_failure_is_told_with_what_to_do(panel_desktop: VirtualDesktop) -> None:
    panel_desktop.stop_sound()
    with notification_server(panel_desktop, "body") as shown, desktop_app(panel_desktop) as app:
        app.click_icon()
        failed = shown.wait_for("Loopnote")
        assert "sound server" in failed["text"]
        assert failed["urgency"] == 2
        assert "loopnote doctor" in failed["text"]
        assert failed["buttons"] == []
        assert app.process.poll() is None


def test_without_a_service_the_icon_says_it(panel_desktop: VirtualDesktop) -> None:
    with desktop_app(panel_desktop) as app:
        one_recording(app)
        app.named("Recording saved")
        assert app.process.poll() is None


def test_silence_is_told_and_the_right_speaker_is_one_click_away(panel_desktop: VirtualDesktop) -> None:
    panel_desktop.load_null_sink("Headphones")
    with play(panel_desktop, tone(60, 1000), sink="Headphones"), desktop_app(panel_desktop) as app:
        app.click_icon()
        silent = Path(app.wait_for_state("recording")["file"])
        app.press("Record Headphones instead")
        wait_until(lambda: app.ask().get("file") not in (None, str(silent)), "another recording", 15)
        app.wait_for_state("recording")
        told = app.ask("stop")
        assert silent.exists()
        assert told["audio"]["silent"] is False


@pytest.mark.parametrize("undo", [True, False])
def test_discard_moves_it_to_the_trash_and_undo_brings_it_back(panel_desktop: VirtualDesktop, undo: bool) -> None:
    with play(panel_desktop, tone(60, 440)), desktop_app(panel_desktop) as app:
        app.click_icon()
        file = Path(app.wait_for_state("recording")["file"])
        app.press("Discard")
        trash = app.home / ".local" / "share" / "Trash"
        wait_until(lambda: (trash / "files" / file.name).exists(), "the file in the trash", 10)
        assert not file.exists()
        if undo:
            app.press("Undo")
            wait_until(file.exists, "the file to be back", 10)
            assert [path for path in trash.rglob("*") if path.is_file()] == []
        else:
            app.choose("Last recordings", "Bring back")
            wait_until(file.exists, "the file to be back", 10)


def test_a_file_manager_shows_the_file_itself(panel_desktop: VirtualDesktop) -> None:
    with (
        play(panel_desktop, tone(60, 440)),
        desktop_service(panel_desktop, "files") as manager,
        desktop_app(panel_desktop) as app,
    ):
        file = one_recording(app)
        app.choose("Last recordings", file.name, "Show in folder")
        assert manager.stdout is not None
        assert manager.stdout.readline() == f"shown {file.as_uri()}\n"


def test_delete_from_the_menu(panel_desktop: VirtualDesktop) -> None:
    with (
        play(panel_desktop, tone(60, 440)),
        notification_server(panel_desktop, "actions") as shown,
        desktop_app(panel_desktop) as app,
    ):
        file = one_recording(app)
        shown.wait_for("Recording saved")
        app.choose("Last recordings", file.name, "Delete")
        deleted = shown.wait_for(f"{file.name} was moved to the trash")
        assert not file.exists()
        shown.click(deleted, "Undo")
        wait_until(file.exists, "the file to be back", 10)
