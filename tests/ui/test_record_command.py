"""`loopnote record` in a real child process, with real signals and a recorder that does what the test says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ui.children import LIMIT_S, recording

pytestmark = pytest.mark.real_time

Record = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    children: list[subprocess.Popen[str]] = []

    def start(script: str, *words: str, **more: object) -> subprocess.Popen[str]:
        children.append(recording(script, list(words), tmp_path, **more))  # type: ignore[arg-type]
        return children[-1]

    yield start
    for child in children:
        child.kill()
        child.wait(LIMIT_S)
        for stream in (child.stdout, child.stderr):
            if stream is not None:
                stream.close()


def outcome(child: subprocess.Popen[str]) -> tuple[int, str, list[str]]:
    out, err = child.communicate(timeout=LIMIT_S)
    return child.returncode, out, err.splitlines()


def line_of(child: subprocess.Popen[str]) -> str:
    assert child.stderr is not None
    return child.stderr.readline().rstrip("\n")


def test_a_recording_that_is_whole(record: Record, tmp_path: Path) -> None:
    file = tmp_path / "note.opus"
    code, out, err = outcome(record("recorder.begun(); recorder.finish()"))
    assert (code, out) == (0, "")
    assert err == [f"recording {file}", f"saved {file} (7.5 s, 12 kB)"]


def test_json_is_one_object_and_the_only_output(record: Record, tmp_path: Path) -> None:
    code, out, err = outcome(record("recorder.begun(); recorder.finish()", "--json"))
    assert code == 0
    assert out.count("\n") == 1
    assert json.loads(out)["file"] == str(tmp_path / "note.opus")
    assert json.loads(out)["duration_s"] == 7.5
    assert len(err) == 2


def test_what_is_not_whole_is_named_and_is_exit_code_3(record: Record) -> None:
    code, out, err = outcome(record("recorder.finish(degraded=('0.3 s of silence', 'clipped'))", "--json"))
    assert code == 3
    assert json.loads(out)["degraded"] == ["0.3 s of silence", "clipped"]
    assert err[1:] == ["  not whole: 0.3 s of silence", "  not whole: clipped"]


@pytest.mark.parametrize("degraded", [(), ("clipped",)], ids=["whole", "degraded"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("where", ["/dev/full", "nobody"])
def test_a_result_that_nobody_takes_does_not_make_a_failure_of_what_is_saved(
    record: Record, tmp_path: Path, where: str, unbuffered: str, degraded: tuple[str, ...]
) -> None:
    if where == "nobody":
        reading, writing = os.pipe()
        os.close(reading)
    else:
        writing = os.open(where, os.O_WRONLY)
    script = f"recorder.begun(); recorder.finish(degraded={degraded!r})"
    child = record(script, "--json", stdout=writing, PYTHONUNBUFFERED=unbuffered)
    os.close(writing)
    _, err = child.communicate(timeout=LIMIT_S)
    said = err.splitlines()
    assert child.returncode == 3
    assert said[:2] == [f"recording {tmp_path / 'note.opus'}", f"saved {tmp_path / 'note.opus'} (7.5 s, 12 kB)"]
    assert said[2:-2] == [f"  not whole: {text}" for text in degraded]
    assert said[-2].startswith("loopnote: the recording is saved, but its result could not be written: ")
    assert "reads it" in said[-1]


def test_silence_is_said(record: Record) -> None:
    code, _, err = outcome(record("recorder.finish(audio=AudioResult(48000, 2, None, True))"))
    assert code == 0
    assert "silent" in err[-1]
    assert "loopnote devices" in err[-1]


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [("NoSoundServer('no sound server answers')", 1), ("OutputError('the disk broke', 'Get another.')", 1)],
)
def test_a_failure_is_one_line_and_a_hint_and_no_object(record: Record, error: str, exit_code: int) -> None:
    code, out, err = outcome(record(f"recorder.fail({error})", "--json"))
    assert (code, out) == (exit_code, "")
    first, second = err
    assert first.startswith("loopnote: ")
    assert second.startswith("  ")


@pytest.mark.parametrize(
    ("area", "said"),
    [
        ("5,5,801x601", ["note: of the area 801x601, 800x600 is recorded: a film's sides are even"]),
        ("5,5,800x601", ["note: of the area 800x601, 800x600 is recorded: a film's sides are even"]),
        ("5,5,800x600", []),
        ("all", []),
    ],
)
def test_an_area_that_is_trimmed_is_said_at_the_start(record: Record, area: str, said: list[str]) -> None:
    code, _, err = outcome(record("recorder.begun(); recorder.finish()", "--screen", area))
    assert code == 0
    assert err[0].startswith("recording ")
    assert err[1:-1] == said


def test_notices_are_said_while_it_runs(record: Record) -> None:
    code, _, err = outcome(record("recorder.begun(); recorder.on_event(Notice('silence', 'Look.')); recorder.finish()"))
    assert code == 0
    assert err[1:3] == ["note: silence", "  Look."]


def test_the_request_reaches_the_recorder_on_top_of_the_settings(record: Record, tmp_path: Path) -> None:
    mine = tmp_path / "config" / "loopnote" / "settings.toml"
    mine.parent.mkdir(parents=True)
    mine.write_text('[recording]\nmic = "Yeti"\nquality = "high"\n')
    script = (
        "s = recorder.settings\n"
        "told = f'{s.file} {s.mic} {s.quality} {s.duration_s}'\n"
        "recorder.on_event(Notice(told)); recorder.finish()"
    )
    _, _, err = outcome(record(script, "talk.opus", "--quality", "low", "--duration", "1:30"))
    assert err[0] == "note: talk.opus Yeti low 90.0"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda s: s.name)
def test_a_signal_is_a_clean_stop(record: Record, number: signal.Signals) -> None:
    child = record(
        f"recorder.begun(); recorder.asked.wait({LIMIT_S})\nrecorder.finish(degraded=map(str, recorder.stops))"
    )
    assert line_of(child).startswith("recording ")
    child.send_signal(number)
    code, _, err = outcome(child)
    assert code == 3
    assert err[0].startswith("saved ")
    assert err[1:] == ["  not whole: False"], "one stop, not a quick one"


def test_the_second_signal_asks_for_haste(record: Record) -> None:
    child = record(
        f"recorder.begun(); recorder.asked.wait({LIMIT_S}); recorder.on_event(Notice('asked'))\n"
        f"recorder.asked_again.wait({LIMIT_S}); recorder.finish(degraded=map(str, recorder.stops))"
    )
    assert line_of(child).startswith("recording ")
    child.send_signal(signal.SIGINT)
    assert line_of(child) == "note: asked"
    child.send_signal(signal.SIGINT)
    code, _, err = outcome(child)
    assert code == 3
    assert err[1:] == ["  not whole: False", "  not whole: True"]


def test_a_recorder_that_does_not_end_can_be_left_and_the_way_to_the_file_is_said(record: Record) -> None:
    child = record(
        "command.PATIENCE_S = 0.0; recorder.begun(); recorder.asked.wait(60)\n"
        "recorder.on_event(Notice('asked')); recorder.asked_again.wait(60)\n"
        "recorder.on_event(Notice('again')); threading.Event().wait(600)"
    )
    assert line_of(child).startswith("recording ")
    for words in ("note: asked", "note: again"):
        child.send_signal(signal.SIGINT)
        assert line_of(child) == words
    child.send_signal(signal.SIGINT)
    code, _, err = outcome(child)
    assert code == 1
    assert "left unfinished" in err[0]
    assert "loopnote recover" in err[1]


def test_impatience_alone_leaves_nothing_unfinished(record: Record) -> None:
    """Many signals at once: the recording still ends well."""
    child = record(
        f"recorder.begun(); recorder.asked_again.wait({LIMIT_S})\n"
        "while len(recorder.stops) < 10: threading.Event().wait(0.01)\n"
        "recorder.finish()"
    )
    assert line_of(child).startswith("recording ")
    while child.poll() is None:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
    code, _, err = outcome(child)
    assert code == 0
    assert err[0].startswith("saved ")


def test_the_end_by_itself_is_seen_at_once_even_when_ended_is_set_later(record: Record) -> None:
    """The recorder tells its last event before it says `ended`; the wake must not be taken for nothing."""
    child = record(
        "command.LOOK_S = 3600.0; command.RESULT_LIMIT_S = 60.0\n"
        "recorder.begun(); waited_for.wait(60); hold = recorder._ended.set\n"
        "recorder._ended.set = lambda: (threading.Event().wait(0.3), hold())\n"
        "recorder.finish()"
    )
    assert outcome(child)[0] == 0


def test_names_in_any_alphabet_on_a_terminal_that_knows_ascii_only(record: Record, tmp_path: Path) -> None:
    file = tmp_path / "Küche 微信 🎤.opus"
    file.write_bytes(b"x" * 5000)
    script = "recorder.begun()\nrecorder.on_event(Notice('Küche'))\nrecorder.finish(degraded=('微信',))"
    code, out, err = outcome(record(script, "--json", PYTHONIOENCODING="ascii", TEST_FILE=str(file)))
    assert code == 3
    assert json.loads(out)["file"] == str(file)
    assert "saved" in "\n".join(err)
    assert "Traceback" not in "\n".join(err)


def test_what_a_terminal_would_obey_is_taken_out_of_the_result_but_not_out_of_the_json(
    record: Record, tmp_path: Path
) -> None:
    file = tmp_path / "a\n\x1b[2J.opus"
    script = "recorder.begun()\nrecorder.finish(degraded=('lost\\x1b[2J\\nmore',))"
    code, out, err = outcome(record(script, "--json", TEST_FILE=str(file)))
    shown = f"{tmp_path}/a [2J.opus"
    assert code == 3
    assert json.loads(out)["file"] == str(file)
    assert err == [f"recording {shown}", f"saved {shown} (7.5 s)", "  not whole: lost [2J more"]


def test_a_file_that_somebody_has_moved_already_is_still_saved(record: Record, tmp_path: Path) -> None:
    code, _, err = outcome(record("recorder.begun(); os.remove(FILE); recorder.finish()"))
    assert code == 0
    assert err[-1] == f"saved {tmp_path / 'note.opus'} (7.5 s)"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_nobody_who_reads_the_progress_is_no_reason_to_fail(record: Record, unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    child = record("recorder.begun(); recorder.finish()", "--json", stderr=writing, PYTHONUNBUFFERED=unbuffered)
    os.close(writing)
    code, out, _ = child.wait(LIMIT_S), child.stdout.read() if child.stdout else "", None
    assert code == 0
    assert json.loads(out)["degraded"] == []


def test_a_reader_of_the_progress_that_stands_still_delays_no_stop(record: Record) -> None:
    """A program that started this one and never reads its standard error: the recording must end all the same."""
    child = record(
        "recorder.begun(); recorder.on_event(Notice('x' * 500_000))\n"
        "for _ in range(200): recorder.on_event(Notice('more'))\n"
        f"recorder.asked.wait({LIMIT_S}); recorder.finish()",
        "--json",
    )
    assert line_of(child).startswith("recording ")
    child.send_signal(signal.SIGTERM)
    assert child.stdout is not None
    assert json.loads(child.stdout.readline())["duration_s"] == 7.5
    # Not necessarily at the end: what waited is shown as soon as it is read, until the program has left.
    assert " (7.5 s, 12 kB)\n" in child.communicate(timeout=LIMIT_S)[1]
    assert child.returncode == 0


def test_nobody_who_ever_reads_the_progress_changes_the_exit_code_or_keeps_the_program(record: Record) -> None:
    """The thread that shows it then hangs in its write to the very end, and must hold nothing that the exit needs."""
    child = record(
        "recorder.begun(); recorder.on_event(Notice('x' * 500_000))\n"
        f"recorder.asked.wait({LIMIT_S}); recorder.finish()",
        "--json",
    )
    assert line_of(child).startswith("recording ")
    child.send_signal(signal.SIGTERM)
    assert child.stdout is not None
    assert json.loads(child.stdout.readline())["degraded"] == []
    assert child.wait(LIMIT_S) == 0


def test_on_a_terminal_the_levels_are_live(record: Record) -> None:
    host, guest = os.openpty()
    script = (
        "recorder.begun()\n"
        "while not recorder.asked.wait(0.05): recorder.on_event(Levels(1.0, 5000, {'system': -30.0}))\n"
        "recorder.finish()"
    )
    child = record(script, stderr=guest)
    os.close(guest)
    received = bytearray()
    while b"Ctrl-C stops" not in received:
        received += os.read(host, 65536)
    child.send_signal(signal.SIGINT)
    assert child.wait(LIMIT_S) == 0
    while b"saved" not in received:
        received += os.read(host, 65536)
    os.close(host)
    assert "● 00:01  ██████████··········  system -30 dB  5 kB" in received.decode()


def test_a_display_of_the_progress_that_fails_harms_nothing_and_is_told(record: Record) -> None:
    script = (
        "from ui.progress import Progress\n"
        "write = Progress._print\n"
        "def fail_once(self, text): Progress._print = write; raise ZeroDivisionError('by zero')\n"
        "Progress._print = fail_once\n"
        "recorder.on_event(Notice('lost')); recorder.begun(); recorder.finish()"
    )
    code, _, err = outcome(record(script))
    assert code == 0
    assert err[0].startswith("recording ")
    assert err[1] == "loopnote: showing the progress failed: ZeroDivisionError: by zero"
    assert err[3].startswith("saved ")


def test_a_listener_that_fails_at_the_end_holds_up_nobody(record: Record) -> None:
    script = (
        "command.LOOK_S = 3600.0; recorder.begun(); waited_for.wait(60)\n"
        "command.Progress.show = lambda self, event: 1 / 0\n"
        "try: recorder.finish()\n"
        "except ZeroDivisionError: recorder._ended.set()"
    )
    assert outcome(record(script))[0] == 0


@pytest.mark.parametrize("error", ["ZeroDivisionError('by zero')", "SystemExit(5)", "KeyboardInterrupt()"])
def test_an_error_of_the_command_itself_still_ends_the_recording_well(record: Record, error: str) -> None:
    script = (
        f"recorder.begun(); waited_for.wait({LIMIT_S})\n"
        f"def fail(self, timeout_s): raise {error}\n"
        f"command.Signals.wait = fail; recorder.asked.wait({LIMIT_S}); recorder.finish()"
    )
    code, out, err = outcome(record(script, "--json"))
    assert code == 3
    assert any("saved" in line for line in err)
    assert any(error.partition("(")[0] in text for text in json.loads(out)["degraded"])
    assert "Traceback" not in "\n".join(err)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("threading.Event().wait(600)", "does not begin"),
        ("recorder.begun(); recorder.state = State.STOPPING; threading.Event().wait(600)", "left unfinished"),
    ],
)
def test_a_recorder_that_hangs_is_left_in_the_end(record: Record, script: str, says: str) -> None:
    code, _, err = outcome(record(f"command.OUTCOME_LIMIT_S = 0.1; command.LOOK_S = 0.05; {script}"))
    assert code == 1
    assert says in err[-2]
    assert "loopnote recover" in err[-1]


def test_a_recorder_that_does_not_obey_is_left_in_the_end(record: Record) -> None:
    child = record("command.OUTCOME_LIMIT_S = 1.0; command.LOOK_S = 0.1; recorder.begun(); threading.Event().wait(600)")
    assert line_of(child).startswith("recording ")
    child.send_signal(signal.SIGTERM)
    code, _, err = outcome(child)
    assert code == 1
    assert "left unfinished" in err[0]
