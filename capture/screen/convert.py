"""From the screen's BGRA to what the encoder takes: size, shape and colour. Pure functions on pictures, by OpenCV."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from capture.errors import SettingsError
from capture.screen.areas import MIN_SIDE

if TYPE_CHECKING:
    from capture.model import Area, Picture

# OpenCV would start a thread for each core; a second core gains nothing here and is taken from the encoder.
cv2.setNumThreads(1)


def scaled_size(width: int, height: int, scale: float) -> tuple[int, int]:
    """The even size of the recorded picture. Raises `SettingsError` when the scale leaves nothing to see."""
    wide, high = (int(side * scale + 0.5) & ~1 for side in (width, height))
    if wide < MIN_SIDE or high < MIN_SIDE:
        raise SettingsError(
            f"{width}x{height} at a scale of {scale:g} is too small to record", "Choose a larger scale or area."
        )
    return wide, high


def to_size(picture: Picture, width: int, height: int) -> Picture:
    """`picture` (BGRA) made larger or smaller to exactly this size; the very same array when it has it already."""
    high, wide = picture.shape[:2]
    if (wide, high) == (width, height):
        return picture
    # By the mean of the covered pixels when it gets smaller (else text breaks up), between pixels when larger.
    how = cv2.INTER_AREA if width * height < wide * high else cv2.INTER_LINEAR
    resized: Picture = cv2.resize(picture, (width, height), interpolation=how)
    return resized


def fit(picture: Picture, width: int, height: int) -> Picture:
    """`picture` (BGRA) of any shape, whole and undistorted, in the middle of a black one of this size."""
    high, wide = picture.shape[:2]
    factor = min(width / wide, height / high)
    fitted_wide = max(1, min(width, round(wide * factor)))
    fitted_high = max(1, min(height, round(high * factor)))
    framed = np.zeros((height, width, 4), np.uint8)
    left, top = (width - fitted_wide) // 2, (height - fitted_high) // 2
    framed[top : top + fitted_high, left : left + fitted_wide] = to_size(picture, fitted_wide, fitted_high)
    return framed


def to_i420(picture: Picture) -> Picture:
    """`picture` (BGRA, even width and height) as Y, U and V planes: uint8 of shape (height * 3 // 2, width).

    The matrix is OpenCV's: ITU-R BT.601, limited range. The stream must be tagged so.
    """
    planes: Picture = cv2.cvtColor(picture, cv2.COLOR_BGRA2YUV_I420)
    return planes


def update_i420(planes: Picture, picture: Picture, area: Area) -> None:
    """Bring `planes` (as `to_i420` makes them) up to date with `picture` within `area`, whose sides have even places.

    The result is that of `to_i420`: each sample of colour comes from its own two by two pixels alone.
    """
    height, width = picture.shape[:2]
    if (area.width, area.height) == (width, height):
        cv2.cvtColor(picture, cv2.COLOR_BGRA2YUV_I420, planes)
        return
    rows, columns = slice(area.top, area.top + area.height), slice(area.left, area.left + area.width)
    made = _planes(to_i420(picture[rows, columns]), area.width, area.height)
    for plane, pixels in zip(_planes(planes, width, height), made, strict=True):
        step = width // plane.shape[1]  # of a plane of colour: 2
        left, top = area.left // step, area.top // step
        plane[top : top + len(pixels), left : left + pixels.shape[1]] = pixels


def _planes(planes: Picture, width: int, height: int) -> tuple[Picture, Picture, Picture]:
    """Y, U and V, not copied."""
    flat, luma, chroma = planes.reshape(-1), width * height, width * height // 4
    small = height // 2, width // 2
    u, v = flat[luma : luma + chroma].reshape(small), flat[luma + chroma :].reshape(small)
    return flat[:luma].reshape(height, width), u, v
