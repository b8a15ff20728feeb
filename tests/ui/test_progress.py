"""What is shown while recording: on a real pseudo-terminal of any width, in a log, and where nobody reads it."""

from __future__ import annotations

import fcntl
import io
import math
import os
import pty
import struct
import termios
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import pytest

from capture.model import Event, Levels, Notice, State, StateChanged
from ui.progress import EVENT_BOUND, Progress
from ui.text import columns_of

pytestmark = pytest.mark.real_time

# Far above what anything here takes; reached only when a test fails.
LIMIT_S = 20.0


def levels(elapsed_s: float, peak_dbfs: float = -12.0, size_bytes: int = 1_234_000) -> Levels:
    return Levels(elapsed_s, size_bytes, {"system": peak_dbfs})


def shown(events: list[Event], stream: TextIO, live: bool) -> None:
    """Show each event only after the one before it was taken, so that no level is left out."""
    progress = Progress(stream, live)
    for event in events:
        progress.show(event)
        until_taken(progress)
    progress.end(LIMIT_S)


def until_taken(progress: Progress) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while len(progress._events):
        assert time.monotonic() < deadline_s, "the events are not taken"
        threading.Event().wait(0.001)


def plain(events: list[Event]) -> list[str]:
    stream = io.StringIO()
    shown(events, stream, live=False)
    return stream.getvalue().splitlines()


@dataclass
class Terminal:
    """A real pseudo-terminal; what was written to it is read by a thread, so that it never fills."""

    stream: TextIO
    host: int

    def __post_init__(self) -> None:
        self.received = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self.host, 65536)
            except OSError:
                return
            if not piece:
                return
            self.received += piece

    def set_columns(self, columns: int) -> None:
        fcntl.ioctl(self.host, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def text(self) -> str:
        """Everything that was written; closes the terminal."""
        self.stream.close()
        self._reader.join(LIMIT_S)
        return self.received.decode()

    def lines(self) -> list[str]:
        """What stood on each state of the live line, without trailing blanks."""
        return [piece.rstrip() for piece in self.text().replace("\r\n", "\n").split("\r") if piece.strip()]


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    host, guest = pty.openpty()
    made = Terminal(os.fdopen(guest, "w", encoding="utf-8"), host)
    made.set_columns(100)
    yield made
    made.stream.close()
    os.close(host)


# --- where it is no terminal ------------------------------------------------------------------------------------------


def test_the_beginning_is_said_with_the_file() -> None:
    events: list[Event] = [StateChanged(State.STARTING), StateChanged(State.RECORDING, Path("/music/a b.opus"))]
    assert plain(events) == ["recording /music/a b.opus"]


def test_a_file_whose_name_holds_control_characters_is_said_on_one_line() -> None:
    assert plain([StateChanged(State.RECORDING, Path("/music/a\nsaved\x1b[2J.opus"))]) == [
        "recording /music/a saved [2J.opus"
    ]


def test_pauses_are_said() -> None:
    events: list[Event] = [
        StateChanged(State.PAUSED),
        StateChanged(State.RECORDING),
        StateChanged(State.STOPPING),
        StateChanged(State.IDLE),
    ]
    assert plain(events) == ["paused", "recording goes on"]


def test_notices_are_said_with_their_hint_on_a_line_each() -> None:
    assert plain([Notice("silence\nso far", "Look\x1b here."), Notice("more")]) == [
        "note: silence so far",
        "  Look  here.",
        "note: more",
    ]


def test_a_plain_line_comes_every_ten_seconds() -> None:
    lines = plain([levels(tenth / 10) for tenth in range(305)])
    assert lines == [
        "00:10 recorded, 1.2 MB, system -12 dB",
        "00:20 recorded, 1.2 MB, system -12 dB",
        "00:30 recorded, 1.2 MB, system -12 dB",
    ]


def test_after_a_standstill_one_plain_line_comes_and_not_all_that_were_missed() -> None:
    assert [line[:5] for line in plain([levels(5), levels(125), levels(125.1), levels(129.9), levels(130)])] == [
        "02:05",
        "02:10",
    ]


@pytest.mark.parametrize(
    ("peaks_dbfs", "words"),
    [
        ({"system": -12.4, "mic": 0.0}, "system -12 dB  mic 0 dB"),
        ({"system": -math.inf}, "system silent"),
        ({}, "no sound asked for"),
        ({"Chat\x1b[2J": -3.0}, "Chat [2J -3 dB"),
    ],
)
def test_levels_in_words(peaks_dbfs: dict[str, float], words: str) -> None:
    assert plain([Levels(10.0, 5000, peaks_dbfs)]) == [f"00:10 recorded, 5 kB, {words}"]


# --- on a terminal ----------------------------------------------------------------------------------------------------


def test_the_live_line_shows_time_meter_level_and_size(terminal: Terminal) -> None:
    shown([levels(7.5, -30.0)], terminal.stream, live=True)
    assert terminal.lines() == ["● 00:07  ██████████··········  system -30 dB  1.2 MB   Ctrl-C stops"]


@pytest.mark.parametrize(
    ("peak_dbfs", "full"),
    [(-math.inf, 0), (-90.0, 0), (-60.0, 0), (-57.0, 1), (-30.0, 10), (-3.0, 19), (0.0, 20), (6.0, 20)],
)
def test_the_meter_has_always_twenty_pieces(terminal: Terminal, peak_dbfs: float, full: int) -> None:
    shown([levels(1, peak_dbfs)], terminal.stream, live=True)
    text = terminal.text()
    assert (text.count("█"), text.count("·")) == (full, 20 - full)


def test_the_loudest_source_moves_the_meter(terminal: Terminal) -> None:
    shown([Levels(1, 0, {"system": -60.0, "mic": -30.0})], terminal.stream, live=True)
    assert terminal.text().count("█") == 10


@pytest.mark.parametrize("columns", [1, 2, 3, 10, 30, 60, 79, 80, 200])
def test_the_live_line_never_wraps(terminal: Terminal, columns: int) -> None:
    terminal.set_columns(columns)
    shown([Levels(7.5, 10**12, {"微信 " * 10: -3.0, "🎤": -4.0}) for _ in range(3)], terminal.stream, live=True)
    text = terminal.text()
    assert max(columns_of(piece) for piece in text.split("\r")) < max(columns, 2)
    assert "\n" not in text
    if columns >= 10:
        assert "● 00:07" in text


def test_a_terminal_that_does_not_know_its_width_gets_the_usual_one(terminal: Terminal) -> None:
    terminal.set_columns(0)
    shown([levels(1, size_bytes=10**30)], terminal.stream, live=True)
    assert columns_of(terminal.lines()[0]) == 79


def test_the_width_is_the_stream_s_own_and_not_that_of_standard_output(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "12")
    shown([levels(1)], terminal.stream, live=True)
    assert terminal.lines()[0].endswith("Ctrl-C stops")


def test_a_shorter_line_wipes_the_rest_of_the_longer_one(terminal: Terminal) -> None:
    shown([levels(1, -math.inf), levels(1, -3.0)], terminal.stream, live=True)
    first, second = [piece for piece in terminal.text().split("\r") if "●" in piece]
    assert len(first) > len(second.rstrip())
    assert len(second) == len(first)


def test_what_is_said_stands_on_a_line_of_its_own_and_the_live_line_goes_on(terminal: Terminal) -> None:
    shown([levels(1), Notice("silence"), Notice("more"), levels(2)], terminal.stream, live=True)
    text = terminal.text()
    live = "● 00:01  ████████████████····  system -12 dB  1.2 MB   Ctrl-C stops"
    wiped = "\r" + " " * len(live) + "\r"
    assert text == f"\r{live}{wiped}note: silence\r\nnote: more\r\n\r{live.replace('00:01', '00:02')}{wiped}"


def test_no_escape_sequence_is_needed(terminal: Terminal) -> None:
    shown([levels(1), Notice("silence"), levels(2)], terminal.stream, live=True)
    assert "\x1b" not in terminal.text()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_an_encoding_without_the_signs_gets_plain_ones(encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)  # strict: a letter that it has not would raise
    shown([levels(7.5, -30.0)], stream, live=True)
    stream.flush()
    assert raw.getvalue().decode(encoding).startswith("\r* 00:07  ##########----------  system -30 dB  1.2 MB")


# --- where it cannot be shown -----------------------------------------------------------------------------------------


def test_a_closed_terminal_is_no_reason_to_fail(terminal: Terminal) -> None:
    progress = Progress(terminal.stream, show_levels=True)
    progress.show(levels(1))
    until_taken(progress)
    terminal.stream.close()
    for event in (levels(2), Notice("silence"), levels(3)):
        progress.show(event)
        until_taken(progress)
    progress.end(LIMIT_S)
    assert not progress._worker.alive
    assert progress._worker.fault is None


def test_after_the_end_nothing_is_shown_and_nothing_raises() -> None:
    stream = io.StringIO()
    progress = Progress(stream, show_levels=False)
    progress.end(LIMIT_S)
    progress.end(LIMIT_S)
    progress.show(Notice("late"))
    progress.show(levels(99))
    assert stream.getvalue() == ""


def test_a_reader_that_stands_still_holds_nobody_up_and_misses_nothing_but_levels() -> None:
    """As with Ctrl-S, or a program that started this one and never reads its standard error."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    stream = os.fdopen(writing, "w")
    progress = Progress(stream, show_levels=True)
    progress.show(Notice("x" * 200_000))  # far more than the pipe holds
    until_taken(progress)
    notices = [Notice(f"notice {number}") for number in range(EVENT_BOUND + 10)]

    def show_all() -> None:
        for notice in notices:
            progress.show(notice)
            for tenth in range(100):
                progress.show(levels(tenth / 10))

    caller = threading.Thread(target=show_all)
    caller.start()
    caller.join(LIMIT_S)
    assert not caller.is_alive(), "showing has blocked"
    assert progress._worker.alive, "the reader did stand still"
    progress.end(timeout_s=0.01)  # and the end waits no longer than it was told to

    received = bytearray()

    def read() -> None:
        while piece := os.read(reading, 65536):
            received.extend(piece)

    reader = threading.Thread(target=read)
    reader.start()
    assert progress._worker.join(LIMIT_S)
    stream.close()
    reader.join(LIMIT_S)
    os.close(reading)
    said = [line for line in received.decode().splitlines() if line.startswith("note: notice")]
    assert said == [f"note: notice {number}" for number in range(EVENT_BOUND)]
    assert "Ctrl-C" not in received.decode()
