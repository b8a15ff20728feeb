"""Silence is told at once, the result says everything, and every way to end a recording leaves a good file."""

from __future__ import annotations

import json
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.analysis import read_sound
from tests.helpers.children import start_in
from tests.helpers.player import play
from tests.helpers.processes import wait_until
from tests.helpers.recording import LOOPNOTE, Recording, loopnote, record
from tests.helpers.signals import tone
from virtual_desktop import VirtualDesktop

RESULT_KEYS = {"file", "duration_s", "started_at", "audio", "video", "degraded", "recovered"}
AUDIO_KEYS = {"samplerate", "channels", "peak_dbfs", "silent", "gaps"}
VIDEO_KEYS = {"width", "height", "captured", "encoded", "unchanged", "dropped", "gaps"}


# --- the watchdog -----------------------------------------------------------------------------------------------------


def test_silence_is_told_with_where_it_was_listened_and_where_something_plays(
    desktop: VirtualDesktop, tmp_path: Path
) -> None:
    module = desktop.load_null_sink("Headphones")
    desktop.set_default_sink("loopnote_null")
    try:
        with (
            play(desktop, tone(60, 440, channels=1), sink="Headphones"),
            record(desktop, tmp_path / "x.wav") as recording,
        ):
            wait_until(lambda: "nothing but silence" in recording.said, "the word of silence", 10)
            told_ns = next(at_ns for at_ns, line in recording.lines if "nothing but silence" in line)
            result = recording.stop()
    finally:
        desktop.unload(module)
    told_s = (told_ns - recording.began_ns) / 1e9
    print(f"\n{desktop.sound}: silence told {told_s:.2f} s after the beginning")  # noqa: T201 - a figure
    assert told_s > 1.9
    notice, hint = _lines_of_notice(recording)
    assert "Virtual speaker" in notice
    assert "Headphones" in hint
    assert "--speaker" in hint
    assert result["audio"]["silent"] is True
    assert result["degraded"] == []
    assert "silent from beginning to end" in recording.said


def test_where_nothing_plays_anywhere_nothing_is_recommended(pulse_desktop: VirtualDesktop, tmp_path: Path) -> None:
    with record(pulse_desktop, tmp_path / "x.opus") as recording:
        wait_until(lambda: "nothing but silence" in recording.said, "the word of silence", 10)
        recording.stop()
    _, hint = _lines_of_notice(recording)
    assert "--speaker" not in hint
    assert "The recording goes on" in hint


def test_sound_is_not_taken_for_silence(pulse_desktop: VirtualDesktop, tmp_path: Path) -> None:
    # As quiet as the quietest note that anybody keeps.
    with (
        play(pulse_desktop, tone(60, 440, channels=1, peak=0.001)),
        record(pulse_desktop, tmp_path / "x.wav") as recording,
    ):
        began_s = time.monotonic()
        wait_until(lambda: time.monotonic() > began_s + 3.0, "the watchdog to have looked")
        result = recording.stop()
    assert "silence" not in recording.said
    assert result["audio"]["silent"] is False
    assert abs(result["audio"]["peak_dbfs"] + 60) < 0.1


def _lines_of_notice(recording: Recording) -> tuple[str, str]:
    lines = [line for _, line in recording.lines]
    number = next(number for number, line in enumerate(lines) if "nothing but silence" in line)
    return lines[number], lines[number + 1]


# --- the result -------------------------------------------------------------------------------------------------------


def strict(text: str) -> Any:
    """As any other program reads JSON: `Infinity` and `NaN` are none."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("with_screen", [False, True], ids=["sound", "sound and screen"])
def test_the_result_is_json_with_the_keys_that_were_promised(
    pulse_desktop: VirtualDesktop, tmp_path: Path, with_screen: bool
) -> None:
    words = ["--screen", "0,0,64x64", tmp_path / "x.mp4"] if with_screen else [tmp_path / "x.opus"]
    before = datetime.now(UTC)
    code, output, said = loopnote(pulse_desktop, "record", *words, "--duration", "0.5", "--json")
    after = datetime.now(UTC)
    assert code == 0, said
    assert output.count("\n") == 1
    result = strict(output)
    assert set(result) == RESULT_KEYS
    assert set(result["audio"]) == AUDIO_KEYS
    # Digital silence has no level.
    assert (result["audio"]["peak_dbfs"], result["audio"]["silent"], result["audio"]["gaps"]) == (None, True, [])
    assert (set(result["video"]) == VIDEO_KEYS) if with_screen else (result["video"] is None)
    assert (result["degraded"], result["recovered"], result["duration_s"]) == ([], False, 0.5)
    assert result["file"] == str(words[-1])
    started = datetime.fromisoformat(result["started_at"])
    assert started.tzinfo is not None
    assert before < started < after + timedelta(milliseconds=1)


def test_a_gap_has_the_keys_that_were_promised(fresh_desktop: VirtualDesktop, tmp_path: Path) -> None:
    with play(fresh_desktop, tone(60, 440, channels=1)), record(fresh_desktop, tmp_path / "x.wav") as recording:
        began_s = time.monotonic()
        wait_until(lambda: time.monotonic() > began_s + 1, "something to be recorded")
        fresh_desktop.stop_sound()
        fresh_desktop.start_sound()
        with play(fresh_desktop, tone(60, 440, channels=1)):
            recording.send_stop()
            assert recording.process.stdout is not None
            result = strict(recording.process.stdout.read())
            assert recording.process.wait(20) == 3
    (gap,) = result["audio"]["gaps"]
    assert set(gap) == {"at_s", "length_s", "reason"}
    assert abs(gap["at_s"] - 1) < 0.5
    assert any(gap["reason"] in text for text in result["degraded"])


# --- ends -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_signals_end_it_cleanly(pulse_desktop: VirtualDesktop, tmp_path: Path, number: signal.Signals) -> None:
    with play(pulse_desktop, tone(20, 440, channels=1)), record(pulse_desktop, tmp_path / "x.opus") as recording:
        began_s = time.monotonic()
        wait_until(lambda: time.monotonic() > began_s + 0.5, "something to be recorded")
        recording.send_stop(number)
        result = recording.result()
    assert abs(read_sound(tmp_path / "x.opus").duration_s - result["duration_s"]) < 0.02


def test_an_impatient_second_and_third_ctrl_c_do_no_harm(pulse_desktop: VirtualDesktop, tmp_path: Path) -> None:
    with play(pulse_desktop, tone(20, 440, channels=1)), record(pulse_desktop, tmp_path / "x.m4a") as recording:
        began_s = time.monotonic()
        wait_until(lambda: time.monotonic() > began_s + 0.5, "something to be recorded")
        for _ in range(3):
            recording.send_stop()
        result = recording.result(expect=None)
    assert recording.process.returncode == 0, recording.said
    assert abs(read_sound(tmp_path / "x.m4a").duration_s - result["duration_s"]) < 1024 / 48_000
    assert [path.name for path in tmp_path.iterdir()] == ["x.m4a"]


def test_ctrl_c_while_it_starts_leaves_no_ruin(pulse_desktop: VirtualDesktop, tmp_path: Path) -> None:
    for delay_s in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5):
        folder = tmp_path / str(delay_s)
        folder.mkdir()
        with record(pulse_desktop, folder / "x.opus", wait=False) as recording:
            asked_s = time.monotonic() + delay_s
            wait_until(lambda: time.monotonic() >= asked_s, "the moment")  # noqa: B023 - called at once
            recording.process.send_signal(signal.SIGINT)
            recording.process.wait(20)
        # A file that can be played, or none; never a leftover.
        for path in folder.iterdir():
            assert path.name == "x.opus"
            assert read_sound(path).duration_s < 1


def test_a_terminal_that_is_closed_takes_nothing_away(pulse_desktop: VirtualDesktop, tmp_path: Path) -> None:
    """Standard error leads to a pipe whose reader has gone; then the terminal's end is told with SIGHUP."""
    reading, writing = os.pipe()
    with (
        play(pulse_desktop, tone(20, 440, channels=1)),
        start_in(pulse_desktop, [*LOOPNOTE, "record", tmp_path / "x.wav", "--json"], stderr=writing) as process,
    ):
        os.close(writing)
        with os.fdopen(reading) as errors:
            line = errors.readline()
        assert line == f"recording {tmp_path / 'x.wav'}\n"
        # From here on nobody reads what it says.
        began_s = time.monotonic()
        wait_until(lambda: time.monotonic() > began_s + 0.7, "something to be recorded")
        process.send_signal(signal.SIGHUP)
        assert process.stdout is not None
        result = json.loads(process.stdout.read())
        assert process.wait(20) == 0
    assert abs(read_sound(tmp_path / "x.wav").duration_s - result["duration_s"]) < 0.001
