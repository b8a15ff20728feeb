"""`loopnote recover`: finishes what a crash left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from capture.errors import CaptureError, SettingsError
from capture.output.recovery import Leftover, Recovered, StubRemoved
from ui.repairs import Repairs, places, repair
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
    output = Output()

    def tell(done: Recovered) -> None:
        if not as_json:
            output.give(lambda: _tell(done))

    repairs = repair(_folders(folders), tell)
    if as_json:
        output.give(lambda: print_json(_as_object(repairs)))
    else:
        output.give(lambda: _tell_refusals(repairs.refused))
        output.give(lambda: _tell_removed(repairs.removed))
        if repairs == Repairs():
            output.give(lambda: say("nothing to recover\n"))
    output.give(finish_output)
    if not repairs.refused and output.taken:
        return EXIT_SAVED
    return EXIT_DEGRADED if repairs.repaired else EXIT_FAILED


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
    return places(map(Path, named), lambda error: complain(str(error), error.hint))


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


def _as_object(repairs: Repairs) -> dict[str, Any]:
    return {
        "recovered": [_plain(done) for done in repairs.repaired],
        "refused": [_refusal(*item) for item in repairs.refused],
        "removed": [str(stub) for stub in repairs.removed],
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
