"""Size, shape and colour of what goes to the encoder."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.errors import SettingsError
from capture.screen.convert import fit, scaled_size, to_i420, to_size
from capture.screen.fake import Colour
from tests.capture.screen.drivers import BLACK, BLUE, GRAY, GREEN, RED, is_all


def plain(width: int, height: int, colour: Colour) -> np.ndarray:
    picture = np.zeros((height, width, 4), np.uint8)
    picture[:, :, :3] = colour
    return picture


@given(st.integers(16, 8000), st.integers(16, 8000), st.floats(0.1, 4))
def test_a_scaled_size_is_even_and_near(width: int, height: int, scale: float) -> None:
    try:
        wide, high = scaled_size(width, height, scale)
    except SettingsError:
        assert min(width, height) * scale < 17
    else:
        assert wide % 2 == high % 2 == 0
        assert abs(wide - width * scale) < 2
        assert abs(high - height * scale) < 2


def test_too_small_a_scale_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"100x100 at a scale of 0\.1"):
        scaled_size(100, 100, 0.1)


def test_a_picture_of_the_right_size_is_not_touched() -> None:
    picture = plain(64, 32, RED)
    assert to_size(picture, 64, 32) is picture


@pytest.mark.parametrize("size", [(32, 16), (128, 64), (50, 24), (21, 10)])
def test_scaling_fills_the_whole_picture(size: tuple[int, int]) -> None:
    scaled = to_size(plain(64, 32, GREEN), *size)
    assert scaled.shape == (size[1], size[0], 4)
    assert is_all(scaled, GREEN)


def test_making_it_smaller_takes_the_mean_of_all_pixels() -> None:
    checks = plain(64, 64, BLACK)
    checks[::2, ::2, :3] = checks[1::2, 1::2, :3] = 255
    assert np.abs(to_size(checks, 32, 32)[:, :, :3].astype(int) - 128).max() <= 1


@pytest.mark.parametrize(
    ("shape", "rows", "columns"),
    [
        ((100, 50), slice(25, 75), slice(0, 100)),  # wider: black above and below
        ((50, 100), slice(0, 100), slice(25, 75)),  # higher: black at both sides
        ((400, 200), slice(25, 75), slice(0, 100)),  # larger and wider
        ((10, 20), slice(0, 100), slice(25, 75)),  # smaller and higher
    ],
)
def test_another_shape_is_fitted_in_whole(shape: tuple[int, int], rows: slice, columns: slice) -> None:
    width, height = shape
    fitted = fit(plain(width, height, BLUE), 100, 100)
    assert is_all(fitted[rows, columns], BLUE)
    fitted[rows, columns, :3] = 0
    assert is_all(fitted, BLACK)


@pytest.mark.parametrize(
    ("colour", "yuv"),
    [
        # ITU-R BT.601, limited range: black is 16, white 235, and the colours by its three coefficients.
        ((0, 0, 0), (16, 128, 128)),
        ((255, 255, 255), (235, 128, 128)),
        ((0, 0, 255), (82, 90, 240)),
        ((0, 255, 0), (145, 54, 34)),
        ((255, 0, 0), (41, 240, 110)),
        (GRAY, (126, 128, 128)),
    ],
)
def test_colours_are_of_bt601_limited_range(colour: Colour, yuv: tuple[int, int, int]) -> None:
    planes = to_i420(plain(64, 32, colour))
    assert planes.shape == (48, 64)
    y, u, v = planes[:32], planes[32:40].reshape(16, 32), planes[40:].reshape(16, 32)
    for plane, expected in zip((y, u, v), yuv, strict=True):
        assert np.abs(plane.astype(int) - expected).max() <= 1


def test_colour_lies_where_the_picture_has_it() -> None:
    picture = plain(64, 32, BLACK)
    picture[:, 32:, :3] = (255, 0, 0)
    planes = to_i420(picture)
    u = planes[32:40].reshape(16, 32)
    assert np.abs(u[:, :16].astype(int) - 128).max() <= 1
    assert np.abs(u[:, 16:].astype(int) - 240).max() <= 1
