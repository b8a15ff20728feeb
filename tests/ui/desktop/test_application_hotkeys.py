"""Hotkeys of the real application, while another window has the focus: a real recording of a tone comes of them."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.analysis import read_sound
from tests.helpers.children import run_in, start_in
from tests.helpers.desktop_app import read_welcome
from tests.helpers.player import play
from tests.helpers.processes import wait_until
from tests.helpers.recording import LOOPNOTE, loopnote
from tests.helpers.signals import tone
from tests.ui.desktop.hotkeys.keyboards import xdotool_name
from ui.desktop.hotkeys import DEFAULTS
from virtual_desktop import VirtualDesktop

# Another program's window, which prints each key that it gets.
OTHER = """
from Xlib import X, display
shown = display.Display()
screen = shown.screen()
window = screen.root.create_window(50, 50, 300, 200, 0, screen.root_depth, event_mask=X.KeyPressMask)
window.set_wm_name("Other")
window.map()
while True:
    if (event := shown.next_event()).type == X.KeyPress:
        print(event.detail, flush=True)
"""


def test_a_recording_by_hotkeys(panel_desktop: VirtualDesktop) -> None:
    desktop = panel_desktop  # without a panel the application's window would have the focus
    read_welcome(desktop)
    with (
        play(desktop, tone(60, 440)) as playing,
        start_in(desktop, LOOPNOTE) as application,
        start_in(desktop, OTHER) as other,
    ):
        playing.wait_until_sounds()
        wait_until(lambda: is_up(desktop), "the application", 20)
        wait_until(lambda: focused(desktop) == "Other", "the other window's focus", 10)

        press(desktop, "toggle")
        file = Path(str(await_state(desktop, "recording")["file"]))
        wait_until(lambda: status(desktop)["duration_s"] > 0.6, "half a second of sound", 10)
        press(desktop, "pause")
        at_pause_s = await_state(desktop, "paused")["duration_s"]
        press(desktop, "pause")
        await_state(desktop, "recording")
        wait_until(lambda: status(desktop)["duration_s"] > at_pause_s + 0.5, "more sound", 10)
        press(desktop, "toggle")
        await_state(desktop, "idle")

        wait_until(file.exists, "the file", 10)
        sound = read_sound(file)
        assert sound.duration_s > 1.0
        middle = sound.samples[sound.samples.shape[0] // 2 :][: sound.samplerate // 4, 0]
        spectrum = np.abs(np.fft.rfft(middle))
        assert np.argmax(spectrum) * sound.samplerate / len(middle) == pytest.approx(440, abs=8)

        assert focused(desktop) == "Other"
        application.send_signal(signal.SIGTERM)
        assert application.wait(20) == 0
        assert keys_of(other) == [], "the hotkeys are no other program's business"


def test_without_its_keys_it_starts_all_the_same(fresh_x_screen: VirtualDesktop) -> None:
    desktop = fresh_x_screen
    holds = """
import sys
from ui.desktop.hotkeys import DEFAULTS, hotkeys
print(hotkeys(print).set(DEFAULTS), flush=True)
sys.stdout.close()
import threading; threading.Event().wait(60)
"""
    with start_in(desktop, holds) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "{}\n"
        with start_in(desktop, LOOPNOTE, env={"LOOPNOTE_DEBUG": "1"}, stderr=subprocess.PIPE) as application:
            wait_until(lambda: is_up(desktop), "the application", 20)
            application.send_signal(signal.SIGTERM)
            assert application.wait(20) == 0
            assert application.stderr is not None
            assert f"the hotkey {DEFAULTS['toggle']} for toggle: taken by another program" in application.stderr.read()


def is_up(desktop: VirtualDesktop) -> bool:
    return (Path(desktop.env["XDG_RUNTIME_DIR"]) / "loopnote" / "control").exists()


def press(desktop: VirtualDesktop, name: str) -> None:
    run_in(desktop, ["xdotool", "key", xdotool_name(DEFAULTS[name])])


def focused(desktop: VirtualDesktop) -> str:
    return run_in(desktop, ["xdotool", "getwindowfocus", "getwindowname"], check=False).stdout.strip()


def status(desktop: VirtualDesktop) -> dict[str, Any]:
    return dict(json.loads(loopnote(desktop, "status", "--json")[1] or "{}"))


def await_state(desktop: VirtualDesktop, state: str) -> dict[str, Any]:
    wait_until(lambda: status(desktop).get("state") == state, f"the state {state}", 15, lambda: str(status(desktop)))
    return status(desktop)


def keys_of(program: subprocess.Popen[str]) -> list[str]:
    """Which keys it got; ends it. Those of the modifiers go to every window with the focus, and are left out."""
    program.terminate()
    program.wait(10)
    assert program.stdout is not None
    modifiers = {"37", "50", "62", "64", "105", "108"}
    return [code for code in program.stdout.read().split() if code not in modifiers]
