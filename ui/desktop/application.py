"""`loopnote` without a command: one instance, its windows, and its orderly end."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
from dataclasses import replace
from types import TracebackType

from PyQt5 import sip
from PyQt5.QtCore import QObject, QSocketNotifier, Qt, QTimer
from PyQt5.QtWidgets import QApplication

from capture.errors import CaptureError, SettingsError
from capture.model import Event, Failed, Finished, State
from ui.control import AlreadyRunning, ControlServer, ask
from ui.desktop import preferences, state_file
from ui.desktop.background import Background
from ui.desktop.bridge import Bridge
from ui.desktop.choice import Choice
from ui.desktop.choice_menu import list_devices
from ui.desktop.countdown import Countdown
from ui.desktop.face import Face
from ui.desktop.hotkey_keeper import HotkeyKeeper
from ui.desktop.icons import Mark, icon
from ui.desktop.preferences import Preferences
from ui.desktop.region_selector import Kind, RegionSelector
from ui.desktop.settings_window import SettingsWindow
from ui.desktop.warm_up import WarmUp
from ui.desktop.welcome import Welcome
from ui.install.entries import APP_ID
from ui.instance import Instance
from ui.repairs import places, repair
from ui.text import EXIT_SAVED

log = logging.getLogger(__name__)

_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)]
# What lay under a menu is drawn again by its program within this time.
MENU_GONE_MS = 100


class Application(QObject):
    """Wires the parts together. Main thread only."""

    def __init__(self, qt: QApplication) -> None:
        super().__init__()
        self._qt = qt
        self.kept: list[object] = []  # what must live as long as the application
        self._bridge = Bridge()
        self._bridge.told.connect(self._see)
        self._bridge.asked.connect(self._do)
        self._choice = Choice()
        self.instance = Instance(
            self._choice.settings,
            self._bridge.tell,
            lambda: self._bridge.asked.emit("show"),
            lambda: self._bridge.asked.emit("quit"),
        )
        self._is_discarding = False
        self._begins_again = False
        self.face = Face(self._choice, self)
        self.face.toggled.connect(self.toggle)
        self.face.pause_clicked.connect(self.instance.pause_or_resume)
        self.face.discard_clicked.connect(self.discard)
        self.face.speaker_wanted.connect(self.record_instead)
        self.face.region_wanted.connect(lambda: self._pick("region"))
        self.face.window_wanted.connect(lambda: self._pick("window"))
        self.face.settings_clicked.connect(self.open_settings)
        self.face.panel_wanted.connect(self._keep_panel)
        self.face.quit_clicked.connect(self.quit)
        self._countdown = Countdown()
        self._countdown.over.connect(self._begin)
        self._settings: SettingsWindow | None = None
        self._devices = Background("devices", list_devices, self)
        self._devices.answered.connect(self._devices_listed)
        self._repairs = Background("repairs", lambda: repair(places()), self)
        self._repairs.answered.connect(self.face.reports.repaired)
        qt.commitDataRequest.connect(lambda _manager: self.instance.close())
        self._selector: RegionSelector | None = None
        self.hotkeys = HotkeyKeeper(self._bridge.asked.emit, self)
        self._preferences = self._load_preferences()
        self._apply()

    def begin(self) -> None:
        """Show what is to be seen at the start, and look for what a crash has left."""
        self.face.begin(self._preferences.start_hidden)
        for trouble in self.hotkeys.troubles():
            self.face.reports.failed(trouble)
        self._welcome()
        self._repairs.ask()

    def toggle(self) -> None:
        """Start, or stop what runs, be it the countdown."""
        if self._countdown.is_running:
            self._countdown.cancel()
        elif self.instance.state is not State.IDLE:
            self.instance.stop()
        elif self._preferences.countdown_s:
            self._countdown.begin(self._preferences.countdown_s)
        else:
            self._begin()

    def _begin(self) -> None:
        try:
            self.instance.begin()
        except CaptureError as error:
            self._see(Failed(error))

    def discard(self) -> None:
        """Stop what runs; its file goes to the trash, from where it can be brought back."""
        if self.instance.state in (State.RECORDING, State.PAUSED):
            self._is_discarding = True
            self.instance.stop()

    def record_instead(self, speaker: str) -> None:
        """Stop what runs (it is kept), and record that speaker."""
        self._choice.next_speaker(speaker)
        if self.instance.state is State.IDLE:
            self.toggle()
        else:
            self._begins_again = True
            self.instance.stop()

    def survive(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """For `sys.excepthook`. PyQt ends the process after an error in a slot, unless something else is done with it;
        a recording must go on.
        """
        log.error("an error in the application", exc_info=(kind, error, trace))
        try:
            self.face.reports.bug(error, is_recording=self.instance.state is not State.IDLE)
        except Exception:
            log.exception("the error could not be told")

    def open_settings(self) -> None:
        """The window for them; a second time, the same."""
        if self._settings is None:
            self._settings = SettingsWindow(self.hotkeys.edits())
            self._settings.saved.connect(self._keep_hotkeys)
            self._settings.finished.connect(self._settings_closed)
            self._settings.show()
            self._devices.ask()
        self._settings.raise_()
        self._settings.activateWindow()

    def _keep_hotkeys(self) -> None:
        try:
            self.hotkeys.keep()
        except SettingsError as error:
            self.face.reports.failed(error)

    def _settings_closed(self) -> None:
        self.hotkeys.forget()
        if self._settings is not None:
            self._settings.deleteLater()
            self._settings = None
        self._preferences = self._load_preferences()
        self._apply()
        self.face.show_choice()

    def _devices_listed(self, found: object) -> None:
        if self._settings is not None and isinstance(found, list):
            self._settings.show_devices(found)

    def _load_preferences(self) -> Preferences:
        try:
            return preferences.load()
        except SettingsError as error:
            self.face.reports.failed(error)
            return Preferences()

    def _apply(self) -> None:
        self.face.set_panel(self._preferences.show_panel)
        self.face.reports.are_all_wanted = self._preferences.notifications

    def _keep_panel(self, wanted: bool) -> None:
        """As it was chosen in the menu."""
        self._preferences = replace(self._preferences, show_panel=wanted)
        try:
            preferences.save(self._preferences)
        except SettingsError as error:
            self.face.reports.failed(error)

    def _welcome(self) -> None:
        """At the first start, and at no other."""
        file = state_file.state_folder() / "welcome.json"
        if state_file.read(file).get("read"):
            return
        welcome = Welcome(self.hotkeys.working("toggle"))
        welcome.accepted.connect(lambda: state_file.write(file, {"read": True}))
        welcome.finished.connect(welcome.deleteLater)
        self.kept.append(welcome)
        welcome.show()

    def quit(self) -> None:
        """Stop what runs, wait for its file (the windows go on answering meanwhile), and end."""
        closing = threading.Thread(target=self._close, name="quit", daemon=True)
        closing.start()

    def _close(self) -> None:
        self.instance.close()
        self._bridge.asked.emit("leave")

    def _do(self, command: str) -> None:
        if command == "show":
            self.face.window.bring_forward()
        elif command == "quit":
            self.quit()
        elif command == "toggle":
            self.toggle()
        elif command == "pause":
            self.instance.pause_or_resume()
        elif command == "leave":
            self.face.notifications.when_sent(self._qt.quit)

    def _see(self, event: Event) -> None:
        self.face.see(event, self.instance.state, self.instance.settings)
        if not isinstance(event, Finished | Failed):
            return
        is_discarding, self._is_discarding = self._is_discarding, False
        again, self._begins_again = self._begins_again, False
        if isinstance(event, Failed):
            self.face.reports.failed(event.error)
        elif is_discarding:
            self.face.discarded(event)
        else:
            self.face.saved(event)
        if again:
            self.toggle()

    def _pick(self, kind: Kind) -> None:
        """Let a region or a window be chosen on the screen."""
        if self._selector is not None:
            return
        self._selector = RegionSelector(kind, parent=self)
        self._selector.chosen.connect(self._picked)
        self._selector.cancelled.connect(self._forget_selector)
        # The menu in which this was chosen is to have gone from the screen before that is looked at.
        QTimer.singleShot(MENU_GONE_MS, self._show_selector)

    def _show_selector(self) -> None:
        try:
            if self._selector is not None:
                self._selector.begin()
        except CaptureError as error:
            self._forget_selector()
            self.face.reports.failed(error)

    def _picked(self, area: str) -> None:
        self._forget_selector()
        try:
            self._choice.record_screen(area)
        except CaptureError as error:
            self.face.reports.failed(error)
        self.face.show_choice()

    def _forget_selector(self) -> None:
        selector, self._selector = self._selector, None
        if selector is not None:
            selector.deleteLater()


def run() -> int:
    """The application, until it is quit; or the first instance is brought forward. Returns the exit code."""
    # Nothing here is drawn by OpenGL, whose libraries would take 50 MB as soon as a window comes up.
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_ForceRasterWidgets)
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_UseHighDpiPixmaps)
    qt = QApplication(["loopnote"])
    qt.setApplicationName("loopnote")
    qt.setApplicationDisplayName("Loopnote")
    qt.setDesktopFileName(APP_ID)
    qt.setWindowIcon(icon(Mark.RECORDING))
    qt.setQuitOnLastWindowClosed(False)
    application = Application(qt)
    sys.excepthook = application.survive
    # Before the socket: a signal that comes in between would leave it behind.
    _quit_on_signals(application)
    try:
        server = ControlServer(application.instance.answer)
    except AlreadyRunning:
        for name in _ENDING:
            signal.signal(name, signal.SIG_DFL)
        ask("show")
        return EXIT_SAVED
    application.begin()
    warm_up = WarmUp()
    try:
        qt.exec_()
    finally:
        warm_up.end()
        application.hotkeys.close()
        application.instance.close()
        server.close()
    return EXIT_SAVED


def _quit_on_signals(application: Application) -> None:
    """SIGTERM, SIGINT and SIGHUP end it in order. Qt's loop runs no Python, so that a byte in a socket wakes it."""
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    for name in _ENDING:
        signal.signal(name, lambda *_: None)
    notifier = QSocketNotifier(sip.voidptr(reading.fileno()), QSocketNotifier.Type.Read, application)

    def wake() -> None:
        reading.recv(64)
        application.quit()

    notifier.activated.connect(wake)
    application.kept += [reading, writing]
