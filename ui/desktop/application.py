"""`loopnote` without a command: one instance, its windows, and its orderly end."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
from types import TracebackType

from PyQt5 import sip
from PyQt5.QtCore import QObject, QSocketNotifier
from PyQt5.QtWidgets import QApplication

from capture import settings as user_settings
from capture.errors import CaptureError
from capture.model import Event, Failed, Finished, Levels, Notice, State, StateChanged
from capture.settings import RecordingSettings
from ui.control import AlreadyRunning, ControlServer, ask
from ui.desktop.bridge import Bridge
from ui.desktop.tray import Tray
from ui.instance import Instance
from ui.request import request_of
from ui.text import EXIT_SAVED

log = logging.getLogger(__name__)


class Application(QObject):
    """Wires the parts together. Main thread only."""

    def __init__(self, qt: QApplication) -> None:
        super().__init__()
        self._qt = qt
        self.kept: list[object] = []  # what must live as long as the application
        self._bridge = Bridge()
        self._bridge.told.connect(self._see)
        self._bridge.asked.connect(self._do)
        self.instance = Instance(
            _settings,
            self._bridge.tell,
            lambda: self._bridge.asked.emit("show"),
            lambda: self._bridge.asked.emit("quit"),
        )
        self._elapsed_s = 0.0
        self._is_troubled = False
        self._tray = Tray(self)
        self._tray.toggled.connect(self.toggle)
        self._tray.pause_clicked.connect(self.instance.pause_or_resume)
        self._tray.quit_clicked.connect(self.quit)
        qt.commitDataRequest.connect(lambda _manager: self.instance.close())

    def toggle(self) -> None:
        """Start, or stop what runs."""
        if self.instance.state is not State.IDLE:
            self.instance.stop()
            return
        try:
            self.instance.begin()
        except CaptureError as error:
            self._see(Failed(error))

    def quit(self) -> None:
        """Stop what runs, wait for its file (the windows go on answering meanwhile), and end."""
        closing = threading.Thread(target=self._close, name="quit", daemon=True)
        closing.start()

    def _close(self) -> None:
        self.instance.close()
        self._bridge.asked.emit("leave")

    def _do(self, command: str) -> None:
        if command == "quit":
            self.quit()
        elif command == "leave":
            self._qt.quit()

    def _see(self, event: Event) -> None:
        if isinstance(event, StateChanged) and event.state is State.STARTING:
            self._elapsed_s, self._is_troubled = 0.0, False
        elif isinstance(event, Levels):
            if int(event.elapsed_s) == int(self._elapsed_s):
                return
            self._elapsed_s = event.elapsed_s
        elif isinstance(event, Notice):
            self._is_troubled = self._is_troubled or event.degrades
        elif isinstance(event, Finished | Failed):
            self._is_troubled = False
        self._tray.show_state(self.instance.state, self._elapsed_s, self._is_troubled)


def run() -> int:
    """The application, until it is quit; or the first instance is brought forward. Returns the exit code."""
    qt = QApplication(["loopnote"])
    qt.setApplicationName("loopnote")
    qt.setApplicationDisplayName("Loopnote")
    qt.setQuitOnLastWindowClosed(False)
    sys.excepthook = _survive
    application = Application(qt)
    try:
        server = ControlServer(application.instance.answer)
    except AlreadyRunning:
        ask("show")
        return EXIT_SAVED
    _quit_on_signals(application)
    try:
        qt.exec_()
    finally:
        application.instance.close()
        server.close()
    return EXIT_SAVED


def _settings() -> RecordingSettings:
    return request_of({}, user_settings.load()).settings


def _survive(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """PyQt ends the process after an error in a slot, unless something else is done with it. A recording must go on."""
    log.error("an error in the application", exc_info=(kind, error, trace))


def _quit_on_signals(application: Application) -> None:
    """SIGTERM, SIGINT and SIGHUP end it in order. Qt's loop runs no Python, so that a byte in a socket wakes it."""
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: None)
    notifier = QSocketNotifier(sip.voidptr(reading.fileno()), QSocketNotifier.Type.Read, application)

    def wake() -> None:
        reading.recv(64)
        application.quit()

    notifier.activated.connect(wake)
    application.kept += [reading, writing]
