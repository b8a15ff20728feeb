"""Something to hear while the bench records: twenty seconds of made-up music and speech-like noise, again and again."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from virtual_desktop import VirtualDesktop

RATE = 48_000
_LENGTH_S = 20
# What an ordinary player asks for; left alone, pacat takes 2 s, and PulseAudio then renders as far ahead.
_LATENCY_MS = 100


@contextlib.contextmanager
def play(desktop: VirtualDesktop) -> Iterator[None]:
    """Sound on the desktop's speaker, from here on to the end of the block."""
    player = subprocess.Popen(
        ["pacat", "--playback", "--format=s16le", f"--rate={RATE}", "--channels=2", f"--latency-msec={_LATENCY_MS}",
         "--client-name=bench"],
        env=desktop.env,
        stdin=subprocess.PIPE,
        bufsize=0,
    )  # fmt: skip
    feeder = threading.Thread(target=_feed, args=(player, _music().tobytes()), name="feed", daemon=True)
    feeder.start()
    try:
        yield
    finally:
        player.kill()
        player.wait(10)
        feeder.join(10)


def _feed(player: subprocess.Popen[bytes], sound: bytes) -> None:
    assert player.stdin is not None
    with player.stdin, contextlib.suppress(BrokenPipeError):
        while True:
            rest = memoryview(sound)
            while rest:
                rest = rest[player.stdin.write(rest) :]


def _music() -> NDArray[np.int16]:
    """(frames, 2): chords that change twice a second, and noise that comes and goes as syllables do."""
    random = np.random.default_rng(4)
    time_s = np.arange(RATE * _LENGTH_S) / RATE
    chord = np.floor(time_s * 2).astype(int) % 8
    roots_hz = np.array([220, 262, 294, 330, 247, 196, 349, 262])[chord]
    decay = np.exp(-3 * (time_s * 2 % 1))
    tone = sum(np.sin(2 * np.pi * np.cumsum(roots_hz * ratio) / RATE) for ratio in (1, 1.25, 1.5, 2, 3.01))
    syllables = np.clip(np.sin(2 * np.pi * 4.3 * time_s), 0, None) * np.clip(np.sin(2 * np.pi * 0.3 * time_s), 0, None)
    noise = random.normal(0, 1, (len(time_s), 2)) * syllables[:, None]
    sound = 0.08 * (tone * decay)[:, None] * [1, 0.8] + 0.05 * noise
    samples: NDArray[np.int16] = (np.clip(sound, -1, 1) * 32767).astype(np.int16)
    return samples
