"""What is said of a source that is away, and when."""

from __future__ import annotations

from capture.clock import NS_PER_MS
from capture.stages.absence import Absence


def texts(absence: Absence, at_ms: int) -> list[str]:
    return [notice.text for notice in absence.due(at_ms * NS_PER_MS)]


def test_a_short_absence_is_no_news() -> None:
    absence = Absence()
    absence.lost("system", "the default speaker changed", 0)
    assert texts(absence, 999) == []
    assert absence.back("system", 999 * NS_PER_MS) is None
    assert texts(absence, 5000) == []


def test_a_long_one_is_told_once_with_its_latest_reason_and_so_is_its_end() -> None:
    absence = Absence()
    absence.lost("mic", "the microphone was removed", 0)
    absence.lost("mic", "no sound server answers", 500 * NS_PER_MS)
    assert texts(absence, 1000) == ["mic: no sound server answers; silence is recorded until it is back"]
    absence.lost("mic", "something else", 2000 * NS_PER_MS)
    assert texts(absence, 9000) == []
    back = absence.back("mic", 9000 * NS_PER_MS)
    assert back is not None
    assert back.text == "mic is recorded again, after 9.0 s"
    assert absence.back("mic", 9100 * NS_PER_MS) is None


def test_each_source_has_its_own() -> None:
    absence = Absence()
    absence.lost("system", "gone", 0)
    absence.lost("mic", "gone too", 800 * NS_PER_MS)
    assert len(texts(absence, 1000)) == 1
    assert absence.back("mic", 1000 * NS_PER_MS) is None
    assert texts(absence, 3000) == []
