"""What a pointer and keys choose, to the pixel; no window is needed for it."""

from __future__ import annotations

import pytest

from capture.model import Area
from capture.screen.areas import parse
from ui.desktop.selection import Phase, Selection, Target

DESKTOP = Area(0, 0, 1000, 800)
LOW = Target("window:Low", "Low", Area(100, 100, 300, 200))
HIGH = Target("window:High", "High", Area(200, 150, 300, 200))
SCREENS = [Target("1", "Screen 1", Area(0, 0, 600, 800)), Target("2", "Screen 2", Area(600, 0, 400, 800))]


@pytest.fixture
def selection() -> Selection:
    return Selection(DESKTOP, [*SCREENS, LOW, HIGH])


def drag(selection: Selection, start: tuple[int, int], end: tuple[int, int]) -> str:
    selection.press(*start)
    selection.point(*end)
    return selection.release(*end)


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ((100, 50), (299, 199), "100,50,200x150"),
        ((299, 199), (100, 50), "100,50,200x150"),
        ((299, 50), (100, 199), "100,50,200x150"),
        ((0, 0), (999, 799), "0,0,1000x800"),
        ((0, 0), (5000, 5000), "0,0,1000x800"),
        ((900, 700), (-50, -50), "0,0,901x701"),
        ((500, 500), (507, 503), "500,500,16x16"),  # no smaller one can be recorded
        ((994, 794), (999, 799), "984,784,16x16"),
    ],
)
def test_a_drag_holds_both_its_pixels(
    selection: Selection, start: tuple[int, int], end: tuple[int, int], text: str
) -> None:
    drag(selection, start, end)
    assert selection.take() == text
    assert parse(text).kind == "region"


@pytest.mark.parametrize(
    ("at", "text"), [((250, 200), "window:High"), ((150, 120), "window:Low"), ((50, 50), "1"), ((999, 0), "2")]
)
def test_a_click_takes_what_lies_highest_there(selection: Selection, at: tuple[int, int], text: str) -> None:
    selection.point(*at)
    assert selection.target is not None
    selection.press(*at)
    assert selection.release(at[0] + 2, at[1] - 2) == text  # a hand is not still


def test_keys_move_and_size_by_one_pixel_within_the_desktop(selection: Selection) -> None:
    drag(selection, (100, 50), (299, 199))
    selection.move(-1, 0)
    selection.move(0, 1)
    selection.resize(1, 0)
    selection.resize(0, -1)
    assert selection.take() == "99,51,201x149"
    for _ in range(3):
        selection.move(-60, 700)
    assert selection.take() == "0,651,201x149"
    selection.resize(-900, 900)
    assert selection.take() == "0,651,16x149"


def test_keys_make_a_rectangle_of_what_is_pointed_at(selection: Selection) -> None:
    selection.point(250, 200)
    selection.move(1, 0)
    assert (selection.take(), selection.phase) == ("201,150,300x200", Phase.ADJUSTING)


def test_tab_goes_through_all(selection: Selection) -> None:
    seen = []
    for _ in range(5):
        selection.next_target(1)
        seen.append(selection.take())
    assert seen == ["window:High", "window:Low", "2", "1", "window:High"]
    selection.next_target(-1)
    assert selection.take() == "1"


def test_a_rectangle_is_moved_by_its_inside_and_taken_by_a_click(selection: Selection) -> None:
    drag(selection, (100, 50), (299, 199))
    assert drag(selection, (150, 100), (160, 120)) == ""
    selection.press(200, 100)
    assert selection.release(200, 100) == "110,70,200x150"


def test_a_click_beside_a_rectangle_gives_it_up(selection: Selection) -> None:
    drag(selection, (100, 50), (299, 199))
    selection.press(700, 700)
    assert selection.release(700, 700) == ""
    assert (selection.area, selection.take()) == (None, "2")


def test_windows_alone_are_not_drawn_over() -> None:
    selection = Selection(DESKTOP, [LOW, HIGH], may_draw=False)
    selection.point(900, 700)
    selection.press(900, 700)
    assert selection.release(900, 700) == ""
    selection.move(5, 5)
    assert selection.area is None
    assert drag(selection, (250, 200), (280, 300)) == "window:High"


def test_of_a_window_that_hangs_off_only_what_is_there_is_shown() -> None:
    off = Target("window:Off", "Off", Area(900, 700, 300, 300))
    selection = Selection(DESKTOP, [off])
    selection.point(950, 750)
    assert selection.shown == Area(900, 700, 100, 100)
    assert selection.take() == "window:Off"
