"""All faults there are, from the files of this folder that hold some."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from tests.faults.frame import Fault


def _all() -> dict[Fault, str]:
    names = sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    homes = [f"tests.faults.{name}" for name in names if not name.startswith("test_")]
    modules = [importlib.import_module(home) for home in homes if home != __name__]
    return {fault: module.__name__ for module in modules for fault in getattr(module, "FAULTS", ())}


# And the module that holds each.
HOMES = _all()
FAULTS = tuple(HOMES)
