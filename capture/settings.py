"""What a recording is asked to be: one frozen value, checked as soon as it is made; kept as TOML.

Only what can be judged without looking at the machine is judged here (numbers, words, combinations). Whether a device
or an area exists is found out by the room that opens it.
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from capture.errors import SettingsError
from capture.settings_file import MEND_FILE, change_section, read_section, settings_file

SOUND_FORMATS = ("opus", "flac", "wav", "m4a", "mp3")
SCREEN_FORMATS = ("mp4", "mkv", "webm")
QUALITIES = ("low", "medium", "high", "lossless")
GAIN_TARGETS = ("system", "mic")
# What a pattern of file names may hold, in braces.
NAME_PARTS = ("date", "time", "source")
_SECTION = "recording"
DEFAULT = "default"  # the word for the computer's own choice of a speaker or microphone

# A second of 1000 pictures has no screen to come from, and less than one in ten seconds is no film.
FPS_RANGE = (0.1, 240.0)
SCALE_RANGE = (0.1, 4.0)
# Beyond these, what is asked is surely a slip: 60 dB is a factor of 1000.
GAIN_RANGE_DB = (-60.0, 60.0)
# A tenth of a second holds no syllable; a year is surely a slip, and beyond some centuries clocks overflow.
DURATION_RANGE_S = (0.1, 366 * 86_400.0)


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
    names: str = "{date} {time} {source}"  # of files without a name; holds NAME_PARTS in braces

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            check(getattr(self, name))
        if "mic" in self.gains_db and self.mic is None:
            raise SettingsError("a gain is set for the microphone, but no microphone is recorded", "Add --mic.")
        if "system" in self.gains_db and not self.system:
            raise SettingsError(
                "a gain is set for the internal audio, which is not recorded", "Record it: --system, not --no-system."
            )
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
            raise SettingsError("there is nothing to record", "Add --system, --mic or --screen.")

    @property
    def has_sound(self) -> bool:
        return self.system or self.mic is not None

    def with_changes(self, **changes: Any) -> RecordingSettings:
        """A copy with some fields changed, checked again."""
        return replace(self, **changes)


def _one_of(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise SettingsError(f"{name}: {value!r} is unknown", f"Choose one of: {', '.join(str(a) for a in allowed)}.")


def _not_empty(name: str, text: str | None) -> None:
    if text is not None and not text.strip():
        raise SettingsError(f"{name}: an empty text names nothing", "Give a name; they are listed by: loopnote devices")


def _in_range(name: str, value: float, allowed: tuple[float, float]) -> None:
    low, high = allowed
    if not (math.isfinite(value) and low <= value <= high):
        raise SettingsError(f"{name}: {value:g} makes no sense here", f"Give a number from {low:g} to {high:g}.")


def _check_format(name: str | None) -> None:
    if name is not None:
        _one_of("format", name, SOUND_FORMATS + SCREEN_FORMATS)


def _check_names(pattern: str) -> None:
    try:
        fields = [(name, spec, way) for _, name, spec, way in string.Formatter().parse(pattern) if name is not None]
    except ValueError:
        fields = [("", "", None)]
    if not pattern.strip() or any(name not in NAME_PARTS or spec or way for name, spec, way in fields):
        raise SettingsError(
            f"names: {pattern!r} makes no file names", "Use {date}, {time} and {source}, as in: {date} {time} {source}"
        )


def _check_apps(apps: tuple[str, ...]) -> None:
    for number, app in enumerate(apps):
        _not_empty("app", app)
        if app.casefold() in (other.casefold() for other in apps[:number]):
            raise SettingsError(f"the application {app!r} is named twice", "Name each application once.")


def _check_gains(gains_db: Mapping[str, float]) -> None:
    for target, gain_db in gains_db.items():
        _one_of("gain", target, GAIN_TARGETS)
        _in_range(f"gain {target}", gain_db, GAIN_RANGE_DB)


def _check_duration(duration_s: float | None) -> None:
    if duration_s is not None and not DURATION_RANGE_S[0] <= duration_s <= DURATION_RANGE_S[1]:
        raise SettingsError(
            f"a duration of {duration_s:g} s cannot be recorded", "Give 0.1 s or more, and at most a year."
        )


# What each field must be in itself, whatever the others are.
_CHECKS: dict[str, Callable[[Any], None]] = {
    "tracks": lambda value: _one_of("tracks", value, ("mixed", "separate")),
    "quality": lambda value: _one_of("quality", value, QUALITIES),
    "channels": lambda value: _one_of("channels", value, (1, 2)),
    "format": _check_format,
    "fps": lambda value: _in_range("fps", value, FPS_RANGE),
    "scale": lambda value: _in_range("scale", value, SCALE_RANGE),
    "duration_s": _check_duration,
    "speaker": lambda value: _not_empty("speaker", value),
    "mic": lambda value: _not_empty("mic", value),
    "screen": lambda value: _not_empty("screen", value),
    "apps": _check_apps,
    "names": _check_names,
    "gains_db": _check_gains,
}


@dataclass(frozen=True)
class Defaults:
    """What the user always wants: fields of `RecordingSettings`, only those that are set, each sound in itself.

    Whether they make sense together is not said here: options may change some of them, and others, such as the gain of
    a microphone that is not always used, wait for their occasion.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    path: Path | None = None  # the file in which they stand

    @property
    def folder(self) -> Path | None:
        return self.values.get("folder")


def load(path: Path | None = None) -> Defaults:
    """The user's defaults; none where no file is. Raises `SettingsError`, naming file and key.

    Unknown keys are refused rather than passed over: a misspelt one would otherwise do nothing, in silence.
    """
    path = path or settings_file()
    table = read_section(_SECTION, path)
    for key in table:
        if key not in _KINDS:
            raise SettingsError(f"{path}: {key!r} is no setting", f"Known are: {', '.join(sorted(_KINDS))}.")
    try:
        return Defaults({key: _from_toml(key, value) for key, value in table.items()}, path)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}", error.hint) from error


def save(settings: RecordingSettings, path: Path | None = None) -> Path:
    """Write the defaults that differ from the built-in ones. `file` and `duration_s` belong to one recording and are
    not kept. Raises `SettingsError`; the old file then stands.
    """
    built_in = RecordingSettings()
    kept = {name: getattr(settings, name) for name in _KINDS}
    return change({name: None if value == getattr(built_in, name) else value for name, value in kept.items()}, path)


def change(values: Mapping[str, Any], path: Path | None = None) -> Path:
    """Write these fields of `RecordingSettings`, and take away those that are None; what is not named stays as it is.
    Raises `SettingsError`; the old file then stands.
    """
    path = path or settings_file()
    change_section(_SECTION, {name: _to_toml(value) for name, value in values.items()}, path)
    return path


def _is_number(value: object) -> bool:
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) < 2**63  # TOML promises no more; more may overflow a float
    return isinstance(value, float)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_switch(value: object) -> bool:
    return isinstance(value, bool)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_numbers(value: object) -> bool:
    return isinstance(value, dict) and all(_is_number(item) for item in value.values())


_TEXT = (_is_text, "a text in quotes")
_SWITCH = (_is_switch, "true or false")
_NUMBER = (_is_number, "a number")
# What may stand in the file, and how each looks there: a text where a list is expected would else become its letters.
_KINDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "system": _SWITCH,
    "speaker": _TEXT,
    "apps": (_is_texts, 'a list of texts, such as ["Firefox"]'),
    "mic": _TEXT,
    "gains_db": (_is_numbers, "a table of numbers, such as {mic = 6}"),
    "tracks": _TEXT,
    "screen": _TEXT,
    "fps": _NUMBER,
    "cursor": _SWITCH,
    "scale": _NUMBER,
    "format": _TEXT,
    "quality": _TEXT,
    "channels": (lambda value: type(value) is int, "1 or 2"),
    "folder": _TEXT,
    "names": _TEXT,
}


def _from_toml(key: str, value: Any) -> Any:
    fits, words = _KINDS[key]
    if not fits(value):
        raise SettingsError(f"{key} must be {words}, not {value!r}", MEND_FILE)
    if key == "apps":
        value = tuple(value)
    elif key == "folder":
        value = _folder(value)
    elif key == "speaker" and value == DEFAULT:
        value = None
    if key in _CHECKS:
        _CHECKS[key](value)
    return value


def _folder(text: str) -> Path:
    try:
        folder = Path(text).expanduser()
    except RuntimeError as error:  # ~somebody, whom this computer does not know
        raise SettingsError(f"folder: {text!r} leads nowhere", "Write the folder's whole path.") from error
    # A part of a path would be another folder wherever Loopnote is started.
    if not folder.is_absolute() or "\0" in text:
        raise SettingsError(
            f"folder: {text!r} is no whole path", 'Write it from the root or from home, as in "~/Notes".'
        )
    return folder


def _to_toml(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    return value
