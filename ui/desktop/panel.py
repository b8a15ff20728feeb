"""The recorder panel: a small window above all others while something is recorded.

It shall not be in the film. X11 has no way to leave one window out of what is grabbed, so it is placed beside the
recorded part of the desktop where there is room (another monitor, or outside of the region); where there is none it is
not shown at all, and the icon tells how the recording stands. A window that is recorded may be moved under it: then it
is not shown, either.
"""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import QPoint, QRect, QRectF, QSize, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QGuiApplication, QRegion
from PyQt5.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from capture.model import Area
from ui.desktop.icons import Mark, icon
from ui.desktop.recording_view import RecordingView
from ui.text import printable

WIDTH = 330  # pixels at the usual resolution: as broad as a notification
EDGE = 16
FRAME = 32  # about what a title bar takes
UNDO_MS = 10_000


class Panel(QWidget):
    """Main thread only. `view` is to be told what is recorded."""

    undo_clicked = pyqtSignal()

    def __init__(self) -> None:
        super().__init__(
            None,
            Qt.WindowFlags(Qt.WindowType.Window)
            | Qt.WindowType.WindowStaysOnTopHint
            | Qt.WindowType.CustomizeWindowHint
            | Qt.WindowType.WindowTitleHint
            | Qt.WindowType.WindowCloseButtonHint
            | Qt.WindowType.MSWindowsFixedSizeDialogHint,
        )
        # What is being typed elsewhere must not go to it when it comes up.
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, False)
        self.setWindowTitle(self.tr("Recorder"))
        self.setWindowIcon(icon(Mark.RECORDING))
        self.view = RecordingView()
        self._undo = _Undo()
        self._undo.clicked.connect(self._undo_clicked)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSizeConstraint(QVBoxLayout.SizeConstraint.SetFixedSize)
        for page in (self.view, self._undo):
            page.setFixedWidth(WIDTH)
            layout.addWidget(page)
        self._ending = QTimer(self)
        self._ending.setSingleShot(True)
        self._ending.timeout.connect(self.hide)

    def show_recording(self, filmed: QRegion) -> None:
        """Show the running recording. `filmed` is what of the desktop is recorded."""
        self._ending.stop()
        self._turn_to(self.view)
        place = place_beside(filmed, self.frameGeometry().size())
        if place is None:
            self.hide()
            return
        if not self.isVisible():
            self.move(place)
        self.show()

    def show_discarded(self, file: Path) -> None:
        """Offer for a while to bring it back."""
        self._undo.show_file(file)
        self._turn_to(self._undo)
        if not self.isVisible():
            self.move(place_beside(QRegion(), self.frameGeometry().size()) or QPoint(EDGE, EDGE))
            self.show()
        self._ending.start(UNDO_MS)

    def end(self) -> None:
        """The recording is over."""
        if not self.view.isHidden():
            self.hide()

    def _turn_to(self, page: QWidget) -> None:
        for one in (self.view, self._undo):
            one.setVisible(one is page)
        self.adjustSize()

    def _undo_clicked(self) -> None:
        self._ending.stop()
        self.hide()
        self.undo_clicked.emit()


class _Undo(QWidget):
    clicked = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        button = QPushButton(self.tr("&Undo"))
        button.clicked.connect(lambda: self.clicked.emit())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.addWidget(self._text, 1)
        layout.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)

    def show_file(self, file: Path) -> None:
        self._text.setText(self.tr("{name} was moved to the trash.").format(name=printable(file.name)))


def place_beside(filmed: QRegion, size: QSize) -> QPoint | None:
    """A corner of some screen where nothing of `filmed` is covered, the top right one first; None: there is none."""
    primary = QGuiApplication.primaryScreen()
    for screen in sorted(QGuiApplication.screens(), key=lambda screen: screen is not primary):
        room = screen.availableGeometry().adjusted(EDGE, EDGE, -EDGE, -EDGE)
        for x in (room.right() - size.width(), room.left()):
            for y in (room.top(), room.bottom() - FRAME - size.height()):
                place = QRect(QPoint(x, y), size)
                # With room for the frame that the window manager draws around it.
                if not filmed.intersects(place.adjusted(-EDGE, -EDGE, EDGE, FRAME + EDGE)):
                    return place.topLeft()
    return None


def region_of(area: Area) -> QRegion:
    """An area in the desktop's own pixels, as Qt counts: each screen has a scale of its own, and begins where it is."""
    region = QRegion()
    for screen in QGuiApplication.screens():
        scale, origin = screen.devicePixelRatio(), screen.geometry().topLeft()
        own = QRect(origin, screen.geometry().size() * scale)
        common = own.intersected(QRect(area.left, area.top, area.width, area.height))
        if not common.isEmpty():
            left, top = common.left() - origin.x(), common.top() - origin.y()
            scaled = QRectF(left / scale, top / scale, common.width() / scale, common.height() / scale)
            region += scaled.toAlignedRect().translated(origin)
    return region


def whole_desktop() -> QRegion:
    """All screens."""
    region = QRegion()
    for screen in QGuiApplication.screens():
        region += screen.geometry()
    return region
