"""Combinations of keys as text, in Qt's portable writing: `Ctrl+Alt+Shift+M`. No Qt and no system is needed here."""

from __future__ import annotations

from dataclasses import dataclass

from capture.errors import SettingsError

# In the order in which they are written.
MODIFIERS = ("Meta", "Ctrl", "Alt", "Shift")

# Each key that has a name: its X11 keysym (keysymdef.h, XF86keysym.h), and its virtual-key code on Windows (0: none).
NAMED: dict[str, tuple[int, int]] = {
    "Space": (0x0020, 0x20),
    "Tab": (0xFF09, 0x09),
    "Backspace": (0xFF08, 0x08),
    "Return": (0xFF0D, 0x0D),
    "Enter": (0xFF8D, 0x0D),
    "Esc": (0xFF1B, 0x1B),
    "Ins": (0xFF63, 0x2D),
    "Del": (0xFFFF, 0x2E),
    "Home": (0xFF50, 0x24),
    "End": (0xFF57, 0x23),
    "PgUp": (0xFF55, 0x21),
    "PgDown": (0xFF56, 0x22),
    "Left": (0xFF51, 0x25),
    "Up": (0xFF52, 0x26),
    "Right": (0xFF53, 0x27),
    "Down": (0xFF54, 0x28),
    "Menu": (0xFF67, 0x5D),
    "Print": (0xFF61, 0x2C),
    "Pause": (0xFF13, 0x13),
    "ScrollLock": (0xFF14, 0x91),
    "Media Play": (0x1008FF14, 0xB3),
    "Media Stop": (0x1008FF15, 0xB2),
    "Media Record": (0x1008FF1C, 0),
    "Media Pause": (0x1008FF31, 0),
    **{f"F{number}": (0xFFBE + number - 1, 0x70 + number - 1) for number in range(1, 25)},
}
# These type nothing and move nothing, so that they may be a hotkey by themselves.
_ALONE = ("Print", "Pause", "ScrollLock", "Media ", "F")


@dataclass(frozen=True, slots=True)
class Keys:
    """One key with the modifiers that are held: `key` is a name of NAMED or a character (a large letter)."""

    modifiers: frozenset[str]
    key: str

    def __str__(self) -> str:
        return "+".join([*(name for name in MODIFIERS if name in self.modifiers), self.key])


def parse(text: str) -> Keys:
    """Raises `SettingsError` for what is no single combination, and for one that is needed for typing."""
    *words, key = _words(text.strip())
    modifiers = frozenset(name for name in MODIFIERS if name.casefold() in (word.casefold() for word in words))
    unknown = [word for word in words if word.casefold() not in (name.casefold() for name in MODIFIERS)]
    if unknown or not key:
        raise SettingsError(f"{text!r} is no combination of keys", "Write it as Ctrl+Alt+Shift+M.")
    named = next((name for name in NAMED if name.casefold() == key.casefold()), None)
    if named is None and (len(key) != 1 or not key.isprintable()):
        raise SettingsError(f"{text!r}: there is no key called {key!r}", "Write it as Ctrl+Alt+Shift+M.")
    keys = Keys(modifiers, named or (key.upper() if len(key.upper()) == 1 else key))
    if not modifiers - {"Shift"} and not (named or "").startswith(_ALONE):
        raise SettingsError(f"{keys} is needed for typing", "Hold Ctrl, Alt or the Windows key with it.")
    return keys


def _words(text: str) -> list[str]:
    """`Ctrl++` has the key plus."""
    if text.endswith("+") and text != "+":
        return [*text[:-1].rstrip("+").split("+"), "+"]
    return text.split("+") if text != "+" else ["+"]
