"""A trial of the way from the speaker to Loopnote: plays a soft tone, and tells whether it is heard inside."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from capture.errors import CaptureError
from capture.model import AudioBlock
from capture.sound.source import SoundSystem

if TYPE_CHECKING:
    from capture.model import Samples

TONE_HZ = 660.0
TONE_S = 1.5
RATE_HZ = 48_000
# Soft: nobody should start at it.
PEAK = 0.1
# Before the tone, to know what plays anyway; after it, for what is on its way.
BEFORE_S = 0.4
AFTER_S = 1.0
# Idle speakers take seconds to begin (PulseAudio: 2 s).
LIMIT_S = BEFORE_S + TONE_S + AFTER_S + 3.0
_READ_S = 0.1
_WINDOW_S = 0.1
# The tone counts as heard from -66 dBFS on, when it is four times as strong as what was there at its pitch before.
_LEAST = 0.0005
_TIMES = 4.0
_HEARD_S = 0.5


@dataclass(frozen=True)
class Trial:
    """`device` is what was listened to; `peak` the loudest of what was heard of the tone, 0 to 1."""

    heard: bool
    device: str
    peak: float


def tone() -> Samples:
    """What is played, float32 of shape (frames, 2) at `RATE_HZ`; it fades in and out."""
    at_s = np.arange(round(TONE_S * RATE_HZ)) / RATE_HZ
    edge = np.minimum(1.0, np.minimum(at_s, at_s[::-1]) / 0.05)
    wave = (PEAK * edge * np.sin(2 * math.pi * TONE_HZ * at_s)).astype(np.float32)
    return np.repeat(wave[:, None], 2, axis=1)


def play_tone() -> None:
    """On the default speaker, to its end. Blocks, for `LIMIT_S` at most. Raises OSError, with what went wrong.

    In a process of its own: soundcard has one connection, which recording takes away from it (see pulse_link.py), and
    libpulse aborts the process that uses one which is gone.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise OSError("the speaker does not take it") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise OSError(said[-1] if said else f"the player ended with {done.returncode}")


def try_sound(
    system: SoundSystem,
    on_level: Callable[[float], None] = lambda level: None,
    play: Callable[[], None] = play_tone,
) -> Trial:
    """Play the tone and listen to the default speaker. Blocks, for `LIMIT_S` at most; nothing is kept of what is heard.

    `on_level` is called with what is heard of the tone, 0 to 1, ten times a second, in the calling thread. Raises
    `CaptureError` when there is nothing to play on, or to listen to.
    """
    source = system.loopback(None)
    device = source.open()
    failed: list[BaseException] = []

    def sound() -> None:
        try:
            play()
        except Exception as error:  # noqa: BLE001 - a library's own kinds
            failed.append(error)

    playing = threading.Thread(target=sound, name="trial-tone", daemon=True)
    began_s = time.monotonic()
    before, heard_s, peak = _LEAST / _TIMES, 0.0, 0.0
    try:
        while (now_s := time.monotonic() - began_s) < LIMIT_S and heard_s < TONE_S - 2 * _WINDOW_S and not failed:
            if now_s >= BEFORE_S and playing.ident is None:
                playing.start()
            block = source.read(_READ_S)
            for level, length_s in _levels(block) if block is not None else [(0.0, 0.0)]:
                if playing.ident is None:
                    before = max(before, level)
                    continue
                is_heard = level >= max(_LEAST, _TIMES * before)
                heard_s += length_s if is_heard else 0.0
                peak = max(peak, level if is_heard else 0.0)
                on_level(level if is_heard else 0.0)
            if heard_s >= _HEARD_S and not playing.is_alive() and not (block is not None and is_heard):
                break
    finally:
        source.close()
    if failed:
        raise CaptureError(f"nothing could be played: {failed[0]}", "See: loopnote doctor")
    return Trial(heard_s >= _HEARD_S, device.name, peak)


def _levels(block: AudioBlock) -> list[tuple[float, float]]:
    """How strong the tone is in each tenth of a second of it, 0 to 1, and the length of each in seconds."""
    mono = block.samples.mean(axis=1)
    at_s = np.arange(len(mono)) / block.samplerate
    mixed = mono * np.exp(-2j * math.pi * TONE_HZ * at_s)
    step = max(1, round(_WINDOW_S * block.samplerate))
    parts = [mixed[first : first + step] for first in range(0, len(mixed), step)]
    return [(2 * abs(complex(part.mean())), len(part) / block.samplerate) for part in parts]


if __name__ == "__main__":
    import soundcard

    soundcard.default_speaker().play(tone(), RATE_HZ)
