"""`loopnote status`, `pause`, `resume` and `stop` against a real recording, in a real desktop."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from capture.recorder import Recorder
from capture.settings import RecordingSettings
from tests.helpers.analysis import read_sound
from tests.helpers.player import play
from tests.helpers.recording import loopnote, record
from tests.helpers.signals import tone
from ui import remote_command
from ui.control import Answer
from ui.record_control import RecordControl
from virtual_desktop import VirtualDesktop


def test_a_recording_is_seen_paused_and_stopped_from_outside(pulse_desktop: VirtualDesktop, tmp_path: Path) -> None:
    file = tmp_path / "note.wav"
    with play(pulse_desktop, tone(60, 440)), record(pulse_desktop, file) as recording:

        def said(*words: str) -> dict[str, object]:
            code, output, error = loopnote(pulse_desktop, *words, "--json")
            assert code == 0, error
            return dict(json.loads(output))

        assert said("status") | {"duration_s": 0} == {"state": "recording", "file": str(file), "duration_s": 0}
        assert said("pause")["state"] == "paused"
        assert said("status")["state"] == "paused"
        assert said("resume")["state"] == "recording"
        stopped = said("stop")
        assert stopped == recording.result()
    assert stopped["file"] == str(file)
    assert abs(read_sound(file).duration_s - float(str(stopped["duration_s"]))) < 0.001
    code, output, error = loopnote(pulse_desktop, "stop")
    assert (code, output) == (1, "")
    assert error.startswith("loopnote: nothing is being recorded\n")
    assert loopnote(pulse_desktop, "status") == (0, "idle\n", "")


def test_in_words(pulse_desktop: VirtualDesktop, tmp_path: Path) -> None:
    file = tmp_path / "note.opus"
    with record(pulse_desktop, file):
        code, output, _ = loopnote(pulse_desktop, "status")
        assert code == 0
        assert re.match(r"recording [0:]*\d ", output), output
        assert output.endswith(f" {file}\n")
        assert loopnote(pulse_desktop, "resume")[0] == 0, "it runs already"
        assert loopnote(pulse_desktop, "stop") == (0, f"saved {file}\n", "")


SAVED = Answer(
    "idle", "/m/a\n\x1b[2J.opus", 2.0, {"degraded": ["lost\x1b[2J"], "file": "/m/a\n\x1b[2J.opus"}, exit_code=3
)


def test_what_a_terminal_would_obey_is_taken_out_of_the_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(remote_command, "ask", lambda command: SAVED)
    assert remote_command.remote("stop", as_json=False) == 3
    assert capsys.readouterr().out == "saved /m/a [2J.opus\n  not whole: lost [2J\n"


@pytest.mark.parametrize("as_json", [True, False])
def test_an_answer_that_nobody_takes_does_not_make_a_failure_of_what_is_saved(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(text: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(remote_command, "ask", lambda command: replace(SAVED, exit_code=0))
    monkeypatch.setattr(sys.stdout, "write", refuse)
    assert remote_command.remote("stop", as_json) == 3
    assert "saved, but" in capsys.readouterr().err


def test_a_command_that_is_none_is_refused() -> None:
    answer = RecordControl(Recorder(RecordingSettings())).answer("dance")
    assert answer.exit_code == 1
    assert "dance" in answer.error
