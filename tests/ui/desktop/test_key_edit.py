"""A hotkey is set by pressing it: real keys, on a real X server, beside real hotkeys."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator

import pytest

from tests.helpers.children import run_in, start_in
from tests.helpers.processes import wait_until
from virtual_desktop import VirtualDesktop

# A window with two of them, wired to real hotkeys as settings are; it prints what happens.
WINDOW = """
from PyQt5.QtWidgets import QApplication, QFormLayout, QWidget
from ui.desktop.hotkeys import hotkeys
from ui.desktop.key_edit import KeyEdit

qt = QApplication(["keys"])
now = {"toggle": "Ctrl+Alt+Shift+M", "pause": "Ctrl+Alt+Shift+B"}
held = hotkeys(lambda name: print("acted", name, flush=True))

def say(*words):
    print(*words, flush=True)

def attempt(name, text):
    wanted = {**now, name: text}
    problem = held.set(wanted).get(name, "")
    if not problem:
        now.update(wanted)
    held.set({})
    return problem

def listen(yes):
    say("listens", yes)
    held.set({} if yes else now)

window = QWidget()
form = QFormLayout(window)
edits = {}
for name in now:
    edit = edits[name] = KeyEdit(f"{name} it", now[name], lambda text, name=name: attempt(name, text))
    edit.changed.connect(lambda text, name=name: say("changed", name, text))
    edit.is_listening.connect(listen)
    form.addRow(name, edit)
window.setWindowTitle("Keys")
window.move(40, 40)
window.show()

def focus(_old, new):
    say("focus", new.accessibleName() if new else "-", "|", *(edit.problem for edit in edits.values()))

qt.focusChanged.connect(focus)
window.installEventFilter(window)
say("shown")
qt.exec_()
"""


class Window:
    """The running window, and all that it said."""

    def __init__(self, desktop: VirtualDesktop, process: subprocess.Popen[str]) -> None:
        self.desktop = desktop
        self.said: list[str] = []
        assert process.stdout is not None
        self._lines = process.stdout
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._lines:
            self.said.append(line.strip())

    def press(self, *keys: str) -> None:
        run_in(self.desktop, ["xdotool", "key", "--delay", "60", *keys])

    def await_(self, line: str) -> None:
        wait_until(lambda: line in self.said, repr(line), 10, lambda: f"but {self.said}")


@pytest.fixture
def window(fresh_x_screen: VirtualDesktop) -> Iterator[Window]:
    with start_in(fresh_x_screen, WINDOW) as process:
        made = Window(fresh_x_screen, process)
        made.await_("listens True")
        yield made


def test_a_combination_is_taken_by_being_pressed(window: Window) -> None:
    keys = window
    keys.press("ctrl+F7")
    keys.await_("changed toggle Ctrl+F7")
    keys.press("BackSpace")
    keys.await_("changed toggle")
    keys.press("ctrl+shift+exclam")
    keys.await_("changed toggle Ctrl+Shift+!")


def test_its_own_hotkeys_are_shown_and_do_not_act(window: Window) -> None:
    keys = window
    keys.press("ctrl+alt+shift+m")
    keys.await_("changed toggle Ctrl+Alt+Shift+M")
    assert not [line for line in keys.said if line.startswith("acted")]


def test_tab_goes_through_all_that_can_be_used(window: Window) -> None:
    keys = window
    keys.press("Tab", "Tab", "Tab")
    keys.await_("focus No keys for: toggle it |")
    keys.await_("focus Keys for: pause it |")
    keys.await_("focus No keys for: pause it |")
    keys.press("space")
    keys.await_("changed pause")


def test_what_cannot_be_had_says_why_and_leaves_the_old(window: Window) -> None:
    keys = window
    keys.press("k", "Tab")
    keys.await_("focus No keys for: toggle it | K is needed for typing. Hold Ctrl, Alt or the Windows key with it.")
    keys.press("Tab", "ctrl+alt+shift+m", "Tab")
    wait_until(lambda: "used twice" in keys.said[-1], "the refusal", 10, lambda: str(keys.said))
    assert not [line for line in keys.said if line.startswith("changed")]


def test_what_another_program_has_is_said(fresh_x_screen: VirtualDesktop) -> None:
    """It never gets here by the keyboard, for the other program gets it: so the text is set, as settings do."""
    holder = (
        "import threading\nfrom ui.desktop.hotkeys import hotkeys\n"
        "print(hotkeys(print).set({'x': 'Ctrl+F5'}), flush=True)\nthreading.Event().wait(60)\n"
    )
    asks = """
from PyQt5.QtWidgets import QApplication
from ui.desktop.hotkeys import hotkeys
from ui.desktop.key_edit import KeyEdit
qt = QApplication(["keys"])
held = hotkeys(print)
edit = KeyEdit("toggle", "Ctrl+F4", lambda text: held.set({"toggle": text}).get("toggle", ""))
edit._pressed("Ctrl+F5")
print(edit.keys, edit.problem)
edit._pressed("Ctrl+F6")
print(edit.keys, edit.problem)
held.close()
"""
    with start_in(fresh_x_screen, holder) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "{}\n"
        said = run_in(fresh_x_screen, asks).stdout.splitlines()
    assert said == ["Ctrl+F4 Ctrl+F5: taken by another program. Choose another.", "Ctrl+F6 "]
