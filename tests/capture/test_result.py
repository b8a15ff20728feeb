"""The words of a result, and what is kept for them."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

from capture.clock import NS_PER_S, FakeClock
from capture.model import Event, Gap, Notice
from capture.result import GAPS_TOLD, _gaps, gaps_in_words, screen_gaps
from capture.screen.troubles import Trouble
from capture.session import NOTICES_MOST, Session
from capture.settings import RecordingSettings
from capture.sound.track import NO_SOUND, Hole
from capture.stages.timing import Timing


def test_each_gap_is_told() -> None:
    gaps = [Gap(1.0, 0.5, "system: unplugged"), Gap(7.25, 2.0, "mic: its server died")]
    assert gaps_in_words(gaps) == [
        "0.50 s of silence at 1.00 s, system: unplugged",
        "2.00 s of silence at 7.25 s, mic: its server died",
    ]
    assert gaps_in_words([]) == []


def test_of_very_many_gaps_the_first_are_told_and_the_others_counted() -> None:
    gaps = [Gap(float(number), 0.5, "system: flapping") for number in range(1000)]
    lines = gaps_in_words(gaps)
    assert len(lines) == GAPS_TOLD + 1
    assert lines[-1] == f"{1000 - GAPS_TOLD} more gaps, {(1000 - GAPS_TOLD) / 2:.2f} s altogether"


def test_what_is_kept_for_the_result_has_a_bound() -> None:
    heard: list[Event] = []
    session = Session(RecordingSettings(), None, None, FakeClock(), lambda _: None, heard.append, threading.Event())
    lost, back = Notice("the screen went", degrades=True), Notice("it is back")
    for _ in range(1000):
        session.tell(lost)
        session.tell(back)
    assert session.notices == [lost]
    for number in range(1000):
        session.tell(Notice(f"fault {number}", degrades=True))
    assert len(session.notices) == NOTICES_MOST
    assert session.notices[:2] == [lost, Notice("fault 0", degrades=True)]
    assert len(heard) == 3000, "all are told at the time"


def test_troubles_of_the_screen_are_places_in_the_file_without_its_pauses() -> None:
    timing = Timing(10 * NS_PER_S)
    timing.pauses.pause(14 * NS_PER_S)
    timing.pauses.resume(16 * NS_PER_S)
    timing.end_ns = 20 * NS_PER_S
    troubles = [
        Trouble("away", 5 * NS_PER_S, 9 * NS_PER_S, "before the beginning"),
        Trouble("away", 9 * NS_PER_S, 11 * NS_PER_S, "across it"),
        Trouble("away", 13 * NS_PER_S, 17 * NS_PER_S, "around the pause"),
        Trouble("away", 14 * NS_PER_S, 15 * NS_PER_S, "within it"),
        Trouble("away", 19 * NS_PER_S, None, "to the end"),
        Trouble("away", 21 * NS_PER_S, 22 * NS_PER_S, "after it"),
    ]
    assert list(screen_gaps(troubles, timing)) == [
        Gap(0.0, 1.0, "screen: across it"),
        Gap(3.0, 2.0, "screen: around the pause"),
        Gap(7.0, 1.0, "screen: to the end"),
    ]


def test_a_gap_while_the_recorder_was_held_up_has_that_as_its_reason() -> None:
    timing = Timing(0, end_ns=10 * NS_PER_S, held_up=[(2 * NS_PER_S, 7 * NS_PER_S)])
    spans_s = {(3, 4): NO_SOUND, (5, 6): "the sound server ended", (8, 9): NO_SOUND}
    holes = [Hole("system", start * NS_PER_S, end * NS_PER_S, why) for (start, end), why in spans_s.items()]
    session: Any = SimpleNamespace(
        timing=timing,
        mixer=SimpleNamespace(holes=holes),
        sources=SimpleNamespace(owed=set(), application_names=[]),
    )
    assert [gap.reason for gap in _gaps(session)] == [
        "system: Loopnote was held up: it was stopped, or the computer was far too busy",
        "system: the sound server ended",
        "system: no sound came",
    ]


def test_a_gap_that_is_short_is_told_in_milliseconds() -> None:
    assert gaps_in_words([Gap(1.5, 0.0042, "system: lost")]) == ["4 ms of silence at 1.50 s, system: lost"]
