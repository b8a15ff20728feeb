"""The values that travel: frozen, and the result as the object that --json prints."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from capture import model
from capture.model import (
    Area,
    AudioBlock,
    AudioFormat,
    AudioResult,
    Device,
    DeviceKind,
    Gap,
    Levels,
    RecordingResult,
    State,
    VideoFrame,
    VideoResult,
)

ROOT = Path(__file__).resolve().parents[2]
VALUES = [kind for kind in vars(model).values() if isinstance(kind, type) and dataclasses.is_dataclass(kind)]


@pytest.mark.parametrize("kind", VALUES)
def test_values_are_frozen_and_hold_nothing_unnamed(kind: type) -> None:
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert not hasattr(object.__new__(kind), "__dict__")


def test_a_value_cannot_be_changed() -> None:
    area = Area(0, 0, 10, 10)
    with pytest.raises(dataclasses.FrozenInstanceError):
        area.width = 20  # type: ignore[misc]


def test_a_block_knows_its_frames_and_its_end() -> None:
    block = AudioBlock(1_000, np.zeros((4800, 2), np.float32), 48_000)
    assert block.frames == 4800
    assert block.end_ns == 1_000 + 100_000_000
    assert AudioBlock(5, np.zeros((0, 2), np.float32), 44_100).end_ns == 5
    one_frame = AudioBlock(0, np.zeros((1, 1), np.float32), 44_100)
    assert abs(one_frame.end_ns - 1e9 / 44_100) < 1


def test_the_states_and_kinds_have_the_words_that_people_read() -> None:
    assert [state.value for state in State] == ["idle", "starting", "recording", "paused", "stopping", "failed"]
    assert [kind.value for kind in DeviceKind] == ["speaker", "microphone", "application", "screen", "window"]


def test_devices_do_not_share_their_details() -> None:
    assert Device(DeviceKind.SPEAKER, "a", "A").detail is not Device(DeviceKind.SPEAKER, "b", "B").detail


def result(**changes: object) -> RecordingResult:
    whole = RecordingResult(
        file=Path("/music/a note.opus"),
        duration_s=12.34567891,
        started_at="2026-11-22T19:04:09.123+01:00",
        audio=AudioResult(48_000, 2, -3.25, False, (Gap(1.5, 0.25, "system: the server was restarted"),)),
        video=VideoResult(1920, 1080, 300, 120, 180, 0),
        degraded=("0.25 s of silence",),
    )
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


def test_the_json_object_has_the_promised_keys_and_plain_values() -> None:
    assert json.loads(json.dumps(result().to_json(), allow_nan=False)) == {
        "file": "/music/a note.opus",
        "duration_s": 12.345679,
        "started_at": "2026-11-22T19:04:09.123+01:00",
        "audio": {
            "samplerate": 48000,
            "channels": 2,
            "peak_dbfs": -3.25,
            "silent": False,
            "gaps": [{"at_s": 1.5, "length_s": 0.25, "reason": "system: the server was restarted"}],
        },
        "video": {
            "width": 1920,
            "height": 1080,
            "captured": 300,
            "encoded": 120,
            "unchanged": 180,
            "dropped": 0,
            "gaps": [],
        },
        "degraded": ["0.25 s of silence"],
        "recovered": False,
    }


def test_the_json_object_of_silence_alone_holds_no_number_that_json_does_not_know() -> None:
    silent = result(audio=AudioResult(48_000, 1, None, True), video=None, degraded=(), recovered=True)
    plain = json.loads(json.dumps(silent.to_json(), allow_nan=False))
    assert plain["audio"] == {"samplerate": 48000, "channels": 1, "peak_dbfs": None, "silent": True, "gaps": []}
    assert plain["video"] is None
    assert plain["degraded"] == []
    assert plain["recovered"] is True


def test_a_result_without_sound_says_so() -> None:
    assert result(audio=None).to_json()["audio"] is None


def test_values_can_be_made_by_position_in_the_order_that_the_rooms_use() -> None:
    assert AudioFormat(48_000, 2) == AudioFormat(samplerate=48_000, channels=2)
    assert Levels(1.0, 2, {"system": -3.0}).peaks_dbfs == {"system": -3.0}
    picture = np.zeros((2, 2, 4), np.uint8)
    frame = VideoFrame(7, picture, "bgra", 2, 2)
    assert (frame.shown_ns, frame.pixel_format, frame.width, frame.height) == (7, "bgra", 2, 2)


def test_the_engine_is_imported_without_any_library() -> None:
    """On a bare machine: -I -S leaves out site-packages; only the standard library is there."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "import capture, capture.model, capture.errors, capture.clock, capture.channel, capture.worker\n"
        "assert capture.State.IDLE and capture.RecordingSettings() and capture.CaptureError\n"
        "print(sorted(set(sys.modules) & {'numpy', 'av', 'cv2', 'mss', 'soundcard', 'pulsectl', 'PyQt5', 'Xlib'}))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stderr, done.stdout) == ("", "[]\n")
