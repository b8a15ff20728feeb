"""The options of `loopnote record`, and what they mean as `RecordingSettings`."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from capture.errors import SettingsError
from capture.settings import QUALITIES, SCREEN_FORMATS, SOUND_FORMATS, RecordingSettings

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?:in)?)?(?:(\d+(?:\.\d+)?)s?)?", re.IGNORECASE)


def add_record_arguments(parser: argparse.ArgumentParser) -> None:
    """Everything defaults to None, so that what is not given is taken from the user's settings."""
    parser.add_argument("file", nargs="?", metavar="FILE", help="where to; its suffix chooses the format")
    what = parser.add_argument_group("what to record")
    what.add_argument("--no-system", action="store_true", help="leave out what the computer plays")
    what.add_argument("--speaker", metavar="NAME", help="record this output device; otherwise the default is followed")
    what.add_argument("--app", metavar="NAME", action="append", help="record only this application (repeatable)")
    what.add_argument(
        "--mic", nargs="?", const="default", metavar="NAME", help="mix in a microphone, or the default one"
    )
    what.add_argument("--gain", metavar="system|mic=DB", action="append", help="louder or quieter, such as mic=+6")
    what.add_argument("--tracks", choices=("mixed", "separate"), help="one track, or one for each source")
    screen = parser.add_argument_group("the screen")
    screen.add_argument(
        "--screen", metavar="AREA", help="record it too: all, primary, a number, X,Y,WxH, or window:TITLE"
    )
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


def settings_from(args: argparse.Namespace, defaults: RecordingSettings) -> RecordingSettings:
    """The request in `args`, on top of the user's `defaults`. Raises `SettingsError`."""
    file, mic = args.file, args.mic
    if mic is not None and file is None and Path(mic).suffix.lstrip(".").lower() in SOUND_FORMATS + SCREEN_FORMATS:
        # `--mic talk.opus`: the name was meant as FILE, for no microphone is called so.
        file, mic = mic, "default"
    changes: dict[str, Any] = {
        "file": Path(file).expanduser() if file is not None else None,
        "speaker": args.speaker,
        "apps": tuple(args.app) if args.app else None,
        "mic": mic,
        "gains_db": _gains_db(args.gain) if args.gain else None,
        "tracks": args.tracks,
        "screen": args.screen,
        "fps": args.fps,
        "cursor": args.cursor,
        "scale": args.scale,
        "format": args.format,
        "quality": args.quality,
        "channels": {"mono": 1, "stereo": 2, None: None}[args.channels],
        "duration_s": _duration_s(args.duration) if args.duration is not None else None,
        "system": False if args.no_system else None,
    }
    if args.file == "":
        raise SettingsError("an empty text is no file name", "Leave FILE out to have a name made.")
    # What is asked now outweighs a default that excludes it.
    if args.app and defaults.speaker and not args.speaker:
        defaults = defaults.with_changes(speaker=None)
    if args.speaker and defaults.apps and not args.app:
        defaults = defaults.with_changes(apps=())
    return defaults.with_changes(**{key: value for key, value in changes.items() if value is not None})


def _gains_db(texts: list[str]) -> dict[str, float]:
    gains_db: dict[str, float] = {}
    for text in texts:
        target, equals, number = text.partition("=")
        try:
            if not equals:
                raise ValueError
            gains_db[target.strip()] = float(number.lower().removesuffix("db"))
        except ValueError:
            raise SettingsError(
                f"--gain {text}: not understood", "Write it as --gain system=-3 or --gain mic=+6."
            ) from None
    return gains_db


def _duration_s(text: str) -> float:
    parts = text.strip().split(":")
    try:
        if 2 <= len(parts) <= 3:
            total_s = 0.0
            for part in parts:
                total_s = total_s * 60 + float(part)
            return total_s
        match = _DURATION.fullmatch(text.strip())
        if match and any(match.groups()):
            hours, minutes, seconds = (float(group or 0) for group in match.groups())
            return hours * 3600 + minutes * 60 + seconds
        return float(text)  # such as -3 or nan: a number, which the settings refuse with better words
    except ValueError:
        raise SettingsError(f"--duration {text}: not understood", "Write it as 90, 90s, 5m, 1h30m or 1:30.") from None
