"""What was played is what is in the file: every sample of it, from the first to the last instant of the recording."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.analysis import read_sound
from tests.helpers.children import start_in
from tests.helpers.player import play
from tests.helpers.processes import wait_until
from tests.helpers.recording import loopnote, record
from tests.helpers.signals import RATE, Samples, exact_noise, locate, numbered, tone, write_wav
from tests.helpers.witness import witness
from virtual_desktop import VirtualDesktop


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_no_sample_is_lost_doubled_or_changed(desktop: VirtualDesktop, tmp_path: Path, suffix: str, full: bool) -> None:
    """The file holds what was played; on a machine too busy for its sound server to, exactly what a witness got."""
    length_s = 60 if full else 8
    # Behind a breath of silence: PulseAudio's null sink gives its monitor a new stream some milliseconds late, and what
    # sounded in these nobody who listens in can have.
    breath = np.zeros((RATE // 2, 2), np.float32)
    played = exact_noise(length_s)
    with (
        witness(desktop) as heard,
        record(desktop, tmp_path / f"exact.{suffix}") as recording,
    ):
        with play(desktop, np.concatenate([breath, played, breath])) as playing:
            playing.wait_until_ended(length_s + 20)
        result = recording.stop()
    found, wanted = sounding(read_sound(Path(result["file"])).samples), sounding(heard.samples)
    if np.array_equal(wanted, sounding(played)):
        print(f"\n{suffix}: {len(found)} frames, all that was played")  # noqa: T201 - a figure of the closing note
    else:
        print(f"\n{suffix}: the player or the server lost sound; {playing.underflows} underflows")  # noqa: T201
        assert desktop.sound == "pipewire", "PulseAudio's null sink waits for its players"
    assert len(found) == len(wanted)
    assert np.array_equal(found, wanted), f"{np.count_nonzero(np.any(found != wanted, axis=1))} frames differ"


def sounding(samples: Samples) -> Samples:
    """From the first sample that is not silence to the last."""
    at = np.flatnonzero(samples.any(axis=1))
    return samples[at[0] : at[-1] + 1]


@pytest.mark.parametrize("suffix", ["opus", "flac", "wav", "m4a", "mp3"])
def test_nothing_is_cut_at_the_edges(desktop: VirtualDesktop, tmp_path: Path, suffix: str) -> None:
    played = numbered(30)
    with play(desktop, played) as playing, record(desktop, tmp_path / f"edges.{suffix}") as recording:
        before = playing.frame_at(recording.began_ns)
        wait_until(lambda: playing.frame_at(time.monotonic_ns()) > before + 3 * RATE, "three seconds to be played")
        result = recording.stop()
        stop_frame = playing.frame_at(recording.stopped_ns)
    sound = read_sound(Path(result["file"]))
    start = sound.samples[:RATE]
    end = sound.samples[-RATE // 2 :]
    first = locate(start, played)
    last = locate(end, played) + len(end)
    early_ms, late_ms = 1000 * (before - first) / RATE, 1000 * (last - stop_frame) / RATE
    figures = f"begins {early_ms:+.1f} ms before the line, ends {late_ms:+.1f} ms after the stop"
    print(f"\n{suffix}: {figures}")  # noqa: T201 - figures of the closing note
    assert abs(first - before) <= 0.020 * RATE
    assert last >= stop_frame
    assert abs(sound.duration_s - result["duration_s"]) <= FRAME_S[suffix]


def test_sound_that_was_rendered_ahead_is_waited_for(desktop: VirtualDesktop, tmp_path: Path) -> None:
    """An ordinary player asks for 2 s of latency. PulseAudio renders as far ahead, past whoever begins to listen."""
    tune = write_wav(tmp_path / "tune.wav", tone(20, 440))
    with start_in(desktop, ["paplay", tune]):
        wait_until(lambda: '"playing": true' in loopnote(desktop, "devices", "--json")[1], "the player to play", 15)
        with record(desktop, tmp_path / "late.wav", "--duration", "1") as recording:
            result = recording.result()
    sound = read_sound(Path(result["file"])).samples
    assert int(np.argmax(np.abs(sound[:, 0]) > 0.1)) < 0.020 * RATE


def test_a_microphone_that_gives_late_is_waited_for(desktop: VirtualDesktop, tmp_path: Path) -> None:
    """Its sound comes by a speaker that renders ahead; what stood there instead would be silence that nobody named."""
    tune = write_wav(tmp_path / "tune.wav", tone(20, 440))
    with contextlib.ExitStack() as stack:
        stack.callback(desktop.unload, desktop.load_null_sink("late_feed"))
        stack.callback(desktop.unload, desktop.load_microphone("late", "late_feed"))
        stack.enter_context(start_in(desktop, ["paplay", "--device=late_feed", tune]))
        wait_until(lambda: '"playing": true' in loopnote(desktop, "devices", "--json")[1], "the player to play", 15)
        options = ["--no-system", "--mic", "late", "--duration", "1"]
        with record(desktop, tmp_path / "mic.wav", *options) as recording:
            result = recording.result()
    sound = read_sound(Path(result["file"])).samples
    assert int(np.argmax(np.abs(sound[:, 0]) > 0.1)) < 0.020 * RATE


# One codec frame: Opus 20 ms, AAC 1024 samples, MP3 1152 samples; the others are exact.
FRAME_S = {"opus": 0.02, "flac": 1 / RATE, "wav": 1 / RATE, "m4a": 1024 / RATE, "mp3": 1152 / RATE}
