"""Which formats there are, and which wishes are refused, with what hint."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from capture.errors import FormatError
from capture.output.formats import SUFFIXES, format_of_suffix, plan
from capture.settings import SCREEN_FORMATS, SOUND_FORMATS, RecordingSettings


def planned(rate_hz: int = 48_000, **settings: Any) -> Any:
    return plan(RecordingSettings(**settings), rate_hz)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "opus"),
        ({"screen": "all"}, "mp4"),
        ({"quality": "lossless"}, "flac"),
        ({"quality": "lossless", "screen": "all"}, "mkv"),
        ({"tracks": "separate", "mic": "default"}, "m4a"),
        ({"format": "mp3"}, "mp3"),
        ({"file": Path("a.FLAC")}, "flac"),
        ({"file": Path("a.ogg")}, "opus"),
        ({"file": Path("a.webm"), "screen": "all"}, "webm"),
        ({"file": Path("a"), "format": "wav"}, "wav"),
        ({"file": Path("a.wav"), "format": "wav"}, "wav"),
        ({"file": Path("a")}, "opus"),
    ],
)
def test_the_format_follows_from_file_then_option_then_default(settings: dict[str, Any], name: str) -> None:
    assert planned(**settings).name == name


@pytest.mark.parametrize(
    ("settings", "says", "hints"),
    [
        ({"file": Path("a.xyz")}, ".xyz", ".opus"),
        ({"file": Path("Meeting 1.2")}, ".2", ".flac"),
        ({"file": Path("a.mp3"), "format": "wav"}, "do not agree", "--format"),
        ({"file": Path("a.mp3"), "screen": "all"}, "sound only", "mp4"),
        ({"format": "opus", "screen": "all"}, "sound only", "webm"),
        ({"format": "mp4"}, "for the screen", "--screen"),
        ({"file": Path("a.mkv")}, "for the screen", "opus"),
        ({"format": "wav", "tracks": "separate"}, "one sound track", "m4a"),
        ({"file": Path("a.opus"), "tracks": "separate"}, "one sound track", "m4a"),
        ({"format": "opus", "quality": "lossless"}, "without loss", "flac"),
        ({"format": "mp3", "quality": "lossless"}, "without loss", "wav"),
        ({"format": "webm", "quality": "lossless", "screen": "all"}, "without loss", "mkv"),
        ({"format": "webm", "quality": "lossless", "screen": "all", "system": False}, "without loss", "mkv"),
    ],
)
def test_what_cannot_be_is_refused_with_a_hint(settings: dict[str, Any], says: str, hints: str) -> None:
    with pytest.raises(FormatError, match=says) as caught:
        planned(**settings)

    assert hints in caught.value.hint


@pytest.mark.parametrize("name", SOUND_FORMATS)
def test_a_sound_format_has_sound_and_no_pictures(name: str) -> None:
    format_plan = planned(format=name)

    assert format_plan.audio is not None
    assert format_plan.video is None
    assert format_plan.suffix == f".{name}"


@pytest.mark.parametrize("name", SCREEN_FORMATS)
def test_a_screen_format_has_pictures_and_sound_if_wanted(name: str) -> None:
    silent = planned(format=name, screen="all", system=False)

    assert planned(format=name, screen="all").audio is not None
    assert silent.audio is None
    assert silent.video is not None


@pytest.mark.parametrize(
    ("name", "rate_hz", "taken_hz"),
    [
        ("opus", 44_100, 48_000),
        ("opus", 192_000, 48_000),
        ("wav", 44_100, 44_100),
        ("wav", 192_000, 192_000),
        ("wav", 384_000, 192_000),
        ("flac", 96_000, 96_000),
        ("m4a", 44_100, 44_100),
        ("m4a", 192_000, 96_000),
        ("m4a", 47_999, 48_000),
        ("mp3", 44_100, 44_100),
        ("mp3", 96_000, 48_000),
        ("mp3", 8_000, 16_000),
    ],
)
def test_the_rate_is_the_devices_own_or_the_nearest_that_loses_nothing(name: str, rate_hz: int, taken_hz: int) -> None:
    assert planned(rate_hz, format=name).samplerate == taken_hz


def test_better_quality_takes_more_bits() -> None:
    for name in ("opus", "m4a", "mp3"):
        rates = [planned(format=name, quality=quality).audio.bitrate for quality in ("low", "medium", "high")]
        assert rates == sorted(set(rates))
        assert planned(format=name, channels=1).audio.bitrate < planned(format=name).audio.bitrate
    assert [planned(format="wav", quality=quality).audio.bits for quality in ("medium", "high")] == [16, 24]


def test_with_a_format_any_dot_may_be_part_of_the_name() -> None:
    made = planned(file=Path("talk.v2"), format="opus")
    assert (made.name, made.suffix) == ("opus", ".opus")
    with pytest.raises(FormatError) as caught:
        planned(file=Path("talk.v2"))
    assert "--format" in caught.value.hint
    with pytest.raises(FormatError, match="do not agree"):
        planned(file=Path("talk.wav"), format="opus")


def test_every_suffix_is_known_once() -> None:
    every = [suffix for suffixes in SUFFIXES.values() for suffix in suffixes]

    assert len(every) == len(set(every))
    assert set(SUFFIXES) == {*SOUND_FORMATS, *SCREEN_FORMATS}
    assert format_of_suffix(".OPUS") == "opus"
    assert format_of_suffix(".txt") is None


def test_a_rate_of_nothing_is_refused() -> None:
    for name in ("wav", "m4a"):
        with pytest.raises(FormatError):
            planned(0, format=name)


def test_planning_needs_no_library() -> None:
    code = "import sys, capture.output.formats as f; sys.exit(bool({'av', 'numpy'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0
