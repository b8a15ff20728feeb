"""What is in a recorded file, as any player would show and sound it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tests.helpers import signals
from tests.helpers.signals import Samples

# A block whose time stamp is off by less than this from where the one before ended follows it: containers round times,
# Matroska's to whole milliseconds.
_ROUNDING_S = 0.0015


@dataclass(frozen=True)
class Hole:
    """A stretch in which a file has no sound."""

    at_s: float
    length_s: float


@dataclass(frozen=True)
class Sound:
    """A file's sound: float32 (frames, channels), with whatever its container says about time already honoured.

    `start_s` is when the first frame is played, counted as the container counts. Holes between time stamps are filled
    with silence and listed; overlaps are holes of negative length, whose sound
    is not taken out.
    """

    samples: Samples
    samplerate: int
    start_s: float
    holes: tuple[Hole, ...] = ()

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.samplerate


def read_sound(path: Path, stream: int = 0) -> Sound:
    """Decode the audio stream number `stream` to its end; fails the test when there is none or it is broken."""
    blocks: list[Samples] = []
    holes: list[Hole] = []
    start_s = 0.0
    frames_so_far = 0
    overlapped_s = 0.0
    with av.open(str(path)) as container:
        assert len(container.streams.audio) > stream, f"{path.name} has no audio stream {stream}"
        source = container.streams.audio[stream]
        rate = source.rate
        for decoded in container.decode(source):
            block = _as_float(decoded)
            assert decoded.time is not None, f"{path.name} has sound without a time"
            at_s = float(decoded.time)
            if not blocks:
                start_s = at_s
            due_s = start_s + frames_so_far / rate - overlapped_s
            hole_s = at_s - due_s
            if abs(hole_s) > _ROUNDING_S:
                holes.append(Hole(due_s, hole_s))
                if hole_s > 0:
                    blocks.append(np.zeros((round(hole_s * rate), block.shape[1]), np.float32))
                    frames_so_far += len(blocks[-1])
                else:
                    overlapped_s -= hole_s
            blocks.append(block)
            frames_so_far += len(block)
    assert blocks, f"{path.name} holds no sound"
    return Sound(np.concatenate(blocks), rate, start_s, tuple(holes))


def _as_float(decoded: av.AudioFrame) -> Samples:
    values = decoded.to_ndarray()
    channels = decoded.layout.nb_channels
    values = values.T if decoded.format.is_planar else values.reshape(-1, channels)
    if values.dtype.kind == "f":
        return np.asarray(values, dtype=np.float32)
    # Whole numbers; FLAC and PCM of 24 bits come in the upper bits of 32.
    bits = values.dtype.itemsize * 8
    return np.asarray(values / float(1 << (bits - 1)), dtype=np.float32)


def read_pictures(path: Path, width: int | None = None) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Each picture's time in seconds, as the container counts, and its luma (height, width), one by one.

    With `width` each is scaled down to it, which makes a long file quick to look through.
    """
    with av.open(str(path)) as container:
        assert container.streams.video, f"{path.name} has no pictures"
        source = container.streams.video[0]
        source.thread_type = "AUTO"
        for decoded in container.decode(source):
            assert decoded.time is not None, f"{path.name} has a picture without a time"
            if width is not None:
                decoded = decoded.reformat(width=width, height=round(decoded.height * width / decoded.width))
            yield float(decoded.time), decoded.to_ndarray(format="gray").astype(np.uint8, copy=False)


def find_flashes(pictures: Iterable[tuple[float, NDArray[np.uint8]]]) -> list[float]:
    """The times of the pictures in which the screen has turned from black to white."""
    flashes = []
    was_white = True
    for at_s, luma in pictures:
        is_white = float(luma.mean()) > 127
        if is_white and not was_white:
            flashes.append(at_s)
        was_white = is_white
    return flashes


def find_beeps(sound: Sound) -> list[float]:
    """When each `signals.beep` begins, in seconds as the container counts; exact to about 0.1 ms in clean sound."""
    reference = signals.beep(sound.samplerate, 1)[:, 0].astype(np.float64)
    mono = sound.samples.mean(axis=1, dtype=np.float64)
    size = 1 << (len(mono) + len(reference) - 1).bit_length()
    match = np.fft.irfft(np.fft.rfft(mono, size) * np.conj(np.fft.rfft(reference, size)), size)[: len(mono)]
    energy = np.concatenate([[0.0], np.cumsum(mono**2)])
    ends = np.minimum(np.arange(len(mono)) + len(reference), len(mono))
    under = energy[ends] - energy[np.arange(len(mono))]
    # Likeness of each stretch to the beep, whatever its loudness; silence (below -60 dBFS) is like nothing.
    scale = np.sqrt(np.maximum(under, len(reference) * 1e-6) * np.sum(reference**2))
    likeness = match / scale
    beeps = []
    at = 0
    while (candidates := np.flatnonzero(likeness[at:] > 0.7)).size:
        first = at + int(candidates[0])
        best = first + int(np.argmax(likeness[first : first + len(reference)]))
        beeps.append(sound.start_s + best / sound.samplerate)
        at = best + len(reference)
    return beeps


@dataclass(frozen=True)
class Sync:
    """Flash and beep pairs of a recording; each of `offsets_s` is how much later than its flash a beep is."""

    offsets_s: list[float] = field(default_factory=list)
    lonely_flashes: int = 0
    lonely_beeps: int = 0

    @property
    def median_s(self) -> float:
        return float(np.median(self.offsets_s))


def pair(flashes: Sequence[float], beeps: Sequence[float], within_s: float = 0.2) -> Sync:
    """Pair each flash with the beep nearest to it."""
    offsets = []
    left = list(beeps)
    for flash in flashes:
        near = min(left, key=lambda beep: abs(beep - flash), default=None)
        if near is not None and abs(near - flash) <= within_s:
            offsets.append(near - flash)
            left.remove(near)
    return Sync(offsets, lonely_flashes=len(flashes) - len(offsets), lonely_beeps=len(left))


def read_sync(path: Path) -> Sync:
    """Find and pair the flashes and beeps of a recorded `flash` scene."""
    return pair(find_flashes(read_pictures(path, width=160)), find_beeps(read_sound(path)))
