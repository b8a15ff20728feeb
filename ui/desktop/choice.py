"""What the next recording is to be: what was chosen in the menu, on top of the user's own defaults. No Qt here.

Only what was chosen is kept (in the folder for the application's state), so that a default which is changed later still
counts for all else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from capture import settings as user_settings
from capture.errors import SettingsError
from capture.settings import Defaults, RecordingSettings
from ui.desktop import state_file
from ui.request import request_of

# What can be chosen: fields of `RecordingSettings`, and what each may be.
_KINDS: dict[str, Callable[[Any], bool]] = {
    "system": lambda value: isinstance(value, bool),
    "speaker": lambda value: isinstance(value, str),
    "apps": lambda value: isinstance(value, list | tuple) and all(isinstance(app, str) for app in value),
    "mic": lambda value: value is None or isinstance(value, str),
    "screen": lambda value: value is None or isinstance(value, str),
}
# Each of these says what of the computer's own sound is recorded: the one that was chosen last.
_SOUNDS = {"system", "speaker", "apps"}


class Choice:
    """Made once for an application. `settings` may be called by any thread, all else by the main thread.

    A change that would leave nothing to record, or makes no sense, raises `SettingsError` and is not taken.
    """

    def __init__(self, path: Path | None = None, load: Callable[[], Defaults] = user_settings.load) -> None:
        self._path = path or state_file.state_folder() / "choice.json"
        self._load = load
        self._values = self._kept()
        self._once: dict[str, Any] = {}

    def settings(self) -> RecordingSettings:
        """The next recording. Raises `SettingsError`, also for a file of defaults that is broken."""
        once, self._once = self._once, {}
        return request_of(self._with(once) if once else self._values, self._load()).settings

    @property
    def now(self) -> RecordingSettings:
        """What the menu shows as chosen: the same, or what is built in where that makes no sense."""
        try:
            return request_of(self._values, self._load()).settings
        except SettingsError:
            return RecordingSettings()

    def record_system(self, wanted: bool) -> None:
        """What the computer plays, all of it, or nothing of it."""
        self._change({"system": wanted})

    def record_apps(self, names: tuple[str, ...]) -> None:
        """Only these applications; all that the computer plays when there are none."""
        if names:
            self._change({"apps": names})
        else:
            self.record_system(True)

    def record_mic(self, name: str | None) -> None:
        """That microphone, or "default", or none."""
        self._change({"mic": name})

    def record_screen(self, spec: str | None) -> None:
        """What `--screen` takes, or no picture."""
        self._change({"screen": spec})

    def next_speaker(self, name: str) -> None:
        """For the next recording alone, that speaker instead of what is chosen for the internal audio."""
        self._once = {"speaker": name}

    def _with(self, new: Mapping[str, Any]) -> dict[str, Any]:
        without = _SOUNDS if _SOUNDS & set(new) else set()
        return {key: value for key, value in self._values.items() if key not in without} | dict(new)

    def _change(self, new: Mapping[str, Any]) -> None:
        values = self._with(new)
        request_of(values, self._load())
        self._values = values
        state_file.write(self._path, {"recording": {key: _plain(value) for key, value in values.items()}})

    def _kept(self) -> dict[str, Any]:
        found = state_file.read(self._path).get("recording")
        if not isinstance(found, dict) or not all(key in _KINDS and _KINDS[key](found[key]) for key in found):
            return {}
        values = {key: tuple(value) if key == "apps" else value for key, value in found.items()}
        try:
            request_of(values, Defaults())
        except SettingsError:
            return {}
        return values


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
