"""Pieces of one stream's sound, put together where they follow each other. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from capture.model import Samples


def joined(pieces: list[tuple[int, Samples]], most: int) -> list[tuple[int, Samples]]:
    """(first frame, samples) of each run of pieces without a hole; a run ends once it has `most` frames."""
    runs: list[tuple[int, list[Samples]]] = []
    next_frame = length = 0
    for frame, samples in pieces:
        if not runs or frame != next_frame or length >= most:
            runs.append((frame, []))
            length = 0
        runs[-1][1].append(samples)
        next_frame = frame + len(samples)
        length += len(samples)
    return [(frame, run[0] if len(run) == 1 else np.concatenate(run)) for frame, run in runs]
