"""A computer that is too slow for what is recorded: the sound loses nothing, pictures are lost and counted."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from capture.bounds import PICTURE_BOUND, PICTURE_BOUND_BYTES
from tests.faults.frame import Fault, Ground, Outcome, lengths_s, let_pass, must_name
from tests.faults.judge import expect_all_sound
from tests.faults.pictures import Corner, find_pictures
from tests.helpers.desktop_scene import show
from tests.helpers.player import play
from tests.helpers.recording import Recording, record
from tests.helpers.signals import numbered
from tests.helpers.witness import witness

SOUND = numbered(60, seed=41)
FPS = 30
# Programs that never rest, on the core that they share with the recorder: it has an eleventh of it.
BUSY = 10
CORE = min(os.sched_getaffinity(0))
# The bound on memory that is written down in capture/bounds.py: what is always there, and bytes for each pixel; then
# what waits for the encoder: I420 pictures, of which there are so many at most, and so much of them.
BASE_MIB = 90
PIXEL_BYTES = 36
WAITING_BYTES, WAITING_MIB = 1.5, PICTURE_BOUND_BYTES / 2**20
# What is counted as lost may differ from what is missing in the file by this part of what was shown: the scene, on the
# same computer, is late at times too, and then shows two pictures between two looks.
COUNT_SHARE = 0.1
# From this part on, at the latest, the result is not called whole.
NAMED_SHARE = 0.02
NAMED_LEAST = 3


def cpu_starved(ground: Ground) -> Outcome:
    """For 3 s the recorder has an eleventh of one core, while all of a screen changes 30 times a second."""
    return _overloaded(ground, (1920, 1080), busy=True)


def too_large(ground: Ground) -> Outcome:
    """4K at 30 pictures a second, each of them another, on what this computer has."""
    return _overloaded(ground, (3840, 2160), busy=False)


def _overloaded(ground: Ground, screen: tuple[int, int], busy: bool) -> Outcome:
    with (
        ground.desktop(screen=screen) as desktop,
        play(desktop, SOUND, request_frames=4800) as playing,
        witness(desktop) as heard,
        show(desktop, "scroll", area=(0, 0, *screen), fps=FPS, count=3000) as scene,
        record(desktop, ground.folder / "a.mkv", "--no-cursor", "--screen", "all") as recording,
    ):
        let_pass(0.5 + ground.chance.random())
        with _busy_core(recording) if busy else contextlib.nullcontext():
            let_pass(3.0)
        let_pass(1.0)
        peak_mib = _peak_mib(recording)
        result = recording.stop(expect=None)
    (film,) = find_pictures(recording.file, recording.began_ns, [(scene, Corner())])
    outcome = Outcome(playable=True)
    expect_all_sound(outcome, recording, SOUND, playing, heard)
    outcome.expect(not result["audio"]["gaps"], f"gaps of the sound are told: {result['audio']['gaps']}")
    shown = [number for number, at_s in film.shown_s.items() if 0 <= at_s <= recording.stopped_s]
    missing = [number for number in shown if number not in film.seen_s]
    outcome.video_lost_s = len(missing) / FPS
    # While the grabbing of a single picture takes very long, the result speaks of a screen that gave none.
    dropped = result["video"]["dropped"] + round(FPS * lengths_s(result["video"]["gaps"]))
    # A computer with many cores may be fast enough even for 4K; with so little of one core, none is.
    outcome.expect(dropped > 0 or not busy, "no picture was lost, although the recorder had next to no time")
    if dropped > max(NAMED_SHARE * len(shown), NAMED_LEAST):
        must_name(outcome, result, "too slow", "no picture")
    told = f"{dropped} pictures are told to be lost, {len(missing)} of {len(shown)} are missing"
    outcome.expect(abs(dropped - len(missing)) <= COUNT_SHARE * len(shown), told)
    most_mib = _memory_bound_mib(*screen)
    outcome.expect(peak_mib <= most_mib, f"it took {peak_mib:.0f} MiB of memory; {most_mib:.0f} are allowed")
    outcome.said += f" (peak memory {peak_mib:.0f} of {most_mib:.0f} MiB)"
    return outcome


def _memory_bound_mib(width: int, height: int) -> float:
    mebipixels = width * height / 2**20
    return BASE_MIB + PIXEL_BYTES * mebipixels + min(PICTURE_BOUND * WAITING_BYTES * mebipixels, WAITING_MIB)


@contextlib.contextmanager
def _busy_core(recording: Recording) -> Iterator[None]:
    """All threads of the recorder on one core, which they share with programs that never rest."""
    _pin(recording.process.pid, {CORE})
    with contextlib.ExitStack() as stack:
        for _ in range(BUSY):
            busy = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(busy.kill)
            os.sched_setaffinity(busy.pid, {CORE})
        yield
    _pin(recording.process.pid, os.sched_getaffinity(0))


def _pin(pid: int, cores: set[int]) -> None:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), cores)


def _peak_mib(recording: Recording) -> float:
    """The most memory that it has had so far."""
    status = Path(f"/proc/{recording.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


FAULTS = (
    Fault("encoder too slow: CPU starved", cpu_starved, quick=("pulse",), alone=True),
    Fault("encoder too slow: 4K at 30 pictures a second", too_large, quick=("pulse",), alone=True),
)
