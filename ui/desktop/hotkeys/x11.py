"""Hotkeys of an X server: passive grabs (XGrabKey), on a connection of their own.

The server sends a grabbed combination to whoever grabbed it, and nothing else: only while it is held down does it send
the other keys too, which are dropped unread.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import Xlib.error
from Xlib import XK, X

from capture.errors import ScreenUnavailable
from capture.screen.x11_desktop import open_display, serves_wayland
from ui.desktop.hotkeys.keys import NAMED, Keys
from ui.desktop.hotkeys.thread import TAKEN, HotkeyThread

# Where the letters are on a keyboard that has none of them (Russian, Greek), as on an American one: every Linux has
# these key codes (xkeyboard-config's "evdev").
_PLACES = {
    letter: code
    for row, first in (("QWERTYUIOP", 24), ("ASDFGHJKL", 38), ("ZXCVBNM", 52))
    for code, letter in enumerate(row, first)
}
_MODIFIER_KEYS = {"Alt": ("Alt_L", "Alt_R"), "Meta": ("Super_L", "Super_R")}
_LOCK_KEYS = ("Num_Lock", "Scroll_Lock")


@dataclass(frozen=True, slots=True)
class _Grab:
    """A key that is held: its codes, and the modifiers without the locks."""

    keys: Keys
    codes: tuple[int, ...]
    modifiers: int


class X11Hotkeys(HotkeyThread):
    """The hotkeys of the X server called `display`."""

    def __init__(self, on_pressed: Callable[[str], None], display: str) -> None:
        self._name = display
        self._display: Any = None
        self._grabs: dict[str, _Grab] = {}
        self._wanted: dict[str, Keys] = {}
        self._lock_masks = 0
        self._released_ms: dict[int, int] = {}  # when each key went up, by the server's clock
        self._held: set[int] = set()
        self._pipe_lock = threading.Lock()
        self._pipe: tuple[int, int] | None = os.pipe()
        os.set_blocking(self._pipe[0], False)
        os.set_blocking(self._pipe[1], False)
        super().__init__(on_pressed)

    def connect(self) -> None:
        self._display = open_display(self._name)
        with _lost_as_connection_error():
            if serves_wayland(self._display):
                raise ScreenUnavailable(
                    "a Wayland desktop keeps the keyboard to itself",
                    "Bind a key to the command `loopnote toggle` in the desktop's keyboard settings.",
                )
            self._learn_modifiers()

    def bind(self, keys: dict[str, Keys]) -> dict[str, str]:
        self._wanted = dict(keys)
        return self._grab_wanted()

    def await_keys(self) -> list[str]:
        pressed: list[str] = []
        with _lost_as_connection_error():
            # Also what came with an earlier answer is an event: the connection may have nothing more to read.
            if not self._display.pending_events():
                assert self._pipe is not None
                readable, _, _ = select.select([self._display.fileno(), self._pipe[0]], [], [])
                if self._pipe[0] in readable:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._pipe[0], 64)
            is_mapping_new = False
            for _ in range(self._display.pending_events()):
                event = self._display.next_event()
                if event.type == X.MappingNotify:
                    is_mapping_new = True
                    self._display.refresh_keyboard_mapping(event)
                elif event.type in (X.KeyPress, X.KeyRelease):
                    pressed += self._see_key(event)
            if is_mapping_new:
                self._learn_modifiers()
                self.rebound(self._grab_wanted())
        return pressed

    def wake(self) -> None:
        with self._pipe_lock:
            if self._pipe is not None:
                with contextlib.suppress(BlockingIOError):  # it is full of the same news
                    os.write(self._pipe[1], b"!")

    def disconnect(self) -> None:
        with self._pipe_lock:
            pipe, self._pipe = self._pipe, None
        if pipe is not None:
            os.close(pipe[0])
            os.close(pipe[1])
        if self._display is not None:
            with contextlib.suppress(Xlib.error.ConnectionClosedError, OSError):
                self._display.close()  # and with the connection its grabs end

    # --- Keys ----------------------------------------------------------------------------------------------------

    def _see_key(self, event: Any) -> list[str]:
        """The name of the hotkey that goes down with this event, if one does.

        A key that repeats goes up and down in the same millisecond, which no finger can.
        """
        code, modifiers = event.detail, event.state & 0xFF & ~self._lock_masks
        if event.type == X.KeyRelease:
            self._held.discard(code)
            self._released_ms[code] = event.time
            return []
        repeats = code in self._held or self._released_ms.pop(code, None) == event.time
        self._held.add(code)
        if repeats:
            return []
        return [name for name, grab in self._grabs.items() if code in grab.codes and modifiers == grab.modifiers]

    def _grab_wanted(self) -> dict[str, str]:
        problems: dict[str, str] = {}
        found: dict[str, _Grab] = {}
        for name, keys in self._wanted.items():
            grab = self._located(keys)
            if isinstance(grab, str):
                problems[name] = grab
            else:
                found[name] = grab
        # First all that goes, so that two may change places.
        for name, grab in list(self._grabs.items()):
            if found.get(name) != grab:
                self._ungrab(self._grabs.pop(name))
        for name, grab in found.items():
            if name in self._grabs:
                continue
            if self._try_grab(grab):
                self._grabs[name] = grab
            else:
                problems[name] = TAKEN
        return problems

    def _located(self, keys: Keys) -> _Grab | str:
        """Where these keys are on the present keyboard, or why they are not."""
        codes = self._codes(keys.key)
        if not codes:
            return f"this keyboard has no key {keys.key}"
        modifiers = 0
        for name in keys.modifiers:
            mask = {"Shift": X.ShiftMask, "Ctrl": X.ControlMask}.get(name) or self._mask_of(*_MODIFIER_KEYS[name])
            if not mask:
                return f"this keyboard has no key {name}"
            modifiers |= mask
        return _Grab(keys, codes, modifiers)

    def _codes(self, key: str) -> tuple[int, ...]:
        keysym = NAMED[key][0] if key in NAMED else _keysym(key)
        found = sorted(self._display.keysym_to_keycodes(keysym), key=lambda pair: pair[1])
        if found:  # those that give it in the simplest way: without Shift where there is such a key
            return tuple(sorted({code for code, index in found if index == found[0][1]}))
        return (_PLACES[key],) if key in _PLACES else ()

    def _try_grab(self, grab: _Grab) -> bool:
        """Whether the server gave it; else nothing of it is held."""
        refused = Xlib.error.CatchError(Xlib.error.BadAccess)
        root = self._display.screen().root
        for code, modifiers in self._combinations(grab):
            root.grab_key(code, modifiers, False, X.GrabModeAsync, X.GrabModeAsync, onerror=refused)
        self._display.sync()
        if refused.get_error() is None:
            return True
        self._ungrab(grab)
        return False

    def _ungrab(self, grab: _Grab) -> None:
        ignored = Xlib.error.CatchError()
        for code, modifiers in self._combinations(grab):
            self._display.screen().root.ungrab_key(code, modifiers, onerror=ignored)
        self._display.sync()
        self._held.difference_update(grab.codes)

    def _combinations(self, grab: _Grab) -> Iterator[tuple[int, int]]:
        """With every state of the locks: to the server each is another combination."""
        locks = [1 << bit for bit in range(8) if self._lock_masks & (1 << bit)]
        for code in grab.codes:
            for count in range(len(locks) + 1):
                for held in itertools.combinations(locks, count):
                    yield code, grab.modifiers | sum(held)

    def _learn_modifiers(self) -> None:
        masks = X.LockMask
        for name in _LOCK_KEYS:
            masks |= self._mask_of(name)
        if masks != self._lock_masks:
            for grab in self._grabs.values():  # with the locks that they were grabbed with
                self._ungrab(grab)
            self._grabs.clear()
            self._lock_masks = masks

    def _mask_of(self, *names: str) -> int:
        """The modifier that one of these keys is; 0 when none is."""
        codes = {code for name in names for code, _ in self._display.keysym_to_keycodes(XK.string_to_keysym(name))}
        for bit, members in enumerate(self._display.get_modifier_mapping()):
            if codes & (set(members) - {0}):
                return 1 << bit
        return 0


def _keysym(character: str) -> int:
    """Latin-1 characters are their own keysyms, others have theirs from 0x01000000 on (X protocol, appendix A)."""
    code = ord(character.lower()) if len(character.lower()) == 1 else ord(character)
    return code if code < 0x100 else 0x0100_0000 + code


@contextlib.contextmanager
def _lost_as_connection_error() -> Iterator[None]:
    try:
        yield
    except Xlib.error.ConnectionClosedError as error:
        raise ConnectionError(str(error)) from error
