"""A running recording: what it says of itself, and what can be done with it. In the panel and in the window."""

from __future__ import annotations

import shutil
from pathlib import Path

from PyQt5.QtCore import QPointF, QRectF, QSize, Qt, pyqtBoundSignal, pyqtSignal
from PyQt5.QtGui import QColor, QFont, QPainter, QPaintEvent
from PyQt5.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from capture.model import Levels, Notice, State
from ui.desktop.background import Background
from ui.desktop.meter import Meter, level_in_words
from ui.text import clock_in_words, printable, sentence, size_in_words

# The free space of the disk is asked for at each so many levels (ten a second).
SPACE_EVERY = 50
SPACE_LITTLE_BYTES = 1_000_000_000
# Long names are cut: a window must not grow with what an application calls itself.
NAME_LETTERS = 24
_RED, _AMBER, _GREY = QColor("#c8201b"), QColor("#8a5a00"), QColor("#5c636d")


class RecordingMark(QWidget):
    """A red field with a disc and a word: nobody takes it for anything else, also without seeing red."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = State.IDLE
        self._text = ""
        font = QFont(self.font())
        font.setBold(True)
        self.setFont(font)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_state(self, state: State, text: str) -> None:
        """Draw the state anew."""
        if (state, text) != (self._state, self._text):
            self._state, self._text = state, text
            self.setAccessibleName(text)
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self._text) + 2 * metrics.height() + 4, metrics.height() + 10)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = {State.RECORDING: _RED, State.PAUSED: _AMBER}.get(self._state, _GREY)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawRoundedRect(QRectF(self.rect()), 5, 5)
        painter.setBrush(Qt.GlobalColor.white)
        height = self.fontMetrics().height()
        middle = QPointF(8 + height / 2 - 2, self.height() / 2)
        radius = height * 0.34
        if self._state is State.PAUSED:
            for side in (-1, 1):
                painter.drawRect(QRectF(middle.x() + side * radius * 0.6 - 2, middle.y() - radius, 4, 2 * radius))
        elif self._state is State.RECORDING:
            painter.drawEllipse(middle, radius, radius)
        else:
            for side in (-1, 0, 1):
                painter.drawEllipse(QPointF(middle.x() + side * radius, middle.y()), 1.8, 1.8)
        painter.setPen(Qt.GlobalColor.white)
        painter.drawText(
            QRectF(self.rect()).adjusted(height + 8, 0, -6, 0), int(Qt.AlignmentFlag.AlignVCenter), self._text
        )
        painter.end()


class RecordingView(QWidget):
    """Draws what it is told; what is clicked comes as a signal. Main thread only."""

    pause_clicked = pyqtSignal()
    stop_clicked = pyqtSignal()
    discard_clicked = pyqtSignal()
    fix_clicked = pyqtSignal(str)  # the speaker to record instead

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder: Path | None = None
        self._count = 0
        self._fix = ""
        self._meters: dict[str, tuple[QLabel, Meter, QLabel]] = {}
        self._space = Background("free space", self._ask_space, self)
        self._space.answered.connect(self._show_space)
        self._free_bytes: int | None = None
        self._size_bytes = 0
        self.mark = RecordingMark()
        self._time = QLabel("00:00")
        self._time.setAccessibleName(self.tr("Recorded time"))
        font = QFont(self._time.font())
        font.setPointSizeF(font.pointSizeF() * 1.7)
        font.setBold(True)
        self._time.setFont(font)
        self._sizes = QLabel()
        self._sizes.setAccessibleName(self.tr("Size and free space"))
        self._notice = QLabel()
        self._notice.setWordWrap(True)
        self._notice.setTextFormat(Qt.TextFormat.PlainText)
        self._notice.setAccessibleName(self.tr("What is amiss"))
        self._fix_button = QPushButton()
        self._fix_button.clicked.connect(lambda: self.fix_clicked.emit(self._fix))
        self._pause = self._button(self.tr("&Pause"), self.pause_clicked)
        self._stop = self._button(self.tr("&Stop"), self.stop_clicked)
        self._discard = self._button(self.tr("&Discard"), self.discard_clicked)
        self._discard.setToolTip(self.tr("Stop, and move the recording to the trash"))
        self._lay_out()
        self.begin()

    def begin(self, folder: Path | None = None) -> None:
        """A new recording: forget what was shown of the last."""
        self._folder = folder
        self._count = 0
        self._free_bytes = None
        self._size_bytes = 0
        for widgets in self._meters.values():
            for widget in widgets:
                self._grid.removeWidget(widget)
                widget.deleteLater()
        self._meters = {}
        self._notice.hide()
        self._fix_button.hide()
        self._fix = ""
        self._time.setText("00:00")
        self._show_sizes()

    def show_state(self, state: State) -> None:
        """Draw the state anew."""
        words = {
            State.STARTING: self.tr("STARTING"),
            State.RECORDING: self.tr("RECORDING"),
            State.PAUSED: self.tr("PAUSED"),
            State.STOPPING: self.tr("SAVING"),
        }
        self.mark.show_state(state, words.get(state, ""))
        self._pause.setText(self.tr("&Resume") if state is State.PAUSED else self.tr("&Pause"))
        is_active = state in (State.RECORDING, State.PAUSED)
        for button in (self._pause, self._stop, self._discard, self._fix_button):
            button.setEnabled(is_active)

    def show_file(self, file: Path) -> None:
        """The recording has a file now."""
        self._folder = file.parent

    def show_levels(self, levels: Levels) -> None:
        """About ten times a second."""
        self._time.setText(clock_in_words(levels.elapsed_s))
        for name, peak_dbfs in levels.peaks_dbfs.items():
            if name not in self._meters:
                self._add_meter(name)
            _, meter, number = self._meters[name]
            meter.show_level(peak_dbfs)
            number.setText(level_in_words(peak_dbfs))
        if self._count % SPACE_EVERY == 0:
            self._space.ask()
        self._count += 1
        self._size_bytes = levels.size_bytes
        self._show_sizes()

    def show_notice(self, notice: Notice) -> None:
        """Something that must be read, with what mends it one click away where that is known."""
        text = f"⚠ {sentence(notice.text)}"
        # The hint of a command is of no use to somebody who has a button for it.
        if notice.hint and not notice.speaker_instead:
            text += f"\n{printable(notice.hint)}"
        self._notice.setText(text)
        self._notice.show()
        self._fix = notice.speaker_instead
        self._fix_button.setVisible(bool(self._fix))
        if self._fix:
            name = _short(self._fix).replace("&", "&&")
            self._fix_button.setText(self.tr("Record {name} &instead").format(name=name))
            self._fix_button.setAccessibleName(self.tr("Record {name} instead").format(name=self._fix))

    def _add_meter(self, name: str) -> None:
        words = {"system": self.tr("Internal audio"), "mic": self.tr("Microphone")}
        shown = words.get(name, printable(name))
        row = len(self._meters)
        label, meter, number = QLabel(_short(shown)), Meter(), QLabel("–")
        label.setTextFormat(Qt.TextFormat.PlainText)
        meter.setAccessibleName(self.tr("Level of {name}").format(name=shown))
        number.setMinimumWidth(number.fontMetrics().horizontalAdvance("-60 dB"))
        number.setAlignment(Qt.Alignment(Qt.AlignmentFlag.AlignRight) | Qt.AlignmentFlag.AlignVCenter)
        for column, widget in enumerate((label, meter, number)):
            self._grid.addWidget(widget, row, column)
        self._meters[name] = (label, meter, number)

    def _ask_space(self) -> int | None:
        return shutil.disk_usage(self._folder).free if self._folder is not None else None

    def _show_space(self, free_bytes: object) -> None:
        self._free_bytes = free_bytes if isinstance(free_bytes, int) else None
        self._show_sizes()

    def _show_sizes(self) -> None:
        text = size_in_words(self._size_bytes)
        if self._free_bytes is not None:
            free = size_in_words(self._free_bytes)
            is_little = self._free_bytes < SPACE_LITTLE_BYTES
            text += self.tr("  ·  only {free} free") if is_little else self.tr("  ·  {free} free")
            text = text.format(free=free)
        self._sizes.setText(text)

    def _button(self, text: str, clicked: pyqtBoundSignal) -> QPushButton:
        button = QPushButton(text)
        button.clicked.connect(lambda checked=False: clicked.emit())
        return button

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self.mark)
        head.addStretch()
        head.addWidget(self._time)
        self._grid = QGridLayout()
        self._grid.setColumnStretch(1, 1)
        self._grid.setHorizontalSpacing(10)
        buttons = QHBoxLayout()
        for button in (self._stop, self._pause, self._discard):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(9)
        layout.addLayout(head)
        layout.addLayout(self._grid)
        layout.addWidget(self._sizes)
        layout.addWidget(self._notice)
        layout.addWidget(self._fix_button)
        layout.addLayout(buttons)


def _short(name: str) -> str:
    return name if len(name) <= NAME_LETTERS else name[: NAME_LETTERS - 1] + "…"
