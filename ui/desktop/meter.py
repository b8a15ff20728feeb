"""The level of one source, live: a bar with a mark where it was loudest just now, and the number beside it."""

from __future__ import annotations

import math

from PyQt5.QtCore import QRectF, QSize, Qt
from PyQt5.QtGui import QColor, QPainter, QPaintEvent, QPalette
from PyQt5.QtWidgets import QProgressBar, QWidget

FLOOR_DBFS = -60.0
# From here on it is nearly too loud, and from full scale on it is (EBU R 128 and broadcasters' meters have the like).
LOUD_DBFS = -6.0
TOO_LOUD_DBFS = -0.1
# The bar falls by so much at each value (ten a second), so that a peak can be seen.
FALL_DB = 2.5
HELD_VALUES = 15

_QUIET, _LOUD, _TOO_LOUD = QColor("#2e9e5b"), QColor("#d08a00"), QColor("#d62f2a")


class Meter(QProgressBar):
    """A progress bar to screen readers. `show_level` is called about ten times a second."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setRange(int(FLOOR_DBFS), 0)
        self.setValue(int(FLOOR_DBFS))
        self.setTextVisible(False)
        self._shown_dbfs = FLOOR_DBFS
        self._held_dbfs = FLOOR_DBFS
        self._held_for = 0

    def show_level(self, peak_dbfs: float) -> None:
        """Draw this peak; -inf is digital silence."""
        peak_dbfs = max(peak_dbfs, FLOOR_DBFS)
        self._shown_dbfs = max(peak_dbfs, self._shown_dbfs - FALL_DB)
        self._held_for += 1
        if peak_dbfs >= self._held_dbfs or self._held_for > HELD_VALUES:
            self._held_dbfs, self._held_for = peak_dbfs, 0
        self.setValue(min(0, round(self._shown_dbfs)))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(140, 12)

    def minimumSizeHint(self) -> QSize:
        return QSize(60, 10)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        groove = self.palette().color(QPalette.ColorRole.WindowText)
        groove.setAlpha(45)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(groove)
        painter.drawRoundedRect(whole, 3, 3)
        painter.setClipRect(whole)
        for first, last, colour in ((FLOOR_DBFS, LOUD_DBFS, _QUIET), (LOUD_DBFS, 0.0, _LOUD)):
            reached = min(self._shown_dbfs, last)
            if reached > first:
                left, right = self._at(first, whole), self._at(reached, whole)
                painter.fillRect(QRectF(left, whole.top(), right - left, whole.height()), colour)
        if self._held_dbfs > FLOOR_DBFS:
            colour = _TOO_LOUD if self._held_dbfs >= TOO_LOUD_DBFS else self.palette().color(QPalette.ColorRole.Text)
            at = min(self._at(self._held_dbfs, whole), whole.right() - 3)
            painter.fillRect(QRectF(at, whole.top(), 3, whole.height()), colour)
        painter.end()

    def _at(self, dbfs: float, whole: QRectF) -> float:
        share = (min(dbfs, 0.0) - FLOOR_DBFS) / -FLOOR_DBFS
        return whole.left() + share * whole.width()


def level_in_words(peak_dbfs: float) -> str:
    """Such as -12 dB; nothing louder than the meter's floor is a line."""
    return "–" if math.isinf(peak_dbfs) or peak_dbfs <= FLOOR_DBFS else f"{peak_dbfs:.0f} dB"
