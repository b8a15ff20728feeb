"""`loopnote recover`: finishes what a crash left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from capture import settings as user_settings
from capture.errors import CaptureError, SettingsError
from capture.output.recovery import Leftover, Recovered, StubRemoved, leftovers, search_folders
from capture.output.recovery import recover as repair
from ui.signals import interruptible
from ui.text import (
    EXIT_DEGRADED,
    EXIT_FAILED,
    EXIT_SAVED,
    OutputGone,
    complain,
    finish_output,
    length_in_words,
    print_json,
    printable,
    say,
    settle_streams,
)


@interruptible()
def recover(folders: list[str], as_json: bool) -> int:
    """Repair every leftover. Exit: 0 all repaired (or nothing to repair), 3 some stay as they are, 1 none repaired.

    Also 3 when all is repaired, but somebody does not take what is said of it: that is no reason to stop repairing.
    """
    repaired: list[Recovered] = []
    refused: list[tuple[Leftover, CaptureError]] = []
    removed: list[StubRemoved] = []
    output = Output()
    for leftover in leftovers(_folders(folders)):
        try:
            repaired.append(repair(leftover))
        except StubRemoved as stub:
            removed.append(stub)
        except CaptureError as error:
            refused.append((leftover, error))
        except Exception as bug:  # noqa: BLE001 - one broken file must not keep the others from being repaired
            fault = CaptureError(f"it could not be repaired: {type(bug).__name__}: {bug}", "Please report this.")
            refused.append((leftover, fault))
        else:
            if not as_json:
                output.give(lambda: _tell(repaired[-1]))
    if as_json:
        output.give(lambda: print_json(_as_object(repaired, refused, removed)))
    else:
        output.give(lambda: _tell_refusals(refused))
        output.give(lambda: _tell_removed(removed))
        if not repaired and not refused and not removed:
            output.give(lambda: say("nothing to recover\n"))
    output.give(finish_output)
    if not refused and output.taken:
        return EXIT_SAVED
    return EXIT_DEGRADED if repaired else EXIT_FAILED


class Output:
    """What is said on standard output, until nobody takes it any more; `taken` says whether all of it was."""

    taken = True

    def give(self, write: Callable[[], None]) -> None:
        """Call `write`, which may raise `OutputGone`, unless one did already."""
        if not self.taken:
            return
        try:
            write()
        except OutputGone as gone:
            self.taken = False
            complain(
                f"the output could not be written: {gone.__cause__}", "What can be repaired is repaired all the same."
            )
            settle_streams()


def _folders(named: list[str]) -> list[Path]:
    """The usual places, the user's own, and those that were named."""
    for name in named:
        if not Path(name).is_dir():
            raise SettingsError(f"{name} is no folder", "Name the folder in which the broken-off recording lies.")
    folders = search_folders()
    try:
        own = user_settings.load().folder
    except SettingsError as error:  # no reason to leave a recording unrepaired
        complain(str(error), error.hint)
        own = None
    return [*folders, *([own] if own is not None else []), *map(Path, named)]


def _tell(done: Recovered) -> None:
    say(f"recovered {printable(str(done.file))} ({length_in_words(done.duration_s)})\n")
    for remark in done.remarks:
        say(f"  {printable(remark)}\n")


def _tell_refusals(refused: list[tuple[Leftover, CaptureError]]) -> None:
    for leftover, reason in refused:
        hint = f"  {printable(reason.hint)}\n" if reason.hint else ""
        say(f"left as it is: {printable(str(leftover.part))}: {printable(str(reason))}\n{hint}")


def _tell_removed(removed: list[StubRemoved]) -> None:
    for stub in removed:
        say(f"{printable(str(stub))}\n  {printable(stub.hint)}\n")


def _as_object(
    repaired: list[Recovered], refused: list[tuple[Leftover, CaptureError]], removed: list[StubRemoved]
) -> dict[str, Any]:
    return {
        "recovered": [_plain(done) for done in repaired],
        "refused": [_refusal(*item) for item in refused],
        "removed": [str(stub) for stub in removed],
    }


def _plain(done: Recovered) -> dict[str, Any]:
    return {
        "file": str(done.file),
        "duration_s": round(done.duration_s, 6),
        "recovered": True,
        "remarks": list(done.remarks),
    }


def _refusal(leftover: Leftover, error: CaptureError) -> dict[str, str]:
    return {"file": str(leftover.part), "why": str(error), "hint": error.hint}
