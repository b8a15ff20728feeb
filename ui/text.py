"""How things are said in a terminal: exit codes, errors, results, sizes, lengths."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import threading
import unicodedata
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO, cast

from capture.errors import WorkerFault
from capture.worker import Worker

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# What a command's exit code says. Degraded: something is missing or wrong, the rest is there.
EXIT_SAVED, EXIT_FAILED, EXIT_USAGE, EXIT_DEGRADED = 0, 1, 2, 3
# What to do about a result that nobody took.
READ_IT = "Send the output to a program that reads it, or to a disk with room."

# How long somebody who does not read standard error may hold up what is said there.
TELL_S = 2.0

# Names come from elsewhere: a web page chooses its window's title. Control characters could move the cursor or worse,
# and marks of direction or of a new line make one text look like another.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def prepare_streams() -> None:
    """Make the standard streams fit to be written to: there, and with a way to show what their encoding has not.

    A program started without a terminal may have none (None in `sys`); LANG=C, or an old Windows console, knows few
    letters, and a recording's name must not be a reason to fail.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - for the whole run
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
            if name == "stderr":
                sys.stderr = _without_lock(stream)


def _without_lock(stream: TextIO) -> TextIO:
    """`stream` without Python's buffer, whose lock a thread holds for as long as nobody reads what it writes.

    Whoever else writes would wait for it; and Python, which wants it at its exit, would end the program by a signal.
    """
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    if raw is None:
        return stream  # it has no buffer, or is none of the system's
    stream.flush()
    return io.TextIOWrapper(cast(BinaryIO, _Whole(raw)), stream.encoding, stream.errors, write_through=True)


class _Whole(io.RawIOBase):
    """Writes all that it is given to `raw`, which may take a part of it at a time. Any thread; blocks as `raw` does."""

    def __init__(self, raw: BinaryIO) -> None:
        super().__init__()
        self._raw = raw

    def write(self, data: ReadableBuffer) -> int:
        rest = memoryview(data).cast("B")
        length = len(rest)
        while rest:
            rest = rest[self._raw.write(rest) or 0 :]
        return length

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()


def settle_streams() -> None:
    """The last thing to do: what cannot be written goes nowhere, or Python would try again, and exit with 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class OutputGone(Exception):
    """Nobody takes what is written to standard output (`loopnote devices | head`); `__cause__` is the OSError."""


def say(text: str) -> None:
    """Write a command's own output. Raises `OutputGone`."""
    try:
        sys.stdout.write(text)
    except OSError as error:
        raise OutputGone from error


def finish_output() -> None:
    """Bring everything out that was said. Raises `OutputGone`."""
    try:
        sys.stdout.flush()
    except OSError as error:
        raise OutputGone from error


def complain(message: str, hint: str = "") -> None:
    """An error for people, on standard error: what happened, and what to do; a line each."""
    tell(f"loopnote: {printable(message)}\n" + (f"  {printable(hint)}\n" if hint else ""))


def tell(text: str) -> None:
    """Write to standard error. Never fails: a terminal that was closed is no reason to lose what is being done.

    Waits `TELL_S` at most for somebody to read it; then it is left to a thread that ends with the program.
    """

    def write(stop: threading.Event | None = None) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()

    writer = Worker("tell", write)
    try:
        writer.start()
    except WorkerFault:
        write()
    writer.join(TELL_S)


def print_json(value: Any) -> None:
    """Say one object as one line; in plain ASCII where the encoding there cannot hold its letters."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except (UnicodeError, LookupError):
        text = json.dumps(value)
    say(text + "\n")
    finish_output()


def printable(text: str) -> str:
    """`text` on one line, without what a terminal would obey rather than show."""
    return _UNPRINTABLE.sub(" ", text).strip()


def sentence(text: str) -> str:
    """An error or a notice as it stands in a window: on a line of its own it begins with a capital letter."""
    text = printable(text)
    return text[:1].upper() + text[1:]


def shortened(text: str, columns: int) -> str:
    """As much of `text` as fits into so many columns of a terminal: East Asian letters and most emoji take two."""
    for index, letter in enumerate(text):
        columns -= columns_of(letter)
        if columns < 0:
            return text[:index]
    return text


def columns_of(text: str) -> int:
    """How many columns of a terminal `text` takes (Unicode's standard annex 11)."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def size_in_words(size_bytes: int) -> str:
    """Such as 1.2 MB (decimal, as file managers count)."""
    if size_bytes >= 1e9:
        return f"{size_bytes / 1e9:.2f} GB"
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1e6 else f"{size_bytes / 1e3:.0f} kB"


def clock_in_words(length_s: float) -> str:
    """Such as 00:07 or 1:02:03, rounded down: a counter that runs."""
    minutes, seconds = divmod(max(0, int(length_s)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


def length_in_words(length_s: float) -> str:
    """Such as 7.3 s or 1:02:03: a length that is final."""
    return f"{length_s:.1f} s" if length_s < 60 else clock_in_words(round(length_s))
