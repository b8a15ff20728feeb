"""What the result must tell of the screen: when it was not as asked, and in few words however often that was."""

from __future__ import annotations

from capture.clock import NS_PER_S
from capture.screen.troubles import SETTLE_NS, TROUBLES_MOST, Trouble, Troubles


def test_each_lasts_until_it_is_over() -> None:
    troubles = Troubles()
    troubles.begin("away", 10, "it was closed")
    assert troubles.all == (Trouble("away", 10, None, "it was closed"),)
    troubles.end("fitted", 15)
    troubles.end("away", 20)
    troubles.end("away", 30)
    assert troubles.all == (Trouble("away", 10, 20, "it was closed"),)


def test_kinds_do_not_end_each_other() -> None:
    troubles = Troubles()
    troubles.begin("fitted", 10, "smaller")
    troubles.begin("away", 20, "it was closed")
    troubles.end("fitted", 30)
    assert [(t.kind, t.end_ns) for t in troubles.all] == [("fitted", 30), ("away", None)]


def test_another_of_its_kind_ends_the_one_before() -> None:
    troubles = Troubles()
    troubles.begin("fitted", 0, "small")
    troubles.begin("fitted", 2 * NS_PER_S, "tiny")
    troubles.begin("fitted", 9 * NS_PER_S, "tiny")
    assert troubles.all == (
        Trouble("fitted", 0, 2 * NS_PER_S, "small"),
        Trouble("fitted", 2 * NS_PER_S, None, "tiny"),
    )


def test_what_changes_again_at_once_is_one_change() -> None:
    troubles = Troubles()
    for number in range(60):
        troubles.begin("fitted", number * SETTLE_NS // 61, f"size {number}")
    assert troubles.all == (Trouble("fitted", 0, None, "size 59"),)


def test_what_is_kept_has_a_bound() -> None:
    troubles = Troubles()
    for second in range(TROUBLES_MOST + 7):
        troubles.begin("away", second * NS_PER_S, "flapping")
        troubles.end("away", second * NS_PER_S + 1)
    assert len(troubles.all) == TROUBLES_MOST
    assert troubles.untold == 7
