"""All that is seen of the application: it draws what it is told, and what is clicked comes as a signal."""

from __future__ import annotations

from PyQt5.QtCore import QObject, pyqtSignal
from PyQt5.QtGui import QRegion
from PyQt5.QtWidgets import QMenu

from capture.model import Area, Event, Failed, Finished, Levels, Notice, State, StateChanged
from capture.settings import RecordingSettings
from ui.desktop.background import Background
from ui.desktop.choice import Choice
from ui.desktop.choice_menu import ChoiceMenu
from ui.desktop.menu import Menu
from ui.desktop.notifications import Button, Notifications
from ui.desktop.panel import Panel, region_of, whole_desktop
from ui.desktop.recent import Recent
from ui.desktop.reports import Reports
from ui.desktop.tray import Tray
from ui.desktop.window import Window


class Face(QObject):
    """Tray, menu, panel, window and messages. Main thread only."""

    toggled = pyqtSignal()
    pause_clicked = pyqtSignal()
    discard_clicked = pyqtSignal()
    speaker_wanted = pyqtSignal(str)  # to be recorded instead
    region_wanted = pyqtSignal()
    window_wanted = pyqtSignal()
    settings_clicked = pyqtSignal()
    panel_wanted = pyqtSignal(bool)  # by the menu; to be kept
    quit_clicked = pyqtSignal()

    def __init__(self, choice: Choice, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._choice = choice
        self._shows_panel = True
        self._elapsed_s = 0.0
        self._is_troubled = False
        self._is_new = False  # a recording that has told no levels yet
        self._recorded: RecordingSettings | None = None
        self._recent = Recent()
        self.menu = Menu(choice, self._recent, self)
        what = QMenu()
        self._what = ChoiceMenu(what, choice, parent=self)
        self._what_menu = what
        self.tray = Tray(self.menu.menu, self)
        self.window = Window(what, self.menu.recent.menu)
        self.panel = Panel()
        self.notifications = Notifications(lambda: self.tray.icon, self)
        self.reports = Reports(self.notifications, self.window, self.menu.recent, self)
        self._filmed = Background("filmed", self._find_filmed, self)
        self._filmed.answered.connect(self._show_panel)
        self._connect()
        self.window.show_choice(choice.now)

    def begin(self, hidden: bool) -> None:
        """Show the window unless it is to be hidden; but where there is no place for an icon it is never."""
        self._icon_changed(self.tray.is_seen)
        if not hidden:
            self.window.show()

    def see(self, event: Event, state: State, recorded: RecordingSettings | None) -> None:
        """Draw what a recorder tells; `state` is the recorder's own, `recorded` what it was asked for."""
        self._recorded = recorded
        views = (self.panel.view, self.window.view)
        if isinstance(event, Levels):
            for view in views:
                if view.isVisible() or self._is_new:
                    view.show_levels(event)
            if self._is_new:
                # Not before: a window that grows in the moment in which it gets its frame is put elsewhere by some.
                self._is_new = False
                self._filmed.ask()
            if int(event.elapsed_s) == int(self._elapsed_s):
                return
            self._elapsed_s = event.elapsed_s
        elif isinstance(event, StateChanged):
            self._state_changed(event, state)
        elif isinstance(event, Notice):
            self._is_troubled = self._is_troubled or event.degrades
            for view in views:
                view.show_notice(event)
            if not any(view.isVisible() for view in views):
                self.reports.noticed(event, self._fix(event))
        elif isinstance(event, Finished | Failed):
            self._is_troubled = False
            self.panel.end()
        self.tray.show_state(state, self._elapsed_s, self._is_troubled)
        self.menu.show_state(state)
        self.window.show_state(state)
        for view in views:
            view.show_state(state)

    def saved(self, finished: Finished) -> None:
        """A recording is to be kept."""
        self._recent.add(finished.result.file)
        self.reports.saved(finished.result)

    def discarded(self, finished: Finished) -> None:
        """A recording is not to be kept: into the trash, and for a while it is offered to bring it back."""
        file = finished.result.file
        trashed = self.menu.recent.discard(file)
        if trashed is None:
            self._recent.add(file)
            return
        self.reports.discarded(trashed)
        if not self._is_window_seen():
            self.panel.show_discarded(file)

    def show_choice(self) -> None:
        """What is recorded was chosen anew."""
        self.window.show_choice(self._choice.now)

    def _state_changed(self, event: StateChanged, state: State) -> None:
        views = (self.panel.view, self.window.view)
        if event.state is State.STARTING:
            self._elapsed_s, self._is_troubled, self._is_new = 0.0, False, True
            for view in views:
                view.begin()
        elif event.state is State.RECORDING and event.file is not None:
            for view in views:
                view.show_file(event.file)

    def _fix(self, notice: Notice) -> Button | None:
        speaker = notice.speaker_instead
        if not speaker:
            return None
        return Button(self.tr("Record {name} instead").format(name=speaker), lambda: self.speaker_wanted.emit(speaker))

    def _find_filmed(self) -> object:
        """What of the desktop is filmed, if anything: an area in its own pixels, or None for nothing. In a thread."""
        settings = self._recorded
        if settings is None or settings.screen is None:
            return ()
        # A window may be moved under the panel at any time, and what cannot be found may be anywhere.
        if settings.screen.startswith("window:"):
            return None
        from capture.screen.system import screen_system

        return screen_system().find(settings.screen)

    def _show_panel(self, filmed: object) -> None:
        if not self._shows_panel or self._is_window_seen() or not self._is_recorded():
            return
        if filmed == ():
            self.panel.show_recording(QRegion())
        else:
            self.panel.show_recording(region_of(filmed) if isinstance(filmed, Area) else whole_desktop())

    def _is_window_seen(self) -> bool:
        return self.window.isVisible() and not self.window.isMinimized()

    def _is_recorded(self) -> bool:
        return self.tray.state in (State.RECORDING, State.PAUSED)

    def _icon_changed(self, is_seen: bool) -> None:
        self.window.is_all_there_is = not is_seen
        if not is_seen and not self.window.isVisible():
            self.window.show()

    def _window_shown(self, is_shown: bool) -> None:
        """The window says all that the panel says."""
        if is_shown:
            self.panel.hide()
        else:
            self._filmed.ask()

    def _keep_panel(self, wanted: bool) -> None:
        self.set_panel(wanted)
        self.panel_wanted.emit(wanted)

    def set_panel(self, wanted: bool) -> None:
        """Whether the small recorder window is shown while something is recorded."""
        self._shows_panel = wanted
        self.menu.show_panel_wanted(wanted)
        if wanted:
            self._filmed.ask()
        else:
            self.panel.end()

    def _connect(self) -> None:
        for toggled in (self.tray.toggled, self.menu.toggled, self.window.toggled):
            toggled.connect(self.toggled)
        for view in (self.panel.view, self.window.view):
            view.stop_clicked.connect(self.toggled)
            view.pause_clicked.connect(self.pause_clicked)
            view.discard_clicked.connect(self.discard_clicked)
            view.fix_clicked.connect(self.speaker_wanted)
        for what in (self.menu.what, self._what):
            what.region_wanted.connect(self.region_wanted)
            what.window_wanted.connect(self.window_wanted)
            what.refused.connect(self.reports.failed)
            what.changed.connect(self.show_choice)
        self.menu.pause_clicked.connect(self.pause_clicked)
        self.menu.window_clicked.connect(self.window.bring_forward)
        self.menu.panel_wanted.connect(self._keep_panel)
        for settings in (self.menu.settings_clicked, self.window.settings_clicked):
            settings.connect(self.settings_clicked)
        for quitting in (self.menu.quit_clicked, self.window.leave):
            quitting.connect(self.quit_clicked)
        recent = self.menu.recent
        self.window.play_clicked.connect(recent.play)
        self.window.folder_clicked.connect(recent.show_in_folder)
        self.window.copy_clicked.connect(recent.copy)
        self.window.undo_clicked.connect(recent.bring_back)
        self.panel.undo_clicked.connect(recent.bring_back)
        self.window.shown.connect(self._window_shown)
        self.tray.changed.connect(self._icon_changed)
