"""Sheets: what is made anew in part is the same as what is made as a whole, and what is in use never changes."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.model import Area
from capture.screen.convert import to_i420, update_i420
from capture.screen.sheets import Sheets

WIDTH, HEIGHT = 70, 46
WHOLE = Area(0, 0, WIDTH, HEIGHT)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8)


@given(st.integers(0, WIDTH // 2 - 1), st.integers(0, HEIGHT // 2 - 1), st.integers(1, 35), st.integers(1, 23))
def test_a_part_of_the_planes_is_made_as_in_the_whole(left: int, top: int, wide: int, high: int) -> None:
    area = Area(2 * left, 2 * top, min(2 * wide, WIDTH - 2 * left), min(2 * high, HEIGHT - 2 * top))
    before, after = noise(1), noise(1)
    rows, columns = slice(area.top, area.top + area.height), slice(area.left, area.left + area.width)
    after[rows, columns] = noise(2)[rows, columns]
    planes = to_i420(before)
    update_i420(planes, after, area)
    assert (planes == to_i420(after)).all()


@pytest.mark.parametrize("pixel_format", ["i420", "bgra"])
def test_pictures_are_whole_and_stay_as_they_were_whatever_is_held(pixel_format: Literal["i420", "bgra"]) -> None:
    chance = np.random.default_rng(5)
    sheets = Sheets(pixel_format, WIDTH, HEIGHT)
    screen = noise(1)
    held: list[tuple[np.ndarray, np.ndarray]] = []
    for number in range(200):
        for _ in range(chance.integers(0, 4)):
            left, top = chance.integers(0, WIDTH - 1), chance.integers(0, HEIGHT - 1)
            wide, high = chance.integers(1, WIDTH - left + 1), chance.integers(1, HEIGHT - top + 1)
            screen[top : top + high, left : left + wide] = noise(number)[top : top + high, left : left + wide]
            sheets.outdate([Area(int(left), int(top), int(wide), int(high))])
        drawn = sheets.draw(screen)
        expected = to_i420(screen) if pixel_format == "i420" else screen
        assert (drawn == expected).all()
        if chance.random() < 0.5:
            held.append((drawn[3:, 2:].reshape(-1), expected[3:, 2:].reshape(-1).copy()))
        if held and chance.random() < 0.4:
            held.pop(int(chance.integers(0, len(held))))
        assert all((part == before).all() for part, before in held)


def test_few_sheets_are_in_use_and_those_that_many_waiting_pictures_took_are_given_back() -> None:
    sheets = Sheets("i420", WIDTH, HEIGHT)
    places = {sheets.draw(noise(1)).ctypes.data for _ in range(20)}
    assert len(places) == 1
    waiting = [sheets.draw(noise(1)) for _ in range(8)]
    assert len({picture.ctypes.data for picture in waiting}) == 8
    waiting.clear()
    for _ in range(3):
        sheets.draw(noise(1))
    assert len(sheets._sheets) <= 3


def test_pictures_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Sheets("i420", WIDTH, HEIGHT).draw(noise(1))[0, 0] = 1


def test_what_another_size_left_behind_is_drawn_over() -> None:
    sheets = Sheets("bgra", WIDTH, HEIGHT)
    sheets.draw(noise(1))
    sheets.outdate([Area(0, 0, 2 * WIDTH, 3), Area(WIDTH + 10, 0, 4, 4)])
    changed = noise(1)
    changed[:3] = 7
    assert (sheets.draw(changed) == changed).all()
