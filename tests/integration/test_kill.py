"""kill -9 at any moment: what lies on the disk plays, at most a second is missing, and `recover` makes it ordinary."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from tests.helpers.analysis import read_pictures, read_sound
from tests.helpers.player import Playing, play
from tests.helpers.processes import wait_until
from tests.helpers.recording import Recording, loopnote, record
from tests.helpers.signals import RATE, Samples, locate, numbered
from virtual_desktop import VirtualDesktop

SOUND = ("opus", "flac", "wav", "m4a", "mp3")
SCREEN = ("mp4", "mkv", "webm")
# Quiet speech, 46 dB below the loudest, at the lowest quality: what writes little keeps most in hand.
QUIET_PEAK = 0.005
MISSING_S = 1.0


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("suffixes", [SOUND, SCREEN], ids=["sound", "screen"])
def test_kill_minus_nine_loses_at_most_a_second(
    pulse_desktop: VirtualDesktop, tmp_path: Path, suffixes: tuple[str, ...], full: bool
) -> None:
    chance = random.Random(str(suffixes))
    played = numbered(60, peak=QUIET_PEAK)
    missing_s: dict[str, list[float]] = {suffix: [] for suffix in suffixes}
    for run in range(50 if full else 2):
        folder = tmp_path / str(run)
        folder.mkdir()
        killed = _record_and_kill(pulse_desktop, folder, suffixes, played, chance)
        for suffix, frame in killed.items():
            (part,) = folder.glob(f".killed.part.{suffix}")
            missing_s[suffix].append(_missing_s(part, played, frame))
        code, output, said = loopnote(pulse_desktop, "recover", "--json", folder)
        assert code == 0, said
        recovered = {Path(entry["file"]) for entry in json.loads(output)["recovered"]}
        assert recovered >= {folder / f"killed.{suffix}" for suffix in suffixes}
        assert not list(folder.glob(".*")), "a leftover goes once the recovered file was read back"
        for suffix, frame in killed.items():
            assert _missing_s(folder / f"killed.{suffix}", played, frame) <= MISSING_S
            if suffix in SCREEN:
                assert any(True for _ in read_pictures(folder / f"killed.{suffix}", width=160))
        assert loopnote(pulse_desktop, "recover", folder)[0] == 0
    for suffix, lengths in missing_s.items():
        lengths.sort()
        figures = f"missing at most {lengths[-1]:.2f} s, median {lengths[len(lengths) // 2]:.2f} s"
        print(f"\n{suffix}: {len(lengths)} kills, {figures}")  # noqa: T201 - figures of the closing note
    assert max(lengths[-1] for lengths in missing_s.values()) <= MISSING_S


def _record_and_kill(
    desktop: VirtualDesktop, folder: Path, suffixes: tuple[str, ...], played: Samples, chance: random.Random
) -> dict[str, float]:
    """Record all formats at the same time, and kill each at a moment of its own: the frame that sounded then."""
    killed: dict[str, float] = {}
    with contextlib.ExitStack() as stack:
        playing = stack.enter_context(play(desktop, played))
        recordings: dict[str, Recording] = {}
        for suffix in suffixes:
            options = ["--quality", "low"] + (["--screen", "0,0,640x480"] if suffix in SCREEN else [])
            file = folder / f"killed.{suffix}"
            recordings[suffix] = stack.enter_context(record(desktop, file, *options, wait=False))
        for recording in recordings.values():
            recording.wait_until_begun()
        now_ns = time.monotonic_ns()
        moments = sorted((now_ns + chance.uniform(0.5, 5.0) * 1e9, suffix) for suffix in suffixes)
        for moment_ns, suffix in moments:
            wait_until(partial(_is_past, moment_ns), "the moment of the kill")
            killed[suffix] = _kill(recordings[suffix], playing)
    return killed


def _kill(recording: Recording, playing: Playing) -> float:
    killed_ns = time.monotonic_ns()
    recording.process.send_signal(signal.SIGKILL)
    recording.process.wait(10)
    return playing.frame_at(killed_ns)


def _is_past(at_ns: float) -> bool:
    return time.monotonic_ns() >= at_ns


def _missing_s(file: Path, played: Samples, killed_frame: float) -> float:
    """How much of what had sounded by the kill is not in the file."""
    samples = read_sound(file).samples
    tail = samples[-RATE // 2 :]
    return float(killed_frame - (locate(tail, played) + len(tail))) / RATE
