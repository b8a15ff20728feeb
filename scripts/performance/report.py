"""What the measurements say: medians, ratios within a round, the table and the picture of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np

# The most that Loopnote may use beside the better of the others (issue 4); scenes that are not named have no bound.
BOUNDS = {"sound only": 1.0, "static": 0.15, "cursor": 0.15, "small": 0.5, "scroll": 0.7, "film": 0.7}
# More cores than this busy with something else make a round worth less than others: caches and cores are shared.
DISTURBED_CORES = 0.1
OURS, CONTROL = "loopnote", "nothing"
TITLES = {"loopnote": "Loopnote", "ffmpeg": "ffmpeg", "ssr": "SimpleScreenRecorder", "parec": "parec | opusenc"}

_COLUMNS = (
    ("scene", 11), ("format", 8), ("recorder", 21), ("CPU s/min", 10), ("X", 6), ("sound", 6), ("whole", 7),
    ("ratio", 13), ("kept", 7), ("PSNR", 6), ("SSIM", 7), ("MB/min", 7), ("peak MB", 8), ("wakes/s", 8),
    ("begin s", 8), ("CPU s", 6), ("stop s", 6), ("others", 6), ("rounds", 6),
)  # fmt: skip

Row = dict[str, Any]


def summarise(measurements: Iterable[Row]) -> list[Row]:
    """One row for each scene, format and recorder: medians over the rounds.

    `whole` is the recorder's CPU and what it costs the two servers beyond what they use without any recorder, in the
    same round. `ratio` is Loopnote's beside the better of the others, in each round; (lowest, median, highest). Rounds
    in which the computer had other work are left out where there are any without; `rounds` says how many stand.
    """
    by_scene: dict[tuple[str, str], list[Row]] = {}
    for each in measurements:
        by_scene.setdefault((each["scene"], each["format"]), []).append(each)
    return [row for runs in by_scene.values() for row in _scene(runs)]


def _scene(runs: list[Row]) -> list[Row]:
    every: dict[int, dict[str, Row]] = {}
    for run in runs:
        every.setdefault(run["round"], {})[run["recorder"]] = run
    rounds = {
        number: together
        for number, together in every.items()
        if all(run["elsewhere"] <= DISTURBED_CORES for run in together.values())
    } or every
    runs = [run for together in rounds.values() for run in together.values()]
    for together in rounds.values():
        control = together.get(CONTROL, {"x_cpu": 0.0, "sound_cpu": 0.0})
        for run in together.values():
            run["x_more"] = run["x_cpu"] - control["x_cpu"]
            run["sound_more"] = run["sound_cpu"] - control["sound_cpu"]
            run["whole"] = run["cpu"] + run["x_more"] + run["sound_more"]
    rows = []
    for name in dict.fromkeys(run["recorder"] for run in runs):
        if name == CONTROL:
            continue
        own = [run for run in runs if run["recorder"] == name]
        row: Row = {key: _median(run[key] for run in own) for key in own[0] if isinstance(own[0][key], float | int)}
        row |= {key: own[0][key] for key in ("scene", "format", "recorder")}
        row["rounds"] = f"{len(rounds)} of {len(every)}"
        row["kept_share"] = _median(run["kept"] / run["shown"] if run["shown"] else None for run in own)
        if name == OURS:
            row["ratio"] = _ratios(rounds, "whole")
            row["ratio_of_process"] = _ratios(rounds, "cpu")
            row["bound"] = BOUNDS.get(own[0]["scene"])
        rows.append(row)
    return rows


def _ratios(rounds: dict[int, dict[str, Row]], key: str) -> tuple[float, float, float] | None:
    found = []
    for together in rounds.values():
        others = [run[key] for name, run in together.items() if name not in (OURS, CONTROL)]
        if OURS in together and others:
            found.append(together[OURS][key] / min(others))
    return (min(found), median(found), max(found)) if found else None


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def table(rows: list[Row]) -> str:
    """For a terminal."""
    lines = ["  ".join(title.ljust(width) for title, width in _COLUMNS).rstrip()]
    for row in rows:
        ratio = ""
        if row.get("ratio"):
            ratio = f"{row['ratio'][1]:.2f}" + (f" (<= {row['bound']:g})" if row["bound"] else "")
        kept = "" if row["kept_share"] is None else f"{row['kept_share']:.1%}"
        cells = (
            row["scene"], row["format"], TITLES[row["recorder"]], _figure(row["cpu"], 2), _figure(row["x_more"], 2),
            _figure(row["sound_more"], 2), _figure(row["whole"], 2), ratio, kept, _figure(row.get("psnr_db"), 1),
            _figure(row.get("ssim"), 4), _figure(row.get("mb_a_minute"), 1), _figure(row.get("peak_mb"), 0),
            _figure(row["wakeups"], 0), _figure(row.get("begin_s"), 2), _figure(row.get("begin_cpu_s"), 2),
            _figure(row.get("stop_s"), 2), _figure(row["elsewhere"], 2), row["rounds"],
        )  # fmt: skip
        lines.append("  ".join(cell.ljust(width) for cell, (_, width) in zip(cells, _COLUMNS, strict=True)).rstrip())
    return "\n".join(lines)


def _figure(value: float | None, digits: int) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.{digits}f}"


# --- The picture ------------------------------------------------------------------------------------------------------

_WIDTH, _BAR, _GAP, _LEFT, _RIGHT = 1200, 26, 22, 330, 250
_COLOURS = {"loopnote": (60, 140, 40), "ffmpeg": (170, 110, 60), "ssr": (60, 120, 200), "parec": (120, 120, 120)}
_INK, _PALE, _PAPER = (40, 40, 40), (150, 150, 150), (255, 255, 255)


def draw(rows: list[Row], path: Path) -> None:
    """Bars of the CPU that each recorder takes, and causes, with each scene; written as PNG."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["scene"], row["format"]), []).append(row)
    height = 90 + sum(len(group) * _BAR + _GAP + 30 for group in groups.values())
    image = np.full((height, _WIDTH, 3), _PAPER, np.uint8)
    _write(image, "CPU seconds a recorded minute (recorder, and what it costs the servers)", 20, 40, 0.75)
    top = 80
    most = max(row["whole"] for row in rows)
    for (scene, form), group in groups.items():
        ours = next((row for row in group if row.get("ratio")), None)
        title = f"{scene} {form}".strip()
        if ours:
            title += f": {ours['ratio'][1]:.2f} times the better of the others"
        _write(image, title, 20, top + 6, 0.6)
        top += 16
        for row in group:
            length = max(1, round(row["whole"] / most * (_WIDTH - _LEFT - _RIGHT)))
            colour = _COLOURS[row["recorder"]]
            cv2.rectangle(image, (_LEFT, top + 4), (_LEFT + length, top + _BAR - 4), colour, cv2.FILLED)
            _write(image, TITLES[row["recorder"]], 60, top + _BAR - 8, 0.55)
            extra = "" if row["kept_share"] is None else f"   {row['kept_share']:.1%} kept"
            _write(image, f"{row['whole']:.2f}{extra}", _LEFT + length + 10, top + _BAR - 8, 0.5, _PALE)
            top += _BAR
        top += _GAP + 14
    cv2.imwrite(str(path), image)


def _write(image: Any, text: str, left: int, base: int, size: float, colour: tuple[int, int, int] = _INK) -> None:
    cv2.putText(image, text, (left, base), cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
