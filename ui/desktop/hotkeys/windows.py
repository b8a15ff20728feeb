"""Hotkeys of Windows: RegisterHotKey, whose news come as messages to the thread that registered."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Protocol

from ui.desktop.hotkeys.keys import NAMED, Keys
from ui.desktop.hotkeys.thread import TAKEN, HotkeyThread

# winuser.h, winerror.h
WM_HOTKEY = 0x0312
WM_APP = 0x8000
MODIFIERS = {"Alt": 0x1, "Ctrl": 0x2, "Shift": 0x4, "Meta": 0x8}
MOD_NOREPEAT = 0x4000
ERROR_HOTKEY_ALREADY_REGISTERED = 1409
_PM_NOREMOVE = 0


class User32(Protocol):
    """What is used of user32.dll and kernel32.dll; all but `post` by the hotkeys' thread alone."""

    def make_queue(self) -> int:
        """Give this thread a message queue; returns the thread's number."""
        ...

    def register(self, number: int, modifiers: int, virtual_key: int) -> int:
        """Returns 0, or Windows' error code."""
        ...

    def unregister(self, number: int) -> None: ...

    def message(self) -> tuple[int, int]:
        """Wait for the next one: what it is, and its first parameter. Raises `ConnectionError` at the end."""
        ...

    def post(self, thread: int, message: int) -> None: ...

    def virtual_key(self, character: str) -> int:
        """The key that types this character on the present keyboard; 0 when none does."""
        ...


class WindowsHotkeys(HotkeyThread):
    """The hotkeys of this Windows session."""

    def __init__(self, on_pressed: Callable[[str], None], user32: User32 | None = None) -> None:
        self._user32: User32 = user32 or RealUser32()
        self._thread = 0
        self._bound: dict[int, tuple[str, Keys]] = {}
        self._next_number = 1
        super().__init__(on_pressed)

    def connect(self) -> None:
        # Whoever asked before this number was there is served right after it.
        self._thread = self._user32.make_queue()

    def bind(self, keys: dict[str, Keys]) -> dict[str, str]:
        for number, (name, bound) in list(self._bound.items()):
            if keys.get(name) != bound:
                self._user32.unregister(number)
                del self._bound[number]
        kept = {name for name, _ in self._bound.values()}
        return {
            name: problem
            for name, wanted in keys.items()
            if name not in kept and (problem := self._register(name, wanted))
        }

    def await_keys(self) -> list[str]:
        message, number = self._user32.message()
        return [self._bound[number][0]] if message == WM_HOTKEY and number in self._bound else []

    def wake(self) -> None:
        if self._thread:
            self._user32.post(self._thread, WM_APP)

    def disconnect(self) -> None:
        for number in self._bound:
            self._user32.unregister(number)
        self._bound.clear()

    def _register(self, name: str, keys: Keys) -> str:
        virtual_key = NAMED[keys.key][1] if keys.key in NAMED else self._user32.virtual_key(keys.key.lower())
        if not virtual_key:
            return f"this keyboard has no key {keys.key}"
        modifiers = MOD_NOREPEAT | sum(MODIFIERS[modifier] for modifier in keys.modifiers)
        number, self._next_number = self._next_number, self._next_number + 1
        error = self._user32.register(number, modifiers, virtual_key)
        if error == ERROR_HOTKEY_ALREADY_REGISTERED:
            return TAKEN
        if error:
            return f"Windows refused it (error {error})"
        self._bound[number] = (name, keys)
        return ""


class RealUser32:
    """By ctypes. Windows only."""

    def __init__(self) -> None:
        load: Any = getattr(ctypes, "WinDLL")  # noqa: B009 - known on Windows alone
        self._user32 = load("user32", use_last_error=True)
        self._kernel32 = load("kernel32", use_last_error=True)
        self._message = ctypes.create_string_buffer(64)  # a MSG takes 48 bytes
        pointer, uint, c_int = ctypes.c_void_p, ctypes.c_uint, ctypes.c_int
        self._user32.PeekMessageW.argtypes = (pointer, pointer, uint, uint, uint)
        self._user32.GetMessageW.argtypes = (pointer, pointer, uint, uint)
        self._user32.RegisterHotKey.argtypes = (pointer, c_int, uint, uint)
        self._user32.UnregisterHotKey.argtypes = (pointer, c_int)
        self._user32.PostThreadMessageW.argtypes = (ctypes.c_ulong, uint, ctypes.c_size_t, ctypes.c_ssize_t)
        self._user32.VkKeyScanW.argtypes = (ctypes.c_wchar,)
        self._user32.VkKeyScanW.restype = ctypes.c_short

    def make_queue(self) -> int:
        self._user32.PeekMessageW(self._message, None, WM_APP, WM_APP, _PM_NOREMOVE)
        return int(self._kernel32.GetCurrentThreadId())

    def register(self, number: int, modifiers: int, virtual_key: int) -> int:
        if self._user32.RegisterHotKey(None, number, modifiers, virtual_key):
            return 0
        return int(getattr(ctypes, "get_last_error")()) or -1  # noqa: B009 - known on Windows alone

    def unregister(self, number: int) -> None:
        self._user32.UnregisterHotKey(None, number)

    def message(self) -> tuple[int, int]:
        if self._user32.GetMessageW(self._message, None, 0, 0) <= 0:
            raise ConnectionError("the message queue ended")
        # MSG: the window, the message, the first parameter, each at its natural place.
        word = ctypes.sizeof(ctypes.c_void_p)
        message = ctypes.c_uint.from_buffer(self._message, word).value
        return message, ctypes.c_size_t.from_buffer(self._message, 2 * word).value

    def post(self, thread: int, message: int) -> None:
        self._user32.PostThreadMessageW(thread, message, 0, 0)

    def virtual_key(self, character: str) -> int:
        found = self._user32.VkKeyScanW(character)
        return 0 if found == -1 else int(found) & 0xFF
