"""What is chosen in the menu is what is recorded, and is remembered."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture.errors import SettingsError
from capture.settings import Defaults
from tests.helpers.analysis import read_sound
from tests.helpers.children import run_in
from tests.helpers.desktop_app import desktop_app
from tests.helpers.player import play
from tests.helpers.processes import wait_until
from tests.helpers.signals import tone
from tests.ui.desktop.test_tray import loudest_hz
from ui.desktop.choice import Choice
from virtual_desktop import VirtualDesktop


def test_one_application_of_two_is_chosen_and_alone_in_the_file(panel_desktop: VirtualDesktop) -> None:
    loud, quiet = tone(60, 440), tone(60, 1000) * 0.1
    with play(panel_desktop, loud, name="Browser"), play(panel_desktop, quiet, name="Messenger"):
        for is_chosen_anew in (True, False):
            with desktop_app(panel_desktop) as app:
                app.wait_for_icon()
                if is_chosen_anew:
                    app.choose("Only this application", "Messenger")
                app.click_icon()
                app.wait_for_state("recording")
                told = app.ask("stop")
            assert abs(loudest_hz(read_sound(Path(told["file"]))) - 1000) < 2, is_chosen_anew


def test_an_application_that_begins_to_play_is_in_the_menu(panel_desktop: VirtualDesktop) -> None:
    with desktop_app(panel_desktop) as app:
        app.choose("Only this application")
        app.named("No application", enabled=False)
        app.key("Escape", "Escape")
        with play(panel_desktop, tone(30, 440), name="Late one"):
            app.choose("Only this application")
            app.named("Late one (playing)")


def test_the_screen_is_chosen_and_the_microphone(panel_desktop: VirtualDesktop) -> None:
    panel_desktop.load_null_sink("elsewhere")
    panel_desktop.load_microphone("desk", "elsewhere")
    with desktop_app(panel_desktop) as app:
        app.choose("Screen", "Primary screen")
        app.choose("Microphone", "desk")
        app.choose("Internal audio")
        app.click_icon()
        app.wait_for_state("recording")
        told = app.ask("stop")
        assert (told["video"]["width"], told["video"]["height"]) == (1280, 800)
        assert told["file"].endswith(".mp4")
        # The panel would be in the film: it is not shown.
        assert not [control for control in app.controls() if control.window == "Recorder"]


def test_a_region_is_chosen_on_the_screen(panel_desktop: VirtualDesktop) -> None:
    def is_picked_on() -> bool:
        return '"Choose what to record' in run_in(panel_desktop, ["xwininfo", "-root", "-tree"]).stdout

    drag = "mousemove 101 151 mousedown 1 mousemove 300 200 mousemove 700 448 mouseup 1"
    with desktop_app(panel_desktop) as app:
        app.choose("Screen", "Region")
        wait_until(is_picked_on, "the picker")
        run_in(panel_desktop, ["xdotool", *drag.split()])
        app.key("Left", "shift+Right", "Return")
        wait_until(lambda: not is_picked_on(), "the picker's end")
        app.click_icon()
        app.wait_for_state("recording")
        told = app.ask("stop")
        # 601 by 298 from 100,151; a film's sides are even.
        assert (told["video"]["width"], told["video"]["height"]) == (600, 298)


# --- the choice itself


def test_what_is_chosen_is_kept_on_top_of_the_defaults(tmp_path: Path) -> None:
    defaults = {"mic": "USB", "apps": ("Firefox",), "quality": "high"}
    choice = Choice(tmp_path / "choice.json", lambda: Defaults(defaults))
    assert choice.settings().apps == ("Firefox",)
    choice.record_system(True)
    choice.record_mic(None)
    choice.record_screen("primary")
    for one in (choice, Choice(tmp_path / "choice.json", lambda: Defaults(defaults))):
        settings = one.settings()
        assert (settings.apps, settings.mic, settings.screen) == ((), None, "primary")
        assert settings.quality == "high"


def test_applications_and_the_whole_sound_exclude_each_other(tmp_path: Path) -> None:
    choice = Choice(tmp_path / "choice.json", Defaults)
    choice.record_mic("default")
    choice.record_system(False)
    choice.record_apps(("Telegram", "Signal"))
    assert choice.settings().apps == ("Telegram", "Signal")
    choice.record_apps(())
    assert (choice.settings().system, choice.settings().apps) == (True, ())


def test_nothing_to_record_is_refused_and_not_taken(tmp_path: Path) -> None:
    choice = Choice(tmp_path / "choice.json", Defaults)
    with pytest.raises(SettingsError):
        choice.record_system(False)
    assert choice.settings().system


def test_another_speaker_is_for_the_next_recording_alone(tmp_path: Path) -> None:
    choice = Choice(tmp_path / "choice.json", Defaults)
    choice.record_apps(("Telegram",))
    choice.next_speaker("Headphones")
    once, after = choice.settings(), choice.settings()
    assert (once.speaker, once.apps) == ("Headphones", ())
    assert (after.speaker, after.apps) == (None, ("Telegram",))


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"recording": 3}', '{"recording": {"mic": 3}}', '{"recording": {"screen": "?"}}']
)
def test_a_broken_file_is_as_none(content: str, tmp_path: Path) -> None:
    (tmp_path / "choice.json").write_text(content)
    assert Choice(tmp_path / "choice.json", Defaults).settings().system


def test_a_folder_that_cannot_be_written_to_spoils_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    choice = Choice(tmp_path / "file" / "choice.json", Defaults)
    choice.record_mic("default")
    assert choice.settings().mic == "default"
