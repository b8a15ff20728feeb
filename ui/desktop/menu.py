"""The menu of the icon, which is the window's menu, too."""

from __future__ import annotations

from PyQt5.QtCore import QObject, pyqtBoundSignal, pyqtSignal
from PyQt5.QtWidgets import QAction, QMenu

from capture.model import State
from ui.desktop.choice import Choice
from ui.desktop.choice_menu import ChoiceMenu
from ui.desktop.recent import Recent
from ui.desktop.recent_menu import RecentMenu


class Menu(QObject):
    """Shows the state; what is clicked comes as a signal, of its own or of its parts `what` and `recent`."""

    toggled = pyqtSignal()
    pause_clicked = pyqtSignal()
    window_clicked = pyqtSignal()
    panel_wanted = pyqtSignal(bool)
    settings_clicked = pyqtSignal()
    quit_clicked = pyqtSignal()

    def __init__(self, choice: Choice, recent: Recent, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.menu = QMenu()
        self._toggle = self._action(self.tr("&Start recording"), self.toggled)
        self._pause = self._action(self.tr("&Pause"), self.pause_clicked)
        self.menu.addSeparator()
        self.what = ChoiceMenu(self.menu, choice, parent=self)
        self.menu.addSeparator()
        self.recent = RecentMenu(self.menu, recent, self)
        self.menu.addSeparator()
        self._action(self.tr("Open &window"), self.window_clicked)
        self._panel = QAction(self.tr("S&how recorder while recording"), self.menu)
        self._panel.setCheckable(True)
        self._panel.triggered.connect(self.panel_wanted.emit)
        self.menu.addAction(self._panel)
        self._action(self.tr("S&ettings…"), self.settings_clicked)
        self.menu.addSeparator()
        self._action(self.tr("&Quit"), self.quit_clicked)
        self.show_state(State.IDLE)

    def show_state(self, state: State) -> None:
        """Draw the state anew."""
        is_active = state in (State.RECORDING, State.PAUSED)
        self._toggle.setText(self.tr("&Stop recording") if is_active else self.tr("&Start recording"))
        self._toggle.setEnabled(state not in (State.STARTING, State.STOPPING))
        self._pause.setText(self.tr("&Resume") if state is State.PAUSED else self.tr("&Pause"))
        self._pause.setEnabled(is_active)

    def show_panel_wanted(self, wanted: bool) -> None:
        """Draw whether the small recorder window is wanted."""
        self._panel.setChecked(wanted)

    def _action(self, text: str, signal: pyqtBoundSignal) -> QAction:
        action = QAction(text, self.menu)
        action.triggered.connect(lambda checked=False: signal.emit())
        self.menu.addAction(action)
        return action
