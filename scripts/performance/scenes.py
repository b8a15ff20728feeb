"""The scenes that are recorded: what is on the screen as each numbered picture, drawn once, as plain arrays.

A scene is a few images and a rule that says, for each number, which parts of them are copied where. The X client
(`stage.py`) follows the rule in the X server, where all images lie from the beginning, so that showing a picture costs
next to nothing and the same for every recorder; the judge (`judge.py`) follows it in memory to know what was shown.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (height, width, 4): blue, green, red, and a byte that X ignores

ROOT = Path(__file__).resolve().parents[2]
# The text that is shown: long, real, and always there.
_TEXT_FILES = ("README.md", "LICENSE")
# The blocks of the picture's number: half of what tests/helpers/counter.py draws, so one row of macroblocks.
COUNTER_SCALE = 0.5
COUNTER_HEIGHT = 16
BAR_HEIGHT = 64  # the window's bar, which stands still; at 1080p
FILM_PICTURES = 60
_SCREENS_OF_TEXT = 10
_SECOND_COLUMN = 300  # the line with which it begins


@dataclass(frozen=True, slots=True)
class Copy:
    """The rectangle of `image` at (left, top), to be shown at (to_left, to_top)."""

    image: int
    left: int
    top: int
    width: int
    height: int
    to_left: int
    to_top: int


@dataclass(frozen=True)
class Scene:
    """`images[0]` fills the screen; picture `number` is that with `copies(number)` on it, one after the other.

    `rate` is how many pictures are shown a second; 0 stands for a scene that never changes (its number stays 0).
    """

    name: str
    rate: float
    images: list[Image]
    copies: Callable[[int], list[Copy]]

    def picture(self, number: int) -> Image:
        """What the screen shows as this number, but for the number's own blocks."""
        whole = self.images[0].copy()
        for part in self.copies(number):
            source = self.images[part.image][part.top : part.top + part.height, part.left : part.left + part.width]
            whole[part.to_top : part.to_top + part.height, part.to_left : part.to_left + part.width] = source
        return whole


def static(width: int, height: int, fps: float) -> Scene:
    """A page of text that nobody touches."""
    return Scene("static", 0.0, [_page(width, height)], lambda number: [])


def cursor(width: int, height: int, fps: float) -> Scene:
    """The same, with a text cursor that blinks and a clock: two changes a second."""
    unit = height / 1080
    page = _page(width, height)
    caret = np.zeros((round(18 * unit), max(1, round(2 * unit)), 4), np.uint8)
    times = [_text([f"12:34:{second:02d}"], round(100 * unit), round(24 * unit), unit, 1) for second in range(60)]
    clock_left, clock_top = width - round(140 * unit), round(20 * unit)
    caret_left, caret_top = width // 3, height // 2

    def copies(number: int) -> list[Copy]:
        image = times[number // 2 % 60]
        shown = [Copy(2 + number // 2 % 60, 0, 0, image.shape[1], image.shape[0], clock_left, clock_top)]
        if number % 2 == 0:
            shown.append(Copy(1, 0, 0, caret.shape[1], caret.shape[0], caret_left, caret_top))
        return shown

    return Scene("cursor", 2.0, [page, caret, *times], copies)


def small(width: int, height: int, fps: float) -> Scene:
    """The same page, with a small film on it beneath the picture's number: 2 % of a 1080p screen."""
    unit = height / 1080
    wide, high = round(240 * unit), round(136 * unit)
    film_images = _film(wide, high, FILM_PICTURES)

    def copies(number: int) -> list[Copy]:
        return [Copy(1 + number % FILM_PICTURES, 0, 0, wide, high, 0, COUNTER_HEIGHT)]

    return Scene("small", fps, [_page(width, height), *film_images], copies)


def scroll(width: int, height: int, fps: float) -> Scene:
    """Text that moves up smoothly below a bar that stands still, at 180 pixels a second (at 1080p)."""
    unit = height / 1080
    bar, step = round(BAR_HEIGHT * unit), max(1, round(180 * unit / fps))
    text = _text(_lines(), width, min(_SCREENS_OF_TEXT * height, 32_000), unit, 1)
    view = height - bar
    steps = (len(text) - view) // step

    def copies(number: int) -> list[Copy]:
        return [Copy(1, 0, number % steps * step, width, view, 0, bar)]

    return Scene("scroll", fps, [_page(width, height), text], copies)


def film(width: int, height: int, fps: float) -> Scene:
    """A film that fills the screen: two shots, again and again."""
    count = FILM_PICTURES if width * height <= 1920 * 1080 else FILM_PICTURES // 2
    pictures = _film(width, height, count)
    return Scene("film", fps, pictures, lambda number: [Copy(number % count, 0, 0, width, height, 0, 0)])


SCENES: dict[str, Callable[[int, int, float], Scene]] = {
    "static": static,
    "cursor": cursor,
    "small": small,
    "scroll": scroll,
    "film": film,
}


# --- Drawing ----------------------------------------------------------------------------------------------------------


def _lines() -> list[str]:
    lines = [line for name in _TEXT_FILES for line in (ROOT / name).read_text().splitlines()]
    return [line for line in lines if line.strip()]


def _page(width: int, height: int) -> Image:
    """A window full of text below a bar, with a photograph in it: what a desktop looks like."""
    unit = height / 1080
    bar = round(BAR_HEIGHT * unit)
    page = _text(_lines(), width, height, unit, bar)
    page[:bar] = (222, 216, 210, 0)
    side = width * 3 // 4
    page[bar * 2 : height // 2, side : width - bar] = _film(width - bar - side, height // 2 - bar * 2, 1)[0]
    return page


def _text(lines: list[str], width: int, height: int, unit: float, top: int) -> Image:
    """Dark text on white by Qt, smoothed as on any desktop."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PyQt5.QtGui import QColor, QFont, QGuiApplication, QImage, QPainter

    global _application
    _application = _application or QGuiApplication([])
    image = QImage(width, height, QImage.Format_RGB32)
    image.fill(QColor(255, 255, 255))
    painter = QPainter(image)
    font = QFont("DejaVu Sans")
    font.setPixelSize(max(6, round(15 * unit)))
    painter.setFont(font)
    painter.setPen(QColor(34, 34, 34))
    step = round(24 * unit)
    left = min(round(60 * unit), width // 20)
    for number, base in enumerate(range(top + step * 3 // 4, height, step)):
        painter.drawText(left, base, lines[number % len(lines)])
        if len(lines) > 1:
            # Two columns. The number, since text moved by whole lines must not be the same picture again.
            painter.drawText(width // 2, base, f"{number + 1:5d}   {lines[(number + _SECOND_COLUMN) % len(lines)]}")
    painter.end()
    bits = image.constBits()
    assert bits is not None
    drawn: Image = np.frombuffer(bits.asarray(height * width * 4), np.uint8).reshape(height, width, 4).copy()  # type: ignore[call-overload]
    return drawn


# Qt wants one such object, which must live as long as fonts are used.
_application: object = None


def _film(width: int, height: int, count: int) -> list[Image]:
    """Two shots of `count` pictures together: a camera that moves over a landscape, and things that move in it.

    The landscape is noise whose strength falls with the frequency, as in photographs (Field 1987: amplitude 1/f).
    """
    random = np.random.default_rng(20)
    return [
        picture for shot in range(2) for picture in _shot(width, height, count // 2 if count > 1 else 1 - shot, random)
    ]


def _shot(width: int, height: int, count: int, random: np.random.Generator) -> list[Image]:
    ground = _landscape(width * 5 // 4, height * 5 // 4, random)
    things = [_landscape(max(8, height // 3), max(8, height // 3), random) for _ in range(3)]
    places = random.uniform(0.1, 0.7, (3, 2))
    speeds = random.uniform(-0.25, 0.25, (3, 2))
    pictures = []
    for number in range(count):
        at = number / FILM_PICTURES
        # The camera pans and draws nearer, by fractions of a pixel.
        zoom = 1 + 0.05 * at
        matrix = np.array([[zoom, 0, -at * width * 0.15], [0, zoom, -at * height * 0.08]], np.float32)
        seen = cv2.warpAffine(ground, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        for thing, place, speed in zip(things, places, speeds, strict=True):
            _lay(seen, thing, (place + speed * at) * (width, height))
        grain = random.normal(0, 1.5, (height, width, 1))
        whole = np.zeros((height, width, 4), np.uint8)
        whole[..., :3] = np.clip(seen + grain, 0, 255)
        pictures.append(whole)
    return pictures


def _landscape(width: int, height: int, random: np.random.Generator) -> NDArray[np.float32]:
    """(height, width, 3), about 0 to 255, softly coloured."""
    total = np.zeros((height, width, 3), np.float32)
    side = 3
    strength = 60.0
    while side < max(width, height):
        coarse = random.normal(0, 1, (max(2, side * height // width), side, 3)).astype(np.float32)
        coarse = coarse * 0.4 + coarse.mean(axis=2, keepdims=True) * 0.9
        total += strength * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        side *= 2
        strength *= 0.75
    return total + np.array([110, 120, 128], np.float32)


def _lay(seen: NDArray[np.float32], thing: NDArray[np.float32], place: NDArray[np.float64]) -> None:
    """Put a round piece of `thing` onto `seen`, its corner at `place`."""
    side = len(thing)
    left, top = (int(value) for value in place)
    left, top = min(max(left, 0), seen.shape[1] - side), min(max(top, 0), seen.shape[0] - side)
    rows, columns = np.ogrid[:side, :side]
    far = np.hypot(rows - side / 2, columns - side / 2) / (side / 2)
    mask = np.clip((1 - far) * 12, 0, 1)[..., None].astype(np.float32)
    part = seen[top : top + side, left : left + side]
    part += mask * (thing * 0.8 + 20 - part)
