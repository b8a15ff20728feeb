"""Pausing, discarding, and two recordings at once."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.analysis import find_beeps, find_flashes, read_pictures, read_sound
from tests.helpers.conductor import Conductor, conduct
from tests.helpers.desktop_scene import Flash, show
from tests.helpers.player import play
from tests.helpers.processes import wait_until
from tests.helpers.recording import loopnote, record
from tests.helpers.signals import RATE, Samples, tone
from virtual_desktop import VirtualDesktop

AREA = (0, 0, 320, 240)
PAUSE_S = 1.5
# So near to a cut a beep or a flash may be cut itself.
MARGIN_NS = 150_000_000


@dataclass
class Cut:
    """A recording that was paused once, and when what happened to it (monotonic nanoseconds)."""

    file: Path
    began_ns: int
    paused_ns: int = 0
    resumed_ns: int = 0
    stopped_ns: int = 0
    duration_s: float = 0.0

    def place_s(self, at_ns: int) -> float | None:
        """Where in the file something of that instant belongs; None in the pause, and near the cuts."""
        if self.began_ns < at_ns < self.paused_ns - MARGIN_NS:
            return (at_ns - self.began_ns) / 1e9
        if self.resumed_ns + MARGIN_NS < at_ns < self.stopped_ns - MARGIN_NS:
            return (at_ns - self.began_ns - (self.resumed_ns - self.paused_ns)) / 1e9
        return None


@pytest.mark.alone
def test_a_pause_is_cut_out_of_picture_and_sound_alike(desktop: VirtualDesktop, tmp_path: Path, full: bool) -> None:
    """The same flashes and beeps, recorded in each format at the same time."""
    with contextlib.ExitStack() as stack:
        recorders: list[tuple[Conductor, Cut]] = []
        scene = stack.enter_context(show(desktop, "flash", area=AREA, count=200, interval_s=0.25))
        for suffix in ("mp4", "mkv", "webm") if full else ("mp4", "webm"):
            file = tmp_path / f"pause.{suffix}"
            recorder = stack.enter_context(conduct(desktop, file, screen="0,0,320x240", fps=60.0))
            recorder.do("start")
            recorders.append((recorder, Cut(file, recorder.await_state("recording"))))
        _let_pass(1.5)
        for recorder, cut in recorders:
            cut.paused_ns = recorder.do("pause")
            recorder.await_state("paused")
        _let_pass(PAUSE_S)
        for recorder, cut in recorders:
            cut.resumed_ns = recorder.do("resume")
            recorder.await_state("recording")
        _let_pass(16 if full else 3)
        for recorder, cut in recorders:
            cut.stopped_ns, result = recorder.stop()
            cut.duration_s = result["duration_s"]
        flashes = list(scene.flashes)
    for _, cut in recorders:
        check(cut, flashes, 50 if full else 8, desktop.sound)


def check(cut: Cut, flashes: list[Flash], least: int, sound_server: str) -> None:
    """Everything of the recording is in the file in its place, and nothing of the pause; `least` flashes after it."""
    length_s = (cut.paused_ns - cut.began_ns + cut.stopped_ns - cut.resumed_ns) / 1e9
    # The end comes 30 ms after the stop, so that the last syllable is whole.
    assert abs(cut.duration_s - length_s - 0.030) < 0.020

    beeps = find_beeps(read_sound(cut.file))
    seen = find_flashes(read_pictures(cut.file, width=64))
    count = 0
    sound_errors_s: dict[str, list[float]] = {"before": [], "after": []}
    offsets_s = []
    for flash in flashes:
        assert flash.sounded_ns is not None
        shown_s, sounded_s = cut.place_s(flash.shown_ns), cut.place_s(flash.sounded_ns)
        if shown_s is None or sounded_s is None:
            continue
        # Each of the recording is there, in its place ...
        count += 1
        beep_s = min(beeps, key=lambda at_s: abs(at_s - sounded_s))
        assert abs(beep_s - sounded_s) < 0.05, (sounded_s, beeps)
        sound_errors_s["before" if flash.sounded_ns < cut.paused_ns else "after"].append(beep_s - sounded_s)
        flash_s = min(seen, key=lambda at_s: abs(at_s - shown_s))
        if abs(flash_s - shown_s) < 0.06 and flash.shown_ns > cut.resumed_ns:
            offsets_s.append((beep_s - flash_s) - (sounded_s - shown_s))
    # ... and none of the pause, but for one at the edge of each cut and at the end.
    assert len(beeps) <= count + 3, beeps
    assert len(seen) <= count + 3, seen
    median_s = float(np.median(offsets_s))
    spread = f"from {1000 * min(offsets_s):+.1f} to {1000 * max(offsets_s):+.1f} ms"
    print(f"\n{sound_server} {cut.file.name}: median {1000 * median_s:+.1f} ms, {spread}")  # noqa: T201 - a figure
    assert len(offsets_s) >= least
    assert abs(median_s) <= 0.010
    # The place of the sound is not another than before (PipeWire's times are good to half a cycle of 21 ms).
    before_s, after_s = (float(np.median(sound_errors_s[side])) for side in ("before", "after"))
    assert abs(after_s - before_s) < 0.015, (before_s, after_s)


def test_a_cut_does_not_click(desktop: VirtualDesktop, tmp_path: Path) -> None:
    frequency_hz, peak = 1_000, 0.5
    with (
        play(desktop, tone(20, frequency_hz, peak=peak)),
        conduct(desktop, tmp_path / "click.wav", quality="high") as recorder,
    ):
        recorder.do("start")
        for _ in range(4):
            _let_pass(0.3)
            recorder.do("pause")
            recorder.await_state("paused")
            _let_pass(0.11)
            recorder.do("resume")
            recorder.await_state("recording")
        _let_pass(0.3)
        recorder.stop()
    sound = read_sound(tmp_path / "click.wav").samples[:, 0]
    steepest = float(np.abs(np.diff(sound)).max())
    # Of the sine itself, and of the slope with which it fades within 5 ms at a cut.
    allowed = peak * 2 * np.pi * frequency_hz / RATE + peak * np.pi / 2 / (0.005 * RATE)
    assert steepest < allowed * 1.05
    assert _quiet_stretches(sound) == 4


def _quiet_stretches(sound: Samples) -> int:
    """Cuts: where it fades out and in."""
    window = RATE // 1000
    loud = np.abs(sound[: len(sound) // window * window]).reshape(-1, window).max(axis=1) > 0.2
    inside = loud[20:-50]
    return int(np.count_nonzero(inside[:-1] & ~inside[1:]))


def test_stop_while_paused_keeps_what_came_before(desktop: VirtualDesktop, tmp_path: Path) -> None:
    with (
        play(desktop, tone(20, 440)),
        conduct(desktop, tmp_path / "paused.m4a") as recorder,
    ):
        recorder.do("start")
        began_ns = recorder.await_state("recording")
        _let_pass(1.0)
        paused_ns = recorder.do("pause")
        recorder.await_state("paused")
        _let_pass(0.5)
        _, result = recorder.stop()
    assert abs(result["duration_s"] - (paused_ns - began_ns) / 1e9) < 0.020
    sound = read_sound(tmp_path / "paused.m4a")
    assert abs(sound.duration_s - result["duration_s"]) < 1024 / RATE
    assert not result["degraded"]


def test_discard_leaves_nothing(desktop: VirtualDesktop, tmp_path: Path) -> None:
    with conduct(desktop, tmp_path / "gone.mp4", screen="0,0,64x64") as recorder:
        recorder.do("start")
        _let_pass(0.5)
        assert [path.name for path in tmp_path.iterdir()] == [".gone.part.mp4"]
        recorder.do("discard")
        recorder.await_state("idle")
        assert list(tmp_path.iterdir()) == []
        assert "discarded" in recorder.refused("stop")
    assert loopnote(desktop, "recover", tmp_path)[1] == "nothing to recover\n"


def test_the_same_file_twice_is_refused(desktop: VirtualDesktop, tmp_path: Path) -> None:
    with record(desktop, tmp_path / "one.wav") as first, record(desktop, tmp_path / "two.opus") as other:
        code, _, said = loopnote(desktop, "record", tmp_path / "one.wav", "--duration", "0.5")
        assert code == 1
        assert "one.wav is just being recorded" in said
        # Whereas two at once into two files do not mind each other.
        assert not other.stop()["degraded"]
        assert not first.stop()["degraded"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.wav", "two.opus"]


def _let_pass(length_s: float) -> None:
    until_s = time.monotonic() + length_s
    wait_until(lambda: time.monotonic() >= until_s, "time to pass", length_s + 5)
