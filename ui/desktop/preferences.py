"""What the application is to be like, beside what it records: the section [desktop] of the settings file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from capture.errors import SettingsError
from capture.settings_file import MEND_FILE, change_section, read_section, settings_file

_SECTION = "desktop"
COUNTDOWN_MOST_S = 30


@dataclass(frozen=True)
class Preferences:
    """`hotkeys` are those that differ from the built-in ones, by what they do; an empty text is none at all."""

    show_panel: bool = True  # the small recorder window, while something is recorded
    notifications: bool = True
    start_hidden: bool = True  # only the icon; a desktop without a place for icons gets its window all the same
    countdown_s: int = 0  # from the click to the beginning
    hotkeys: Mapping[str, str] = field(default_factory=dict)  # as Qt writes them: "Ctrl+Alt+R"


# How each looks in the file.
_WORDS = {
    "show_panel": "true or false",
    "notifications": "true or false",
    "start_hidden": "true or false",
    "countdown_s": f"a whole number of seconds, from 0 to {COUNTDOWN_MOST_S}",
    "hotkeys": 'a table of keys, such as {toggle = "Ctrl+Alt+R"}',
}


def load(path: Path | None = None) -> Preferences:
    """Raises `SettingsError`, naming file and key."""
    path = path or settings_file()
    table = read_section(_SECTION, path)
    for key, value in table.items():
        if key not in _WORDS:
            raise SettingsError(f"{path}: {key!r} is no setting", f"Known are: {', '.join(sorted(_WORDS))}.")
        if not _fits(key, value):
            raise SettingsError(f"{path}: {key} must be {_WORDS[key]}, not {value!r}", MEND_FILE)
    return Preferences(**table)


def save(preferences: Preferences, path: Path | None = None) -> None:
    """Write what differs from the built-in ones; all else in the file stays. Raises `SettingsError`."""
    built_in = Preferences()
    kept = {f.name: getattr(preferences, f.name) for f in fields(preferences)}
    changed = {name: value if value != getattr(built_in, name) else None for name, value in kept.items()}
    change_section(_SECTION, changed, path or settings_file())


def _fits(key: str, value: Any) -> bool:
    if key == "countdown_s":
        return type(value) is int and 0 <= value <= COUNTDOWN_MOST_S
    if key == "hotkeys":
        return isinstance(value, dict) and all(isinstance(keys, str) for keys in value.values())
    return isinstance(value, bool)
