"""Choosing on the screen what shall be recorded of it: a rectangle, a window, or one of the screens.

A picture of the desktop is taken first and shown dimmed over it, on every screen. All places and sizes are those of the
screen's own pixels, whatever Qt scales by.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Literal

from PyQt5.QtCore import QObject, QRect, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QColor, QGuiApplication, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QScreen
from PyQt5.QtWidgets import QApplication, QWidget

from capture.errors import CaptureError
from capture.model import Area, Device
from capture.screen.areas import Window, even, pick_window
from capture.screen.source import ScreenSystem
from capture.screen.system import screen_system
from ui.desktop.native import native_area
from ui.desktop.selection import WANDER_PX, Phase, Selection, Target

Kind = Literal["any", "region", "window"]

# The keyboard may be held by a menu that is just closing.
GRAB_AGAIN_MS = 50
GRAB_TRIES = 40

_DIM = QColor(0, 0, 0, 120)
_LINE = QColor("#ffffff")
_EDGE = QColor("#1f6feb")
_PLATE = QColor(20, 22, 26, 235)


class RegionSelector(QObject):
    """`begin` shows it; then one of the signals comes, once, when nothing of it is on the screen any more.

    `chosen` gives the text for `--screen`. `kind` "region" takes rectangles and screens, "window" windows only.
    """

    chosen = pyqtSignal(str)
    cancelled = pyqtSignal()
    held = pyqtSignal()  # it is on the screen and has the keyboard

    def __init__(self, kind: Kind = "any", screen: ScreenSystem | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._kind = kind
        self._screen = screen
        self._overlays: list[Overlay] = []
        self._tries = 0
        self._is_over = False

    def begin(self) -> None:
        """Raises `CaptureError` when the screen cannot be seen."""
        system = self._screen or screen_system()
        picture = _picture(system)
        screens = system.screens()
        targets = [] if self._kind == "window" else _screens(screens, self.tr("Screen {number}"))
        if self._kind != "region":
            targets += _windows(system.windows())
        shown = system.find("all")
        self.corner = shown.left, shown.top  # of the picture: left of the main screen there may be another
        desktop = _around([shown, *(Area(*one.detail["area"]) for one in screens)])
        scale = max(one.devicePixelRatio() for one in QGuiApplication.screens())
        self.selection = Selection(desktop, targets, self._kind != "window", round(WANDER_PX * scale))
        for one in QGuiApplication.screens():
            self._overlays.append(Overlay(self, one, picture))
            one.geometryChanged.connect(self.cancel)
        for overlay in self._overlays:
            overlay.show()
        for overlay in self._overlays:
            overlay.find_place()
        self._hold_keyboard()

    def hints(self) -> list[str]:
        """What to do, in a few words."""
        if self._kind == "window":
            click = self.tr("Click a window")
            return [click, self.tr("Tab: the next"), self.tr("Enter: take it"), self.tr("Esc: leave")]
        if self.selection.phase is Phase.ADJUSTING:
            return [
                self.tr("Arrows: move"),
                self.tr("Shift+arrows: size"),
                self.tr("Enter: take it"),
                self.tr("Esc: leave"),
            ]
        click = self.tr("or click a screen") if self._kind == "region" else self.tr("or click a window or screen")
        return [self.tr("Drag a rectangle"), click, self.tr("Tab: the next"), self.tr("Esc: leave")]

    def caption(self) -> str:
        """What is chosen at the moment, in words; empty when nothing is."""
        shown, target = self.selection.shown, self.selection.target
        if shown is None:
            return ""
        size = f"{shown.width} × {shown.height}"
        if self.selection.area is None and target is not None:
            return self.tr("{name}   {size}").format(name=target.name, size=size)
        taken = even(shown)
        if taken == shown:
            return size
        return self.tr("{size}   (a film's sides are even: {width} × {height})").format(
            size=size, width=taken.width, height=taken.height
        )

    def redraw(self) -> None:
        """What is chosen has changed."""
        for overlay in self._overlays:
            overlay.setAccessibleDescription(", ".join(filter(None, [self.caption(), *self.hints()])))
            overlay.update()

    def key(self, event: QKeyEvent) -> None:
        """A key was pressed while it is shown."""
        far = 10 if event.modifiers() & Qt.KeyboardModifier.ControlModifier else 1
        steps = {
            Qt.Key.Key_Left: (-far, 0),
            Qt.Key.Key_Right: (far, 0),
            Qt.Key.Key_Up: (0, -far),
            Qt.Key.Key_Down: (0, far),
        }
        key = event.key()
        if key == Qt.Key.Key_Escape:
            self.cancel()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.finish(self.selection.take())
        elif key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            self.selection.next_target(-1 if key == Qt.Key.Key_Backtab else 1)
        elif step := steps.get(Qt.Key(key)):
            shift = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            (self.selection.resize if shift else self.selection.move)(*step)
        self.redraw()

    def finish(self, text: str) -> None:
        """Take `text`; nothing happens when that is nothing."""
        if text and self._end():
            QTimer.singleShot(0, lambda: self.chosen.emit(text))

    def cancel(self) -> None:
        """Leave, and choose nothing."""
        if self._end():
            QTimer.singleShot(0, self.cancelled.emit)

    def _end(self) -> bool:
        if self._is_over:
            return False
        self._is_over = True
        for one in QGuiApplication.screens():
            with contextlib.suppress(TypeError):  # a screen that came meanwhile
                one.geometryChanged.disconnect(self.cancel)
        for overlay in self._overlays:
            overlay.releaseKeyboard()
            overlay.hide()
            overlay.deleteLater()
        self._overlays.clear()
        QApplication.sync()  # the next picture of the screen is without it
        return True

    def _hold_keyboard(self) -> None:
        """Windows that no window manager knows get no focus: the keys are taken for as long as it is shown."""
        if self._is_over or not self._overlays:
            return
        overlay = self._overlays[0]
        handle = overlay.windowHandle()
        overlay.activateWindow()
        if handle is not None and handle.setKeyboardGrabEnabled(True):
            overlay.grabKeyboard()
            self.held.emit()
            return
        self._tries += 1
        if self._tries < GRAB_TRIES:
            QTimer.singleShot(GRAB_AGAIN_MS, self._hold_keyboard)


class Overlay(QWidget):
    """The part of it on one screen."""

    def __init__(self, selector: RegionSelector, screen: QScreen, picture: QImage) -> None:
        super().__init__(None, Qt.WindowType.FramelessWindowHint)
        self.setWindowFlag(Qt.WindowType.WindowStaysOnTopHint)
        self.setWindowFlag(Qt.WindowType.Tool)
        self.setWindowFlag(Qt.WindowType.X11BypassWindowManagerHint)  # its place is not to be thought over
        self._selector = selector
        self._picture = picture
        self._place = Area(0, 0, 0, 0)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setWindowTitle(self.tr("Choose what to record"))
        self.setAccessibleName(self.windowTitle())
        self.create()
        if (handle := self.windowHandle()) is not None:
            handle.setScreen(screen)  # whose scale is meant
        self.setGeometry(screen.geometry())

    def find_place(self) -> None:
        """Learn where the window truly is."""
        self._place = native_area(self)
        self.update()

    # --- The pointer and the keys --------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        assert event is not None
        if event.button() == Qt.MouseButton.LeftButton:
            self._selector.selection.press(*self._pixel(event))
            self._selector.redraw()
        elif event.button() == Qt.MouseButton.RightButton:
            self._selector.cancel()

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        assert event is not None
        self._selector.selection.point(*self._pixel(event))
        self._selector.redraw()

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        assert event is not None
        if event.button() == Qt.MouseButton.LeftButton:
            self._selector.finish(self._selector.selection.release(*self._pixel(event)))
            self._selector.redraw()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        assert event is not None
        self._selector.key(event)

    def focusNextPrevChild(self, forward: bool) -> bool:  # noqa: N802 - Qt's
        return False  # Tab is a key like the others

    def _pixel(self, event: QMouseEvent) -> tuple[int, int]:
        """Qt divides by its scale and keeps the fraction, so that the pixel comes out of it again."""
        scale, place = self.devicePixelRatioF(), event.windowPos()
        return self._place.left + round(place.x() * scale), self._place.top + round(place.y() * scale)

    # --- Drawing -------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent | None) -> None:
        scale = self.devicePixelRatioF()
        painter = QPainter(self)
        painter.scale(1 / scale, 1 / scale)
        painter.translate(-self._place.left, -self._place.top)  # from here on, the pixels of the screen
        here = QRect(self._place.left, self._place.top, self._place.width, self._place.height)
        left, top = self._selector.corner
        painter.drawImage(here, self._picture, here.translated(-left, -top))
        painter.fillRect(here, _DIM)
        shown = self._selector.selection.shown
        font = self.font()
        font.setPixelSize(round(14 * scale))
        painter.setFont(font)
        if shown is not None:
            inside = QRect(shown.left, shown.top, shown.width, shown.height)
            painter.drawImage(inside, self._picture, inside.translated(-left, -top))
            line = max(round(2 * scale), 1)
            _draw_frame(painter, inside, line, _EDGE)
            _draw_frame(painter, inside.adjusted(-line, -line, line, line), line, _LINE)
            self._draw_caption(painter, inside, here, scale)
        self._draw_hints(painter, here, scale)
        painter.end()

    def _draw_caption(self, painter: QPainter, inside: QRect, here: QRect, scale: float) -> None:
        """Below the rectangle; above it where there is no room; else in its corner."""
        text = self._selector.caption()
        metrics = painter.fontMetrics()
        text = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, here.width() - round(40 * scale))
        gap = round(8 * scale)
        plate = QRect(0, 0, metrics.horizontalAdvance(text) + 2 * gap, metrics.height() + gap)
        plate.moveTopLeft(inside.bottomLeft())
        plate.translate(0, gap)
        if plate.bottom() > here.bottom() - gap:
            plate.moveBottom(inside.top() - gap)
        if plate.top() < here.top() + gap:
            plate.moveBottom(min(inside.bottom(), here.bottom()) - gap)
            plate.moveLeft(inside.left() + gap)
        plate.moveLeft(max(here.left() + gap, min(plate.left(), here.right() - gap - plate.width())))
        if plate.intersects(here) and inside.intersects(here):
            _draw_plate(painter, plate, text, scale)

    def _draw_hints(self, painter: QPainter, here: QRect, scale: float) -> None:
        """At the top; at the bottom while the rectangle is up there."""
        metrics = painter.fontMetrics()
        text = "     ".join(self._selector.hints())
        plate = QRect(0, 0, metrics.horizontalAdvance(text) + round(32 * scale), metrics.height() + round(16 * scale))
        plate.moveCenter(here.center())
        plate.moveTop(here.top() + round(24 * scale))
        area = self._selector.selection.area
        if area is not None and plate.intersects(QRect(area.left, area.top, area.width, area.height)):
            plate.moveBottom(here.bottom() - round(24 * scale))
        _draw_plate(painter, plate, text, scale)


def _draw_frame(painter: QPainter, inside: QRect, line: int, colour: QColor) -> None:
    """Around it, and not over any pixel of it."""
    outer = inside.adjusted(-line, -line, line, line)
    for edge in (
        QRect(outer.left(), outer.top(), outer.width(), line),
        QRect(outer.left(), inside.bottom() + 1, outer.width(), line),
        QRect(outer.left(), inside.top(), line, inside.height()),
        QRect(inside.right() + 1, inside.top(), line, inside.height()),
    ):
        painter.fillRect(edge, colour)


def _draw_plate(painter: QPainter, plate: QRect, text: str, scale: float) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_PLATE)
    painter.drawRoundedRect(plate, 6 * scale, 6 * scale)
    painter.setPen(_LINE)
    painter.drawText(plate, int(Qt.AlignmentFlag.AlignCenter), text)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def _picture(system: ScreenSystem) -> QImage:
    """The whole desktop as it is now."""
    source = system.open("all", False)
    try:
        pixels = source.grab()
    finally:
        source.close()
    height, width, _ = pixels.shape
    return QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_RGB32).copy()


def _around(areas: Sequence[Area]) -> Area:
    """The smallest area that holds all of these."""
    left, top = min(area.left for area in areas), min(area.top for area in areas)
    right, bottom = max(area.left + area.width for area in areas), max(area.top + area.height for area in areas)
    return Area(left, top, right - left, bottom - top)


def _screens(screens: Sequence[Device], words: str) -> list[Target]:
    return [Target(one.id, words.format(number=one.id), Area(*one.detail["area"])) for one in screens]


def _windows(found: Sequence[Device]) -> list[Target]:
    windows = [Window(one.id, one.name, Area(*one.detail["area"])) for one in found]
    return [Target(f"window:{_shortest(windows, window)}", window.title, window.area) for window in windows]


def _shortest(windows: Sequence[Window], wanted: Window) -> str:
    """The title, which holds also when the window is closed and comes again; the id where others have that title."""
    with contextlib.suppress(CaptureError):
        if pick_window(windows, wanted.title.strip()) == wanted:
            return wanted.title.strip()
    return wanted.id
