"""The user's settings file: TOML, a section for each part of Loopnote. What people wrote in it stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from capture.errors import SettingsError
from capture.replacing import replace_file

SECTIONS = ("recording", "desktop")
MEND_FILE = "Mend the file, or move it away."


def settings_file() -> Path:
    """Where the user's settings are kept (the platform's own place; XDG_CONFIG_HOME on Linux)."""
    from platformdirs import user_config_path

    return user_config_path("loopnote", appauthor=False) / "settings.toml"


def read_section(section: str, path: Path) -> dict[str, Any]:
    """One of `SECTIONS`; empty where it, or the file, is not. Raises `SettingsError`, naming the file and what is
    wrong, also when that is in another section: a slip in a section's name would otherwise do nothing, in silence.
    """
    import tomllib

    try:
        with path.open("rb") as file:
            document = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}", MEND_FILE) from error
    except (ValueError, RecursionError) as error:  # not TOML, or not even UTF-8
        raise SettingsError(f"{path} cannot be read: {error}", MEND_FILE) from error
    for key, table in document.items():
        if key not in SECTIONS:
            raise SettingsError(
                f"{path}: {key!r} is no section",
                f"Settings stand under one of: {', '.join(f'[{s}]' for s in SECTIONS)}",
            )
        if not isinstance(table, dict):
            raise SettingsError(f"{path}: {key!r} must be a section", f"Write it as a line of its own: [{key}]")
    table = document.get(section, {})
    assert isinstance(table, dict)
    return table


def change_section(section: str, values: Mapping[str, Any], path: Path) -> None:
    """Set these values, and take away those that are None; all else in the file, comments included, stays.

    Replaces the file in one step, private to the user. Raises `SettingsError`; the old file then stands.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(path.read_bytes()) if path.exists() else tomlkit.document()
        table = document.setdefault(section, tomlkit.table())
        for key, value in values.items():
            if value is not None:
                table[key] = tomlkit.item(value, _sort_keys=False) if not isinstance(value, Mapping) else _inline(value)
            elif key in table:
                del table[key]
        replace_file(path, tomlkit.dumps(document).encode())
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}", "Make its folder writable.") from error
    except UnicodeEncodeError as error:
        raise SettingsError(f"{path} cannot be written: a text in it is no Unicode", "Choose another name.") from error
    except (TOMLKitError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read: {error}", MEND_FILE) from error


def set_aside(path: Path) -> Path:
    """Rename a file that cannot be read, so that a new one may be written; nothing is overwritten. Raises OSError."""
    aside = path.with_name(f"settings broken {datetime.now().astimezone():%Y-%m-%d %H.%M.%S.%f}.toml")
    return path.rename(aside)


def _inline(value: Mapping[str, Any]) -> Any:
    import tomlkit

    table = tomlkit.inline_table()
    table.update(value)
    return table
