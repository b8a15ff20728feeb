"""The text of `--screen` and its place on desktops of all kinds."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.errors import SettingsError, UnknownArea
from capture.model import Area
from capture.screen.areas import (
    MIN_SIDE,
    Monitor,
    Spec,
    Window,
    common,
    contains,
    even,
    follow,
    parse,
    pick_window,
    resolve,
)

LEFT = Monitor(Area(-1366, 100, 1366, 767), "eDP-1")
MAIN = Monitor(Area(0, 0, 1920, 1080), "HDMI-1", primary=True)
DESKTOP = Area(-1366, 0, 3286, 1080)

sides = st.integers(-5000, 5000)
some_areas = st.builds(Area, sides, sides, st.integers(1, 5000), st.integers(1, 5000))


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("all", Spec("all")),
        ("Primary", Spec("primary")),
        (" 3 ", Spec("screen", number=3)),
        ("10,20,300x400", Spec("region", area=Area(10, 20, 300, 400))),
        ("-1366, +5, 16X16", Spec("region", area=Area(-1366, 5, 16, 16))),
        ("window:Chat, 2x2", Spec("window", title="Chat, 2x2")),
        ("WINDOW: 3 ", Spec("window", title="3")),
    ],
)
def test_what_can_be_asked_for(text: str, spec: Spec) -> None:
    assert parse(text) == spec


@pytest.mark.parametrize(
    "text", ["", " ", "two", "1.5", "-2", "²", "1,2,3x", "1,2,3x4x5", "1;2;30x40", "0x0", "window"]
)
def test_nonsense_is_refused_with_all_forms_named(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(text)
    assert "X,Y,WIDTHxHEIGHT" in caught.value.hint


@given(st.text())
def test_any_text_is_either_understood_or_refused(text: str) -> None:
    with contextlib.suppress(SettingsError):
        parse(text)


@pytest.mark.parametrize("size", [f"{MIN_SIDE - 1}x100", f"100x{MIN_SIDE - 1}", "0x0"])
def test_a_region_must_be_large_enough_to_encode(size: str) -> None:
    with pytest.raises(SettingsError, match="too small"):
        parse(f"0,0,{size}")
    parse(f"0,0,{MIN_SIDE}x{MIN_SIDE}")


@pytest.mark.parametrize(
    ("spec", "area"),
    [
        ("all", DESKTOP),
        ("primary", MAIN.area),
        ("1", Area(-1366, 100, 1366, 766)),
        ("2", MAIN.area),
        ("-10,0,31x21", Area(-10, 0, 30, 20)),
    ],
)
def test_places_on_a_desktop_of_two_screens(spec: str, area: Area) -> None:
    assert resolve(parse(spec), DESKTOP, [LEFT, MAIN]) == area


def test_the_first_screen_stands_in_where_none_is_primary() -> None:
    first, second = Monitor(Area(0, 0, 800, 600)), Monitor(Area(800, 0, 640, 480))
    assert resolve(parse("primary"), Area(0, 0, 1440, 600), [first, second]) == first.area


def test_a_server_that_knows_no_monitors_has_one() -> None:
    desktop = Area(0, 0, 800, 600)
    assert resolve(parse("primary"), desktop, []) == resolve(parse("1"), desktop, []) == desktop
    with pytest.raises(UnknownArea, match="one screen"):
        resolve(parse("2"), desktop, [])


@pytest.mark.parametrize("number", ["0", "3", "99999999999999999999"])
def test_a_screen_that_is_not_there_is_named_with_how_many_are(number: str) -> None:
    with pytest.raises(UnknownArea, match=f"no screen {number}: there are 2 screens"):
        resolve(parse(number), DESKTOP, [LEFT, MAIN])


@pytest.mark.parametrize("spec", ["-1367,0,100x100", "1900,0,100x100", "0,-1,100x100", "0,1000,100x100"])
def test_a_region_must_be_wholly_on_the_desktop(spec: str) -> None:
    with pytest.raises(UnknownArea, match=f"{spec} .*-1366,0,3286x1080"):
        resolve(parse(spec), DESKTOP, [LEFT, MAIN])


# --- After the desktop has changed ------------------------------------------------------------------------------------

THIRD = Monitor(Area(1920, 0, 1280, 1024), "DP-1")


def test_a_screen_is_followed_by_its_name_when_numbers_change() -> None:
    assert follow(parse("2"), DESKTOP, [MAIN], MAIN) == (MAIN.area, "")
    assert follow(parse("2"), DESKTOP, [THIRD, LEFT, MAIN], MAIN) == (MAIN.area, "")


def test_a_screen_that_moved_or_was_resized_is_where_it_is_now() -> None:
    moved = Monitor(Area(0, 0, 1023, 768), MAIN.name)
    assert follow(parse("2"), DESKTOP, [moved], MAIN) == (Area(0, 0, 1022, 768), "")


def test_the_primary_screen_stands_in_for_one_that_is_away() -> None:
    area, lack = follow(parse("3"), DESKTOP, [LEFT, MAIN], THIRD)
    assert area == MAIN.area
    assert lack == "screen 3 (DP-1) is away; the primary screen (HDMI-1) is shown instead until it is back"


@pytest.mark.parametrize("name", ["", "Twin"])
def test_screens_that_have_no_name_of_their_own_are_known_by_their_number(name: str) -> None:
    one, two = Monitor(Area(0, 0, 800, 600), name), Monitor(Area(800, 0, 640, 480), name)
    desktop = Area(0, 0, 1440, 600)
    assert follow(parse("2"), desktop, [one, two], two) == (two.area, "")
    if not name:
        area, lack = follow(parse("2"), desktop, [one], two)
        assert area == one.area
        assert lack == "screen 2 is away; the primary screen is shown instead until it is back"


def test_of_a_region_the_part_that_is_left_counts() -> None:
    region = parse("500,300,201x200")
    assert follow(region, Area(0, 0, 800, 600), [], None) == (Area(500, 300, 200, 200), "")
    area, lack = follow(region, Area(0, 0, 640, 400), [], None)
    assert area == Area(500, 300, 200, 200)
    assert lack == ("a part of 500,300,201x200 is not on the screen, which is 640x400 now; that part is black")
    with pytest.raises(UnknownArea, match="640x200"):
        follow(region, Area(0, 0, 640, 200), [], None)


@pytest.mark.parametrize("spec", ["all", "primary"])
def test_all_of_it_is_all_of_it_whatever_it_has_become(spec: str) -> None:
    assert follow(parse(spec), MAIN.area, [MAIN], None) == (MAIN.area, "")


@given(some_areas)
def test_even_takes_away_one_pixel_at_most(area: Area) -> None:
    made = even(area)
    assert made.width % 2 == made.height % 2 == 0
    assert area.width - made.width in (0, 1)
    assert area.height - made.height in (0, 1)
    assert (made.left, made.top) == (area.left, area.top)


@given(some_areas, some_areas)
def test_what_two_areas_share_lies_in_both(one: Area, other: Area) -> None:
    shared = common(one, other)
    assert shared == common(other, one)
    if shared is not None:
        assert contains(one, shared)
        assert contains(other, shared)
    assert contains(one, other) == (shared == other)


def window(number: int, title: str, hidden: str = "") -> Window:
    return Window(hex(number), title, Area(0, 0, 100, 100), hidden=hidden)


def test_a_hidden_window_of_the_same_name_is_not_meant() -> None:
    seen, hidden = window(1, "Chat"), window(2, "Chat", hidden="is minimised")
    assert pick_window([hidden, seen], "chat") == seen
    assert pick_window([hidden], "chat") == hidden  # told apart later, with the reason why it cannot be recorded


def test_an_id_wins_over_titles() -> None:
    assert pick_window([window(1, "0x2"), window(2, "Chat")], "0x2").id == "0x2"


def test_long_lists_of_windows_are_cut() -> None:
    with pytest.raises(UnknownArea, match=r"'Chat 7' \(0x7\) and 12 more"):
        pick_window([window(number, f"Chat {number}") for number in range(20)], "chat")
    with pytest.raises(UnknownArea, match="no window is open"):
        pick_window([window(1, "Chat", hidden="is minimised")], "mail")
