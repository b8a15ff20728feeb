"""A sound server that stops for two seconds: what follows is in its place, and the gap is in the result."""

from __future__ import annotations

import time
from pathlib import Path

from tests.helpers.analysis import read_sound
from tests.helpers.player import play
from tests.helpers.processes import wait_until
from tests.helpers.recording import record
from tests.helpers.signals import RATE, locate, numbered
from virtual_desktop import VirtualDesktop

STOPPED_S = 2.0
BEFORE, AFTER = numbered(60, seed=11), numbered(60, seed=12)


def test_what_follows_a_stop_of_the_server_is_in_its_place(fresh_desktop: VirtualDesktop, tmp_path: Path) -> None:
    with play(fresh_desktop, BEFORE) as playing, record(fresh_desktop, tmp_path / "holes.wav") as recording:
        start_frame = playing.frame_at(recording.began_ns)
        _let_it_play(2.0)
        stopped_ns = time.monotonic_ns()
        stopped_frame = playing.frame_at(stopped_ns)
        fresh_desktop.stop_sound()
        _let_it_play(STOPPED_S - (time.monotonic_ns() - stopped_ns) / 1e9)
        fresh_desktop.start_sound()
        with play(fresh_desktop, AFTER) as playing_again:
            _let_it_play(3.0)
            result = recording.stop(expect=3)
            stop_frame = playing_again.frame_at(recording.stopped_ns)
    sound = read_sound(Path(result["file"])).samples
    recorded_s = (recording.stopped_ns - recording.began_ns) / 1e9

    assert abs(len(sound) / RATE - recorded_s) < 0.1
    first = locate(sound[: RATE // 2], BEFORE)
    assert abs(first - start_frame) < 0.020 * RATE
    # Where the tail lies in the file, and where it should, told by what sounded at the stop.
    tail = sound[-RATE:]
    tail_frame = locate(tail, AFTER)
    file_s = (len(sound) - len(tail)) / RATE
    true_s = recorded_s + (tail_frame - stop_frame) / RATE
    print(f"\nafter the hole: {1000 * (file_s - true_s):+.1f} ms from its place")  # noqa: T201
    assert abs(file_s - true_s) <= 0.020

    gaps = result["audio"]["gaps"]
    assert gaps, "the gap is named"
    assert any(gap["length_s"] > STOPPED_S - 0.5 for gap in gaps), gaps
    at_s = (stopped_frame - start_frame) / RATE
    assert any(abs(gap["at_s"] - at_s) < 0.3 for gap in gaps), (at_s, gaps)
    assert all(gap["reason"] for gap in gaps)
    assert result["degraded"]


def _let_it_play(length_s: float) -> None:
    until_s = time.monotonic() + length_s
    wait_until(lambda: time.monotonic() >= until_s, "time to pass", length_s + 5)
