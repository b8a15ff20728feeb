"""Counts down in the middle of the screen before a recording begins, and can be stopped by a key or a click."""

from __future__ import annotations

from PyQt5.QtCore import Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QFont, QGuiApplication, QKeyEvent, QMouseEvent
from PyQt5.QtWidgets import QLabel, QVBoxLayout, QWidget

SIDE = 200


class Countdown(QWidget):
    """`over` comes when it has reached nothing (the window is gone by then), `cancelled` when somebody stopped it."""

    over = pyqtSignal()
    cancelled = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        for flag in (Qt.WindowType.Tool, Qt.WindowType.FramelessWindowHint, Qt.WindowType.WindowStaysOnTopHint):
            self.setWindowFlag(flag)
        self.setWindowTitle(self.tr("Loopnote: the recording is about to begin"))
        self._number = QLabel()
        self._number.setAlignment(Qt.AlignmentFlag.AlignCenter)
        font = QFont(self._number.font())
        font.setPixelSize(SIDE // 2)
        font.setBold(True)
        self._number.setFont(font)
        hint = QLabel(self.tr("Click to cancel"))
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout = QVBoxLayout(self)
        layout.addWidget(self._number, stretch=1)
        layout.addWidget(hint)
        self.setFixedSize(SIDE, SIDE)
        self._left_s = 0
        self._timer = QTimer(self)
        self._timer.setInterval(1000)
        self._timer.timeout.connect(self._tick)

    @property
    def is_running(self) -> bool:
        return self._timer.isActive()

    def begin(self, length_s: int) -> None:
        """Count so many seconds. Not while it runs."""
        self._left_s = length_s
        self._show_number()
        screen = QGuiApplication.primaryScreen()
        if screen is not None:
            self.move(screen.availableGeometry().center() - self.rect().center())
        self.show()
        self._timer.start()

    def cancel(self) -> None:
        """Stop it; nothing happens when it does not run."""
        if self.is_running:
            self._timer.stop()
            self.hide()
            self.cancelled.emit()

    def _tick(self) -> None:
        self._left_s -= 1
        if self._left_s > 0:
            self._show_number()
            return
        self._timer.stop()
        self.hide()
        self.over.emit()

    def _show_number(self) -> None:
        self._number.setText(str(self._left_s))
        self._number.setAccessibleName(self.tr("The recording begins in %n second(s)", "", self._left_s))

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        self.cancel()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is not None and event.key() == Qt.Key.Key_Escape:
            self.cancel()
