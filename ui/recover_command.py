"""`loopnote recover`: finishes what a crash left."""

from __future__ import annotations

from pathlib import Path

from capture.output.recovery import leftovers
from capture.output.recovery import recover as repair

from capture.errors import CaptureError
from ui.text import length_in_words, print_json, say


def recover(folders: list[str], as_json: bool) -> int:
    """Repair every leftover. Exit: 0 all repaired (or none there), 3 some stay as they are, 1 none repaired."""
    repaired, refused = [], []
    for leftover in leftovers([Path(folder) for folder in folders]):
        try:
            repaired.append(repair(leftover))
        except CaptureError as error:
            refused.append({"file": str(leftover.part), "why": str(error), "hint": error.hint})
            continue
        if not as_json:
            done = repaired[-1]
            say(f"recovered {done.file} ({length_in_words(done.duration_s)})\n")
    if as_json:
        table = [{"file": str(d.file), "duration_s": round(d.duration_s, 6), "recovered": True} for d in repaired]
        print_json({"recovered": table, "refused": refused})
    else:
        for refusal in refused:
            hint = f"  {refusal['hint']}\n" if refusal["hint"] else ""
            say(f"left as it is: {refusal['file']}: {refusal['why']}\n{hint}")
        if not repaired and not refused:
            say("nothing to recover\n")
    if not refused:
        return 0
    return 3 if repaired else 1
