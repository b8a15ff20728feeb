"""All faults there are, from the files that hold them."""

from __future__ import annotations

from tests.faults import applications, devices, microphones, quiet
from tests.faults.frame import Fault

FAULTS: tuple[Fault, ...] = (*devices.FAULTS, *quiet.FAULTS, *applications.FAULTS, *microphones.FAULTS)


def fault_named(name: str) -> Fault:
    """The fault of that name; raises LookupError."""
    for fault in FAULTS:
        if fault.name == name:
            return fault
    raise LookupError(f"no fault is called {name!r}")
