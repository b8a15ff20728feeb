"""A mixer as a recording uses it: fed a block at a time, asked after each, its output joined."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from capture.clock import frames_to_ns
from capture.model import AudioBlock, AudioFormat
from capture.sound.mixer import Hole, Mixer, SourceMix
from tests.helpers.simulated_source import ORIGIN_NS

RATE = 48_000
BLOCK = 2400
STEREO = AudioFormat(RATE, 2)

Samples = NDArray[np.float32]


def instant(seconds: float) -> int:
    return ORIGIN_NS + round(seconds * 1e9)


def noise(frames: int, seed: int = 1, channels: int = 2) -> Samples:
    return np.random.default_rng(seed).uniform(-0.9, 0.9, (frames, channels)).astype(np.float32)


def flat(value: float, frames: int = BLOCK, channels: int = 2) -> Samples:
    return np.full((frames, channels), value, np.float32)


def block(start_frame: int, samples: Samples, late_s: float = 0.0, samplerate: int = RATE) -> AudioBlock:
    return AudioBlock(ORIGIN_NS + frames_to_ns(start_frame, samplerate) + round(late_s * 1e9), samples, samplerate)


class Session:
    """A mixer that is fed a block at a time and asked after each; what came out, joined."""

    def __init__(
        self,
        *names: str,
        separate: bool = False,
        fmt: AudioFormat = STEREO,
        lag_s: float = 0.6,
        end_s: float | None = None,
    ) -> None:
        sources = [SourceMix(name) for name in names or ("system",)]
        self.end_ns = None if end_s is None else instant(end_s)
        self.mixer = Mixer(ORIGIN_NS, fmt, sources, separate, round(lag_s * 1e9))
        self.parts: list[list[Samples]] = []
        self._channels = fmt.channels

    def give(self, start_frame: int, samples: Samples, source: int = 0, late_s: float = 0.0) -> None:
        """A block that arrives as soon as its last frame has sounded."""
        self.mixer.add(source, block(start_frame, samples, late_s))
        self.mix((start_frame + len(samples)) / RATE + 0.01)

    def mix(self, now_s: float) -> None:
        while tracks := self.mixer.mix(instant(now_s), self.end_ns):
            self.parts.append(tracks)

    def finish(self, end_s: float) -> Samples:
        self.parts.extend(self.mixer.finish(instant(end_s)))
        return self.track(0)

    def track(self, number: int) -> Samples:
        nothing = np.zeros((0, self._channels), np.float32)
        return np.concatenate([nothing, *(part[number] for part in self.parts)])

    def holes(self) -> list[tuple[str, float, float, str]]:
        """(source, begin, length, reason), seconds rounded to milliseconds."""
        return [(hole.source, *_span_s(hole), hole.reason) for hole in self.mixer.holes]


def _span_s(hole: Hole) -> tuple[float, float]:
    return round((hole.start_ns - ORIGIN_NS) / 1e9, 3), round((hole.end_ns - hole.start_ns) / 1e9, 3)
