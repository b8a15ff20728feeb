"""What is shown on standard error while recording: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import math
import shutil
from typing import TextIO

from capture.model import Event, Levels, Notice, State, StateChanged
from ui.text import clock_in_words, size_in_words

# Plain lines come this often: enough to see that it lives, few enough for a log.
PLAIN_INTERVAL_S = 10.0
METER_WIDTH = 20
METER_FLOOR_DBFS = -60.0


class Progress:
    """Shows events. `show` is called by several threads, one at a time; a closed terminal is no reason to fail."""

    def __init__(self, stream: TextIO, show_levels: bool) -> None:
        self._stream = stream
        self._live = show_levels
        self._line_open = False
        self._next_plain_s = PLAIN_INTERVAL_S

    def show(self, event: Event) -> None:
        if isinstance(event, StateChanged) and event.state is State.RECORDING and event.file is not None:
            self._print(f"recording {event.file}")
        elif isinstance(event, StateChanged) and event.state is State.PAUSED:
            self._print("paused")
        elif isinstance(event, Notice):
            self._print(f"note: {event.text}" + (f"\n  {event.hint}" if event.hint else ""))
        elif isinstance(event, Levels):
            self._levels(event)

    def end(self) -> None:
        """Leave the live line."""
        self._print("")

    def _levels(self, levels: Levels) -> None:
        if self._live:
            self._write("\r" + _live_line(levels, shutil.get_terminalsize_in_words().columns - 1) + "\x1b[K")
            self._line_open = True
        elif levels.elapsed_s >= self._next_plain_s:
            self._next_plain_s += PLAIN_INTERVAL_S
            self._print(
                f"{clock_in_words(levels.elapsed_s)} recorded, {size_in_words(levels.size_bytes)}, {_peaks(levels)}"
            )

    def _print(self, text: str) -> None:
        before = "\r\x1b[K" if self._line_open else ""
        self._line_open = False
        self._write(before + (text + "\n" if text else ""))

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()


def _live_line(levels: Levels, width: int) -> str:
    loudest_dbfs = max(levels.peaks_dbfs.values(), default=-math.inf)
    filled = round(METER_WIDTH * (max(loudest_dbfs, METER_FLOOR_DBFS) - METER_FLOOR_DBFS) / -METER_FLOOR_DBFS)
    bar = "█" * min(filled, METER_WIDTH) + "·" * (METER_WIDTH - min(filled, METER_WIDTH))
    done = f"{_peaks(levels)}  {size_in_words(levels.size_bytes)}"
    line = f"● {clock_in_words(levels.elapsed_s)}  {bar}  {done}   Ctrl-C stops"
    return line[:width]


def _peaks(levels: Levels) -> str:
    return "  ".join(f"{name} {_dbfs(peak)}" for name, peak in levels.peaks_dbfs.items()) or "no sound asked for"


def _dbfs(peak_dbfs: float) -> str:
    return "silent" if math.isinf(peak_dbfs) else f"{peak_dbfs:.0f} dB"
