"""All faults there are, from the files that hold them."""

from __future__ import annotations

from tests.faults import applications, devices, disks, folders, microphones, quiet
from tests.faults.frame import Fault

FAULTS: tuple[Fault, ...] = tuple(
    fault for room in (devices, quiet, applications, microphones, disks, folders) for fault in room.FAULTS
)


def fault_named(name: str) -> Fault:
    """The fault of that name; raises LookupError."""
    for fault in FAULTS:
        if fault.name == name:
            return fault
    raise LookupError(f"no fault is called {name!r}")
