"""What is shown on standard error while recording: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from typing import TextIO

from capture.channel import Channel, Closed, Empty, Overflow
from capture.errors import CaptureError
from capture.model import Event, Levels, Notice, State, StateChanged
from capture.worker import Worker, as_fault
from ui.text import clock_in_words, columns_of, printable, shortened, size_in_words

# Plain lines come this often: enough to see that it lives, few enough for a log.
PLAIN_INTERVAL_S = 10.0
METER_WIDTH = 20
METER_FLOOR_DBFS = -60.0
# Events that wait for a terminal that stands still. There are a few in a recording; levels do not wait.
EVENT_BOUND = 64
USUAL_COLUMNS = 80


class Progress:
    """Shows events, in a thread of its own: a terminal that stands still (Ctrl-S, a full pipe) must not hold up the
    recording, and one that was closed is no reason to fail.

    `show` may be called by any thread and never blocks. `end` is called once, by the thread that goes on to write.
    """

    def __init__(self, stream: TextIO, show_levels: bool) -> None:
        self._stream = stream
        self._live = show_levels
        self._signs = _signs(stream)
        self._line_columns = 0  # of the live line that is on the terminal now
        self._next_plain_s = PLAIN_INTERVAL_S
        self._fault: CaptureError | None = None
        self._events: Channel[Event] = Channel("progress", EVENT_BOUND, Overflow.DROP_NEWEST)
        self._worker = Worker("progress", self._run)
        self._worker.start()

    def show(self, event: Event) -> None:
        if isinstance(event, Levels) and (len(self._events) or not self._wants(event)):
            return  # the terminal is behind: newer levels will come
        with contextlib.suppress(Closed):
            self._events.put(event)

    def _wants(self, levels: Levels) -> bool:
        return self._live or levels.elapsed_s >= self._next_plain_s

    def end(self, timeout_s: float = 1.0) -> None:
        """Show what is waiting, and leave the live line. Blocks for at most `timeout_s`, then leaves it undone."""
        self._events.close()
        self._worker.join(timeout_s)

    @property
    def fault(self) -> CaptureError | None:
        """Why something may not have been shown, if so. After `end`."""
        return self._fault or self._worker.fault

    def _run(self, stop: threading.Event) -> None:
        with contextlib.suppress(Closed):
            while True:
                try:
                    self._show(self._events.get(PLAIN_INTERVAL_S))
                except Empty:
                    pass
                except Closed:
                    raise
                except Exception as bug:  # noqa: BLE001 - what comes next is to be shown all the same
                    self._fault = self._fault or as_fault("showing the progress", bug)
        self._print("")

    def _show(self, event: Event) -> None:
        if isinstance(event, StateChanged) and event.state is State.RECORDING:
            self._print(f"recording {printable(str(event.file))}" if event.file is not None else "recording goes on")
        elif isinstance(event, StateChanged) and event.state is State.PAUSED:
            self._print("paused")
        elif isinstance(event, Notice):
            self._print(f"note: {printable(event.text)}" + (f"\n  {printable(event.hint)}" if event.hint else ""))
        elif isinstance(event, Levels):
            self._levels(event)

    def _levels(self, levels: Levels) -> None:
        if self._live:
            line = shortened(_live_line(levels, *self._signs), _columns(self._stream) - 1)
            columns = columns_of(line)
            # Blanks over the rest of the line before, and no escape sequence, which not every console knows.
            self._write("\r" + line + " " * (self._line_columns - columns))
            self._line_columns = columns
        elif self._wants(levels):
            self._next_plain_s = (levels.elapsed_s // PLAIN_INTERVAL_S + 1) * PLAIN_INTERVAL_S
            elapsed, size = clock_in_words(levels.elapsed_s), size_in_words(levels.size_bytes)
            self._print(f"{elapsed} recorded, {size}, {_peaks(levels)}")

    def _print(self, text: str) -> None:
        before = "\r" + " " * self._line_columns + "\r" if self._line_columns else ""
        self._line_columns = 0
        self._write(before + (text + "\n" if text else ""))

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()


def _signs(stream: TextIO) -> tuple[str, str, str]:
    """The dot, the full and the empty piece of the meter, as far as the stream's encoding has them."""
    signs = ("●", "█", "·")
    try:
        "".join(signs).encode(stream.encoding or "utf-8")
    except (UnicodeError, LookupError):
        return "*", "#", "-"
    return signs


def _columns(stream: TextIO) -> int:
    """Of the stream's own terminal: standard output may lead elsewhere."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return os.get_terminal_size(stream.fileno()).columns or USUAL_COLUMNS
    return USUAL_COLUMNS


def _live_line(levels: Levels, dot: str, full: str, empty: str) -> str:
    loudest_dbfs = max(levels.peaks_dbfs.values(), default=-math.inf)
    filled = round(METER_WIDTH * (max(loudest_dbfs, METER_FLOOR_DBFS) - METER_FLOOR_DBFS) / -METER_FLOOR_DBFS)
    meter = full * min(filled, METER_WIDTH) + empty * (METER_WIDTH - min(filled, METER_WIDTH))
    elapsed, size = clock_in_words(levels.elapsed_s), size_in_words(levels.size_bytes)
    return f"{dot} {elapsed}  {meter}  {_peaks(levels)}  {size}   Ctrl-C stops"


def _peaks(levels: Levels) -> str:
    peaks = (f"{printable(name)} {_dbfs(peak)}" for name, peak in levels.peaks_dbfs.items())
    return "  ".join(peaks) or "no sound asked for"


def _dbfs(peak_dbfs: float) -> str:
    return "silent" if math.isinf(peak_dbfs) else f"{peak_dbfs:.0f} dB"
