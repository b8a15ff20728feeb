"""The player's word against a recording of the speaker's monitor, on both sound servers."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest

from tests.helpers.analysis import Sound, find_beeps
from tests.helpers.children import start_in
from tests.helpers.desktop_scene import show
from tests.helpers.player import play
from tests.helpers.processes import wait_until
from tests.helpers.signals import RATE, Samples, exact_noise, locate, numbered
from virtual_desktop import VirtualDesktop

# What may lie between a frame's instant by the player's word and its coming out of the monitor: PulseAudio renders
# ahead by the monitor's block of 10 ms, PipeWire hands over within two periods; the rest is this machine being busy.
_EARLY_MS = 12
_LATE_MS = 45


class Monitor:
    """Everything that the speaker's monitor gives, and when each piece came."""

    def __init__(self, desktop: VirtualDesktop) -> None:
        self.pieces: list[tuple[int, bytes]] = []
        self._parts = start_in(
            desktop,
            ["parec", "-d", "loopnote_null.monitor", "--latency-msec=10", "--format=float32le", "--rate=48000"],
        )

    def __enter__(self) -> Monitor:
        process = self._parts.__enter__()
        assert process.stdout is not None
        self._thread = threading.Thread(target=self._read, args=(process.stdout.fileno(),))
        self._thread.start()
        self._process = process
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._thread.join(timeout=10)
        self._parts.__exit__(None, None, None)

    def _read(self, descriptor: int) -> None:
        while piece := os.read(descriptor, 1 << 20):
            self.pieces.append((time.monotonic_ns(), piece))

    @property
    def samples(self) -> Samples:
        whole = b"".join(piece for _, piece in self.pieces)
        return np.frombuffer(whole, "<f4").reshape(-1, 2)


def first_sound(samples: Samples) -> int:
    return int(np.flatnonzero(np.abs(samples).max(axis=1) > 1e-4)[0])


def test_each_frame_sounds_when_the_player_says(desktop: VirtualDesktop) -> None:
    sound = numbered(5)
    with Monitor(desktop) as monitor, play(desktop, sound) as playing:
        playing.wait_until_ended(20)
    assert playing.underflows == 0
    samples = monitor.samples
    begin = first_sound(samples)
    shift = locate(samples[begin : begin + RATE // 4], sound) - begin
    late_ms = []
    came = 0
    for at_ns, piece in monitor.pieces:
        came += len(piece) // 8
        if RATE < came + shift < len(sound) - RATE // 2:
            late_ms.append((playing.frame_at(at_ns) - (came + shift)) * 1000 / RATE)
    assert len(late_ms) > 100
    assert -_EARLY_MS < float(np.median(late_ms)) < _LATE_MS
    # Single pieces come late on a busy machine, but hardly any before its time.
    assert float(np.percentile(late_ms, 5)) > -_EARLY_MS
    for frame in (RATE, 3 * RATE):
        assert playing.frame_at(playing.time_of(frame)) == pytest.approx(frame, abs=1)


def test_what_is_played_comes_out_unchanged(desktop: VirtualDesktop) -> None:
    sound = exact_noise(3)
    with Monitor(desktop) as monitor, play(desktop, sound) as playing:
        playing.wait_until_ended(20)
    samples = monitor.samples
    begin = first_sound(samples)
    # PulseAudio's monitor may miss the very first period of a speaker that was idle.
    excerpt = sound[RATE : 2 * RATE]
    rows = [row for row in range(begin, len(samples) - RATE) if samples[row, 0] == excerpt[0, 0]]
    assert any(np.array_equal(samples[row : row + RATE], excerpt) for row in rows)


def test_the_player_has_the_name_that_it_was_given(desktop: VirtualDesktop) -> None:
    with play(desktop, numbered(5), name="Voice notes") as playing:
        listed = desktop.pactl("list", "sink-inputs")
        assert "Voice notes" in listed
        assert f"Sink Input #{playing.sink_input}" in listed
    wait_until(lambda: "Voice notes" not in desktop.pactl("list", "sink-inputs"), "the player went")


def test_another_speaker_can_be_chosen(desktop: VirtualDesktop) -> None:
    module = desktop.load_null_sink("elsewhere")
    try:
        with play(desktop, numbered(5), sink="elsewhere"):
            states = {
                line.split("\t")[1]: line.split("\t")[-1]
                for line in desktop.pactl("list", "short", "sinks").splitlines()
            }
        assert states["elsewhere"] == "RUNNING"
        assert states["loopnote_null"] != "RUNNING"
    finally:
        desktop.unload(module)


def test_a_player_without_a_server_fails_plainly(fresh_desktop: VirtualDesktop) -> None:
    fresh_desktop.stop_sound()
    with (
        pytest.raises(AssertionError, match="nothing sounded"),
        play(fresh_desktop, numbered(1), wait=False) as playing,
    ):
        playing.wait_until_sounds(timeout_s=2)


def test_flashes_and_beeps_come_together(desktop: VirtualDesktop) -> None:
    with Monitor(desktop) as monitor, show(desktop, "flash", count=8, interval_s=0.3) as scene:
        scene.wait_until_ended(20)
    assert scene.underflows == 0
    assert len(scene.flashes) == 8
    late_ms = [(flash.sounded_ns - flash.planned_ns) / 1e6 for flash in scene.flashes if flash.sounded_ns is not None]
    assert len(late_ms) == 8
    assert abs(float(np.median(late_ms))) < 3
    # The picture waits for the processor; a busy machine takes some milliseconds.
    assert 0 < float(np.median([(flash.shown_ns - flash.planned_ns) / 1e6 for flash in scene.flashes])) < 20
    # Against the monitor: the beeps lie as far from one another as said.
    apart_s = np.diff([flash.sounded_ns / 1e9 for flash in scene.flashes if flash.sounded_ns is not None])
    found_s = np.diff(find_beeps(Sound(monitor.samples, RATE, 0)))
    assert len(found_s) == len(apart_s)
    assert float(np.median(np.abs(found_s - apart_s))) < 0.002
