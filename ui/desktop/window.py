"""The window: everything that the icon and its menu do, for desktops that have no place for an icon, too."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import QSize, Qt, pyqtSignal
from PyQt5.QtGui import QCloseEvent, QFont, QHideEvent, QShowEvent
from PyQt5.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from capture.model import State
from capture.settings import DEFAULT, RecordingSettings
from ui.desktop.icons import Mark, icon
from ui.desktop.recording_view import RecordingView
from ui.text import printable

WIDTH = 440
LOGO = 48


class Window(QWidget):
    """Shows the state; what is clicked comes as a signal. `view` is to be told what is recorded. Main thread only."""

    toggled = pyqtSignal()
    settings_clicked = pyqtSignal()
    undo_clicked = pyqtSignal()
    play_clicked = pyqtSignal(object)  # a Path
    folder_clicked = pyqtSignal(object)
    copy_clicked = pyqtSignal(object)
    shown = pyqtSignal(bool)  # it came up, or is out of sight
    leave = pyqtSignal()  # it was closed, and nothing else of the application can be seen

    def __init__(self, what: QMenu, recent: QMenu) -> None:
        super().__init__()
        self.is_all_there_is = True  # no icon is seen: a window that is closed is the end then
        self._file: Path | None = None
        self.setWindowTitle(self.tr("Loopnote"))
        self.setWindowIcon(icon(Mark.IDLE))
        self.setMinimumWidth(WIDTH)
        self.view = RecordingView()
        self._pages = QStackedWidget()
        self._pages.addWidget(self._idle_page(what, recent))
        self._pages.addWidget(self.view)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pages)
        self._start.setFocus()

    def show_state(self, state: State) -> None:
        """Draw the state anew."""
        is_idle = state in (State.IDLE, State.FAILED)
        if is_idle and self._pages.currentIndex() != 0:
            self._pages.setCurrentIndex(0)
            self._start.setFocus()
        elif not is_idle:
            self._pages.setCurrentIndex(1)

    def show_choice(self, settings: RecordingSettings) -> None:
        """Say in words what the next recording will be."""
        parts = []
        if settings.apps:
            parts.append(self.tr("only {apps}").format(apps=", ".join(settings.apps)))
        elif settings.system:
            parts.append(self.tr("internal audio"))
        if settings.mic is not None:
            parts.append(self.tr("the microphone") if settings.mic == DEFAULT else settings.mic)
        if settings.screen is not None:
            parts.append(self._screen_in_words(settings.screen))
        self._what.setText(self.tr("Records: {what}").format(what=printable(", ".join(parts))))

    def say(self, title: str, text: str = "", file: Path | None = None, is_undo: bool = False) -> None:
        """What came of it, under the button, until the next word. `file` can be played and so on."""
        self._file = file
        self._title.setText(printable(title))
        self._title.setVisible(bool(title))
        self._said.setText(text)
        self._said.setVisible(bool(text))
        for button in self._file_buttons:
            button.setVisible(file is not None)
        self._undo.setVisible(is_undo)

    def bring_forward(self) -> None:
        """Show it above the others, and ready for keys."""
        if self.isMinimized():
            self.showNormal()
        self.show()
        self.raise_()
        self.activateWindow()

    def closeEvent(self, event: QCloseEvent | None) -> None:
        super().closeEvent(event)
        if self.is_all_there_is:
            self.leave.emit()

    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        self.shown.emit(True)

    def hideEvent(self, event: QHideEvent | None) -> None:
        super().hideEvent(event)
        self.shown.emit(False)

    def _screen_in_words(self, spec: str) -> str:
        words = {"all": self.tr("all screens"), "primary": self.tr("the primary screen")}
        if spec.isdigit():
            return self.tr("screen {number}").format(number=spec)
        if spec.startswith("window:"):
            return self.tr("the window {title}").format(title=spec.removeprefix("window:"))
        return words.get(spec, self.tr("the region {area}").format(area=spec))

    def _idle_page(self, what: QMenu, recent: QMenu) -> QWidget:
        page = QWidget()
        logo = QLabel()
        logo.setPixmap(icon(Mark.IDLE).pixmap(LOGO, LOGO))
        self._start = QPushButton(icon(Mark.RECORDING), " " + self.tr("&Start recording"))
        self._start.setIconSize(QSize(22, 22))
        font = QFont(self._start.font())
        font.setPointSizeF(font.pointSizeF() * 1.25)
        self._start.setFont(font)
        self._start.setMinimumHeight(48)
        self._start.setAccessibleName(self.tr("Start recording"))
        self._start.setDefault(True)
        self._start.clicked.connect(lambda: self.toggled.emit())
        self._what = QLabel()
        self._title, self._said = QLabel(), QLabel()
        font = QFont(self._title.font())
        font.setBold(True)
        self._title.setFont(font)
        for label in (self._what, self._title, self._said):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        can_be_copied = Qt.TextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._said.setTextInteractionFlags(can_be_copied | Qt.TextInteractionFlag.TextSelectableByKeyboard)
        self._said.setAccessibleName(self.tr("What happened last"))
        head = QHBoxLayout()
        head.addWidget(logo)
        head.addWidget(self._start, 1)
        menus = QHBoxLayout()
        for text, menu in ((self.tr("&What to record"), what), (self.tr("&Last recordings"), recent)):
            button = QPushButton(text)
            button.setMenu(menu)
            menus.addWidget(button)
        settings = QPushButton(self.tr("S&ettings…"))
        settings.clicked.connect(lambda: self.settings_clicked.emit())
        menus.addWidget(settings)
        done = QHBoxLayout()
        self._undo = QPushButton(self.tr("&Undo"))
        self._undo.clicked.connect(lambda: self.undo_clicked.emit())
        self._file_buttons = []
        for text, signal in (
            (self.tr("&Play"), self.play_clicked),
            (self.tr("Show in &folder"), self.folder_clicked),
            (self.tr("&Copy"), self.copy_clicked),
        ):
            button = QPushButton(text)
            button.clicked.connect(lambda checked=False, signal=signal: signal.emit(self._file))
            self._file_buttons.append(button)
            done.addWidget(button)
        done.addWidget(self._undo)
        done.addStretch()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addLayout(head)
        layout.addWidget(self._what)
        layout.addLayout(menus)
        told = QVBoxLayout()
        told.setSpacing(4)
        told.addWidget(self._title)
        told.addWidget(self._said)
        layout.addLayout(told)
        layout.addLayout(done)
        layout.addStretch()
        self.say("")
        return page
