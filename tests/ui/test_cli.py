"""The command line: exit codes, one line and a hint for every error, and quick help."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from capture.errors import (
    CaptureError,
    FileTaken,
    FormatError,
    NoSoundServer,
    SettingsError,
    UnknownDevice,
    WorkerFault,
)
from tests.ui.children import ROOT, environment, run
from ui import program
from ui.cli import main

pytestmark = pytest.mark.real_time

HEAVY = ("numpy", "av", "cv2", "mss", "soundcard", "pulsectl", "PyQt5", "Xlib", "soxr", "tomlkit", "platformdirs")


@pytest.fixture(autouse=True)
def _hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """`main` replaces them for good, since it is the whole program; here it is not."""
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)


def raising(error: BaseException) -> Callable[[object], int]:
    def fail(arguments: object) -> int:
        raise error

    return fail


# --- help -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [["--help"], ["record", "--help"], ["devices", "-h"], ["doctor", "-h"], ["recover", "-h"]]
)
def test_help_is_help(words: list[str], tmp_path: Path) -> None:
    done = run(words, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: loopnote")


def test_help_names_every_command_and_option(tmp_path: Path) -> None:
    text = run(["--help"], tmp_path).stdout
    for command in ("record", "devices", "doctor", "recover"):
        assert f"\n    {command} " in text
    text = run(["record", "--help"], tmp_path).stdout
    for option in (
        *("--no-system", "--speaker", "--app", "--mic", "--gain", "--tracks", "--screen", "--fps", "--cursor"),
        *("--no-cursor", "--scale", "--format", "--quality", "--channels", "--duration", "--json"),
    ):
        assert option in text
    assert "0 saved whole, 3 saved but something is missing" in text.replace("\n", " ")


def test_help_comes_at_once(tmp_path: Path) -> None:
    """Printed, not judged: how long it takes depends on the machine."""
    before_s = time.perf_counter()
    run(["--help"], tmp_path)
    sys.stdout.write(f"loopnote --help took {time.perf_counter() - before_s:.3f} s\n")


@pytest.mark.parametrize("words", [["--help"], ["record", "-h"], ["--version"], [], ["record", "--fps", "x"]], ids=str)
def test_what_needs_no_library_loads_none(words: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; from ui.cli import main; main(sys.argv[1:])\n"
        f"sys.stderr.write(repr(sorted(set(sys.modules) & set({HEAVY!r}))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr.endswith("[]"), done.stderr


def test_the_application_needs_a_display(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    assert capsys.readouterr().err == (
        "loopnote: there is no display for the application\n"
        "  Start it inside a desktop session, or use: loopnote record\n"
    )


def test_the_version(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    monkeypatch.setattr(metadata, "version", lambda name: {"loopnote": "1.2.3"}[name])
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "loopnote 1.2.3\n"


def test_without_an_installation_there_is_no_version(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib import metadata

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert main(["--version"]) == 0
    assert "not installed" in capsys.readouterr().out


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NoSoundServer("no sound server answers"), 1),
        (UnknownDevice("no speaker is called HDMI"), 1),
        (FileTaken("talk.opus exists"), 1),
        (WorkerFault("the mix thread failed: ValueError: x"), 1),
        (CaptureError("it broke", "Mend it."), 1),
        (SettingsError("makes no sense", "Say it otherwise."), 2),
        (FormatError("mp3 holds sound only", "Choose another."), 2),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_an_error_is_one_line_and_a_hint(
    error: CaptureError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "run", raising(error))
    assert main(["record"]) == code
    assert capsys.readouterr() == ("", f"loopnote: {error}\n  {error.hint}\n")


def test_an_error_of_several_lines_is_said_in_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "run", raising(CaptureError("it\nbroke\x1b[2J")))
    assert main(["record"]) == 1
    assert capsys.readouterr().err == "loopnote: it broke [2J\n"


def test_a_bug_is_one_line_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("LOOPNOTE_DEBUG", raising=False)
    monkeypatch.setattr(program, "run", raising(ZeroDivisionError("by zero")))
    assert main(["record"]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first == "loopnote: an error inside Loopnote: ZeroDivisionError: by zero"
    assert "LOOPNOTE_DEBUG=1" in second


def test_who_asks_for_the_traceback_gets_it(tmp_path: Path) -> None:
    code = (
        "import logging, sys\nfrom ui import cli, program\n"
        "def fail(words): logging.getLogger('capture.x').debug('a detail'); raise ZeroDivisionError\n"
        "program.run = fail\nsys.exit(cli.main([]))"
    )
    done = {
        debug: subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=environment(tmp_path, **({"LOOPNOTE_DEBUG": "1"} if debug else {})),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        for debug in (True, False)
    }
    assert done[True].returncode == done[False].returncode == 1
    assert "a detail" in done[True].stderr
    assert "Traceback" in done[True].stderr
    assert "a detail" not in done[False].stderr
    assert "Traceback" not in done[False].stderr


def run_code(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run it in a Python of its own, to its end."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_a_thread_or_a_callback_lets_out_is_no_traceback(tmp_path: Path) -> None:
    code = (
        "import sys, threading\nfrom ui import cli, program\n"
        "class Careless:\n    def __del__(self): 1 / 0\n"
        "def run(words):\n"
        "    thread = threading.Thread(target=lambda: {}['key'])\n    thread.start(); thread.join()\n"
        "    Careless()\n    return 0\n"
        "program.run = run\nsys.exit(cli.main([]))"
    )
    done = run_code(code, tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == ["loopnote: an error inside Loopnote: KeyError: 'key'", f"  {program.REPORT}"]


def test_the_log_prints_no_traceback_to_people(tmp_path: Path) -> None:
    """Without a handler Python's log prints what is an error or a warning to standard error."""
    code = (
        "import logging, sys\nfrom ui import cli, program\n"
        "def log_it(words):\n    try: 1 / 0\n    except ZeroDivisionError: logging.getLogger('x').exception('oh')\n"
        "    return 0\n"
        "program.run = log_it\nsys.exit(cli.main([]))"
    )
    done = run_code(code, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_ctrl_c_before_anything_has_begun_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "run", raising(KeyboardInterrupt()))
    assert main(["devices"]) == 130
    assert capsys.readouterr() == ("", "")


# Presses Ctrl-C when the module that is named first is being imported.
INTERRUPTED = """
import os, signal, sys

module = sys.argv.pop(1)

class Presser:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Presser())
from ui.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("ui.program", ["--version"]),
        ("argparse", ["record"]),
        ("capture.settings", ["record", "--help"]),
        ("importlib.metadata", ["--version"]),
        ("capture.recorder", ["record"]),
        ("capture.sound.system", ["devices"]),
        ("capture.doctor", ["doctor"]),
    ],
)
def test_ctrl_c_while_the_program_is_being_loaded_is_quiet(module: str, words: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-c", INTERRUPTED, module, *words]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_a_program_that_was_started_not_to_mind_ctrl_c_does_not(tmp_path: Path) -> None:
    """As a shell starts what runs in the background."""
    done = subprocess.run(
        ["sh", "-c", 'trap "" INT; exec "$0" "$@"', sys.executable, "-c", INTERRUPTED, "ui.program", "--version"],
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_in_a_repair_lets_it_clean_up(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "import ui.repairs as repairs\nfrom ui.cli import main\n"
        "def repairing(folders):\n"
        "    try:\n        os.kill(os.getpid(), signal.SIGINT)\n        signal.pause()\n"
        "    finally:\n        sys.stdout.write('cleaned up')\n"
        "repairs.leftovers = repairing\nsys.argv[1:] = ['recover']\nsys.exit(main())"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "cleaned up", "")


@pytest.mark.parametrize(
    "words",
    [
        ["recrod"],
        ["record", "--fps"],
        ["record", "--fps", "fast"],
        ["record", "--unknown"],
        ["record", "--format", "avi"],
        ["record", "a.opus", "b.opus"],
        ["devices", "extra"],
        ["--unknown"],
    ],
    ids=str,
)
def test_wrong_usage_is_one_line_and_where_to_read_more(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first.startswith("loopnote: ")
    assert second.startswith("  See: loopnote")
    assert second.endswith("--help")


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (["record", "--duration", "soon"], "1h30m"),
        (["record", "--gain", "loud"], "mic=+6"),
        (["record", "--no-system"], "--mic or --screen"),
        (["record", "--screen", "all", "--fps", "0"], "0.1 to 240"),
        (["record", "--screen", "-1920,0,800x600", "--fps", "0"], "0.1 to 240"),
        (["record", "--fps", "30"], "--screen"),
        (["record", ""], "FILE"),
        (["recover", "/this/folder/is/not/there"], "folder"),
    ],
    ids=str,
)
def test_nonsense_is_exit_code_2_with_a_hint(words: list[str], word: str, tmp_path: Path) -> None:
    done = run(words, tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    first, second = done.stderr.splitlines()
    assert first.startswith("loopnote: ")
    assert word in second


def test_a_broken_settings_file_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "config" / "loopnote" / "settings.toml"
    broken.parent.mkdir(parents=True)
    broken.write_text("[recording]\nfsp = 3\n")
    done = run(["record"], tmp_path)
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert str(broken) in first
    assert "'fsp'" in first
    assert "fps" in second


# --- where nobody takes the output ------------------------------------------------------------------------------------


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_gone_is_no_news(tmp_path: Path, unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run(["--version"], tmp_path, stdout=writing, PYTHONUNBUFFERED=unbuffered)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_said_in_one_line(tmp_path: Path, unbuffered: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = run(["--version"], tmp_path, stdout=full.fileno(), PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 1
    assert [line[:9] for line in done.stderr.splitlines()] == ["loopnote:", "  Send it"]
    assert "No space left" in done.stderr


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "1>&- 2>&-"])
@pytest.mark.parametrize(("words", "code"), [("--version", 0), ("record --fps x", 2)])
def test_streams_that_are_closed_change_no_exit_code(tmp_path: Path, closed: str, words: str, code: int) -> None:
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -m ui.cli {words} {closed}', sys.executable],
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_wrong_usage_keeps_its_code_when_nobody_reads_the_complaint(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run(["record", "--fps", "x"], tmp_path, stderr=writing)
    finally:
        os.close(writing)
    assert done.returncode == 2


def test_the_commands_find_their_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words of the command line arrive where they belong; what the functions do is tested beside them."""
    import ui.listings
    import ui.record_command
    import ui.recover_command

    called: list[tuple[object, ...]] = []

    def noting(name: str, code: int) -> Callable[..., int]:
        def call(*args: object) -> int:
            called.append((name, *args))
            return code

        return call

    monkeypatch.setattr(ui.record_command, "record", noting("record", 3))
    monkeypatch.setattr(ui.listings, "devices", noting("devices", 0))
    monkeypatch.setattr(ui.listings, "doctor", noting("doctor", 1))
    monkeypatch.setattr(ui.recover_command, "recover", noting("recover", 0))
    assert [main(["record", "x.opus"]), main(["devices", "--json"])] == [3, 0]
    assert [main(["doctor"]), main(["recover", "a", "b", "--json"])] == [1, 0]
    (_, args), *others = called
    assert getattr(args, "file", None) == "x.opus"
    assert others == [("devices", True), ("doctor", False), ("recover", ["a", "b"], True)]


def test_json_of_a_machine_with_nothing_is_still_json(tmp_path: Path) -> None:
    done = run(["devices", "--json"], tmp_path)
    assert done.returncode == 1
    plain = json.loads(done.stdout)
    assert plain["speakers"] == plain["screens"] == []
    assert len(plain["errors"]) == 2
    assert all(error["text"] and error["hint"] for error in plain["errors"])
    assert done.stderr == ""
