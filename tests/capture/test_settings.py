"""What a recording is asked to be: every refusal in one line with a hint, and the defaults' way to disk and back."""

from __future__ import annotations

import os
import stat
import tempfile
import threading
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.errors import SettingsError
from capture.settings import (
    FPS_RANGE,
    GAIN_RANGE_DB,
    GAIN_TARGETS,
    QUALITIES,
    SCALE_RANGE,
    SCREEN_FORMATS,
    SOUND_FORMATS,
    Defaults,
    RecordingSettings,
    load,
    save,
)
from capture.settings_file import set_aside, settings_file

NAN, INF = float("nan"), float("inf")


def assert_readable(error: SettingsError) -> None:
    """One line that says what happened, and a sentence that says what to do."""
    assert str(error).strip()
    assert "\n" not in str(error)
    assert error.hint.strip(), str(error)
    assert "\n" not in error.hint


# --- one request ------------------------------------------------------------------------------------------------------


def test_the_built_in_request() -> None:
    settings = RecordingSettings()
    assert settings.system
    assert settings.has_sound
    assert (settings.file, settings.folder, settings.format, settings.duration_s) == (None, None, None, None)
    assert (settings.speaker, settings.apps, settings.mic, settings.screen) == (None, (), None, None)
    assert (settings.quality, settings.channels, settings.tracks) == ("medium", 2, "mixed")
    assert (settings.fps, settings.scale, settings.cursor) == (30.0, 1.0, True)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"tracks": "three"}, "mixed, separate"),
        ({"quality": "best"}, "low, medium, high, lossless"),
        ({"channels": 3}, "1, 2"),
        ({"channels": 0}, "1, 2"),
        ({"format": "avi"}, "opus, flac, wav, m4a, mp3, mp4, mkv, webm"),
        ({"format": "OPUS"}, "opus"),
        ({"fps": 0.0}, "0.1 to 240"),
        ({"fps": -30.0}, "0.1 to 240"),
        ({"fps": 241.0}, "0.1 to 240"),
        ({"fps": NAN}, "0.1 to 240"),
        ({"fps": INF}, "0.1 to 240"),
        ({"scale": 0.0}, "0.1 to 4"),
        ({"scale": 100.0}, "0.1 to 4"),
        ({"scale": NAN}, "0.1 to 4"),
        ({"duration_s": 0.0}, "0.1 s or more"),
        ({"duration_s": -1.0}, "0.1 s or more"),
        ({"duration_s": 1e-9}, "0.1 s or more"),
        ({"duration_s": NAN}, "at most a year"),
        ({"duration_s": INF}, "at most a year"),
        ({"duration_s": 1e12}, "at most a year"),
        ({"gains_db": {"system": 61.0}}, "-60 to 60"),
        ({"gains_db": {"system": -61.0}}, "-60 to 60"),
        ({"gains_db": {"system": NAN}}, "-60 to 60"),
        ({"gains_db": {"system": -INF}}, "-60 to 60"),
        ({"gains_db": {"speaker": 0.0}}, "system, mic"),
        ({"gains_db": {"mic": 6.0}}, "--mic"),
        ({"gains_db": {"system": 6.0}, "system": False, "mic": "default"}, "--system"),
        ({"system": False}, "--mic or --screen"),
        ({"system": False, "speaker": "HDMI", "mic": "default"}, "one of the two"),
        ({"system": False, "apps": ("Firefox",), "mic": "default"}, "one of the two"),
        ({"speaker": "HDMI", "apps": ("Firefox",)}, "one of the two"),
        ({"apps": ("Firefox", "WhatsApp", "firefox")}, "once"),
        ({"speaker": ""}, "devices"),
        ({"speaker": "  "}, "devices"),
        ({"mic": ""}, "devices"),
        ({"screen": ""}, "devices"),
        ({"apps": ("",)}, "devices"),
    ],
)
def test_nonsense_is_refused_in_one_line_with_a_hint(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        RecordingSettings(**changes)
    assert_readable(refusal.value)
    assert word in refusal.value.hint
    with pytest.raises(SettingsError):
        RecordingSettings().with_changes(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        *({"format": name} for name in SOUND_FORMATS + SCREEN_FORMATS),
        *({"quality": quality} for quality in QUALITIES),
        *({"fps": fps} for fps in FPS_RANGE),
        *({"scale": scale} for scale in SCALE_RANGE),
        *({"gains_db": {target: gain_db}, "mic": "default"} for target in GAIN_TARGETS for gain_db in GAIN_RANGE_DB),
        {"channels": 1},
        {"tracks": "separate"},
        {"duration_s": 0.1},
        {"duration_s": 366 * 86_400.0},
        {"system": False, "mic": "default"},
        {"system": False, "screen": "all"},
        {"apps": ("Firefox", "WhatsApp"), "mic": "Yeti", "screen": "1"},
    ],
)
def test_sense_is_taken(changes: dict[str, Any]) -> None:
    settings = RecordingSettings(**changes)
    for key, value in changes.items():
        assert getattr(settings, key) == value


@pytest.mark.parametrize(
    ("changes", "has_sound"),
    [
        ({}, True),
        ({"system": False, "screen": "all"}, False),
        ({"system": False, "screen": "all", "mic": "default"}, True),
        ({"apps": ("Firefox",)}, True),
    ],
)
def test_whether_there_is_sound(changes: dict[str, Any], has_sound: bool) -> None:
    assert RecordingSettings(**changes).has_sound is has_sound


def test_a_request_cannot_be_changed_but_copied() -> None:
    settings = RecordingSettings()
    with pytest.raises(FrozenInstanceError):
        settings.fps = 5.0  # type: ignore[misc]
    assert settings.with_changes(fps=5.0).fps == 5.0
    assert settings.fps == 30.0


@pytest.mark.parametrize("names", ["", " ", "{time", "{nobody}", "{date.year}", "{0}", "{}", "{source!r}", "{time:%H}"])
def test_a_pattern_of_names_that_makes_none_is_refused(names: str) -> None:
    with pytest.raises(SettingsError, match="names"):
        RecordingSettings(names=names)


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "loopnote" / "settings.toml"


def written(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_place_follows_xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert settings_file() == tmp_path / "loopnote" / "settings.toml"
    assert save(RecordingSettings(fps=12.0)) == settings_file()
    assert load() == Defaults({"fps": 12.0}, settings_file())


def test_without_a_file_the_built_in_defaults_hold(file: Path) -> None:
    assert load(file).values == {}
    assert not file.parent.exists(), "reading makes nothing"


def loaded(path: Path) -> RecordingSettings:
    """What the file asks for when nothing else is asked."""
    return RecordingSettings(**load(path).values)


FULL = RecordingSettings(
    file=Path("/somewhere/else.opus"),
    apps=("Firefox", "WhatsApp für Linux"),
    mic='Yeti "blue" \\ µ',
    gains_db={"system": -3.0, "mic": 6.5},
    tracks="separate",
    screen="window:Chat – Anna 🎤",
    fps=24.0,
    cursor=False,
    scale=0.5,
    format="mkv",
    quality="high",
    channels=1,
    duration_s=60.0,
    folder=Path("/srv/notes ü"),
    names="{source} – {date}",
)


def test_what_is_saved_is_loaded_again_but_for_what_belongs_to_one_recording(file: Path) -> None:
    assert save(FULL, file) == file
    assert loaded(file) == FULL.with_changes(file=None, duration_s=None)
    assert load(file).folder == FULL.folder


def test_the_round_trip_covers_every_field() -> None:
    """Fails when a field is added and FULL leaves it as it is built in (system and speaker exclude what FULL has)."""
    changed = {f.name for f in fields(FULL) if getattr(FULL, f.name) != getattr(RecordingSettings(), f.name)}
    assert changed == {f.name for f in fields(FULL)} - {"system", "speaker"}


def test_the_remaining_two_fields(file: Path) -> None:
    for settings in (RecordingSettings(speaker="HDMI"), RecordingSettings(system=False, mic="default")):
        save(settings, file)
        assert loaded(file) == settings


@given(
    mic=st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip),
    fps=st.floats(*FPS_RANGE),
    gain_db=st.floats(*GAIN_RANGE_DB),
    quality=st.sampled_from(QUALITIES),
)
def test_any_sensible_request_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, mic: str | None, fps: float, gain_db: float, quality: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.toml"
    settings = RecordingSettings(mic=mic, fps=fps, gains_db={"system": gain_db}, quality=quality)
    assert loaded(save(settings, path)) == settings


def test_only_what_differs_is_written(file: Path) -> None:
    save(RecordingSettings(cursor=False), file)
    assert file.read_text() == "[recording]\ncursor = false\n"


def test_what_people_wrote_stays(file: Path) -> None:
    """Comments, the order, and what belongs to the other parts of Loopnote."""
    text = "# Mine.\n[desktop]\nshow_panel = false\n\n[recording]\n# Loud?\ngains_db = {system = -3.0}\nfps = 12\n"
    written(file, text)
    save(loaded(file).with_changes(fps=30.0, cursor=False), file)
    assert file.read_text() == text.replace("fps = 12\n", "cursor = false\n")


def test_a_broken_file_is_set_aside_and_nothing_is_overwritten(file: Path) -> None:
    written(file, "[recording\n")
    with pytest.raises(SettingsError, match="cannot be read"):
        save(FULL, file)
    aside = set_aside(file)
    assert aside.read_text() == "[recording\n"
    save(FULL, file)
    assert loaded(file).fps == FULL.fps


def test_the_file_is_private_whatever_the_umask(file: Path) -> None:
    before = os.umask(0)
    try:
        save(FULL, file)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_leftover_of_a_crash_neither_disturbs_nor_makes_the_new_file_public(file: Path) -> None:
    written(file.with_suffix(".toml.new"), "half a file").chmod(0o644)
    save(RecordingSettings(fps=10.0), file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert loaded(file).fps == 10.0


def test_saving_leaves_nothing_else_behind_and_needs_no_other_folder(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(file / "not" / "there"))  # another disk could not be renamed from
    save(FULL, file)
    save(RecordingSettings(), file)
    assert list(file.parent.iterdir()) == [file]
    assert load(file).values == {}


def test_several_that_save_at_once_leave_one_whole_file(file: Path) -> None:
    ready = threading.Barrier(8)
    failures: list[BaseException] = []

    def keep(fps: float) -> None:
        try:
            ready.wait(20)
            for _ in range(5):
                save(RecordingSettings(fps=fps, mic="m" * 5000), file)
        except BaseException as error:  # noqa: BLE001 - handed to the test as a value
            failures.append(error)

    threads = [threading.Thread(target=keep, args=(10.0 + number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failures == []
    assert loaded(file).mic == "m" * 5000
    assert list(file.parent.iterdir()) == [file]


def test_a_folder_in_the_way_is_said_and_nothing_is_left_behind(file: Path) -> None:
    file.mkdir(parents=True)
    for step in (lambda: save(FULL, file), lambda: load(file)):
        with pytest.raises(SettingsError) as refusal:
            step()
        assert_readable(refusal.value)
        assert str(refusal.value).count(str(file)) == 1
    assert list(file.parent.iterdir()) == [file]


def test_a_file_where_the_folder_should_be_is_said(file: Path) -> None:
    written(file.parent.with_name("x"), "").rename(file.parent)
    with pytest.raises(SettingsError) as refusal:
        save(FULL, file)
    assert_readable(refusal.value)


def test_a_name_that_cannot_be_written_leaves_the_old_file_as_it_was(file: Path) -> None:
    save(FULL, file)
    before = file.read_bytes()
    with pytest.raises(SettingsError) as refusal:
        save(RecordingSettings(mic="\udce9"), file)
    assert_readable(refusal.value)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_a_person_would_write(file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    written(
        file,
        """# mine
[recording]
mic = "default"
fps = 60
apps = ["Firefox"]
folder = "~/Notes"
gains_db = {mic = 6, system = -3.5}
""",
    )
    settings = loaded(file)
    assert (settings.mic, settings.fps, settings.apps) == ("default", 60, ("Firefox",))
    assert settings.folder == tmp_path / "Notes"
    assert settings.gains_db == {"mic": 6, "system": -3.5}


def test_an_empty_file_asks_for_nothing(file: Path) -> None:
    assert load(written(file, "")).values == {}
    assert load(written(file, "[recording]\n")).values == {}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("gains_db = {mic = 6}", {"gains_db": {"mic": 6}}),
        ("system = false", {"system": False}),
        ('system = false\nspeaker = "HDMI"\napps = ["Firefox"]',
         {"system": False, "speaker": "HDMI", "apps": ("Firefox",)}),
        ('format = "mp3"\nquality = "lossless"', {"format": "mp3", "quality": "lossless"}),
        ('speaker = "default"', {"speaker": None}),
    ],
)  # fmt: skip
def test_whether_the_values_make_sense_together_is_for_the_request_to_say(
    file: Path, text: str, values: dict[str, Any]
) -> None:
    """With other options each of them may."""
    assert load(written(file, f"[recording]\n{text}\n")) == Defaults(values, file)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("fps = 60", "fps"),  # not under [recording]: it would otherwise do nothing, in silence
        ("[recordings]\nfps = 60", "recordings"),
        ("[recording]\nfsp = 60", "fsp"),
        ('[recording]\nfile = "x.opus"', "file"),
        ("[recording]\nduration_s = 5", "duration_s"),
        ("recording = 3", "recording"),
        ('recording = "fps"', "recording"),
        ('[recording]\nfps = "60"', "fps"),
        ("[recording]\nfps = true", "fps"),
        ("[recording]\nfps = 1000", "fps"),
        ("[recording]\nfps = nan", "fps"),
        pytest.param(f"[recording]\nfps = {10**400}", "fps", id="fps of 400 digits"),
        ("[recording]\nscale = []", "scale"),
        ('[recording]\napps = "Firefox"', "apps"),
        ("[recording]\napps = [1]", "apps"),
        ('[recording]\nsystem = "no"', "system"),
        ("[recording]\nsystem = 0", "system"),
        ("[recording]\ncursor = 1", "cursor"),
        ("[recording]\nmic = true", "mic"),
        ("[recording]\nmic = 5", "mic"),
        ("[recording]\nspeaker = 2026-01-01", "speaker"),
        ("[recording]\nchannels = 2.0", "channels"),
        ("[recording]\nchannels = true", "channels"),
        ("[recording]\nchannels = 3", "channels"),
        ('[recording]\nchannels = "stereo"', "channels"),
        ("[recording]\ngains_db = 3", "gains_db"),
        ('[recording]\ngains_db = {system = "3"}', "gains_db"),
        ("[recording]\ngains_db = {speaker = 3}", "speaker"),
        ("[recording]\nfolder = 5", "folder"),
        ('[recording]\nfolder = ""', "folder"),
        ('[recording]\nfolder = "Notes"', "folder"),
        ('[recording]\nfolder = "./Notes"', "folder"),
        ('[recording]\nfolder = "/a\\u0000b"', "folder"),
        ('[recording]\nfolder = "~nobody-has-this-name/x"', "folder"),
        ('[recording]\nformat = ["opus"]', "format"),
        ('[recording]\nquality = "best"', "quality"),
        ("[recording", "read"),
        ("[recording]\nfps = ", "read"),
        (b"[recording]\nmic = '\xff\xfe'", "utf-8"),
        pytest.param("x = " + "[" * 100_000, "", id="nested without end"),
    ],
)
def test_a_broken_file_is_refused_naming_file_and_key(file: Path, text: str | bytes, word: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(written(file, text))
    assert_readable(refusal.value)
    assert str(file) in str(refusal.value)
    assert word in str(refusal.value).removeprefix(str(file))


def test_a_file_that_may_not_be_read_is_said(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a fault on demand, since root may read everything."""
    written(file, "")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SettingsError) as refusal:
        load(file)
    assert_readable(refusal.value)
    assert str(refusal.value) == f"{file} cannot be read: Permission denied"
