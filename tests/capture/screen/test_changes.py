"""Finding what changed: nothing that differs may be missed, wherever it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.screen.changes import BLOCK_ROWS, changed_rows


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 4), np.uint8)


def test_equal_pictures_have_no_changed_rows() -> None:
    picture = noise(1080, 1920)
    assert changed_rows(picture, picture.copy()) is None
    assert changed_rows(picture, picture) is None


@given(st.data())
def test_any_changed_pixel_is_within_the_rows_found(data: st.DataObject) -> None:
    height = data.draw(st.integers(1, 3 * BLOCK_ROWS))
    width = data.draw(st.integers(1, 9))
    before = noise(height, width)
    after = before.copy()
    places = data.draw(
        st.lists(st.tuples(st.integers(0, height - 1), st.integers(0, width - 1)), min_size=1, max_size=3)
    )
    for row, column in places:
        after[row, column, data.draw(st.integers(0, 2))] ^= 1
    rows = sorted(row for row, _ in places if (before[row] != after[row]).any())
    found = changed_rows(before, after)
    if not rows:
        assert found is None
    else:
        assert found is not None
        assert 0 <= found[0] <= rows[0] < found[0] + BLOCK_ROWS
        assert found[1] - BLOCK_ROWS <= rows[-1] < found[1] <= height


def test_a_part_of_a_larger_array_is_compared_alone() -> None:
    large = noise(40, 40)
    other = large.copy()
    other[:, 30:] ^= 1
    assert changed_rows(large[:, :20], other[:, :20]) is None
    assert changed_rows(large[:, 20:], other[:, 20:]) == (0, 40)


def test_one_row_of_a_larger_array_is_compared_alone() -> None:
    large = noise(3, 40)
    other = large.copy()
    other[1, 20:] ^= 1
    assert changed_rows(large[1:2, :20], other[1:2, :20]) is None
    assert changed_rows(large[1:2, 20:21], other[1:2, 20:21]) == (0, 1)


def test_two_shapes_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="two shapes"):
        changed_rows(noise(4, 4), noise(4, 6))
