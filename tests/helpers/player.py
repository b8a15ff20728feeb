"""Plays a known sound in a virtual desktop, from a child process, and knows which of its frames sounds when."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.helpers.children import start_in
from tests.helpers.pulse_stream import PlaybackStream
from tests.helpers.signals import RATE, Samples
from tests.helpers.sound_clock import ASK_AFTER_S, SoundClock, Timing
from virtual_desktop import VirtualDesktop

# How long a player that awaits its server does so.
SERVER_LIMIT_S = 30.0


class Playing:
    """A sound that is being played by a child process; made by `play`."""

    def __init__(self, process: subprocess.Popen[str], samplerate: int) -> None:
        self.samplerate = samplerate
        self.clock = SoundClock(samplerate)
        self.sink_input = -1
        self.underflows = 0
        self._process = process
        self._sounds = threading.Event()
        self._ended = threading.Event()
        self._reader = threading.Thread(target=self._read, name="player-reports", daemon=True)
        self._reader.start()

    def wait_until_sounds(self, timeout_s: float = 10) -> None:
        """Return as soon as the first frames sound (an idle PulseAudio takes up to 2 s)."""
        if not self._sounds.wait(timeout_s):
            raise AssertionError(f"nothing sounded in {timeout_s} s (player's exit code: {self._process.poll()})")

    def wait_until_ended(self, timeout_s: float) -> None:
        """Return as soon as the last frame has sounded."""
        if not self._ended.wait(timeout_s):
            raise AssertionError(f"the sound did not end in {timeout_s} s")

    def frame_at(self, at_ns: int) -> float:
        """The frame that sounded at CLOCK_MONOTONIC `at_ns`."""
        return self.clock.frame_at(at_ns)

    def time_of(self, frame: float) -> int:
        """When `frame` sounded, in CLOCK_MONOTONIC nanoseconds."""
        return self.clock.time_of(frame)

    def _read(self) -> None:
        assert self._process.stdout is not None
        # A killed child may leave half a line; a closed pipe is the end like any other.
        with contextlib.suppress(ValueError):
            for line in self._process.stdout:
                report = json.loads(line)
                self.underflows = report.get("underflows", self.underflows)
                self.sink_input = report.get("sink_input", self.sink_input)
                if "frame" in report:
                    self.clock.add(Timing(report["at_ns"], report["frame"], report["stepwise"]))
                    if report["frame"] > 0:
                        self._sounds.set()
                if "ended" in report:
                    self._ended.set()


@contextlib.contextmanager
def play(
    desktop: VirtualDesktop,
    samples: Samples,
    samplerate: int = RATE,
    *,
    name: str = "player",
    sink: str | None = None,
    request_frames: int = 512,
    wait: bool = True,
    awaits_server: bool = False,
) -> Iterator[Playing]:
    """Play `samples` (frames, channels) once in `desktop`, as the application `name`; leaving the block ends the sound.

    With `wait` the first frames sound already when the block begins. With `awaits_server` it begins as soon as there is
    a sound server; the block does not wait for that.
    """
    handle, path = tempfile.mkstemp(prefix="sound-", suffix=".npy", dir=desktop.folder)
    with os.fdopen(handle, "wb") as file:
        np.save(file, samples)
    command = [sys.executable, "-m", "tests.helpers.player", path, "--rate", str(samplerate), "--name", name]
    command += ["--request-frames", str(request_frames), *(["--sink", sink] if sink else [])]
    command += ["--awaits-server"] if awaits_server else []
    with start_in(desktop, command) as process:
        playing = Playing(process, samplerate)
        if wait and not awaits_server:
            playing.wait_until_sounds()
        yield playing


def _say(**report: object) -> None:
    print(json.dumps(report), flush=True)


def _open(options: argparse.Namespace, samples: Samples) -> PlaybackStream:
    give_up_s = time.monotonic() + (SERVER_LIMIT_S if options.awaits_server else 0)
    while True:
        try:
            return PlaybackStream(
                lambda first, frames: samples[first : first + frames],
                options.rate,
                samples.shape[1],
                options.name,
                options.sink,
                request_frames=options.request_frames,
            )
        except RuntimeError:
            if time.monotonic() >= give_up_s:
                raise
            time.sleep(0.01)


def main() -> None:
    """Play a .npy file, reporting as JSON lines which frame sounds when, until it has sounded."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--rate", type=int, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--request-frames", type=int, required=True)
    parser.add_argument("--sink")
    parser.add_argument("--awaits-server", action="store_true")
    options = parser.parse_args()
    samples: Samples = np.load(options.file)
    length_s = len(samples) / options.rate
    with _open(options, samples) as stream:
        stream.go_on()
        _say(sink_input=stream.sink_input)
        for pause_s in itertools.cycle(ASK_AFTER_S):
            if stream.ended:
                break
            timing = stream.timing()
            if timing is not None:
                _say(at_ns=timing.at_ns, frame=timing.frame, stepwise=timing.stepwise, underflows=stream.underflows)
            time.sleep(pause_s)
        stream.drain(timeout_s=length_s + 10)
    _say(ended=True, underflows=stream.underflows)


if __name__ == "__main__":
    main()
