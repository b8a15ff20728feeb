"""Injects faults into real recordings, many times at random moments, and prints what became of each.

    .venv/bin/python scripts/fault_bench.py [--runs N] [--only TEXT]... [--sound SERVER] [--seed N] [--json FILE]

The table: how often a fault was injected, how many of the recordings can be played, the most sound and picture that was
lost beside what the fault itself took, the longest time until it was back, and what the result said (of the last run).
Exits with 1 when a promise was broken, a run hung or left something running, or a result called the recording whole.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from tests.faults.frame import Fault, Outcome  # noqa: E402 - it needs the path
from tests.faults.once import run_once  # noqa: E402
from tests.faults.register import FAULTS  # noqa: E402

_HEAD = ("fault", "on", "runs", "playable", "sound lost", "picture lost", "back after", "said")
_WIDTHS = (44, 8, 4, 8, 10, 12, 10, 0)


def main() -> int:
    options = _parse()
    chosen = [fault for fault in FAULTS if not options.only or any(word in fault.name for word in options.only)]
    if not chosen:
        print("fault_bench: no fault has such a name; these are there:", *[f"  {f.name}" for f in FAULTS], sep="\n")
        return 2
    print(_row(_HEAD), flush=True)
    table = []
    for fault in chosen:
        for sound in fault.sound:
            if options.sound in (None, sound):
                outcomes = [run_once(fault, sound, options.seed + number) for number in range(options.runs)]
                table.append(_summary(fault, sound, outcomes))
                print(_row(_cells(table[-1])), flush=True)
                for problem in table[-1]["problems"]:
                    print(f"    BROKEN: {problem}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(table, indent=1) + "\n")
    broken = sum(bool(row["problems"]) for row in table)
    print(f"{len(table)} rows, {broken} with a broken promise")
    return 1 if broken else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fault_bench", description="Inject faults into real recordings.")
    parser.add_argument("--runs", type=int, default=10, help="of each fault on each sound server (%(default)s)")
    parser.add_argument("--only", action="append", metavar="TEXT", help="faults with this in their name")
    parser.add_argument("--sound", choices=["pulse", "pipewire", "none"], help="one sound server only")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there too")
    return parser.parse_args()


def _summary(fault: Fault, sound: str, outcomes: list[Outcome]) -> dict[str, Any]:
    return {
        "fault": fault.name,
        "sound": sound,
        "runs": sum(not outcome.left_out for outcome in outcomes),
        "playable": sum(outcome.playable for outcome in outcomes),
        "audio_lost_s": _most(outcomes, lambda outcome: outcome.audio_lost_s),
        "video_lost_s": _most(outcomes, lambda outcome: outcome.video_lost_s),
        "back_s": _most(outcomes, lambda outcome: outcome.back_s),
        "said": outcomes[-1].said or (outcomes[-1].left_out and f"left out: {outcomes[-1].left_out}"),
        "problems": [
            f"run {number}: {problem}" for number, outcome in enumerate(outcomes, 1) for problem in outcome.problems
        ],
    }


def _most(outcomes: list[Outcome], figure: Callable[[Outcome], float | None]) -> float | None:
    return max((value for outcome in outcomes if (value := figure(outcome)) is not None), default=None)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    figures = ["" if row[key] is None else f"{row[key]:.2f} s" for key in ("audio_lost_s", "video_lost_s", "back_s")]
    return (row["fault"], row["sound"], str(row["runs"]), str(row["playable"]), *figures, row["said"])


def _row(cells: tuple[str, ...]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip()


if __name__ == "__main__":
    sys.exit(main())
