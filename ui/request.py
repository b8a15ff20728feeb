"""One request out of two: the options that were typed, and the user's own defaults, which give way to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from capture.errors import CaptureError, FormatError, SettingsError
from capture.output.formats import format_of_suffix, plan
from capture.screen import areas
from capture.settings import SCREEN_FORMATS, SOUND_FORMATS, Defaults, RecordingSettings

# Options that are about the picture alone.
_OF_THE_SCREEN = ("fps", "cursor", "scale")


@dataclass(frozen=True, slots=True)
class Request:
    """What shall be recorded, and which of its fields nobody typed: they come from the user's own settings."""

    settings: RecordingSettings
    defaults: Defaults
    from_defaults: frozenset[str]

    def blamed(self, error: CaptureError) -> CaptureError:
        """`error`, naming the settings file when what cannot be had was asked for there and not on the command line."""
        return _naming(error, self.defaults) if error.setting in self.from_defaults else error


def trimmed(settings: RecordingSettings) -> str:
    """What is to be said of an area that is not recorded as it was asked for; empty when it is."""
    spec = areas.parse(settings.screen) if settings.screen is not None else None
    if spec is None or spec.kind != "region" or areas.even(spec.area) == spec.area:
        return ""
    asked, taken = spec.area, areas.even(spec.area)
    size = f"{taken.width}x{taken.height}"
    return f"of the area {asked.width}x{asked.height}, {size} is recorded: a film's sides are even"


def request_of(given: Mapping[str, Any], defaults: Defaults) -> Request:
    """`given`, as `typed` gives it, on top of `defaults`. Raises `SettingsError`; its text names the settings file when
    what was typed makes sense without it.
    """
    kept = _kept(dict(defaults.values), given)
    try:
        settings = _checked(kept, given)
    except SettingsError as error:
        if str(error) == _complaint_about(given):
            raise
        raise _naming(error, defaults) from error
    return Request(settings, defaults, frozenset(kept))


def _checked(kept: Mapping[str, Any], given: Mapping[str, Any]) -> RecordingSettings:
    """All that can be judged of the request before anything is opened."""
    gains_db = {**kept.get("gains_db", {}), **given.get("gains_db", {})}
    settings = RecordingSettings(**{**kept, **given, "gains_db": gains_db})
    if settings.screen is None:
        for key in _OF_THE_SCREEN:
            # An option without an effect is a misunderstanding: with --fps somebody surely expects a picture.
            if key in given:
                raise SettingsError(f"--{key} is about the screen, which is not recorded", "Add --screen all.")
    else:
        areas.parse(settings.screen)
    plan(settings)
    return settings


def _complaint_about(given: Mapping[str, Any]) -> str | None:
    """What is wrong with the options alone, if anything is."""
    try:
        _checked({}, given)
    except SettingsError as error:
        return str(error)
    return None


def _naming(error: CaptureError, defaults: Defaults) -> CaptureError:
    return type(error)(f"{defaults.path}: {error}", error.hint)


def _kept(kept: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults that stand beside what is given: those that it does not name itself, exclude or leave pointless."""

    def give_way(*names: str) -> None:
        for name in names:
            kept.pop(name, None)

    give_way(*(name for name in given if name != "gains_db"))
    if "file" in given:
        give_way("folder")
    if "apps" in given or given.get("system") is False:
        give_way("speaker")
    if "speaker" in given or "system" in given:
        give_way("apps")
    if "apps" in given or "speaker" in given:
        give_way("system")
    _settle_format(kept, given, give_way)
    together = {**kept, **given}
    recorded = {"system": together.get("system", True), "mic": together.get("mic") is not None}
    kept["gains_db"] = {target: db for target, db in kept.get("gains_db", {}).items() if recorded[target]}
    return kept


def _settle_format(kept: dict[str, Any], given: Mapping[str, Any], give_way: Callable[..., None]) -> None:
    """A format that was typed outweighs defaults that it cannot hold; a format by default what was typed."""
    file = given.get("file")
    name = format_of_suffix(file.suffix) if file is not None else None
    name = name or given.get("format")
    if name in SOUND_FORMATS:
        give_way("screen")
    if name is not None or (file is not None and file.suffix):
        give_way("format")
    with_screen = {**kept, **given}.get("screen") is not None
    if "format" in kept and with_screen is not (kept["format"] in SCREEN_FORMATS):
        give_way("format")
    for key, instead in (("quality", "high"), ("tracks", "mixed")):
        if name is not None and key in kept and not _holds(name, key, kept[key]):
            kept[key] = instead
        if "format" in kept and key in given and not _holds(kept["format"], key, given[key]):
            give_way("format")


def _holds(name: str, key: str, value: Any) -> bool:
    """Whether that format can be of such a quality, or have such tracks."""
    fields: dict[str, Any] = {"format": name, key: value, "screen": "all" if name in SCREEN_FORMATS else None}
    try:
        plan(RecordingSettings(**fields))
    except FormatError:
        return False
    return True
