"""Picture and sound belong together: flashes and beeps of the same instants, through the whole recorder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.analysis import read_sync
from tests.helpers.desktop_scene import show
from tests.helpers.recording import record
from virtual_desktop import VirtualDesktop

AREA = (0, 0, 640, 480)
# PipeWire's answers are good to some milliseconds (it counts in cycles of 11 or 21 ms).
STEADY_S = 0.008


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_flash_and_beep_fall_together(desktop: VirtualDesktop, tmp_path: Path, suffix: str, full: bool) -> None:
    count = 60 if full else 20
    with (
        record(desktop, tmp_path / f"sync.{suffix}", "--screen", "0,0,640x480", "--fps", "60") as recording,
        show(desktop, "flash", area=AREA, count=count, interval_s=0.5) as scene,
    ):
        scene.wait_until_ended(count * 0.5 + 20)
        result = recording.stop(expect=None)
    sync = read_sync(Path(result["file"]))
    assert len(sync.offsets_s) == len(scene.flashes) == count
    offsets_s = []
    for flash, found_s in zip(scene.flashes, sync.offsets_s, strict=True):
        # A beep that the sound server itself played late (its player ran dry) tells nothing: nobody knows when it was.
        if flash.sounded_ns is not None and flash.wander_s < STEADY_S:
            # What the scene itself was off by, as it measured (a flash takes until the X server has drawn it).
            offsets_s.append(found_s - (flash.sounded_ns - flash.shown_ns) / 1e9)
    offsets_s.sort()
    assert len(offsets_s) >= 0.9 * count, "the sound server stumbles"
    median_s = offsets_s[len(offsets_s) // 2]
    spread = f"from {offsets_s[0] * 1000:+.1f} to {offsets_s[-1] * 1000:+.1f} ms"
    print(f"\n{suffix}: {len(offsets_s)} of {count}, median {median_s * 1000:+.1f} ms, {spread}")  # noqa: T201 - a figure of the closing note
    assert abs(median_s) <= 0.010
    # BT.1359's sense of the words: sound early is negative.
    assert offsets_s[0] >= -0.015
    assert offsets_s[-1] <= 0.020
