"""The icon in the panel."""

from __future__ import annotations

from PyQt5.QtCore import QObject, pyqtSignal
from PyQt5.QtWidgets import QMenu, QSystemTrayIcon

from capture.model import State
from ui.desktop.icons import Mark, icon
from ui.desktop.tray_host import TrayHost
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
    """Shows the state; a click comes as the signal. The icon is made as soon as there is a place for it."""

    toggled = pyqtSignal()
    changed = pyqtSignal(bool)  # whether there is an icon that can be seen

    def __init__(self, menu: QMenu, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._menu = menu
        self._icons = {mark: icon(mark) for mark in Mark}
        self._now: tuple[State, float, bool] = (State.IDLE, 0.0, False)
        self.icon: QSystemTrayIcon | None = None
        self._host = TrayHost(self)
        self._host.changed.connect(self._host_changed)
        self._host_changed(self._host.is_there)

    @property
    def is_seen(self) -> bool:
        """Whether the desktop has a place for the icon."""
        return self._host.is_there

    @property
    def state(self) -> State:
        """The one that is shown."""
        return self._now[0]

    def show_state(self, state: State, elapsed_s: float, is_troubled: bool) -> None:
        """Draw the state anew. `is_troubled`: something is wrong with the recording that runs."""
        self._now = (state, elapsed_s, is_troubled)
        if self.icon is None:
            return
        is_active = state in (State.RECORDING, State.PAUSED)
        self.icon.setIcon(self._icons[Mark.TROUBLE if is_active and is_troubled else _MARKS[state]])
        self.icon.setToolTip(self._tip(state, elapsed_s, is_troubled))

    def _host_changed(self, is_there: bool) -> None:
        if is_there and self.icon is None:
            self.icon = QSystemTrayIcon(self._icons[Mark.IDLE], self)
            self.icon.activated.connect(self._activated)
            self.icon.setContextMenu(self._menu)
            self.show_state(*self._now)
            self.icon.show()
        self.changed.emit(is_there)

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

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason == QSystemTrayIcon.ActivationReason.Trigger:
            self.toggled.emit()
