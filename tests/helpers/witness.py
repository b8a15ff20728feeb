"""Another program that records beside ours: what it did not get either, nobody could have."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator

import numpy as np

from tests.helpers.children import start_in
from tests.helpers.signals import RATE, Samples
from virtual_desktop import VirtualDesktop
from virtual_sound import SINK_NAME

_FRAME_BYTES = 8
_CHUNK_BYTES = 1 << 16


class Witness:
    """A running parec; made by `witness`. Complete when its block has ended."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.began_ns = 0  # when its first frame sounded, give or take a tenth of a second
        self._process = process
        self._heard = bytearray()
        self._reader = threading.Thread(target=self._read, name="witness", daemon=True)
        self._reader.start()

    @property
    def samples(self) -> Samples:
        """What it heard: stereo, at RATE."""
        whole = len(self._heard) // _FRAME_BYTES * _FRAME_BYTES
        return np.frombuffer(bytes(self._heard[:whole]), "<f4").reshape(-1, 2)

    def end(self) -> None:
        """Let it write what it has, and end it."""
        self._process.terminate()
        self._reader.join(10)

    def _read(self) -> None:
        assert self._process.stdout is not None
        while piece := self._process.stdout.buffer.read1(_CHUNK_BYTES):  # type: ignore[attr-defined]
            if not self._heard:
                self.began_ns = time.monotonic_ns() - round(len(piece) / _FRAME_BYTES / RATE * 1e9)
            self._heard += piece


@contextlib.contextmanager
def witness(desktop: VirtualDesktop, source: str = f"{SINK_NAME}.monitor") -> Iterator[Witness]:
    """Have another program record `source` (a microphone, or a speaker's monitor) as long as the block lasts."""
    command = ["parec", "--raw", "--format=float32le", f"--rate={RATE}", "--channels=2", "--latency-msec=50"]
    with start_in(desktop, [*command, f"--device={source}"]) as process:
        found = Witness(process)
        yield found
        found.end()
