"""The icon in the panel and its menu."""

from __future__ import annotations

from PyQt5.QtCore import QObject, pyqtBoundSignal, pyqtSignal
from PyQt5.QtWidgets import QAction, QMenu, QSystemTrayIcon

from capture.model import State
from ui.desktop.icons import Mark, icon
from ui.text import clock_in_words

_MARKS = {
    State.IDLE: Mark.IDLE,
    State.FAILED: Mark.IDLE,
    State.STARTING: Mark.BUSY,
    State.RECORDING: Mark.RECORDING,
    State.PAUSED: Mark.PAUSED,
    State.STOPPING: Mark.BUSY,
}


class Tray(QObject):
    """Shows the state; what is clicked comes as a signal."""

    toggled = pyqtSignal()
    pause_clicked = pyqtSignal()
    quit_clicked = pyqtSignal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._icons = {mark: icon(mark) for mark in Mark}
        self._icon = QSystemTrayIcon(self._icons[Mark.IDLE], self)
        self._icon.activated.connect(self._activated)
        self.menu = QMenu()
        self._toggle = self._action(self.tr("Start recording"), self.toggled)
        self._pause = self._action(self.tr("Pause"), self.pause_clicked)
        self.menu.addSeparator()
        self._action(self.tr("Quit"), self.quit_clicked)
        self._icon.setContextMenu(self.menu)
        self.show_state(State.IDLE, 0.0, is_troubled=False)
        self._icon.show()

    def show_state(self, state: State, elapsed_s: float, is_troubled: bool) -> None:
        """Draw the state anew. `is_troubled`: something is wrong with the recording that runs."""
        active = state in (State.RECORDING, State.PAUSED)
        self._icon.setIcon(self._icons[Mark.TROUBLE if active and is_troubled else _MARKS[state]])
        self._toggle.setText(self.tr("Stop recording") if active else self.tr("Start recording"))
        self._toggle.setEnabled(state not in (State.STARTING, State.STOPPING))
        self._pause.setText(self.tr("Resume") if state is State.PAUSED else self.tr("Pause"))
        self._pause.setEnabled(active)
        self._icon.setToolTip(self._tip(state, elapsed_s, is_troubled))

    def _tip(self, state: State, elapsed_s: float, is_troubled: bool) -> str:
        time = clock_in_words(elapsed_s)
        words = {
            State.STARTING: self.tr("Loopnote: starting"),
            State.RECORDING: self.tr("Loopnote: recording, {time}").format(time=time),
            State.PAUSED: self.tr("Loopnote: paused at {time}").format(time=time),
            State.STOPPING: self.tr("Loopnote: saving"),
        }
        text = words.get(state, self.tr("Loopnote: click to record"))
        return f"{text}\n{self.tr('Something is wrong: see the recorder')}" if is_troubled else text

    def _action(self, text: str, signal: pyqtBoundSignal) -> QAction:
        action = QAction(text, self.menu)
        action.triggered.connect(lambda checked=False: signal.emit())
        self.menu.addAction(action)
        return action

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason == QSystemTrayIcon.ActivationReason.Trigger:
            self.toggled.emit()
