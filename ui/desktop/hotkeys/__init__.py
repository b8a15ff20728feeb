"""Hotkeys that work wherever the focus is: one file a system.

    keys       combinations as text
    thread     the interface, and what all systems share
    x11        grabbed from the X server             windows    registered with Windows

Loopnote asks the system for exactly its own combinations. It does not listen to the keyboard.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

from ui.desktop.hotkeys.thread import Hotkeys, HotkeyThread, NoHotkeys

# What each does by default. Ctrl+Alt+Shift with a letter, because desktops and programs leave these alone:
# - Super belongs to GNOME, KDE and Windows; Ctrl+Alt+letter to KDE (R, V, X are its clipboard's), Firefox (R) and
#   editors, and on Windows it is AltGr, with which people type; Ctrl+Shift+letter to browsers and terminals;
#   Ctrl+Alt+F-key to the consoles, Ctrl+F-key to the workspaces of XFCE and KDE, Shift+F-key to debuggers.
# - Of the letters: R is GNOME's own screen recorder; A C D E I L N O P Q S T U W X Y Z are typed so with AltGr+Shift
#   (Polish, US international); V pastes without format in offices; H and J are Google's and JetBrains'.
DEFAULTS = {"toggle": "Ctrl+Alt+Shift+M", "pause": "Ctrl+Alt+Shift+B"}

_INSTEAD = "Bind a key to the command `loopnote toggle` in the desktop's keyboard settings"


def hotkeys(
    on_pressed: Callable[[str], None], environ: Mapping[str, str] | None = None, platform: str = sys.platform
) -> Hotkeys:
    """This desktop's hotkeys; where it has none, an object that says why. `on_pressed`: see `HotkeyThread`."""
    environ = os.environ if environ is None else environ
    made: HotkeyThread
    if platform == "win32":
        from ui.desktop.hotkeys.windows import WindowsHotkeys

        made = WindowsHotkeys(on_pressed)
        return made
    if platform.startswith("linux"):
        if environ.get("DISPLAY"):
            from ui.desktop.hotkeys.x11 import X11Hotkeys

            made = X11Hotkeys(on_pressed, environ["DISPLAY"])
            return made
        if environ.get("WAYLAND_DISPLAY"):
            return NoHotkeys(f"a Wayland desktop keeps the keyboard to itself. {_INSTEAD}.")
        return NoHotkeys("there is no display")
    return NoHotkeys(f"hotkeys are not there yet on this system. {_INSTEAD}.")
