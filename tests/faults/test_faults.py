"""Each fault once, with every promise kept; `scripts/fault_bench.py` runs them often."""

from __future__ import annotations

import pytest

from tests.faults.frame import Fault
from tests.faults.kills import SCREEN_KILLED, SOUND_KILLED
from tests.faults.once import run_once
from tests.faults.register import FAULTS
from virtual_desktop import SoundServer

# Where a fault is tried on both servers: each with one of them here, in turn, and with both in the bench.
RUNS = [(fault, fault.quick[number % len(fault.quick)]) for number, fault in enumerate(FAULTS) if fault.quick]
PARAMETERS = [
    pytest.param(fault, sound, id=f"{fault.name}-{sound}", marks=[pytest.mark.alone] if fault.alone else [])
    for fault, sound in RUNS
]


@pytest.mark.parametrize(("fault", "sound"), PARAMETERS)
def test_a_fault_is_outlived_and_said(fault: Fault, sound: SoundServer) -> None:
    outcome = run_once(fault, sound, seed=1, sample=True)

    if outcome.left_out:
        pytest.skip(outcome.left_out)
    assert not outcome.problems, "\n".join([*outcome.problems, f"said: {outcome.said}"])
    assert outcome.playable


@pytest.mark.full
@pytest.mark.alone
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("fault", [SOUND_KILLED, SCREEN_KILLED], ids=lambda fault: fault.name)
def test_fifty_kills_of_every_format(fault: Fault) -> None:
    outcomes = [run_once(fault, "pulse", seed) for seed in range(50)]

    lost_s = sorted(outcome.audio_lost_s or 0.0 for outcome in outcomes)
    print(f"\n{fault.name}: missing at most {lost_s[-1]:.2f} s, median {lost_s[25]:.2f} s")  # noqa: T201 - a figure
    assert [problem for outcome in outcomes for problem in outcome.problems] == []
    assert all(outcome.playable for outcome in outcomes)


def test_names_are_given_once() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
