"""What became of the scene in a recording: which of its pictures are there, and how like the originals they are."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from performance.scenes import COUNTER_HEIGHT, COUNTER_SCALE, Scene
from tests.helpers.counter import BLOCK_PX, WIDTH_PX, read_counter, white_blocks

Luma = NDArray[np.uint8]

# How many pictures are compared with the scene.
_COMPARED = 10
# The lowest rows are left out: the mouse pointer stands there.
_POINTER_ROWS = 64
# The first and the last part of a recording are left out: encoders have not settled, or had no time.
_FROM, _TO = 0.2, 0.95
# H.273's numbers for the matrix. Untagged is what FFmpeg's scaler makes unless told otherwise: BT.601.
_BT709 = 1
_WEIGHTS = {"bt601": (0.299, 0.587, 0.114), "bt709": (0.2126, 0.7152, 0.0722)}  # red, green, blue
# Equal pictures are infinitely alike; a mean wants a number.
_PSNR_MOST_DB = 100.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`numbers` are the scene's pictures that are in the file, `pictures` how many it has, repeated ones included."""

    numbers: set[int]
    pictures: int
    length_s: float
    psnr_db: float  # of luma, from the mean square error over all compared pictures
    ssim: float  # of luma, the mean


def judge(file: Path, scene: Scene) -> Verdict:
    """Decode the whole file and compare."""
    numbers: dict[float, int | None] = {}
    for time_s, frame in _frames(file):
        numbers[time_s] = _number(_luma(frame))
    wanted = _chosen(sorted(numbers))
    errors, likenesses = [], []
    for time_s, frame in _frames(file):
        number = numbers[time_s]
        if time_s in wanted and number is not None:
            error, likeness = compare(_luma(frame), expected(scene, number, _matrix(frame)))
            errors.append(error)
            likenesses.append(likeness)
    mean_error = float(np.mean(errors)) if errors else math.inf
    psnr_db = min(_PSNR_MOST_DB, 10 * math.log10(255**2 / mean_error)) if mean_error else _PSNR_MOST_DB
    found = {number for number in numbers.values() if number is not None}
    return Verdict(found, len(numbers), length_s(file), psnr_db, float(np.mean(likenesses or [0.0])))


def length_s(file: Path) -> float:
    """How long the recording is."""
    with av.open(str(file)) as container:
        assert container.duration is not None
        return container.duration / 1e6


def expected(scene: Scene, number: int, matrix: str) -> Luma:
    """What a perfect recording of picture `number` has as its luma (limited range)."""
    picture = scene.picture(number)
    block = round(BLOCK_PX * COUNTER_SCALE)
    picture[:COUNTER_HEIGHT, : round(WIDTH_PX * COUNTER_SCALE)] = 0
    for place in white_blocks(number):
        picture[:block, place * block : (place + 1) * block] = 255
    red, green, blue = (weight * 219 / 255 for weight in _WEIGHTS[matrix])
    luma: Luma = np.rint(cv2.transform(picture.astype(np.float32), np.array([[blue, green, red, 0]])) + 16)
    return luma.astype(np.uint8)


def compare(luma: Luma, original: Luma) -> tuple[float, float]:
    """The mean square error, and the likeness (SSIM, 1 is equal; Wang et al. 2004, with their Gaussian window)."""
    one = luma[:-_POINTER_ROWS].astype(np.float32)
    two = original[:-_POINTER_ROWS].astype(np.float32)
    error = float(np.mean((one - two) ** 2))

    def blurred(values: NDArray[np.float32]) -> Any:
        return cv2.GaussianBlur(values, (11, 11), 1.5)

    mean_one, mean_two = blurred(one), blurred(two)
    variance_one = blurred(one * one) - mean_one**2
    variance_two = blurred(two * two) - mean_two**2
    together = blurred(one * two) - mean_one * mean_two
    steady, steady_contrast = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = ((2 * mean_one * mean_two + steady) * (2 * together + steady_contrast)) / (
        (mean_one**2 + mean_two**2 + steady) * (variance_one + variance_two + steady_contrast)
    )
    return error, float(likeness.mean())


def _frames(file: Path) -> Iterator[tuple[float, av.VideoFrame]]:
    with av.open(str(file)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for frame in container.decode(video=0):
            if frame.time is not None:
                yield frame.time, frame


def _luma(frame: av.VideoFrame) -> Luma:
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
    luma: Luma = rows[: frame.height, : frame.width]
    return luma


def _number(luma: Luma) -> int | None:
    return read_counter(luma, scale=COUNTER_SCALE)


def _matrix(frame: av.VideoFrame) -> str:
    return "bt709" if int(frame.colorspace) == _BT709 else "bt601"


def _chosen(times_s: list[float]) -> set[float]:
    """The pictures that are seen at evenly spread times."""
    if not times_s:
        return set()
    begin_s, length = times_s[0], times_s[-1] - times_s[0]
    looks_s = [begin_s + length * (_FROM + (_TO - _FROM) * step / (_COMPARED - 1)) for step in range(_COMPARED)]
    return {max((time_s for time_s in times_s if time_s <= look_s), default=begin_s) for look_s in looks_s}
