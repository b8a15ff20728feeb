"""The keyboard of a real X server, and a made-up one on a made-up Windows: each behind the same driver."""

from __future__ import annotations

import contextlib
import ctypes
import queue
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import Xlib.display
from Xlib import XK, X

from tests.helpers.children import run_in
from ui.desktop.hotkeys.keys import NAMED, parse
from ui.desktop.hotkeys.thread import Hotkeys
from ui.desktop.hotkeys.windows import (
    ERROR_HOTKEY_ALREADY_REGISTERED,
    MOD_NOREPEAT,
    MODIFIERS,
    WM_HOTKEY,
    WindowsHotkeys,
)
from ui.desktop.hotkeys.x11 import X11Hotkeys
from virtual_desktop import VirtualDesktop


class Keyboard(Protocol):
    """What a test does with it. `keys` is such as "Ctrl+Alt+Shift+M"."""

    def make(self, on_pressed: Callable[[str], None]) -> Hotkeys: ...

    def press(self, keys: str) -> None: ...

    def hold(self, keys: str) -> contextlib.AbstractContextManager[None]:
        """Down until the end of the block, repeating."""
        ...

    def another_takes(self, keys: str) -> Callable[[], None]:
        """Another program has them; what is returned gives them back."""
        ...

    def end(self) -> None:
        """The desktop ends."""
        ...

    def close(self) -> None: ...


class XKeyboard:
    """By xdotool, on a real X server."""

    def __init__(self, desktop: VirtualDesktop) -> None:
        self.desktop = desktop
        self._others: list[Any] = []

    def make(self, on_pressed: Callable[[str], None]) -> Hotkeys:
        assert self.desktop.display is not None
        return X11Hotkeys(on_pressed, self.desktop.display)

    def press(self, keys: str) -> None:
        self.xdotool("key", xdotool_name(keys))

    @contextlib.contextmanager
    def hold(self, keys: str) -> Iterator[None]:
        self.xdotool("keydown", xdotool_name(keys))
        yield
        self.xdotool("keyup", xdotool_name(keys))

    def another_takes(self, keys: str) -> Callable[[], None]:
        display = Xlib.display.Display(self.desktop.display)
        self._others.append(display)
        parsed = parse(keys)
        masks = {"Shift": X.ShiftMask, "Ctrl": X.ControlMask, "Alt": X.Mod1Mask, "Meta": X.Mod4Mask}
        code = display.keysym_to_keycode(XK.string_to_keysym(parsed.key.lower()))
        mask = sum(masks[name] for name in parsed.modifiers)
        display.screen().root.grab_key(code, mask, False, X.GrabModeAsync, X.GrabModeAsync)
        display.sync()
        return lambda: display.close()

    def xdotool(self, *words: str) -> str:
        return run_in(self.desktop, ["xdotool", *words]).stdout

    def run(self, *words: str) -> None:
        run_in(self.desktop, list(words))

    def lock_group(self, group: int) -> None:
        """Switch to the second (1) or first (0) of the layouts that are loaded, as a switch in a panel does."""
        x11 = ctypes.CDLL("libX11.so.6")
        x11.XOpenDisplay.restype = ctypes.c_void_p
        for name in ("XkbLockGroup", "XSync", "XCloseDisplay"):
            getattr(x11, name).argtypes = [ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint][: 1 if "Close" in name else 3]
        x11.XSync.argtypes = [ctypes.c_void_p, ctypes.c_int]
        display = x11.XOpenDisplay((self.desktop.display or "").encode())
        assert display
        assert x11.XkbLockGroup(display, 0x0100, group)
        x11.XSync(display, 0)
        x11.XCloseDisplay(display)

    def group(self) -> int:
        """Which of the layouts is in use (X keyboard extension: bits 13 and 14 of the modifiers)."""
        display = Xlib.display.Display(self.desktop.display)
        self._others.append(display)
        return int(display.screen().root.query_pointer().mask) >> 13 & 3

    def end(self) -> None:
        self.desktop.kill_screen()

    def close(self) -> None:
        for display in self._others:
            with contextlib.suppress(Exception):
                display.close()


class FakeUser32:
    """One thread's part of Windows: its messages, and the keys that all programs registered."""

    def __init__(self, taken: dict[tuple[int, int], object]) -> None:
        self._taken = taken
        self._messages: queue.Queue[tuple[int, int]] = queue.Queue()

    def make_queue(self) -> int:
        return 77

    def register(self, number: int, modifiers: int, virtual_key: int) -> int:
        assert modifiers & MOD_NOREPEAT
        combination = (modifiers & ~MOD_NOREPEAT, virtual_key)
        if combination in self._taken:
            return ERROR_HOTKEY_ALREADY_REGISTERED
        self._taken[combination] = (self, number)
        return 0

    def unregister(self, number: int) -> None:
        for combination, owner in list(self._taken.items()):
            if owner == (self, number):
                del self._taken[combination]

    def message(self) -> tuple[int, int]:
        found = self._messages.get(timeout=60)
        if found[0] == 0:
            raise ConnectionError("the message queue ended")
        return found

    def post(self, thread: int, message: int) -> None:
        assert thread == 77
        self._messages.put((message, 0))

    def virtual_key(self, character: str) -> int:
        return ord(character.upper()) if character.isascii() and character.isalnum() else 0

    def pressed(self, number: int) -> None:
        self._messages.put((WM_HOTKEY, number))

    def end(self) -> None:
        self._messages.put((0, 0))


class FakeWindows:
    """A made-up Windows."""

    def __init__(self) -> None:
        self.taken: dict[tuple[int, int], object] = {}
        self._made: list[FakeUser32] = []

    def make(self, on_pressed: Callable[[str], None]) -> Hotkeys:
        self._made.append(FakeUser32(self.taken))
        return WindowsHotkeys(on_pressed, self._made[-1])

    def press(self, keys: str) -> None:
        owner = self.taken.get(self._combination(keys))
        if isinstance(owner, tuple):
            user32, number = owner
            user32.pressed(number)

    @contextlib.contextmanager
    def hold(self, keys: str) -> Iterator[None]:
        self.press(keys)  # Windows itself leaves out the repeats
        yield

    def another_takes(self, keys: str) -> Callable[[], None]:
        combination = self._combination(keys)
        self.taken[combination] = "another"
        return lambda: self.taken.clear()

    def end(self) -> None:
        for user32 in self._made:
            user32.end()

    def close(self) -> None:
        pass

    @staticmethod
    def _combination(keys: str) -> tuple[int, int]:
        parsed = parse(keys)
        virtual_key = NAMED[parsed.key][1] if parsed.key in NAMED else ord(parsed.key)
        return sum(MODIFIERS[name] for name in parsed.modifiers), virtual_key


# Where xdotool's name (X11's) is another.
_X_NAMES = {"Space": "space", "PgDown": "Page_Down", "PgUp": "Page_Up", "Media Record": "XF86AudioRecord"}


def xdotool_name(keys: str) -> str:
    """As xdotool writes it."""
    parsed = parse(keys)
    key = _X_NAMES.get(parsed.key, parsed.key) if parsed.key in NAMED else parsed.key.lower()
    words = {"Meta": "super", "Ctrl": "ctrl", "Alt": "alt", "Shift": "shift"}
    return "+".join([*(word for name, word in words.items() if name in parsed.modifiers), key])
