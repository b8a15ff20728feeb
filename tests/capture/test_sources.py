"""The sources of one recording: what may wait between them and the mix."""

from __future__ import annotations

import numpy as np

from capture.bounds import SOUND_BOUND_BYTES
from capture.clock import FakeClock
from capture.model import AudioBlock
from capture.settings import RecordingSettings
from capture.sound.grab import SourceBlock
from capture.sources import Sources

RATE_HZ = 48_000


def test_however_long_the_blocks_are_sound_that_waits_has_a_bound() -> None:
    sources = Sources(RecordingSettings(), FakeClock(), lambda error: None)
    block = SourceBlock(0, AudioBlock(0, np.zeros((RATE_HZ // 2, 2), np.float32), RATE_HZ))
    while sources.items.put(block, 0.0):
        pass
    assert SOUND_BOUND_BYTES * 0.9 < len(sources.items) * block.block.samples.nbytes <= SOUND_BOUND_BYTES
