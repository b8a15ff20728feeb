"""The icon in its states, drawn at each size that is asked for: told apart by shape, not by colour alone.

idle: a ring with a speech bubble's tail    recording: the ring filled with a disc    paused: two bars
trouble: an exclamation mark                (starting and stopping look like recording, hollow)
"""

from __future__ import annotations

from enum import Enum

from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QIcon, QPainter, QPainterPath, QPixmap

# What panels ask for, and twice that for those of a high resolution.
SIZES = (16, 20, 22, 24, 32, 36, 44, 48, 64, 96)


class Mark(Enum):
    """What the icon says."""

    IDLE = "idle"
    RECORDING = "recording"
    PAUSED = "paused"
    BUSY = "busy"
    TROUBLE = "trouble"


# Each is seen on a white panel and on a black one: 3:1 against both (WCAG 2.1, 1.4.11).
_COLOURS = {
    Mark.IDLE: QColor("#7a828e"),
    Mark.RECORDING: QColor("#e5322d"),
    Mark.PAUSED: QColor("#b87800"),
    Mark.BUSY: QColor("#e5322d"),
    Mark.TROUBLE: QColor("#c2570c"),
}


def icon(mark: Mark) -> QIcon:
    """In all sizes."""
    made = QIcon()
    for size in SIZES:
        made.addPixmap(picture(mark, size))
    return made


def picture(mark: Mark, size: int) -> QPixmap:
    """One of `size` pixels a side, transparent around.

    Every edge lies between two pixels: at 16 pixels a line that does not is a grey smear.
    """
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    margin, line = max(1, round(size / 24)), max(2, round(size * 0.085))
    # Width and height are even, so that the middle lies between two pixels, too.
    width, height = size - 2 * margin, _even(size * 0.74)
    outer = QRectF(margin, margin, width, height)
    bubble = QPainterPath()
    bubble.addRoundedRect(outer, size * 0.25, size * 0.25)
    bubble = bubble.united(_tail(outer, size - margin))
    is_full = mark in (Mark.RECORDING, Mark.TROUBLE)
    if not is_full:
        inner = QPainterPath()
        radius = max(1.0, size * 0.25 - line)
        inner.addRoundedRect(outer.adjusted(line, line, -line, -line), radius, radius)
        bubble = bubble.subtracted(inner)
    painter.fillPath(bubble, _COLOURS[mark])
    painter.setBrush(QColor("white") if is_full else _COLOURS[mark])
    _draw_sign(painter, mark, size, outer.center())
    painter.end()
    return pixmap


def _draw_sign(painter: QPainter, mark: Mark, size: int, middle: QPointF) -> None:
    x, y = middle.x(), middle.y()

    def bar(at: float, wide: float, high: float) -> None:
        painter.drawRoundedRect(QRectF(at, y - high / 2, wide, high), wide * 0.3, wide * 0.3)

    if mark is Mark.RECORDING:
        radius = _even(size * 0.38) / 2
        painter.drawEllipse(middle, radius, radius)
    elif mark is Mark.PAUSED:
        bar_wide, bar_high = max(2, round(size / 9)), _even(size * 0.34)
        first = round(x - 1.5 * bar_wide)
        for at in (first, first + 2 * bar_wide):
            bar(at, bar_wide, bar_high)
    elif mark is Mark.TROUBLE:
        wide, high, dot = _even(size / 10), _even(size * 0.28), _even(size / 10)
        gap = max(1, round(size / 24))
        top = round(y - (high + gap + dot) / 2)
        painter.drawRect(QRectF(x - wide / 2, top, wide, high))
        painter.drawRect(QRectF(x - dot / 2, top + high + gap, dot, dot))
    else:
        wide, gap = max(2, round(size / 11)), max(1, round(size / 14))
        is_wave = mark is Mark.IDLE
        left = round(x - (3 * wide + 2 * gap) / 2)
        for number, share in enumerate((0.18, 0.4, 0.18)):
            bar(left + number * (wide + gap), wide, _even(size * share) if is_wave else wide + wide % 2)


def _tail(outer: QRectF, bottom: float) -> QPainterPath:
    left, wide = outer.left() + outer.width() * 0.16, outer.width() * 0.3
    tail = QPainterPath(QPointF(left, outer.bottom() - outer.height() * 0.2))
    tail.lineTo(left, bottom)
    tail.lineTo(left + wide, outer.bottom())
    tail.lineTo(left + wide, outer.bottom() - outer.height() * 0.12)
    tail.closeSubpath()
    return tail


def _even(length: float) -> int:
    return 2 * max(1, round(length / 2))
