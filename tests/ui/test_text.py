"""How things are said: sizes and lengths in words, and text that any terminal can take."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.text import (
    OutputGone,
    clock_in_words,
    columns_of,
    complain,
    finish_output,
    length_in_words,
    prepare_streams,
    print_json,
    printable,
    say,
    shortened,
    size_in_words,
    tell,
)


class Closed(io.StringIO):
    """A stream whose other end has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    def flush(self) -> None:
        raise BrokenPipeError(32, "Broken pipe")


def encoded(encoding: str, errors: str = "strict") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=errors)


def bytes_of(stream: io.TextIOWrapper) -> bytes:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue()


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [
        (0, "0 kB"),
        (499, "0 kB"),
        (1_000, "1 kB"),
        (999_499, "999 kB"),
        (1_000_000, "1.0 MB"),
        (1_250_000, "1.2 MB"),
        (999_000_000, "999.0 MB"),
        (1_234_000_000, "1.23 GB"),
        (50_000_000_000, "50.00 GB"),
    ],
)
def test_sizes(size_bytes: int, words: str) -> None:
    assert size_in_words(size_bytes) == words


@pytest.mark.parametrize(
    ("length_s", "words"),
    [
        (0, "00:00"),
        (7.99, "00:07"),
        (60, "01:00"),
        (3599.9, "59:59"),
        (3600, "1:00:00"),
        (3723, "1:02:03"),
        (100 * 3600, "100:00:00"),
        (-0.5, "00:00"),
        (-5, "00:00"),
    ],
)
def test_a_running_clock(length_s: float, words: str) -> None:
    assert clock_in_words(length_s) == words


@pytest.mark.parametrize(
    ("length_s", "words"), [(0, "0.0 s"), (7.34, "7.3 s"), (59.9, "59.9 s"), (60.4, "01:00"), (3722.6, "1:02:03")]
)
def test_final_lengths(length_s: float, words: str) -> None:
    assert length_in_words(length_s) == words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Firefox – Anna 🎤 ü", "Firefox – Anna 🎤 ü"),
        ("a\nb\r\nc\td", "a b c d"),
        ("\x1b[2Jgone\x07", "[2Jgone"),
        ("\x9b31mred", "31mred"),
        ("gnp.\u202eexe", "gnp. exe"),
        ("a\u2066b\u2069\u2028c", "a b c"),
        ("  ", ""),
        ("", ""),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),  # one emoji, joined
    ],
)
def test_what_a_terminal_would_obey_is_taken_out(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_what_is_printable_is_one_line_and_stays_so(text: str) -> None:
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert not any(letter < " " or "\x7f" <= letter <= "\x9f" for letter in shown)
    assert printable(shown) == shown


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("●█·", 3), ("微信", 4), ("🎤", 2), ("e\u0301", 1), ("", 0)])
def test_columns(text: str, columns: int) -> None:
    assert columns_of(text) == columns


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [("abc", 5, "abc"), ("abc", 2, "ab"), ("abc", 0, ""), ("abc", -1, ""), ("微信x", 3, "微"), ("a微", 2, "a")],
)
def test_shortened(text: str, columns: int, shown: str) -> None:
    assert shortened(text, columns) == shown


@given(st.text(), st.integers(-2, 40))
def test_what_is_shortened_fits_and_is_a_beginning(text: str, columns: int) -> None:
    shown = shortened(text, columns)
    assert text.startswith(shown)
    assert columns_of(shown) <= max(0, columns)


def test_a_complaint_is_one_line_and_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    complain("it\nbroke", "Mend\nit.")
    complain("it broke")
    assert capsys.readouterr() == ("", "loopnote: it broke\n  Mend it.\nloopnote: it broke\n")


def test_telling_never_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = io.StringIO()
    gone.close()
    for stream in (Closed(), gone):
        monkeypatch.setattr(sys, "stderr", stream)
        tell("x")
        complain("x", "y")


def test_output_that_nobody_takes_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Closed())
    steps: list[Callable[[], None]] = [lambda: say("x"), finish_output, lambda: print_json({})]
    for step in steps:
        with pytest.raises(OutputGone) as gone:
            step()
        assert isinstance(gone.value.__cause__, BrokenPipeError)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", "cp1252", "utf-16"])
def test_json_is_json_in_every_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value = {"file": "/Musik/Küche – 微信 🎤.opus", "odd": "caf\udce9", "list": [1, None, True]}
    stream = encoded(encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    prepare_streams()
    print_json(value)
    assert isinstance(stream.buffer, io.BytesIO)
    written = stream.buffer.getvalue().decode(encoding)  # it is out, without a flush
    assert written.count("\n") == 1
    assert json.loads(written) == value


def test_json_stays_readable_where_it_can(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"file": "Küche"})
    assert capsys.readouterr().out == '{"file": "Küche"}\n'


def test_streams_that_are_not_there_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    prepare_streams()
    say("x")
    tell("x")
    finish_output()
    for stream in (sys.stdout, sys.stderr):
        stream.close()


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_letters_that_an_encoding_has_not_are_no_reason_to_fail(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = encoded("ascii")
    monkeypatch.setattr(sys, name, stream)
    prepare_streams()
    getattr(sys, name).write("saved Küche\udce9\n")
    assert bytes_of(stream) == b"saved K\\xfcche\\udce9\n"
