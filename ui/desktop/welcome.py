"""The first start: one page that says what Loopnote does, what to ask others first, and tries whether it hears."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable

from PyQt5.QtCore import QObject, Qt, pyqtSignal
from PyQt5.QtGui import QFont
from PyQt5.QtWidgets import QDialog, QDialogButtonBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from capture.errors import CaptureError
from capture.sound.trial import Trial, try_sound
from ui.desktop.icons import Mark, picture
from ui.desktop.meter import Meter
from ui.text import printable

log = logging.getLogger(__name__)

WIDTH = 460
MARGIN = 24
LOGO = 64


class SoundTrial(QObject):
    """Plays a tone and listens, in a thread of its own; the answers come as signals, in the main thread."""

    level = pyqtSignal(float)  # 0 to 1, of what is heard of the tone
    ended = pyqtSignal(object)  # a `Trial`, or the CaptureError for which there was none

    def begin(self) -> None:
        threading.Thread(target=self._run, name="sound-trial", daemon=True).start()

    def _run(self) -> None:
        answer: Trial | CaptureError
        try:
            from capture.sound.system import sound_system

            answer = try_sound(sound_system(), self._tell)
        except CaptureError as error:
            answer = error
        except Exception as bug:
            log.exception("the trial of the sound failed")
            answer = CaptureError(f"{type(bug).__name__}: {bug}", "See: loopnote doctor")
        self._send(self.ended.emit, answer)

    def _tell(self, level: float) -> None:
        self._send(self.level.emit, level)

    def _send(self, emit: Callable[[object], None], value: object) -> None:
        try:
            emit(value)
        except RuntimeError:
            log.debug("the application ended during the trial")


class Welcome(QDialog):
    """Shown once; `accepted` when it was read. Main thread only."""

    def __init__(self, hotkey: str, trial: SoundTrial | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Welcome to Loopnote"))
        self._trial = trial or SoundTrial()
        self._trial.level.connect(self._show_level)
        self._trial.ended.connect(self._show_end)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, 16)
        layout.setSpacing(12)
        layout.addLayout(self._head())
        how = self.tr("Click the icon in the panel to start, and again to stop.")
        if hotkey:
            how += " " + self.tr("Or press {keys}, wherever you are.").format(keys=hotkey)
        layout.addWidget(
            self._text(
                self.tr(
                    "Loopnote records what your computer plays: voice notes, calls, films. The microphone and the "
                    "screen are left out, unless you choose them in the menu."
                )
                + " "
                + how
            )
        )
        layout.addWidget(
            self._text(
                self.tr(
                    "<b>Ask first.</b> To record other people, you need their consent in many countries, and it is "
                    "right everywhere. Nothing that you record leaves this computer."
                )
            )
        )
        layout.addLayout(self._trial_row())
        self._told = self._text(self.tr("This plays a soft tone, and shows whether Loopnote hears it."))
        self._told.setMinimumHeight(3 * self.fontMetrics().lineSpacing())
        self._told.setAlignment(Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self._told)
        buttons = QDialogButtonBox(self)
        self._done = QPushButton(self.tr("&Use Loopnote"))
        buttons.addButton(self._done, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.accepted.connect(self.accept)
        layout.addWidget(buttons)
        self.setFixedWidth(WIDTH)

    def _head(self) -> QHBoxLayout:
        logo = QLabel()
        logo.setPixmap(picture(Mark.RECORDING, LOGO))
        title = QLabel(self.tr("Keeps what you hear"))
        font = QFont(title.font())
        font.setPointSizeF(font.pointSizeF() * 1.6)
        font.setBold(True)
        title.setFont(font)
        row = QHBoxLayout()
        row.setSpacing(16)
        row.addWidget(logo)
        row.addWidget(title, stretch=1)
        return row

    def _trial_row(self) -> QHBoxLayout:
        self._try = QPushButton(self.tr("&Try it"))
        self._try.clicked.connect(self._begin)
        self._meter = Meter()
        self._meter.setAccessibleName(self.tr("What is heard of the tone"))
        row = QHBoxLayout()
        row.addWidget(self._try)
        row.addWidget(self._meter, stretch=1)
        return row

    def _text(self, text: str) -> QLabel:
        label = QLabel(text)
        label.setWordWrap(True)
        # A dialog asks how high a text is before it is as wide as it will be.
        label.setFixedWidth(WIDTH - 2 * MARGIN)
        label.setMinimumHeight(label.heightForWidth(WIDTH - 2 * MARGIN))
        return label

    def _begin(self) -> None:
        self._try.setEnabled(False)
        self._told.setText(self.tr("Listening…"))
        self._trial.begin()

    def _show_level(self, level: float) -> None:
        self._meter.show_level(20 * math.log10(level) if level > 0 else -math.inf)

    def _show_end(self, answer: object) -> None:
        self._try.setEnabled(True)
        self._try.setText(self.tr("&Try it again"))
        self._meter.show_level(-math.inf)
        if isinstance(answer, CaptureError):
            self._told.setText(f"{printable(str(answer))}\n{printable(answer.hint)}")
        elif isinstance(answer, Trial) and answer.heard:
            self._told.setText(
                self.tr(
                    "✓ Loopnote hears what plays on {device}. If you did not hear it yourself, turn the volume up."
                ).format(device=printable(answer.device))
            )
        elif isinstance(answer, Trial):
            self._told.setText(
                self.tr(
                    "✗ Nothing was heard on {device}. Is it muted, or is the sound sent elsewhere? Look into the sound "
                    "settings of your desktop, and try again; `loopnote doctor` says more."
                ).format(device=printable(answer.device))
            )
        self._done.setFocus()
