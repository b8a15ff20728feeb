"""Each fault once, with every promise kept; `scripts/fault_bench.py` runs them often."""

from __future__ import annotations

import pytest

from tests.faults.frame import Fault
from tests.faults.once import run_once
from tests.faults.register import FAULTS
from virtual_desktop import SoundServer

RUNS = [(fault, sound) for fault in FAULTS for sound in fault.quick]


@pytest.mark.parametrize(("fault", "sound"), RUNS, ids=[f"{fault.name}-{sound}" for fault, sound in RUNS])
def test_a_fault_is_outlived_and_said(fault: Fault, sound: SoundServer) -> None:
    outcome = run_once(fault, sound, seed=1, sample=True)

    if outcome.left_out:
        pytest.skip(outcome.left_out)
    assert not outcome.problems, "\n".join([*outcome.problems, f"said: {outcome.said}"])
    assert outcome.playable


def test_names_are_given_once() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
