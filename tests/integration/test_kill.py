"""kill -9 at any moment: what lies on the disk plays, at most a second is missing, and `recover` makes it ordinary."""

from __future__ import annotations

import json
import random
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from tests.helpers.analysis import read_pictures, read_sound
from tests.helpers.player import play
from tests.helpers.processes import wait_until
from tests.helpers.recording import loopnote, record
from tests.helpers.signals import RATE, Samples, locate, numbered
from virtual_desktop import VirtualDesktop

SOUND = ["opus", "flac", "wav", "m4a", "mp3"]
SCREEN = ["mp4", "mkv", "webm"]
# Speech recorded quietly, 46 dB below the loudest: codecs that fall asleep in silence write little.
QUIET_PEAK = 0.005
MISSING_S = 1.0


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("suffix", [*SOUND, *SCREEN])
def test_kill_minus_nine_loses_at_most_a_second(
    pulse_desktop: VirtualDesktop, tmp_path: Path, suffix: str, full: bool
) -> None:
    chance = random.Random(suffix)
    played = numbered(120, peak=QUIET_PEAK)
    missing_s = []
    for run in range(50 if full else 2):
        options = ["--quality", "low"] + (["--screen", "0,0,640x480"] if suffix in SCREEN else [])
        folder = tmp_path / str(run)
        folder.mkdir()
        with (
            play(pulse_desktop, played) as playing,
            record(pulse_desktop, folder / f"killed.{suffix}", *options) as recording,
        ):
            lives_until_ns = recording.began_ns + chance.uniform(1.0, 6.0) * 1e9
            wait_until(partial(_is_past, lives_until_ns), "the moment of the kill")
            killed_ns = time.monotonic_ns()
            recording.process.send_signal(signal.SIGKILL)
            recording.process.wait(10)
            killed_frame = playing.frame_at(killed_ns)
        (part,) = folder.glob(".*.part.*")
        missing_s.append(_missing_s(part, played, killed_frame))

        code, output, said = loopnote(pulse_desktop, "recover", "--json", folder)
        report = json.loads(output)
        assert code == 0, said
        assert [Path(entry["file"]).name for entry in report["recovered"]] == [f"killed.{suffix}"], report
        recovered = folder / f"killed.{suffix}"
        assert not list(folder.glob(".*")), "the leftover is gone once the recovered file was read back"
        assert _missing_s(recovered, played, killed_frame) <= MISSING_S
        if suffix in SCREEN:
            assert any(True for _ in read_pictures(recovered, width=160))
        assert loopnote(pulse_desktop, "recover", folder)[0] == 0
    missing_s.sort()
    report_line = f"{suffix}: {len(missing_s)} kills, missing at most {missing_s[-1]:.2f} s"
    print(f"\n{report_line}, median {missing_s[len(missing_s) // 2]:.2f} s")  # noqa: T201 - a figure of the closing note
    assert missing_s[-1] <= MISSING_S


def _is_past(at_ns: float) -> bool:
    return time.monotonic_ns() >= at_ns


def _missing_s(file: Path, played: Samples, killed_frame: float) -> float:
    """How much of what had sounded by the kill is not in the file."""
    samples = read_sound(file).samples
    tail = samples[-RATE // 2 :]
    return float(killed_frame - (locate(tail, played) + len(tail))) / RATE
