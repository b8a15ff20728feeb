"""The icon in its states, drawn at each size that is asked for: told apart by shape, not by colour alone.

idle: a ring with a speech bubble's tail    recording: the ring filled with a disc    paused: two bars
trouble: an exclamation mark                (starting and stopping look like recording, hollow)
"""

from __future__ import annotations

from enum import Enum

from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap

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
    """One of `size` pixels a side, transparent around."""
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(size / 32, size / 32)
    colour = _COLOURS[mark]
    bubble = _bubble()
    if mark in (Mark.RECORDING, Mark.TROUBLE):
        painter.fillPath(bubble, colour)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor("white"))
    else:
        # A line is as broad as whole pixels are, so that it stays sharp.
        width = max(round(2.6 * size / 32), 1) * 32 / size
        painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
        painter.drawPath(bubble)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
    if mark is Mark.RECORDING:
        painter.drawEllipse(QPointF(16, 14), 5.5, 5.5)
    elif mark is Mark.PAUSED:
        painter.drawRect(QRectF(11, 9, 3.6, 10))
        painter.drawRect(QRectF(17.4, 9, 3.6, 10))
    elif mark is Mark.TROUBLE:
        painter.drawRoundedRect(QRectF(14.2, 6, 3.6, 10), 1.5, 1.5)
        painter.drawEllipse(QPointF(16, 20), 2.1, 2.1)
    elif mark is Mark.IDLE:
        for left, height in ((9.2, 5), (14.7, 10), (20.2, 5)):  # a wave
            painter.drawRoundedRect(QRectF(left, 14 - height / 2, 2.6, height), 1.3, 1.3)
    else:
        for left in (9.5, 14.5, 19.5):
            painter.drawEllipse(QRectF(left, 12.5, 3, 3))
    painter.end()
    return pixmap


def _bubble() -> QPainterPath:
    bubble = QPainterPath()
    bubble.addRoundedRect(QRectF(2.5, 2.5, 27, 23), 8, 8)
    tail = QPainterPath(QPointF(8, 22))
    tail.lineTo(6, 30)
    tail.lineTo(15, 24.5)
    tail.closeSubpath()
    return bubble.united(tail)
