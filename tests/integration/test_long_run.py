"""Half an hour, for real: sound and its place in the file stay together, and memory stays flat."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.helpers.analysis import read_sound
from tests.helpers.player import play
from tests.helpers.processes import wait_until
from tests.helpers.recording import record
from tests.helpers.signals import RATE, locate, numbered
from virtual_desktop import VirtualDesktop

LENGTH_S = 30 * 60
STEP_S = 60


@pytest.mark.full
@pytest.mark.timeout(LENGTH_S + 600)
def test_half_an_hour_ends_in_its_place(pulse_desktop: VirtualDesktop, tmp_path: Path) -> None:
    played = numbered(LENGTH_S + 30)
    memory_mib: list[float] = []
    with (
        play(pulse_desktop, played, request_frames=2400) as playing,
        record(pulse_desktop, tmp_path / "long.flac", "--duration", str(LENGTH_S)) as recording,
    ):
        for minute in range(LENGTH_S // 60):
            until_s = recording.began_ns / 1e9 + 60 * (minute + 1) - 5
            wait_until(lambda end_s=until_s: time.monotonic() >= end_s, "a minute to pass", 80)  # type: ignore[misc]
            memory_mib.append(_memory_mib(recording.process.pid))
        result = recording.result()
    sound = read_sound(Path(result["file"])).samples
    assert len(sound) == LENGTH_S * RATE
    offsets_ms = []
    for at_s in range(0, LENGTH_S, STEP_S):
        excerpt = sound[at_s * RATE : (at_s + 1) * RATE]
        # By the player's own clock: a null sink's is not the computer's (PulseAudio's loses 27 to 30 ppm).
        sounded = playing.frame_at(recording.began_ns + at_s * 1_000_000_000)
        near = max(0, round(sounded) - 2 * RATE)
        frame = near + locate(excerpt, played[near : near + 6 * RATE])
        offsets_ms.append(1000 * (frame - sounded) / RATE)
    change_ms = offsets_ms[-1] - offsets_ms[0]
    print(  # noqa: T201 - figures of the closing note
        f"\n{LENGTH_S // 60} minutes: place {offsets_ms[0]:+.2f} ms at the start, {offsets_ms[-1]:+.2f} ms at the end "
        f"(all from {min(offsets_ms):+.2f} to {max(offsets_ms):+.2f}); "
        f"memory {memory_mib[0]:.1f} MiB after a minute, {memory_mib[-1]:.1f} MiB at the end"
    )
    assert abs(change_ms) <= 5.0
    assert memory_mib[-1] - memory_mib[1] < 8


def _memory_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the recorder has ended")
