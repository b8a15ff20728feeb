"""Picture and sound belong together: flashes and beeps of the same instants, through the whole recorder."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.helpers.analysis import read_sync
from tests.helpers.desktop_scene import Scene, show
from tests.helpers.recording import record
from virtual_desktop import VirtualDesktop

AREA = (0, 0, 640, 480)
# PipeWire's answers are good to some milliseconds (it counts in cycles of 11 or 21 ms).
STEADY_S = 0.008


pytestmark = pytest.mark.alone


def test_flash_and_beep_fall_together(desktop: VirtualDesktop, tmp_path: Path, full: bool) -> None:
    """The same flashes and beeps, recorded in each format at the same time."""
    count = 60 if full else 20
    with contextlib.ExitStack() as stack:
        recordings = [
            stack.enter_context(
                record(desktop, tmp_path / f"sync.{suffix}", "--screen", "0,0,640x480", "--fps", "60", wait=False)
            )
            for suffix in ("mp4", "mkv", "webm")
        ]
        for recording in recordings:
            recording.wait_until_begun()
        scene = stack.enter_context(show(desktop, "flash", area=AREA, count=count, interval_s=0.5))
        scene.wait_until_ended(count * 0.5 + 20)
        files = [Path(recording.stop(expect=None)["file"]) for recording in recordings]
    for file in files:
        check(file, scene, count)


def check(file: Path, scene: Scene, count: int) -> None:
    """The offsets in a file, beside those of the scene itself, are as small as promised."""
    sync = read_sync(file)
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
    print(f"\n{file.name}: {len(offsets_s)} of {count}, median {median_s * 1000:+.1f} ms, {spread}")  # noqa: T201 - a figure of the closing note
    assert abs(median_s) <= 0.010, file.name
    # BT.1359's sense of the words: sound early is negative.
    assert offsets_s[0] >= -0.015, file.name
    assert offsets_s[-1] <= 0.020, file.name
