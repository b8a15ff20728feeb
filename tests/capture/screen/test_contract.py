"""What every way to the screen must do: the same cases on the desktop in memory and on a real X server."""

from __future__ import annotations

import random
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from capture.errors import CaptureError, ScreenUnavailable, SettingsError, UnknownArea
from capture.model import Area, DeviceKind
from capture.screen.areas import contains
from capture.screen.source import ScreenSource
from tests.capture.screen.drivers import BLACK, BLUE, GRAY, GREEN, RED, Driver, colours, is_all
from tests.helpers.processes import wait_until

if TYPE_CHECKING:
    from capture.model import Picture

WHOLE = Area(0, 0, 800, 600)


def look(driver: Driver, spec: str, cursor: bool = False) -> Picture:
    source = driver.system.open(spec, cursor)
    try:
        return source.grab()
    finally:
        source.close()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def is_lost(source: ScreenSource) -> bool:
    try:
        source.grab()
    except ScreenUnavailable:
        return True
    return False


def has_shape(source: ScreenSource, width: int, height: int) -> bool:
    return source.grab().shape == (height, width, 4)


# --- Finding ----------------------------------------------------------------------------------------------------------


def test_screens_are_listed_with_number_and_area(driver: Driver) -> None:
    (screen,) = driver.system.screens()
    assert screen.kind is DeviceKind.SCREEN
    assert (screen.id, screen.is_default) == ("1", True)
    assert screen.detail == {"number": 1, "area": [0, 0, 800, 600]}


@pytest.mark.parametrize("spec", ["all", "primary", "1", " ALL "])
def test_the_only_screen_has_several_names(driver: Driver, spec: str) -> None:
    assert driver.system.find(spec) == WHOLE


def test_a_region_is_found_where_it_is_with_even_sides(driver: Driver) -> None:
    assert driver.system.find("11,21,101x33") == Area(11, 21, 100, 32)


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        ("", SettingsError, "no screen area"),
        ("everything", SettingsError, "no screen area"),
        ("1,2,3", SettingsError, "no screen area"),
        ("-1", SettingsError, "no screen area"),
        ("0,0,8x600", SettingsError, "too small"),
        ("window:", SettingsError, "no title"),
        ("0", UnknownArea, "there is one screen"),
        ("2", UnknownArea, "there is one screen"),
        ("0,0,802x600", UnknownArea, "800x600"),
        ("-1,0,100x100", UnknownArea, "800x600"),
        ("790,0,100x100", UnknownArea, "800x600"),
        ("window:nowhere", UnknownArea, "'nowhere'"),
    ],
)
def test_what_is_not_there_is_refused_and_explained(
    driver: Driver, spec: str, error: type[CaptureError], words: str
) -> None:
    for attempt in (lambda: driver.system.find(spec), lambda: driver.system.open(spec, False)):
        with pytest.raises(error, match=words) as caught:
            attempt()
        assert caught.value.hint


def test_the_description_tells_display_size_and_speed(driver: Driver) -> None:
    described = driver.system.describe()
    assert "800x600" in described["screen"]
    assert float(described["grab_ms"]) > 0
    assert described["way"]
    assert described["status"]
    assert described["cursor"] == "drawn"


# --- Pictures ---------------------------------------------------------------------------------------------------------


def test_pictures_are_exact(driver: Driver) -> None:
    driver.fill(WHOLE, GRAY)
    driver.fill(Area(0, 0, 1, 1), RED)
    driver.fill(Area(799, 599, 1, 1), GREEN)
    picture = look(driver, "all")
    assert picture.dtype == np.uint8
    assert picture.shape == (600, 800, 4)
    expected = np.full((600, 800, 3), GRAY, np.uint8)
    expected[0, 0], expected[599, 799] = RED, GREEN
    assert (picture[:, :, :3] == expected).all()


def test_a_region_shows_that_region(driver: Driver) -> None:
    driver.fill(WHOLE, BLACK)
    driver.fill(Area(100, 50, 64, 32), RED)
    assert is_all(look(driver, "100,50,64x32"), RED)
    assert not is_all(look(driver, "99,50,64x32"), RED)
    assert not is_all(look(driver, "100,49,64x32"), RED)
    picture = look(driver, "90,40,64x32")
    assert tuple(picture[10, 10, :3]) == RED
    assert tuple(picture[9, 10, :3]) == BLACK
    assert tuple(picture[10, 9, :3]) == BLACK


def test_where_a_picture_differs_from_the_one_before_is_told(driver: Driver) -> None:
    driver.fill(WHOLE, RED)
    source = driver.system.open("all", False)
    before = source.grab().copy()
    assert source.changed == (WHOLE,)
    driver.fill(Area(301, 201, 33, 17), BLUE)
    after = source.grab().copy()
    told = np.zeros((600, 800), bool)
    for area in source.changed:
        told[area.top : area.top + area.height, area.left : area.left + area.width] = True
    differs = (before[:, :, :3] != after[:, :, :3]).any(axis=2)
    assert differs.sum() == 33 * 17
    assert not (differs & ~told).any()
    assert told.sum() < told.size / 8, "not much more than what differs"
    source.close()


def test_what_is_drawn_as_it_was_is_no_change(driver: Driver) -> None:
    driver.fill(WHOLE, RED)
    source = driver.system.open("all", False)
    source.grab()
    for _ in range(3):
        driver.fill(Area(0, 0, 800, 500), RED)
        driver.fill(Area(40, 40, 30, 30), RED)
        assert is_all(source.grab(), RED)
        assert source.changed == ()
    source.close()


@pytest.mark.parametrize("spec", ["all", "101,51,640x480"])
def test_pictures_stay_exact_however_often_and_wherever_something_changes(driver: Driver, spec: str) -> None:
    chance = random.Random(3)
    shown = driver.system.find(spec)
    driver.fill(WHOLE, GRAY)
    expected = np.full((600, 800, 3), GRAY, np.uint8)
    source = driver.system.open(spec, False)
    before = source.grab().copy()
    for _ in range(60):
        for _ in range(chance.choice((0, 1, 1, 2, 12))):
            colour = chance.choice((RED, GREEN, BLUE, BLACK))
            width, height = chance.choice(((1, 1), (30, 500), (300, 3), (800, 600), (64, 64)))
            area = Area(chance.randrange(801 - width), chance.randrange(601 - height), width, height)
            driver.fill(area, colour)
            expected[area.top : area.top + height, area.left : area.left + width] = colour
        picture = source.grab()
        part = expected[shown.top : shown.top + shown.height, shown.left : shown.left + shown.width]
        assert (picture[:, :, :3] == part).all()
        assert bool(source.changed) == bool((picture != before).any())
        before = picture.copy()
    source.close()


def test_the_cursor_leaves_nothing_behind_when_it_moves_or_when_something_changes_beneath_it(driver: Driver) -> None:
    driver.fill(WHOLE, GRAY)
    driver.place_cursor(10, 10)
    source = driver.system.open("all", True)
    for number, (x, y) in enumerate([(10, 10), (400, 300), (402, 301), (0, 0), (799, 599), (799, 2), (400, 300)]):
        driver.place_cursor(x, y)
        source.grab()
        if number % 2:
            driver.fill(Area(390, 290, 40, 40), (number, 0, 0))
            source.grab()
        fresh = look(driver, "all", cursor=True)
        assert (source.grab()[:, :, :3] == fresh[:, :, :3]).all()
        assert source.changed == ()
    source.close()


def test_a_cursor_that_rested_for_long_is_seen_when_it_moves(driver: Driver) -> None:
    driver.fill(WHOLE, GRAY)
    driver.place_cursor(100, 100)
    source = driver.system.open("all", True)
    for number in range(100):
        source.grab()
        if number % 33 == 32:
            driver.place_cursor(200 + number, 300)
            source.grab()
            assert source.changed != ()
    source.close()


def test_a_moved_cursor_is_a_change_where_it_was_and_where_it_is(driver: Driver) -> None:
    driver.fill(WHOLE, GRAY)
    driver.place_cursor(100, 100)
    source = driver.system.open("all", True)
    source.grab()
    driver.place_cursor(600, 400)
    source.grab()
    for x, y in ((100, 100), (600, 400)):
        assert any(contains(area, Area(x, y, 2, 2)) for area in source.changed)
    assert sum(area.width * area.height for area in source.changed) < 20_000
    source.close()


def test_the_cursor_is_shown_or_hidden(driver: Driver) -> None:
    driver.fill(WHOLE, GRAY)
    driver.place_cursor(400, 300)
    assert colours(look(driver, "all", cursor=False)) == {GRAY}
    shown = look(driver, "all", cursor=True)
    rows, columns = np.nonzero((shown[:, :, :3] != np.array(GRAY, np.uint8)).any(axis=2))
    assert len(rows) > 20
    assert 350 < columns.min() <= columns.max() < 450
    assert 250 < rows.min() <= rows.max() < 350


def test_closing_twice_is_allowed(driver: Driver) -> None:
    source = driver.system.open("all", True)
    source.close()
    source.close()


def test_opening_and_closing_leaves_nothing_behind(driver: Driver) -> None:
    look(driver, "all")
    files, threads = open_files(), threading.active_count()
    for _ in range(20):
        look(driver, "all", cursor=True)
        driver.system.screens()
    assert open_files() == files
    assert threading.active_count() == threads


# --- Windows ----------------------------------------------------------------------------------------------------------


def test_windows_are_listed(driver: Driver) -> None:
    window = driver.open_window("Chat – Anna", Area(200, 150, 300, 200), RED)
    (listed,) = driver.system.windows()
    assert (listed.kind, listed.id, listed.name) == (DeviceKind.WINDOW, window, "Chat – Anna")
    assert listed.detail["area"][2:] == [300, 200]


def test_a_window_is_found_by_part_of_its_title_and_shown_without_its_frame(driver: Driver) -> None:
    window = driver.open_window("Chat – Anna", Area(200, 150, 301, 201), RED)
    driver.open_window("Mail", Area(20, 20, 100, 80), GREEN)
    for title in ("chat – ANNA", "anna", window):
        area = driver.system.find(f"window:{title}")
        assert (area.width, area.height) == (300, 200)
        picture = look(driver, f"window:{title}")
        assert picture.shape == (200, 300, 4)
        assert is_all(picture, RED)


def test_the_whole_title_wins_over_a_part_of_another(driver: Driver) -> None:
    driver.open_window("Notes 2", Area(20, 20, 120, 80), RED)
    driver.open_window("Notes", Area(220, 220, 140, 90), GREEN)
    assert driver.system.find("window:notes").width == 140


def test_which_windows_there_are_is_said_when_the_title_fits_none_or_several(driver: Driver) -> None:
    first = driver.open_window("Notes 1", Area(20, 20, 120, 80), RED)
    driver.open_window("Notes 2", Area(220, 220, 140, 90), GREEN)
    with pytest.raises(UnknownArea, match=r"2 windows match 'notes': 'Notes 1' .*'Notes 2'") as caught:
        driver.system.find("window:notes")
    assert f"window:{first}" in caught.value.hint
    with pytest.raises(UnknownArea, match=r"'Notes 1' .*'Notes 2'"):
        driver.system.find("window:letters")


def test_a_window_is_followed_when_it_moves(driver: Driver) -> None:
    driver.fill(WHOLE, GRAY)
    window = driver.open_window("Film", Area(100, 100, 200, 160), RED)
    before = driver.system.find("window:film")
    source = driver.system.open("window:film", False)
    assert is_all(source.grab(), RED)
    driver.move_window(window, 400, 300)
    wait_until(lambda: driver.system.find("window:film") != before, "the move")
    wait_until(lambda: is_all(source.grab(), RED), "the window's picture at its new place")
    source.close()


def test_what_hangs_off_the_screen_is_black_and_the_rest_stays_in_place(driver: Driver) -> None:
    driver.fill(WHOLE, GRAY)
    window = driver.open_window("Film", Area(100, 100, 200, 160), RED)
    source = driver.system.open("window:film", False)
    driver.move_window(window, 700, 300)
    wait_until(lambda: driver.system.find("window:film").left >= 700, "the move")
    left = driver.system.find("window:film").left
    wait_until(lambda: colours(source.grab()) == {RED, BLACK}, "the hanging window")
    picture = source.grab()
    source.close()
    assert picture.shape == (160, 200, 4)
    assert is_all(picture[:, : 800 - left], RED)
    assert is_all(picture[:, 800 - left :], BLACK)


def test_a_resized_window_gives_pictures_of_its_new_size(driver: Driver) -> None:
    window = driver.open_window("Film", Area(100, 100, 200, 160), RED)
    source = driver.system.open("window:film", False)
    driver.resize_window(window, 301, 221)
    wait_until(lambda: has_shape(source, 300, 220), "the new size")
    wait_until(lambda: is_all(source.grab(), RED), "its picture")
    source.close()


def test_a_minimised_window_cannot_be_seen_and_comes_back_under_any_title(driver: Driver) -> None:
    window = driver.open_window("Film", Area(100, 100, 200, 160), RED)
    source = driver.system.open("window:film", False)
    driver.minimise(window)
    wait_until(lambda: is_lost(source), "its loss")
    with pytest.raises(ScreenUnavailable, match=r"is (minimised|hidden)"):
        source.grab()
    with pytest.raises(UnknownArea, match=r"is (minimised|hidden)"):
        driver.system.find("window:film")
    driver.rename(window, "Another title")
    driver.bring_back(window)
    wait_until(lambda: not is_lost(source) and is_all(source.grab(), RED), "its return")
    source.close()


def test_a_closed_window_is_lost(driver: Driver) -> None:
    window = driver.open_window("Film", Area(100, 100, 200, 160), RED)
    source = driver.system.open("window:film", False)
    driver.close_window(window)
    wait_until(lambda: is_lost(source), "its loss")
    with pytest.raises(ScreenUnavailable, match="was closed"):
        source.grab()
    source.close()


# --- Changes of the screen --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "height"), [(1024, 768), (640, 400), (801, 601)])
def test_a_resized_screen_is_seen_in_its_new_size(own_driver: Driver, width: int, height: int) -> None:
    source = own_driver.system.open("all", False)
    assert source.grab().shape == (600, 800, 4)
    own_driver.resize_screen(width, height)
    wait_until(lambda: has_shape(source, width & ~1, height & ~1), "the new size")
    own_driver.fill(Area(0, 0, width, height), GREEN)
    assert is_all(source.grab(), GREEN)
    source.close()
    assert own_driver.system.find("1") == Area(0, 0, width & ~1, height & ~1)


def test_a_region_that_the_smaller_screen_lacks_comes_back_with_it(own_driver: Driver) -> None:
    source = own_driver.system.open("500,400,200x100", False)
    own_driver.resize_screen(640, 400)
    wait_until(lambda: is_lost(source), "its loss")
    with pytest.raises(ScreenUnavailable, match="640x400"):
        source.grab()
    own_driver.resize_screen(800, 600)
    own_driver.fill(WHOLE, BLUE)
    wait_until(lambda: not is_lost(source), "its return")
    assert is_all(source.grab(), BLUE)
    source.close()


def test_a_region_of_which_the_smaller_screen_lacks_a_part_is_black_there(own_driver: Driver) -> None:
    source = own_driver.system.open("500,300,200x200", False)
    own_driver.resize_screen(640, 400)
    own_driver.fill(Area(0, 0, 640, 400), GREEN)
    wait_until(lambda: colours(source.grab()) == {GREEN, BLACK}, "the part that is left")
    picture = source.grab()
    assert is_all(picture[:100, :140], GREEN)
    assert is_all(picture[100:], BLACK)
    assert "500,300,200x200 is not on the screen, which is 640x400" in source.lack
    own_driver.resize_screen(800, 600)
    own_driver.fill(WHOLE, BLUE)
    wait_until(lambda: is_all(source.grab(), BLUE), "all of it")
    assert source.lack == ""
    source.close()


def test_a_screen_that_died_is_lost_for_good_and_said_so(own_driver: Driver) -> None:
    source = own_driver.system.open("all", True)
    source.grab()
    own_driver.lose()
    for _ in range(3):
        with pytest.raises(ScreenUnavailable) as caught:
            source.grab()
        assert str(caught.value)
    source.close()
    for question in (
        own_driver.system.screens,
        own_driver.system.describe,
        own_driver.system.windows,
        lambda: own_driver.system.find("all"),
        lambda: own_driver.system.open("all", False),
    ):
        with pytest.raises(ScreenUnavailable):
            question()
