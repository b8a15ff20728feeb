"""All faults there are, from the files of this folder that hold some."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from tests.faults.frame import Fault


def _all() -> tuple[Fault, ...]:
    names = sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    modules = [importlib.import_module(f"tests.faults.{name}") for name in names if not name.startswith("test_")]
    return tuple(fault for module in modules if module.__name__ != __name__ for fault in getattr(module, "FAULTS", ()))


FAULTS = _all()


def fault_named(name: str) -> Fault:
    """The fault of that name; raises LookupError."""
    for fault in FAULTS:
        if fault.name == name:
            return fault
    raise LookupError(f"no fault is called {name!r}")
