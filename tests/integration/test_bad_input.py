"""What cannot be done is said in one clear line with a hint, and nothing is lost: as a user of the command meets it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.children import environment, run_in
from tests.helpers.desktop_scene import show
from tests.helpers.player import play
from tests.helpers.recording import LOOPNOTE, loopnote
from tests.helpers.signals import tone
from virtual_desktop import VirtualDesktop

FAILED, USAGE = 1, 2


class Said:
    """What a command that failed said: one line, and the hint below it."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        assert done.stdout == "", "standard output is for results"
        lines = done.stderr.splitlines()
        assert len(lines) == 2, f"{done.returncode}: {done.stderr}"
        assert "Traceback" not in done.stderr
        assert lines[0].startswith("loopnote: ")
        assert lines[1].startswith("  ")
        self.line, self.hint = lines[0].removeprefix("loopnote: "), lines[1].strip()
        assert self.line
        assert self.hint.endswith((".", "--help", "devices", "doctor", ")")) or ": " in self.hint, self.hint


def fail(desktop: VirtualDesktop, *words: str | Path, without: tuple[str, ...] = (), **env: str) -> Said:
    """Run `loopnote record WORDS`, which must not work, and not take long."""
    everything = {**environment(desktop), **env}
    everything = {name: value for name, value in everything.items() if name not in (*without, "LOOPNOTE_DEBUG")}
    command = [*LOOPNOTE, "record", *map(str, words)]
    done = subprocess.run(
        command, env=everything, capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL
    )
    return Said(done)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """Where the recording would go: afterwards nothing may be there."""
    folder = tmp_path / "target"
    folder.mkdir()
    yield folder / "note"
    assert list(folder.iterdir()) == []


def test_no_sound_server(x_screen: VirtualDesktop, target: Path) -> None:
    said = fail(x_screen, target.with_suffix(".opus"), PULSE_SERVER="unix:/nonexistent/server")
    assert said.code == FAILED
    assert "sound server" in said.line
    assert "loopnote doctor" in said.hint


def test_no_display(pulse_desktop: VirtualDesktop, target: Path) -> None:
    said = fail(pulse_desktop, target.with_suffix(".mp4"), "--screen", "all", without=("DISPLAY",))
    assert said.code == FAILED
    assert "DISPLAY" in said.line
    assert "--screen" in said.hint


def test_a_display_that_is_not_there(pulse_desktop: VirtualDesktop, target: Path) -> None:
    said = fail(pulse_desktop, target.with_suffix(".mp4"), "--screen", "all", DISPLAY=":94321")
    assert said.code == FAILED
    assert ":94321" in said.line


def test_a_wayland_session_says_what_works_there(pulse_desktop: VirtualDesktop, target: Path) -> None:
    said = fail(
        pulse_desktop, target.with_suffix(".mp4"), "--screen", "all",
        without=("DISPLAY",), XDG_SESSION_TYPE="wayland", WAYLAND_DISPLAY="wayland-0",
    )  # fmt: skip
    assert said.code == FAILED
    assert "Wayland" in said.line
    assert "sound" in said.hint.lower()


def test_a_speaker_a_microphone_and_an_application_that_are_not_there(
    pulse_desktop: VirtualDesktop, target: Path
) -> None:
    for words in (("--speaker", "Nowhere"), ("--mic", "Nowhere"), ("--app", "Nowhere")):
        said = fail(pulse_desktop, target.with_suffix(".opus"), *words)
        assert said.code == FAILED
        assert "Nowhere" in said.line
    assert "Virtual speaker" in fail(pulse_desktop, target.with_suffix(".opus"), "--speaker", "Nowhere").hint


def test_names_that_could_be_several(pulse_desktop: VirtualDesktop, target: Path) -> None:
    modules = [pulse_desktop.load_null_sink(name) for name in ("kitchen_left", "kitchen_right")]
    try:
        said = fail(pulse_desktop, target.with_suffix(".opus"), "--speaker", "kitchen")
        assert said.code == FAILED
        assert "kitchen_left" in said.line
        assert "kitchen_right" in said.line
    finally:
        for module in modules:
            pulse_desktop.unload(module)
    quiet = tone(30, 440, channels=1)
    with play(pulse_desktop, quiet, name="Player one"), play(pulse_desktop, quiet, name="Player two"):
        said = fail(pulse_desktop, target.with_suffix(".opus"), "--app", "player")
        assert said.code == FAILED
        assert "Player one" in said.line
        assert "Player two" in said.line
        said = fail(pulse_desktop, target.with_suffix(".opus"), "--app", "one", "--app", "Player one")
        assert said.code == USAGE
        assert "Player one" in said.line
        # What does play is named when something else was asked for.
        assert "Player two" in fail(pulse_desktop, target.with_suffix(".opus"), "--app", "Telegram").hint


def test_a_monitor_is_no_microphone(pulse_desktop: VirtualDesktop, target: Path) -> None:
    said = fail(pulse_desktop, target.with_suffix(".opus"), "--mic", "loopnote_null.monitor")
    assert said.code == FAILED
    assert "no microphone" in said.line
    said = fail(pulse_desktop, target.with_suffix(".opus"), "--mic")
    assert said.code == FAILED
    assert "there is no microphone" in said.line


def test_areas_that_are_not_on_the_screen(x_screen: VirtualDesktop, target: Path) -> None:
    for area, part in (
        ("-1900,0,100x100", "1920x1080"),
        ("2", "there is one"),
        ("window:Nothing like this", "like this"),
    ):
        said = fail(x_screen, target.with_suffix(".mp4"), "--no-system", "--screen", area)
        assert said.code == FAILED, area
        assert part in said.line
    with (
        show(x_screen, "static", area=(0, 0, 99, 99), title="Twin one", count=600),
        show(x_screen, "static", area=(200, 0, 99, 99), title="Twin two", count=600),
    ):
        said = fail(x_screen, target.with_suffix(".mp4"), "--no-system", "--screen", "window:twin")
        assert said.code == FAILED
        assert "Twin one" in said.line
        assert "Twin two" in said.line


def test_a_folder_that_cannot_be_written_to(pulse_desktop: VirtualDesktop, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for folder in (Path("/proc/1"), Path("/sys"), tmp_path / "file"):
        said = fail(pulse_desktop, folder / "note.opus")
        assert said.code == FAILED, folder
        assert str(folder) in said.line
        assert "folder" in said.hint


def test_files_that_are_there_already(pulse_desktop: VirtualDesktop, tmp_path: Path) -> None:
    (tmp_path / "kept.opus").write_bytes(b"kept")
    (tmp_path / "folder.opus").mkdir()
    for name, part in (("kept.opus", "exists; nothing was overwritten"), ("folder.opus", "is a folder")):
        said = fail(pulse_desktop, tmp_path / name)
        assert said.code == FAILED
        assert part in said.line
    assert (tmp_path / "kept.opus").read_bytes() == b"kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.opus", "kept.opus"]


def test_a_folder_that_is_not_there_is_a_slip_of_the_keyboard(pulse_desktop: VirtualDesktop, target: Path) -> None:
    said = fail(pulse_desktop, target.parent / "typo" / "deep" / "note.opus")
    assert said.code == FAILED
    assert said.line == f"{target.parent / 'typo' / 'deep'}: there is no such folder"
    assert "folder" in said.hint


def test_a_name_that_is_too_long(pulse_desktop: VirtualDesktop, target: Path) -> None:
    for file in (target.with_name("x" * 260 + ".opus"), target.parent / ("y" * 260) / "note.opus"):
        said = fail(pulse_desktop, file)
        assert said.code == FAILED
        assert "too long" in said.line
        assert "shorter" in said.hint or "another folder" in said.hint


# Each with what the line must name.
WRONG = [
    (["note.xyz"], ".xyz"),
    (["note.opus", "--screen", "all"], "opus"),
    (["note.mp4"], "mp4"),
    (["note.wav", "--format", "flac"], "flac"),
    (["--format", "mp4"], "mp4"),
    (["--format", "avi"], "avi"),
    (["note.mp3", "--quality", "lossless"], "mp3"),
    (["note.webm", "--screen", "all", "--quality", "lossless"], "webm"),
    (["note.flac", "--tracks", "separate", "--mic"], "flac"),
    (["--fps", "0", "--screen", "all"], "fps"),
    (["--fps", "nan", "--screen", "all"], "fps"),
    (["--fps", "1e9", "--screen", "all"], "fps"),
    (["--fps", "thirty", "--screen", "all"], "fps"),
    (["--fps", "30"], "fps"),
    (["--scale", "0", "--screen", "all"], "scale"),
    (["--scale", "-1", "--screen", "all"], "scale"),
    (["--scale", "inf", "--screen", "all"], "scale"),
    (["--duration", "-3"], "duration"),
    (["--duration", "0"], "duration"),
    (["--duration", "soon"], "duration"),
    (["--duration", "nan"], "duration"),
    (["--duration", "1e400"], "duration"),
    (["--gain", "system=loud"], "gain"),
    (["--gain", "system=nan"], "gain"),
    (["--gain", "system=200"], "gain"),
    (["--gain", "speaker=3"], "gain"),
    (["--gain", "mic=3"], "microphone"),
    (["--channels", "5.1"], "channels"),
    (["--quality", "best"], "quality"),
    (["--no-system"], "nothing"),
    (["--no-system", "--screen", "0,0,0x0"], "0x0"),
    (["--no-system", "--screen", "0,0,x100"], "0,0,x100"),
    (["--no-system", "--screen", "everything"], "everything"),
    (["--no-system", "--screen", "window:"], "title"),
    (["--no-system", "--screen", ""], "screen"),
    (["--no-system", "--speaker", "x"], "--no-system"),
    (["--speaker", "x", "--app", "y"], "--app"),
    (["--app", ""], "app"),
    (["--mic", ""], "mic"),
    ([""], "name"),
    (["--never-heard-of"], "--never-heard-of"),
    (["one.opus", "two.opus"], "two.opus"),
]
# Runs one `loopnote record` after the other; says of each with which code it ended, and what it wrote.
ALL_OF_THEM = """
import contextlib, io, json, sys
from ui.cli import main

for words in json.load(open(sys.argv[1])):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = main(["record", *words])
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""


@pytest.fixture(scope="module")
def usage_errors(pulse_desktop: VirtualDesktop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Said]:
    """What is said to each of the wrong commands, by one process, since starting one takes longer than all of them."""
    folder = tmp_path_factory.mktemp("usage")
    (folder / "words").write_text(json.dumps([words for words, _ in WRONG]))
    home = folder / "home"
    home.mkdir()
    done = run_in(
        pulse_desktop, ALL_OF_THEM, args=[folder / "words"], cwd=home, env={"HOME": str(home), "LOOPNOTE_DEBUG": ""}
    )
    assert list(home.iterdir()) == [], "nothing was recorded"
    ends = [json.loads(line) for line in done.stdout.splitlines()]
    said = [Said(subprocess.CompletedProcess([], *end)) for end in ends]
    return {" ".join(words): each for (words, _), each in zip(WRONG, said, strict=True)}


@pytest.mark.parametrize(("words", "part"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_wrong_usage(usage_errors: dict[str, Said], words: list[str], part: str) -> None:
    said = usage_errors[" ".join(words)]
    assert said.code == USAGE, said.line
    assert part in said.line


def test_a_command_that_is_none() -> None:
    for words in (["recrod"], ["record", "--screen"], ["devices", "extra"]):
        done = subprocess.run([*LOOPNOTE, *words], capture_output=True, text=True, timeout=20, check=False)
        assert Said(done).code == USAGE


def test_a_setting_that_cannot_be_had_is_named_with_its_file_and_can_be_left_out_for_once(
    pulse_desktop: VirtualDesktop, target: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "config" / "loopnote" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('[recording]\nmic = "default"\ngains_db = { mic = 6 }\nscreen = "7"\n')
    config = str(tmp_path / "config")
    file = target.with_suffix(".opus")
    said = fail(pulse_desktop, file, XDG_CONFIG_HOME=config)
    assert (said.code, said.line) == (FAILED, f"{settings}: there is no microphone")
    assert "--no-mic" in said.hint
    said = fail(pulse_desktop, file, "--mic", "Nowhere", XDG_CONFIG_HOME=config)
    assert str(settings) not in said.line
    said = fail(pulse_desktop, "--no-mic", XDG_CONFIG_HOME=config)
    assert said.line.startswith(f"{settings}: there is no screen 7")
    words = ("record", tmp_path / "note.opus", "--no-mic", "--duration", "0.3")
    code, _, text = loopnote(pulse_desktop, *words, env={"XDG_CONFIG_HOME": config})
    assert code == 0, text


def test_settings_that_cannot_be_read(pulse_desktop: VirtualDesktop, target: Path, tmp_path: Path) -> None:
    settings = tmp_path / "config" / "loopnote" / "settings.toml"
    settings.parent.mkdir(parents=True)
    for text in ("fps = 'many'", "fsp = 3", "not toml", "\x00"):
        settings.write_text(text)
        said = fail(pulse_desktop, target.with_suffix(".opus"), XDG_CONFIG_HOME=str(tmp_path / "config"))
        assert said.code == USAGE
        assert str(settings) in said.line
    assert settings.read_text() == "\x00"
