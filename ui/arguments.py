"""The options of `loopnote record`, and what each that was typed means as a field of `RecordingSettings`."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from capture.errors import SettingsError
from capture.output.formats import format_of_suffix
from capture.settings import DEFAULT, QUALITIES, SCREEN_FORMATS, SOUND_FORMATS

_NUMBER = r"(\d+(?:\.\d+)?)\s*"
# 1h30m, 5m, 90s, 1.5h; the last unit may not be left out after another: 1h30 would be seconds to some, minutes to most.
_UNITS = re.compile(rf"(?:{_NUMBER}h\s*)?(?:{_NUMBER}m(?:in)?\s*)?(?:{_NUMBER}s)?", re.IGNORECASE)
# 1:30 (minutes and seconds) or 1:02:03
_CLOCK = re.compile(r"(?:(\d+):(?=[0-5]\d:))?(\d+):([0-5]\d(?:\.\d+)?)")
# What --no-mic and --no-screen leave in place of a name.
NONE = False


def add_record_arguments(parser: argparse.ArgumentParser) -> None:
    """Everything defaults to None, so that what is not given is taken from the user's settings."""
    parser.add_argument("file", nargs="?", metavar="FILE", help="where to; its suffix chooses the format")
    what = parser.add_argument_group("what to record")
    what.add_argument(
        "--system", action=argparse.BooleanOptionalAction, default=None, help="record what the computer plays (yes)"
    )
    what.add_argument("--speaker", metavar="NAME", help="record this output device; otherwise the default is followed")
    what.add_argument("--app", metavar="NAME", action="append", help="record only this application (repeatable)")
    what.add_argument("--mic", nargs="?", const=DEFAULT, metavar="NAME", help="mix in a microphone, or the default one")
    what.add_argument("--no-mic", dest="mic", action="store_const", const=NONE, help="without a microphone")
    what.add_argument("--gain", metavar="system|mic=DB", action="append", help="louder or quieter, such as mic=+6")
    what.add_argument("--tracks", choices=("mixed", "separate"), help="one track, or one for each source")
    screen = parser.add_argument_group("the screen")
    screen.add_argument(
        "--screen", metavar="AREA", help="record it too: all, primary, a number, X,Y,WxH, or window:TITLE"
    )
    screen.add_argument("--no-screen", dest="screen", action="store_const", const=NONE, help="the sound only")
    screen.add_argument("--fps", type=float, metavar="N", help="pictures a second at most (30)")
    screen.add_argument(
        "--cursor", action=argparse.BooleanOptionalAction, default=None, help="show the mouse pointer (yes)"
    )
    screen.add_argument("--scale", type=float, metavar="F", help="shrink or enlarge the picture, such as 0.5")
    output = parser.add_argument_group("the file")
    output.add_argument("--format", choices=SOUND_FORMATS + SCREEN_FORMATS, help="opus; with the screen mp4")
    output.add_argument("--quality", choices=QUALITIES, help="medium")
    output.add_argument("--channels", choices=("mono", "stereo"), help="stereo")
    output.add_argument("--duration", metavar="TIME", help="stop by itself: seconds, or such as 90s, 5m, 1h30m, 1:30")
    output.add_argument("--json", action="store_true", help="print the result as one JSON object on standard output")


def join_values(arguments: Sequence[str]) -> list[str]:
    """`--screen -1920,0,800x600` as one word with an equals sign: a screen on the left has negative numbers, and
    argparse would take them for an option.
    """
    joined: list[str] = []
    for word in arguments:
        if joined and joined[-1] == "--screen" and re.match(r"-\d", word):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def typed(args: argparse.Namespace) -> dict[str, Any]:
    """What was typed, as fields of `RecordingSettings`, and only that. Raises `SettingsError` for what is no value.

    None is a value here: --no-mic and --no-screen leave out what the user's settings may have.
    """
    file, mic = args.file, args.mic
    if file is not None and file.endswith(("/", os.sep)):
        raise SettingsError(f"{file} names a folder", "Add the name of a file to it.")
    if mic and file is None and format_of_suffix(Path(mic).suffix):
        # `--mic talk.opus`: the name was meant as FILE, for no microphone is called so.
        file, mic = mic, DEFAULT
    values: dict[str, Any] = {
        "file": _path(file) if file is not None else None,
        "system": args.system,
        "apps": tuple(args.app) if args.app else None,
        "gains_db": _gains_db(args.gain) if args.gain else None,
        "tracks": args.tracks,
        "fps": args.fps,
        "cursor": args.cursor,
        "scale": args.scale,
        "format": args.format,
        "quality": args.quality,
        "channels": {"mono": 1, "stereo": 2, None: None}[args.channels],
        "duration_s": _duration_s(args.duration) if args.duration is not None else None,
    }
    given = {key: value for key, value in values.items() if value is not None}
    for key, value in (("mic", mic), ("screen", args.screen), ("speaker", args.speaker)):
        if value is not None:
            given[key] = None if value is NONE or (key, value) == ("speaker", DEFAULT) else value
    return given


def _path(text: str) -> Path:
    if not text.strip():
        raise SettingsError("an empty text is no file name", "Leave FILE out to have a name made.")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # ~somebody, whom this computer does not know
        raise SettingsError(f"{text}: there is no such user", "Write the whole path, or ./ before it.") from error


def _gains_db(texts: list[str]) -> dict[str, float]:
    gains_db: dict[str, float] = {}
    for text in texts:
        target, _, number = text.partition("=")
        try:
            gains_db[target.strip()] = float(number.lower().removesuffix("db"))
        except ValueError:
            raise SettingsError(
                f"--gain {text}: not understood", "Write it as --gain system=-3 or --gain mic=+6."
            ) from None
    return gains_db


def _duration_s(text: str) -> float:
    text = text.strip()
    match = (_CLOCK.fullmatch(text) or _UNITS.fullmatch(text)) if text else None
    if match:
        hours, minutes, seconds = (float(group or 0) for group in match.groups())
        return hours * 3600 + minutes * 60 + seconds
    try:
        return float(text)  # also such as -3 or nan: a number, which the settings refuse with better words
    except ValueError:
        raise SettingsError(f"--duration {text}: not understood", "Write it as 90, 90s, 5m, 1h30m or 1:30.") from None
