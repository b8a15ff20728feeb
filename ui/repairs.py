"""What a crash left behind, repaired one after the other: by `loopnote recover`, and when the application starts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from capture import settings as user_settings
from capture.errors import CaptureError, SettingsError
from capture.output.recovery import Leftover, Recovered, StubRemoved, leftovers, recover, search_folders

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Repairs:
    """`refused`: what lies where it lay, and why. `removed`: what held no recording at all."""

    repaired: list[Recovered] = field(default_factory=list)
    refused: list[tuple[Leftover, CaptureError]] = field(default_factory=list)
    removed: list[StubRemoved] = field(default_factory=list)


def places(named: Iterable[Path] = (), on_trouble: Callable[[SettingsError], None] = lambda error: None) -> list[Path]:
    """The usual folders, the user's own, and those that were named. Settings that cannot be read are no reason to leave
    a recording unrepaired: `on_trouble` is told.
    """
    folders = search_folders()
    try:
        own = user_settings.load().folder
    except SettingsError as error:
        on_trouble(error)
        own = None
    return [*folders, *([own] if own is not None else []), *named]


def repair(folders: list[Path], on_repaired: Callable[[Recovered], None] = lambda done: None) -> Repairs:
    """Repair all leftovers in these folders, and wherever else one was noted. Blocks while it reads them; never raises.

    `on_repaired` is called after each that is whole again, in the calling thread.
    """
    repairs = Repairs()
    for leftover in leftovers(folders):
        try:
            done = recover(leftover)
        except StubRemoved as stub:
            repairs.removed.append(stub)
        except CaptureError as error:
            repairs.refused.append((leftover, error))
        except Exception as bug:  # one broken file must not keep the others from being repaired
            log.debug("%s could not be repaired", leftover.part, exc_info=True)
            fault = CaptureError(f"it could not be repaired: {type(bug).__name__}: {bug}", "Please report this.")
            repairs.refused.append((leftover, fault))
        else:
            repairs.repaired.append(done)
            on_repaired(done)
    return repairs
