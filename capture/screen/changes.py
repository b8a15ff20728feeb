"""What changed from one picture to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from capture.model import Picture

# Rows compared at a time. 64 rows of 1080p are half a megabyte: small enough to stay in the second-level cache and to
# stop early at a change, large enough that the cost of the calls does not count.
BLOCK_ROWS = 64


def changed_rows(before: Picture, after: Picture) -> tuple[int, int] | None:
    """The first row that differs and the row after the last one that may; None when the pictures are equal.

    Both are BGRA, of one shape. The range is never too small; its ends are exact to BLOCK_ROWS. Costs about 0.4 ms for
    two equal pictures of 1920x1080, less when they differ near the top and the bottom.
    """
    if before.shape != after.shape:
        raise ValueError("pictures of two shapes differ everywhere")
    one, two = _words(before), _words(after)
    height = len(one)
    starts = range(0, height, BLOCK_ROWS)
    first = next((s for s in starts if _differs(one, two, s)), None)
    if first is None:
        return None
    last = next(s for s in reversed(starts) if s == first or _differs(one, two, s))
    return first, min(last + BLOCK_ROWS, height)


def _differs(one: np.ndarray, two: np.ndarray, start: int) -> bool:
    return not np.array_equal(one[start : start + BLOCK_ROWS], two[start : start + BLOCK_ROWS])


def _words(picture: Picture) -> np.ndarray:
    """The rows as the widest whole words that fit: comparing eight bytes at a time is three times as fast as one."""
    rows = np.ascontiguousarray(picture).reshape(len(picture), -1)
    return rows.view(np.uint64 if rows.shape[1] % 8 == 0 else np.uint32)
