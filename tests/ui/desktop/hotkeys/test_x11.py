"""What only an X server's keyboard does: locks, layouts, keys that repeat."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from Xlib import X

from tests.helpers.processes import wait_until
from tests.ui.desktop.hotkeys.keyboards import XKeyboard
from ui.desktop.hotkeys import DEFAULTS, hotkeys
from ui.desktop.hotkeys.thread import NoHotkeys
from ui.desktop.hotkeys.x11 import X11Hotkeys
from virtual_desktop import VirtualDesktop

TOGGLE, PAUSE = DEFAULTS["toggle"], DEFAULTS["pause"]


class Watched(X11Hotkeys):
    """Which also notes what the X server tells it."""

    def __init__(self, display: str) -> None:
        self.pressed: list[str] = []
        self.seen: list[tuple[int, int]] = []
        super().__init__(self.pressed.append, display)

    def _see_key(self, event: object) -> list[str]:
        self.seen.append((event.type, event.detail))  # type: ignore[attr-defined]
        return super()._see_key(event)

    def codes_of(self, name: str) -> tuple[str, ...]:
        grab = self._grabs.get(name)
        return tuple(map(str, grab.codes)) if grab else ()

    def await_(self, *names: str) -> None:
        wait_until(lambda: len(self.pressed) >= len(names), f"the keys {names}", 5, lambda: f"but {self.pressed}")
        assert self.pressed == list(names)


@pytest.fixture
def keyboard(x_screen: VirtualDesktop, monkeypatch: pytest.MonkeyPatch) -> Iterator[XKeyboard]:
    monkeypatch.setenv("XAUTHORITY", x_screen.env["XAUTHORITY"])
    made = XKeyboard(x_screen)
    made.run("setxkbmap", "us")
    yield made
    made.lock_group(0)
    made.run("setxkbmap", "us")
    made.run("xset", "r", "rate")
    made.close()


@pytest.fixture
def heard(keyboard: XKeyboard) -> Iterator[Watched]:
    made = Watched(keyboard.desktop.display or "")
    assert made.set({"toggle": TOGGLE, "pause": PAUSE}) == {}
    yield made
    made.close()


@pytest.mark.parametrize("locks", [["Caps_Lock"], ["Num_Lock"], ["Caps_Lock", "Num_Lock"]])
def test_locks_do_not_matter(keyboard: XKeyboard, heard: Watched, locks: list[str]) -> None:
    for lock in locks:
        keyboard.xdotool("key", lock)
    try:
        keyboard.press(TOGGLE)
        heard.await_("toggle")
    finally:
        for lock in locks:
            keyboard.xdotool("key", lock)
    keyboard.press(TOGGLE)
    heard.await_("toggle", "toggle")


def test_a_key_that_repeats_counts_once(keyboard: XKeyboard, heard: Watched) -> None:
    keyboard.run("xset", "r", "rate", "100", "50")
    with keyboard.hold(TOGGLE):
        wait_until(lambda: sum(kind == X.KeyPress for kind, _ in heard.seen) >= 10, "the key to repeat", 5)
    assert heard.pressed == ["toggle"]
    keyboard.press(TOGGLE)
    heard.await_("toggle", "toggle")


def test_nothing_else_that_is_typed_is_seen(keyboard: XKeyboard, heard: Watched) -> None:
    keyboard.xdotool("type", "my password is Moon 17")
    keyboard.xdotool("key", "ctrl+m", "ctrl+alt+m", "alt+shift+m", "ctrl+alt+shift+n", "ctrl+alt+shift+super+m")
    keyboard.press(PAUSE)
    heard.await_("pause")
    assert len({code for _, code in heard.seen} - {key_code(keyboard, "b")}) <= 3  # its modifiers' ways up
    assert [kind for kind, _ in heard.seen].count(X.KeyPress) == 1


@pytest.mark.parametrize("layout", ["de", "fr", "us -variant dvorak", "pl", "ru", "gr"])
def test_another_layout_is_followed(keyboard: XKeyboard, heard: Watched, layout: str) -> None:
    """Also one without Latin letters: there, the place of the key on an American keyboard counts."""
    keyboard.run("setxkbmap", *layout.split())
    place = {"fr": "47", "us -variant dvorak": "58"}.get(layout, "58")  # of the letter M
    wait_until(lambda: place in heard.codes_of("toggle"), "the new place of the key", 5)
    keyboard.xdotool("keydown", "ctrl", "keydown", "alt", "keydown", "shift", "key", place)
    keyboard.xdotool("keyup", "ctrl", "keyup", "alt", "keyup", "shift")
    heard.await_("toggle")
    assert heard.problems == {}


def test_the_second_of_two_layouts(keyboard: XKeyboard, heard: Watched) -> None:
    keyboard.run("setxkbmap", "us,ru")
    keyboard.lock_group(1)
    assert keyboard.group() == 1
    keyboard.xdotool("keydown", "ctrl", "keydown", "alt", "keydown", "shift", "key", "58")
    keyboard.xdotool("keyup", "ctrl", "keyup", "alt", "keyup", "shift")
    heard.await_("toggle")


def test_a_key_that_this_keyboard_lacks_is_said(heard: Watched) -> None:
    assert heard.set({"toggle": "Ctrl+ß"}) == {"toggle": "this keyboard has no key ß"}


def test_a_key_that_comes_with_another_keyboard(keyboard: XKeyboard, heard: Watched) -> None:
    assert "pause" in heard.set({"toggle": TOGGLE, "pause": "Ctrl+ß"})
    keyboard.run("setxkbmap", "de")
    wait_until(lambda: heard.problems == {}, "the new keyboard", 5)
    keyboard.xdotool("key", "ctrl+ssharp")
    heard.await_("pause")


def key_code(keyboard: XKeyboard, letter: str) -> int:
    from Xlib import display

    asked = display.Display(keyboard.desktop.display)
    try:
        return int(asked.keysym_to_keycode(ord(letter)))
    finally:
        asked.close()


# --- Where there are none ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "platform", "word"),
    [
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", "loopnote toggle"),
        ({}, "linux", "no display"),
        ({}, "darwin", "loopnote toggle"),
    ],
)
def test_where_there_are_none_it_says_why(environ: dict[str, str], platform: str, word: str) -> None:
    none = hotkeys(lambda name: None, environ, platform)
    assert isinstance(none, NoHotkeys)
    assert word in none.lack
    assert none.set({"toggle": TOGGLE, "pause": ""}) == none.problems == {"toggle": none.lack}
    none.close()


# python-xlib leaves its sockets open then. In the application Qt has reached the display before.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_display_that_is_not_there() -> None:
    none = hotkeys(lambda name: None, {"DISPLAY": ":987"}, "linux")
    problem = none.set({"toggle": TOGGLE})["toggle"]
    assert ":987 cannot be opened" in problem
    assert none.lack == problem
    none.close()
    gc.collect()


def test_inside_a_wayland_desktop(keyboard: XKeyboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """There an X server sees the keyboard only while one of its own windows has the focus."""
    monkeypatch.setattr("ui.desktop.hotkeys.x11.serves_wayland", lambda display: True)
    none = hotkeys(lambda name: None, {"DISPLAY": keyboard.desktop.display or ""}, "linux")
    assert "loopnote toggle" in none.set({"toggle": TOGGLE})["toggle"]
    none.close()
