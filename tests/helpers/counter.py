"""A picture's number as black and white blocks, big enough to survive any codec and any scaling by half.

A row of square blocks: white, black (so that a reader knows it looks at a counter), 16 bits, the highest first, and one
that makes the number of white ones even.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK_PX = 32
_BITS = 16
_BLOCKS = 2 + _BITS + 1
WIDTH_PX = _BLOCKS * BLOCK_PX


def white_blocks(number: int) -> list[int]:
    """Which blocks of the row are white for `number` (its lowest 16 bits)."""
    bits = [bit for bit in range(_BITS) if number >> (_BITS - 1 - bit) & 1]
    white = [0, *(2 + bit for bit in bits)]
    return white if len(white) % 2 == 0 else [*white, _BLOCKS - 1]


def read_counter(luma: NDArray[np.uint8], left: int = 0, top: int = 0, scale: float = 1) -> int | None:
    """The number shown in a picture (height, width) whose row of blocks begins at `left`, `top`; None without any."""
    block = BLOCK_PX * scale
    values = []
    for index in range(_BLOCKS):
        # The middle half of each block: codecs smear its edges.
        rows = slice(round(top + block / 4), round(top + block * 3 / 4))
        columns = slice(round(left + block * (index + 1 / 4)), round(left + block * (index + 3 / 4)))
        values.append(float(luma[rows, columns].mean()))
    if any(64 < value < 192 for value in values):
        return None
    white = [value >= 192 for value in values]
    if not white[0] or white[1] or sum(white) % 2:
        return None
    return sum(1 << (_BITS - 1 - bit) for bit in range(_BITS) if white[2 + bit])
