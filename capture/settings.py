"""What a recording is asked to be: one frozen value, checked as soon as it is made; kept as TOML.

Only what can be judged without looking at the machine is judged here (numbers, words, combinations). Whether a device
or an area exists is found out by the room that opens it.
"""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from capture.errors import SettingsError

SOUND_FORMATS = ("opus", "flac", "wav", "m4a", "mp3")
SCREEN_FORMATS = ("mp4", "mkv", "webm")
QUALITIES = ("low", "medium", "high", "lossless")
GAIN_TARGETS = ("system", "mic")

# A second of 1000 pictures has no screen to come from, and less than one in ten seconds is no film.
FPS_RANGE = (0.1, 240.0)
SCALE_RANGE = (0.1, 4.0)
# Beyond these, what is asked is surely a slip: 60 dB is a factor of 1000.
GAIN_RANGE_DB = (-60.0, 60.0)


@dataclass(frozen=True)
class RecordingSettings:
    """The request for one recording; raises `SettingsError` when it makes no sense in itself.

    `file` may be None (a name is made), relative or absolute. `speaker` None follows the default output device.
    `apps` non-empty records only those applications and no output device. `mic` is None, "default" or a name.
    `screen` is None or the text of `--screen`. `gains_db` has keys of GAIN_TARGETS.
    """

    file: Path | None = None
    system: bool = True
    speaker: str | None = None
    apps: tuple[str, ...] = ()
    mic: str | None = None
    gains_db: Mapping[str, float] = field(default_factory=dict)
    tracks: Literal["mixed", "separate"] = "mixed"
    screen: str | None = None
    fps: float = 30.0
    cursor: bool = True
    scale: float = 1.0
    format: str | None = None
    quality: Literal["low", "medium", "high", "lossless"] = "medium"
    channels: Literal[1, 2] = 2
    duration_s: float | None = None
    folder: Path | None = None  # where files without a name go; None: the desktop's Music or Videos folder

    def __post_init__(self) -> None:
        _one_of("tracks", self.tracks, ("mixed", "separate"))
        _one_of("quality", self.quality, QUALITIES)
        _one_of("channels", self.channels, (1, 2))
        if self.format is not None:
            _one_of("format", self.format, SOUND_FORMATS + SCREEN_FORMATS)
        _in_range("fps", self.fps, FPS_RANGE)
        _in_range("scale", self.scale, SCALE_RANGE)
        if self.duration_s is not None and not (math.isfinite(self.duration_s) and self.duration_s > 0):
            raise SettingsError(f"a duration of {self.duration_s} s cannot be recorded", "Give a number above 0.")
        for target, gain_db in self.gains_db.items():
            _one_of("gain", target, GAIN_TARGETS)
            _in_range(f"gain {target}", gain_db, GAIN_RANGE_DB)
        if "mic" in self.gains_db and self.mic is None:
            raise SettingsError("a gain is set for the microphone, but no microphone is recorded", "Add --mic.")
        if not self.system and (self.speaker or self.apps):
            raise SettingsError(
                "--no-system leaves out what --speaker or --app asks for", "Leave out one of the two options."
            )
        if self.speaker and self.apps:
            raise SettingsError(
                "--speaker and --app exclude each other: an application is recorded wherever it plays",
                "Leave out one of the two options.",
            )
        if not self.system and self.mic is None and self.screen is None:
            raise SettingsError("there is nothing to record", "Add --mic or --screen, or leave out --no-system.")

    @property
    def has_sound(self) -> bool:
        return self.system or self.mic is not None

    def with_changes(self, **changes: Any) -> RecordingSettings:
        """A copy with some fields changed, checked again."""
        return replace(self, **changes)


def _one_of(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise SettingsError(f"{name}: {value!r} is unknown", f"Choose one of: {', '.join(str(a) for a in allowed)}.")


def _in_range(name: str, value: float, allowed: tuple[float, float]) -> None:
    low, high = allowed
    if not (math.isfinite(value) and low <= value <= high):
        raise SettingsError(f"{name}: {value:g} makes no sense here", f"Give a number from {low:g} to {high:g}.")


def settings_file() -> Path:
    """Where the user's defaults are kept (the platform's own place; XDG_CONFIG_HOME on Linux)."""
    from platformdirs import user_config_path

    return user_config_path("loopnote") / "settings.toml"


def load(path: Path | None = None) -> RecordingSettings:
    """The user's defaults; the built-in ones where no file is. Raises `SettingsError`, naming file and key.

    Unknown keys are refused rather than passed over: a misspelt one would otherwise do nothing, in silence.
    """
    path = path or settings_file()
    try:
        with path.open("rb") as file:
            table = tomllib.load(file).get("recording", {})
    except FileNotFoundError:
        return RecordingSettings()
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}", "Mend the file, or move it away.") from error
    known = {f.name for f in fields(RecordingSettings)} - {"file", "duration_s"}
    for key in table:
        if key not in known:
            raise SettingsError(f"{path}: {key!r} is no setting", f"Known are: {', '.join(sorted(known))}.")
    try:
        return RecordingSettings(**{key: _from_toml(key, value) for key, value in table.items()})
    except (SettingsError, TypeError, ValueError) as error:
        raise SettingsError(
            f"{path}: {error}", getattr(error, "hint", "") or "Mend the file, or move it away."
        ) from error


def save(settings: RecordingSettings, path: Path | None = None) -> Path:
    """Write the defaults that differ from the built-in ones; replaces the file in one step, private to the user."""
    import tomli_w

    path = path or settings_file()
    built_in = RecordingSettings()
    table = {
        f.name: _to_toml(getattr(settings, f.name))
        for f in fields(settings)
        if f.name not in ("file", "duration_s") and getattr(settings, f.name) != getattr(built_in, f.name)
    }
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(".toml.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        tomli_w.dump({"recording": table}, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return path


def _from_toml(key: str, value: Any) -> Any:
    if key == "apps":
        return tuple(value)
    if key == "folder":
        return Path(value).expanduser()
    return value


def _to_toml(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    return value
