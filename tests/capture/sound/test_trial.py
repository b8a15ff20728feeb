"""The tone of the trial is heard where it plays, and nothing else is taken for it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from capture.errors import CaptureError
from capture.sound.fake import RATE_HZ, FakeSound
from capture.sound.trial import PEAK, tone, try_sound
from tests.helpers.children import run_in
from tests.helpers.player import play
from tests.helpers.signals import Samples, numbered
from virtual_desktop import VirtualDesktop


def music(first: int, frames: int) -> Samples:
    """Loud, and at many pitches."""
    rng = np.random.default_rng(first)
    return rng.normal(0, 0.2, (frames, 2)).astype(np.float32)


def on(world: FakeSound) -> Callable[[], None]:
    """A player on that computer."""

    def sound() -> None:
        samples = tone()

        def wave(first: int, frames: int) -> Samples:
            piece = samples[first : first + frames]
            return np.pad(piece, ((0, frames - len(piece)), (0, 0)))

        playing = world.play("Trial", wave)
        threading.Event().wait(len(samples) / RATE_HZ)
        playing.stop()

    return sound


@pytest.mark.parametrize("with_music", [False, True])
def test_it_is_heard(with_music: bool) -> None:
    world = FakeSound()
    if with_music:
        world.play("Music", music)
    levels: list[float] = []
    trial = try_sound(world, levels.append, on(world))
    assert trial.heard
    assert trial.peak == pytest.approx(PEAK, rel=0.3)
    assert max(levels) == trial.peak


@pytest.mark.parametrize("wave", [None, music])
def test_silence_and_other_sound_are_not_taken_for_it(wave: Callable[[int, int], Samples] | None) -> None:
    world = FakeSound()
    if wave is not None:
        world.play("Music", wave)
    began_s = time.monotonic()
    trial = try_sound(world, play=lambda: None)
    assert not trial.heard
    assert time.monotonic() - began_s < 10


def test_a_player_that_fails_is_named() -> None:
    def fail() -> None:
        raise RuntimeError("no speaker")

    with pytest.raises(CaptureError, match="nothing could be played: no speaker"):
        try_sound(FakeSound(), play=fail)


TRY = """
from capture.sound.system import sound_system
from capture.sound.trial import try_sound
print(try_sound(sound_system()).heard)
"""


@pytest.mark.parametrize("beside", [False, True])
def test_on_a_real_server(desktop: VirtualDesktop, beside: bool) -> None:
    if beside:
        with play(desktop, numbered(15, peak=0.2)):
            done = run_in(desktop, [sys.executable, "-c", TRY])
    else:
        done = run_in(desktop, [sys.executable, "-c", TRY])
    assert done.stdout == "True\n", done.stderr


def test_the_tone_is_soft_and_begins_and_ends_at_nothing() -> None:
    samples = tone()
    assert np.abs(samples).max() <= PEAK
    assert np.abs(samples[[0, -1]]).max() < 0.001
