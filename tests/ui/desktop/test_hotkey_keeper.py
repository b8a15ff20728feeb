"""The hotkeys of the settings: bound at start, tried while they are edited, kept when that is wanted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from PyQt5.QtWidgets import QApplication

from ui.desktop import preferences
from ui.desktop.hotkey_keeper import HotkeyKeeper
from ui.desktop.hotkeys import DEFAULTS
from ui.desktop.hotkeys.thread import Hotkeys
from ui.desktop.key_edit import KeyEdit
from ui.desktop.preferences import Preferences

BUILT_IN = {name: DEFAULTS[name] for name in ("toggle", "pause")}


class FakeHotkeys(Hotkeys):
    """Notes what is bound; `taken` is another program's."""

    def __init__(self, taken: str = "", lack: str = "") -> None:
        self.bound: dict[str, str] = {}
        self._taken = taken
        self._lack = lack

    @property
    def lack(self) -> str:
        return self._lack

    @property
    def problems(self) -> dict[str, str]:
        return {name: "taken" for name, keys in self.bound.items() if keys and keys == self._taken}

    def set(self, keys: Mapping[str, str]) -> dict[str, str]:
        self.bound = dict(keys)
        return self.problems

    def close(self) -> None:
        self.bound = {}


@pytest.fixture(scope="module", autouse=True)
def _qt() -> Iterator[None]:
    """Without a display."""
    before = os.environ.get("QT_QPA_PLATFORM")
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    qt = QApplication.instance() or QApplication(["test"])
    yield
    del qt
    if before is None:
        del os.environ["QT_QPA_PLATFORM"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def keeper_of(path: Path, held: FakeHotkeys) -> HotkeyKeeper:
    make: Callable[[Callable[[str], None]], Hotkeys] = lambda on_pressed: held  # noqa: E731
    return HotkeyKeeper(lambda name: None, None, path, make)


def edits_of(keeper: HotkeyKeeper) -> list[KeyEdit]:
    edits = list(keeper.edits().values())
    return [edit for edit in edits if isinstance(edit, KeyEdit)]


def test_the_built_in_ones_and_the_users_own(path: Path) -> None:
    held = FakeHotkeys()
    keeper_of(path, held)
    assert held.bound == BUILT_IN
    preferences.save(Preferences(hotkeys={"toggle": "F9", "pause": ""}), path)
    keeper_of(path, held)
    assert held.bound == {"toggle": "F9", "pause": ""}


def test_what_is_entered_is_kept_or_forgotten(path: Path) -> None:
    held = FakeHotkeys()
    keeper = keeper_of(path, held)
    toggle, pause = edits_of(keeper)
    toggle._pressed("Ctrl+F9")
    assert toggle.keys == "Ctrl+F9"
    keeper.forget()
    assert held.bound == BUILT_IN
    assert preferences.load(path) == Preferences()
    toggle, pause = edits_of(keeper)
    assert toggle.keys == DEFAULTS["toggle"]
    toggle._pressed("Ctrl+F9")
    pause._pressed("")
    keeper.keep()
    assert held.bound == {"toggle": "Ctrl+F9", "pause": ""}
    assert preferences.load(path).hotkeys == {"toggle": "Ctrl+F9", "pause": ""}


def test_while_a_field_has_the_focus_no_key_acts(path: Path) -> None:
    held = FakeHotkeys()
    toggle, _ = edits_of(keeper := keeper_of(path, held))
    toggle.is_listening.emit(True)
    assert held.bound == {}
    toggle._pressed("Ctrl+F9")
    assert held.bound == {}
    toggle.is_listening.emit(False)
    assert held.bound["toggle"] == "Ctrl+F9"
    keeper.close()


def test_what_another_has_is_told_at_start_and_in_its_field(path: Path) -> None:
    keeper = keeper_of(path, FakeHotkeys(taken=DEFAULTS["pause"]))
    assert [str(trouble) for trouble in keeper.troubles()] == [f"the hotkey {DEFAULTS['pause']} does not work: taken"]
    toggle, pause = edits_of(keeper)
    assert (toggle.problem, pause.problem) == ("", "taken")
    toggle._pressed(DEFAULTS["pause"])
    assert toggle.keys == DEFAULTS["toggle"]


def test_where_there_are_none_that_is_no_news_but_said_when_asked_for(path: Path) -> None:
    keeper = keeper_of(path, FakeHotkeys(lack="none here", taken=DEFAULTS["toggle"]))
    assert keeper.troubles() == []
    toggle, _ = edits_of(keeper)
    toggle._pressed("Ctrl+F9")
    assert "none here" in toggle.problem


def test_a_broken_file_is_as_none(path: Path) -> None:
    path.write_text("[desktop]\nhotkeys = 3\n")
    held = FakeHotkeys()
    keeper_of(path, held)
    assert held.bound == BUILT_IN
    assert path.read_text() == "[desktop]\nhotkeys = 3\n"
