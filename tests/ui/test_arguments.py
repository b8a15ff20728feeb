"""Every option of `loopnote record`, alone and on top of the user's own defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from capture.errors import CaptureError, ScreenUnavailable, SettingsError, UnknownDevice
from capture.settings import QUALITIES, SCREEN_FORMATS, SOUND_FORMATS, Defaults, RecordingSettings
from ui.arguments import join_values, typed
from ui.program import build_parser
from ui.request import request_of

NOTHING: dict[str, Any] = {}
FILE = Path("/home/anna/.config/loopnote/settings.toml")


def parsed(*words: str, **defaults: Any) -> RecordingSettings:
    """`record WORDS` on top of the user's defaults."""
    args = build_parser().parse_args(join_values(["record", *words]))
    return request_of(typed(args), Defaults(defaults, FILE)).settings


def refusal(*words: str, **defaults: Any) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        parsed(*words, **defaults)
    error = caught.value
    assert "\n" not in str(error)
    assert error.hint
    assert "\n" not in error.hint
    return error


def test_without_options_the_defaults_hold() -> None:
    assert parsed() == RecordingSettings()
    mine: dict[str, Any] = {
        "mic": "Yeti",
        "gains_db": {"mic": 6.0},
        "screen": "all",
        "fps": 5.0,
        "cursor": False,
        "quality": "high",
    }
    assert parsed(**mine) == RecordingSettings(**mine)


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        (["talk.opus"], {"file": Path("talk.opus")}),
        (["/tmp/a b.opus"], {"file": Path("/tmp/a b.opus")}),
        (["--no-system", "--mic"], {"system": False, "mic": "default"}),
        (["--speaker", "HDMI 1"], {"speaker": "HDMI 1"}),
        (["--app", "Firefox"], {"apps": ("Firefox",)}),
        (["--app", "Firefox", "--app", "WhatsApp"], {"apps": ("Firefox", "WhatsApp")}),
        (["--mic"], {"mic": "default"}),
        (["--mic", "default"], {"mic": "default"}),
        (["--mic", "Yeti v1.5"], {"mic": "Yeti v1.5"}),
        (["--gain", "system=-3"], {"gains_db": {"system": -3.0}}),
        (
            ["--gain", "system=-3", "--gain", "mic=+6", "--mic=Yeti"],
            {"gains_db": {"system": -3, "mic": 6}, "mic": "Yeti"},
        ),
        (["--gain", "system=-4.5 dB"], {"gains_db": {"system": -4.5}}),
        (["--gain", "system = 2dB"], {"gains_db": {"system": 2.0}}),
        (["--gain", "system=1", "--gain", "system=2"], {"gains_db": {"system": 2.0}}),
        (["--tracks", "separate"], {"tracks": "separate"}),
        (["--tracks", "mixed"], NOTHING),
        (["--screen", "primary"], {"screen": "primary"}),
        (["--screen", "2"], {"screen": "2"}),
        (["--screen", "10,20,300x400"], {"screen": "10,20,300x400"}),
        (["--screen", "-1920,0,800x600"], {"screen": "-1920,0,800x600"}),
        (["--screen=-1920,-5,800x600"], {"screen": "-1920,-5,800x600"}),
        (["--screen", "window:Chat - Anna"], {"screen": "window:Chat - Anna"}),
        (["--screen", "all", "--fps", "12.5"], {"screen": "all", "fps": 12.5}),
        (["--screen", "all", "--no-cursor"], {"screen": "all", "cursor": False}),
        (["--screen", "all", "--cursor"], {"screen": "all"}),
        (["--screen", "all", "--scale", ".5"], {"screen": "all", "scale": 0.5}),
        *((["--format", name], {"format": name}) for name in SOUND_FORMATS),
        *((["--format", name, "--screen", "1"], {"format": name, "screen": "1"}) for name in SCREEN_FORMATS),
        (["--system"], NOTHING),
        (["--no-mic"], NOTHING),
        (["--no-screen"], NOTHING),
        (["--speaker", "default"], NOTHING),
        *((["--quality", quality], {"quality": quality}) for quality in QUALITIES),
        (["--channels", "mono"], {"channels": 1}),
        (["--channels", "stereo"], NOTHING),
        (["--duration", "5"], {"duration_s": 5.0}),
        (["--json"], NOTHING),
    ],
    ids=str,
)
def test_each_option(words: list[str], changes: dict[str, Any]) -> None:
    assert parsed(*words) == RecordingSettings(**changes)


@pytest.mark.parametrize("words", [["talk.opus"], ["--json", "talk.opus"], ["talk.opus", "--json"]])
def test_json_is_no_part_of_the_request(words: list[str]) -> None:
    assert parsed(*words) == RecordingSettings(file=Path("talk.opus"))
    assert build_parser().parse_args(["record", *words]).json is ("--json" in words)


@pytest.mark.parametrize("file", ["talk.opus", "talk.ogg", "talk.OGG", "a/b c.flac"])
def test_the_file_is_not_taken_for_the_name_of_a_microphone(file: str) -> None:
    assert parsed("--mic", file) == RecordingSettings(mic="default", file=Path(file))
    assert parsed(file, "--mic") == RecordingSettings(mic="default", file=Path(file))
    assert parsed("--mic", "Yeti", file) == RecordingSettings(mic="Yeti", file=Path(file))
    assert parsed("--mic", "default", file) == RecordingSettings(mic="default", file=Path(file))


@pytest.mark.parametrize("file", ["talk.m4v", "x.webm"])
def test_nor_is_a_file_with_the_screen(file: str) -> None:
    expected = RecordingSettings(mic="default", file=Path(file), screen="all")
    assert parsed("--screen", "all", "--mic", file) == expected


def test_with_a_file_a_microphone_may_be_called_what_it_likes() -> None:
    assert parsed("talk.opus", "--mic", "my.wav") == RecordingSettings(mic="my.wav", file=Path("talk.opus"))


def test_home_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    assert parsed("~/notes/talk.opus").file == Path("/home/anna/notes/talk.opus")


@pytest.mark.parametrize(
    ("text", "duration_s"),
    [
        ("90", 90),
        ("0.5", 0.5),
        (" 90 ", 90),
        ("90s", 90),
        ("1.5s", 1.5),
        ("5m", 300),
        ("5min", 300),
        ("5M", 300),
        ("2.5m", 150),
        ("2h", 7200),
        ("1.5h", 5400),
        ("1h30m", 5400),
        ("1h 30m 5s", 5405),
        ("1h5s", 3605),
        ("5m30s", 330),
        ("1:30", 90),
        ("01:30.5", 90.5),
        ("90:00", 5400),
        ("1:02:03", 3723),
        ("1e2", 100),
    ],
)
def test_durations(text: str, duration_s: float) -> None:
    assert parsed("--duration", text).duration_s == duration_s


@pytest.mark.parametrize(
    "text",
    ["", " ", "abc", "5x", "h", "1h30", "5m30", "1m2h", "1:90", "1:60", "1:2:03", "1:02:60", "1:-30", "-1:30", ":30",
     "1:", "1:2", "1:1:1:1", "1,5", "1h-5m", "s", "0x10"],
)  # fmt: skip
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    error = refusal("--duration", text) if not text.startswith("-") else refusal(f"--duration={text}")
    assert "--duration" in str(error)
    assert "1h30m" in error.hint


@pytest.mark.parametrize("text", ["0", "0s", "-3", "nan", "inf", "1e300", "0:00", "9999999999h"])
def test_a_length_that_cannot_be_is_refused(text: str) -> None:
    assert "cannot be recorded" in str(refusal(f"--duration={text}"))


def test_a_negative_number_is_understood_as_one() -> None:
    assert "-3" in str(refusal("--duration", "-3"))
    assert "-5" in str(refusal("--screen", "all", "--fps", "-5"))


@pytest.mark.parametrize("text", ["", "6", "mic", "mic=", "mic=loud", "=3", "mic:6", "mic=6=7", "speaker=3", "MIC=3"])
def test_what_is_no_gain_is_refused(text: str) -> None:
    refusal("--mic", "--gain", text)


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (["--gain", "mic=6"], "--mic"),
        (["--gain", "mic=100", "--mic"], "-60 to 60"),
        (["--gain", "mic=nan", "--mic"], "-60 to 60"),
        (["--gain", "system=-3", "--no-system", "--mic"], "--no-system"),
        (["--no-system"], "--mic or --screen"),
        (["--no-system", "--speaker", "HDMI", "--mic"], "one of the two"),
        (["--no-system", "--app", "Firefox", "--mic"], "one of the two"),
        (["--speaker", "HDMI", "--app", "Firefox"], "one of the two"),
        (["--app", "Firefox", "--app", "firefox"], "once"),
        (["--app", ""], "devices"),
        (["--speaker", ""], "devices"),
        (["--mic", ""], "devices"),
        (["--screen", ""], "devices"),
        (["--screen", "all", "--fps", "0"], "0.1 to 240"),
        (["--screen", "all", "--fps", "nan"], "0.1 to 240"),
        (["--screen", "all", "--scale", "50"], "0.1 to 4"),
        (["--fps", "30"], "--screen"),
        (["--scale", "0.5"], "--screen"),
        (["--cursor"], "--screen"),
        (["--no-cursor"], "--screen"),
        ([""], "FILE"),
        (["  "], "FILE"),
        (["~nobody-has-this-name/talk.opus"], "./"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_with_a_hint(words: list[str], word: str) -> None:
    assert word in refusal(*words).hint


@pytest.mark.parametrize(
    "words",
    [
        ["--fps", "fast"],
        ["--scale", "half"],
        ["--format", "avi"],
        ["--quality", "best"],
        ["--channels", "5.1"],
        ["--tracks", "two"],
        ["--speaker"],
        ["--screen"],
        ["--unknown"],
        ["one.opus", "two.opus"],
    ],
    ids=str,
)
def test_what_the_parser_refuses_is_wrong_usage_in_two_lines(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        parsed(*words)
    assert leaving.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first.startswith("loopnote: ")
    assert "--help" in second


# --- on top of the user's defaults ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("defaults", "words", "expected"),
    [
        ({"fps": 10.0, "screen": "all"}, ["--fps", "60"], {"fps": 60.0, "screen": "all"}),
        ({"cursor": False, "screen": "1"}, ["--cursor"], {"cursor": True, "screen": "1"}),
        ({"channels": 1}, ["--channels", "stereo"], NOTHING),
        ({"mic": "Yeti"}, ["--mic"], {"mic": "default"}),
        ({"gains_db": {"mic": 6.0}, "mic": "Yeti"}, ["--gain", "system=-3"],
         {"gains_db": {"mic": 6.0, "system": -3.0}, "mic": "Yeti"}),
        ({"gains_db": {"mic": 6.0}, "mic": "Yeti"}, ["--gain", "mic=0"], {"gains_db": {"mic": 0.0}, "mic": "Yeti"}),
        # What is asked for now outweighs a default that excludes it.
        ({"speaker": "HDMI"}, ["--app", "Firefox"], {"apps": ("Firefox",)}),
        ({"apps": ("Firefox",)}, ["--speaker", "HDMI"], {"speaker": "HDMI"}),
        ({"apps": ("Firefox",)}, ["--app", "WhatsApp"], {"apps": ("WhatsApp",)}),
        ({"speaker": "HDMI"}, ["--no-system", "--mic"], {"system": False, "mic": "default"}),
        ({"apps": ("Firefox",), "mic": "Yeti"}, ["--no-system"], {"system": False, "mic": "Yeti"}),
        ({"system": False, "mic": "Yeti"}, ["--speaker", "HDMI"], {"speaker": "HDMI", "mic": "Yeti"}),
        ({"system": False, "mic": "Yeti"}, ["--app", "Firefox"], {"apps": ("Firefox",), "mic": "Yeti"}),
        ({"format": "flac"}, ["talk.mp3"], {"file": Path("talk.mp3")}),
        ({"format": "flac"}, ["talk"], {"file": Path("talk"), "format": "flac"}),
        ({"format": "flac"}, ["--screen", "all"], {"screen": "all"}),
        ({"format": "mkv"}, ["--screen", "all"], {"screen": "all", "format": "mkv"}),
        ({"format": "mkv"}, [], NOTHING),
        ({"format": "flac"}, ["--format", "mp3"], {"format": "mp3"}),
        ({"folder": Path("/notes")}, ["--quality", "high"], {"folder": Path("/notes"), "quality": "high"}),
        ({"folder": Path("/notes")}, ["talk.opus"], {"file": Path("talk.opus")}),
        # Each source of the settings can be left out for once, or be had again.
        ({"mic": "Yeti", "gains_db": {"mic": 6.0}}, ["--no-mic"], NOTHING),
        ({"mic": "Yeti"}, ["--no-mic", "--mic"], {"mic": "default"}),
        ({"mic": "Yeti"}, ["--mic", "--no-mic"], NOTHING),
        ({"mic": "Yeti"}, ["--no-system", "--no-mic", "--screen", "all"], {"system": False, "screen": "all"}),
        ({"screen": "all"}, ["--no-screen"], NOTHING),
        ({"screen": "all", "format": "mkv"}, ["--no-screen"], NOTHING),
        ({"system": False, "mic": "Yeti"}, ["--system"], {"mic": "Yeti"}),
        ({"system": False}, ["--system"], NOTHING),
        ({"system": False}, ["--mic"], {"system": False, "mic": "default"}),
        ({"system": False, "mic": "Yeti"}, ["--no-mic", "--system"], NOTHING),
        ({"apps": ("Firefox",)}, ["--system"], NOTHING),
        ({"speaker": "HDMI"}, ["--system"], {"speaker": "HDMI"}),
        ({"speaker": "HDMI"}, ["--speaker", "default"], NOTHING),
        ({"apps": ("Firefox",)}, ["--speaker", "default"], NOTHING),
        # A format that is typed says whether the screen is meant.
        ({"screen": "all"}, ["grandma.opus"], {"file": Path("grandma.opus")}),
        ({"screen": "all"}, ["--format", "flac"], {"format": "flac"}),
        ({"screen": "all"}, ["lesson.mkv"], {"screen": "all", "file": Path("lesson.mkv")}),
        ({"screen": "all"}, ["lesson"], {"screen": "all", "file": Path("lesson")}),
        # A gain waits for its source.
        ({"gains_db": {"mic": 6.0}}, [], NOTHING),
        ({"gains_db": {"mic": 6.0}}, ["--mic"], {"gains_db": {"mic": 6.0}, "mic": "default"}),
        ({"gains_db": {"system": -3.0}}, ["--no-system", "--mic", "--gain", "mic=3"],
         {"gains_db": {"mic": 3.0}, "system": False, "mic": "default"}),
        # What a typed format cannot hold, or a default format not what is typed.
        ({"quality": "lossless"}, ["talk.mp3"], {"quality": "high", "file": Path("talk.mp3")}),
        ({"quality": "lossless"}, ["talk.wav"], {"quality": "lossless", "file": Path("talk.wav")}),
        ({"quality": "lossless", "screen": "all"}, ["--format", "webm"],
         {"quality": "high", "screen": "all", "format": "webm"}),
        ({"quality": "low"}, ["talk.mp3"], {"quality": "low", "file": Path("talk.mp3")}),
        ({"tracks": "separate"}, ["talk.opus"], {"file": Path("talk.opus")}),
        ({"tracks": "separate"}, ["talk.m4a"], {"tracks": "separate", "file": Path("talk.m4a")}),
        ({"format": "opus"}, ["--tracks", "separate"], {"tracks": "separate"}),
        ({"format": "mp3"}, ["--quality", "lossless"], {"quality": "lossless"}),
        ({"format": "mp3"}, ["--quality", "high"], {"quality": "high", "format": "mp3"}),
    ],
    ids=str,
)  # fmt: skip
def test_options_on_top_of_defaults(defaults: dict[str, Any], words: list[str], expected: dict[str, Any]) -> None:
    assert parsed(*words, **defaults) == RecordingSettings(**expected)


def test_what_is_asked_for_twice_at_once_is_still_refused() -> None:
    refusal("--app", "Firefox", "--speaker", "HDMI", speaker="HDMI")
    refusal("--no-system", "--app", "Firefox", "--mic", apps=("Firefox",))


def test_the_picture_s_options_may_lean_on_a_default_screen() -> None:
    assert parsed("--scale", "0.5", screen="all").scale == 0.5


@pytest.mark.parametrize(
    ("defaults", "words", "said"),
    [
        ({"system": False}, [], "nothing to record"),
        ({"mic": "Yeti", "system": False}, ["--no-mic"], "nothing to record"),
        ({"speaker": "HDMI", "apps": ("Firefox",)}, [], "exclude each other"),
        ({"system": False, "mic": "Yeti"}, ["--gain", "system=3"], "internal audio"),
        ({"format": "mp3", "quality": "lossless"}, ["--channels", "mono"], "mp3"),
        ({"format": "flac", "tracks": "separate"}, ["talk"], "flac"),
        ({"screen": "everything"}, ["lesson.mp4"], "everything"),
    ],
    ids=str,
)
def test_what_makes_no_sense_in_the_settings_is_said_of_them(
    defaults: dict[str, Any], words: list[str], said: str
) -> None:
    text = str(refusal(*words, **defaults))
    assert text.startswith(f"{FILE}: ")
    assert said in text


@pytest.mark.parametrize(
    "words",
    [
        ["--no-system", "--no-mic", "--no-screen"],
        ["--gain", "system=3", "--no-system", "--mic"],
        ["--gain", "mic=3", "--no-mic"],
        ["talk.mp3", "--quality", "lossless"],
        ["talk.opus", "--screen", "all"],
        ["talk.opus", "--fps", "5"],
        ["--screen", "everything"],
        ["talk.mp4", "--no-screen"],
    ],
    ids=str,
)
def test_what_makes_no_sense_as_it_was_typed_is_not_said_of_the_settings(words: list[str]) -> None:
    """Whatever stands there."""
    text = str(refusal(*words, mic="Yeti", screen="all", quality="high", gains_db={"system": -3.0, "mic": 6.0}))
    assert str(FILE) not in text


def test_an_error_of_a_source_names_the_settings_when_it_was_asked_for_there() -> None:
    args = build_parser().parse_args(["record", "--speaker", "HDMI"])
    request = request_of(typed(args), Defaults({"mic": "Yeti", "screen": "2"}, FILE))
    of_mic, of_speaker = UnknownDevice("no such microphone", "Look."), UnknownDevice("no such speaker", "Look.")
    of_mic.setting, of_speaker.setting = "mic", "speaker"
    blamed = request.blamed(of_mic)
    assert (type(blamed), str(blamed), blamed.hint) == (UnknownDevice, f"{FILE}: no such microphone", "Look.")
    assert request.blamed(of_speaker) is of_speaker
    assert str(request.blamed(ScreenUnavailable("no display"))) == f"{FILE}: no display"
    assert str(request.blamed(CaptureError("it broke"))) == "it broke"


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        (["--screen", "-5,0,10x10"], ["--screen=-5,0,10x10"]),
        (["--screen", "all", "-5"], ["--screen", "all", "-5"]),
        (["--screen"], ["--screen"]),
        (["--screen", "--json"], ["--screen", "--json"]),
        (["--screen", "--screen", "-1"], ["--screen", "--screen=-1"]),
        ([], []),
    ],
    ids=str,
)
def test_only_a_negative_place_is_joined(words: list[str], joined: list[str]) -> None:
    assert join_values(words) == joined
