"""Records until it is killed. Arguments: folder, format, quality, sound, picture.

After each step of 10 ms of sound has been handed to the file, its time in milliseconds goes to standard output: whoever
kills the process knows what was put in. It goes as fast as it can, which is the harder case: more is on its way.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

from tests.capture.output.making import feed, moving, opened, still
from tests.helpers.signals import numbered

LENGTH_S = 12.0


def main() -> None:
    folder, name, quality, sound, pictures = sys.argv[1:]
    file = opened(Path(folder), name, quality)
    loudness = {"silent": 0.0, "quiet": 0.001, "loud": 1.0}[sound]
    samples = (numbered(LENGTH_S) * loudness).astype(np.float32)
    shown = still(LENGTH_S) if pictures == "still" else moving(LENGTH_S)
    os.write(1, b"0\n")  # the header is written
    feed(file, samples, shown, lambda at_s: void(os.write(1, b"%d\n" % round(at_s * 1000))))


def void(_: object) -> None:
    pass


main()
