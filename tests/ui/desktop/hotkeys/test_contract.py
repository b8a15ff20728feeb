"""What hotkeys are, on a real X server and on a made-up Windows alike."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.helpers.processes import wait_until
from tests.ui.desktop.hotkeys.keyboards import FakeWindows, Keyboard, XKeyboard
from ui.desktop.hotkeys import DEFAULTS
from ui.desktop.hotkeys.thread import GONE, TAKEN, Hotkeys
from virtual_desktop import VirtualDesktop

TOGGLE, PAUSE = DEFAULTS["toggle"], DEFAULTS["pause"]


@pytest.fixture(params=["x11", "windows"])
def keyboard(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyboard]:
    made: Keyboard
    if request.param == "x11":
        desktop: VirtualDesktop = request.getfixturevalue("x_screen")
        monkeypatch.setenv("XAUTHORITY", desktop.env["XAUTHORITY"])
        made = XKeyboard(desktop)
    else:
        made = FakeWindows()
    yield made
    made.close()


class Heard:
    """Hotkeys, and what was pressed of them."""

    def __init__(self, keyboard: Keyboard) -> None:
        self.pressed: list[str] = []
        self.hotkeys: Hotkeys = keyboard.make(self.pressed.append)

    def await_(self, *names: str) -> None:
        wait_until(lambda: len(self.pressed) >= len(names), f"the keys {names}", 5, lambda: f"but {self.pressed}")
        assert self.pressed == list(names)


@pytest.fixture
def heard(keyboard: Keyboard) -> Iterator[Heard]:
    made = Heard(keyboard)
    yield made
    made.hotkeys.close()


def test_each_key_has_its_name(keyboard: Keyboard, heard: Heard) -> None:
    assert heard.hotkeys.set(DEFAULTS) == {}
    assert heard.hotkeys.lack == ""
    keyboard.press(TOGGLE)
    keyboard.press(PAUSE)
    keyboard.press(TOGGLE)
    heard.await_("toggle", "pause", "toggle")


@pytest.mark.parametrize("keys", ["F9", "Ctrl+Space", "Meta+Alt+Pause", "Ctrl+Shift+5", "Alt+PgDown"])
def test_many_kinds_of_keys(keyboard: Keyboard, heard: Heard, keys: str) -> None:
    assert heard.hotkeys.set({"toggle": keys}) == {}
    keyboard.press(keys)
    heard.await_("toggle")


def test_a_key_that_is_taken_says_so_and_the_others_work(keyboard: Keyboard, heard: Heard) -> None:
    give_back = keyboard.another_takes(TOGGLE)
    assert heard.hotkeys.set({"toggle": TOGGLE, "pause": PAUSE}) == {"toggle": TAKEN}
    assert heard.hotkeys.problems == {"toggle": TAKEN}
    keyboard.press(TOGGLE)
    keyboard.press(PAUSE)
    heard.await_("pause")
    give_back()
    wait_until(lambda: heard.hotkeys.set({"toggle": TOGGLE}) == {}, "the key to be free", 5)


def test_keys_change_while_it_runs(keyboard: Keyboard, heard: Heard) -> None:
    heard.hotkeys.set({"toggle": TOGGLE, "pause": PAUSE})
    assert heard.hotkeys.set({"toggle": PAUSE, "pause": TOGGLE}) == {}  # they change places
    keyboard.press(TOGGLE)
    heard.await_("pause")
    assert heard.hotkeys.set({"toggle": "Ctrl+F8", "pause": ""}) == {}
    keyboard.press(TOGGLE)
    keyboard.press("Ctrl+F8")
    heard.await_("pause", "toggle")


def test_what_was_given_back_can_be_taken_by_another(keyboard: Keyboard, heard: Heard) -> None:
    heard.hotkeys.set({"toggle": TOGGLE, "pause": PAUSE})
    other = Heard(keyboard)
    assert other.hotkeys.set({"toggle": TOGGLE, "pause": PAUSE}) == {"toggle": TAKEN, "pause": TAKEN}
    heard.hotkeys.set({"toggle": TOGGLE})
    assert other.hotkeys.set({"pause": PAUSE}) == {}
    heard.hotkeys.close()
    heard.hotkeys.close()
    wait_until(lambda: other.hotkeys.set({"toggle": TOGGLE}) == {}, "the keys to be free", 5)
    keyboard.press(TOGGLE)
    other.await_("toggle")
    other.hotkeys.close()


def test_a_key_that_is_held_counts_once(keyboard: Keyboard, heard: Heard) -> None:
    heard.hotkeys.set({"toggle": TOGGLE})
    with keyboard.hold(TOGGLE):
        heard.await_("toggle")
    keyboard.press(TOGGLE)
    heard.await_("toggle", "toggle")


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("M", "M is needed for typing. Hold Ctrl, Alt or the Windows key with it."),
        ("Shift+M", "Shift+M is needed for typing. Hold Ctrl, Alt or the Windows key with it."),
        ("Hyper+M", "'Hyper+M' is no combination of keys. Write it as Ctrl+Alt+Shift+M."),
        ("Ctrl+Nonsense", "'Ctrl+Nonsense': there is no key called 'Nonsense'. Write it as Ctrl+Alt+Shift+M."),
    ],
)
def test_what_is_no_hotkey_is_said(heard: Heard, keys: str, problem: str) -> None:
    assert heard.hotkeys.set({"toggle": keys, "pause": PAUSE}) == {"toggle": problem}


def test_one_key_for_two_is_said(heard: Heard) -> None:
    problems = heard.hotkeys.set({"toggle": PAUSE, "pause": PAUSE})
    assert problems == {"pause": "used twice: each needs a key of its own"}


def test_the_end_of_the_desktop_ends_it_quietly(
    keyboard: Keyboard, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if isinstance(keyboard, XKeyboard):
        desktop: VirtualDesktop = request.getfixturevalue("fresh_x_screen")
        monkeypatch.setenv("XAUTHORITY", desktop.env["XAUTHORITY"])
        keyboard = XKeyboard(desktop)
    heard = Heard(keyboard)
    heard.hotkeys.set({"toggle": TOGGLE})
    before = threading.active_count()
    keyboard.end()
    wait_until(lambda: threading.active_count() < before, "the end of the thread", 5)
    assert heard.hotkeys.set({"toggle": TOGGLE}) == {"toggle": GONE}
    heard.hotkeys.close()
