"""Flash and beep given the same time come out at the same time, in the finished file and in what a kill leaves."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.capture.output.making import SCREEN, Shown, feed, finish, opened
from tests.helpers.analysis import find_beeps, find_flashes, pair, read_pictures, read_sound
from tests.helpers.signals import RATE, Samples, beep

LENGTH_S = 8.0
# At no round time, and never twice at the same place in a fragment, an audio frame or a picture's period.
FLASHES_S = [0.4 + i * 0.7137 for i in range(10)]


def scene() -> tuple[Samples, list[Shown]]:
    """Sound and pictures with a flash and a beep at each of the times."""
    sound = np.zeros((round(LENGTH_S * RATE), 2), np.float32)
    pictures = [Shown(0.0, 16)]
    for at_s in FLASHES_S:
        start = round(at_s * RATE)
        sound[start : start + len(beep())] = beep()
        pictures += [Shown(at_s, 235), Shown(at_s + 0.1, 16)]
    # The last picture again at the end, as the recorder gives it.
    return sound, [*pictures, Shown(LENGTH_S, 16)]


@pytest.mark.parametrize(("name", "quality"), SCREEN)
def test_flash_and_beep_stay_together(tmp_path: Path, name: str, quality: str) -> None:
    killed = tmp_path / f"killed.{name}"
    file = opened(tmp_path, name, quality, fps=60.0)

    def after_step(at_s: float) -> None:
        if at_s == pytest.approx(7.5):
            shutil.copy(file.place.part, killed)

    feed(file, *scene(), after_step)
    finished = finish(file)

    for path, least in ((finished, 10), (killed, 8)):
        flashes = find_flashes(read_pictures(path))
        beeps = find_beeps(read_sound(path))
        sync = pair(flashes, beeps)
        assert len(sync.offsets_s) >= least, path.name
        assert np.abs(sync.offsets_s).max() <= 0.0015, path.name
        # And both are where they were put, not merely together.
        assert flashes == pytest.approx(FLASHES_S[: len(flashes)], abs=0.001)
        assert beeps == pytest.approx(FLASHES_S[: len(beeps)], abs=0.001)


@pytest.mark.parametrize(("name", "quality"), SCREEN)
def test_the_last_picture_lasts_as_long_as_the_sound(tmp_path: Path, name: str, quality: str) -> None:
    file = opened(tmp_path, name, quality)
    feed(file, *scene())

    *_, (last_s, _) = read_pictures(finish(file))

    assert last_s == pytest.approx(LENGTH_S, abs=0.001)
