"""`loopnote` without a command: one instance, its windows, and its orderly end."""

from __future__ import annotations

import importlib
import logging
import signal
import socket
import sys
import threading
from types import TracebackType

from PyQt5 import sip
from PyQt5.QtCore import QObject, QSocketNotifier
from PyQt5.QtWidgets import QApplication

from capture.errors import CaptureError
from capture.model import Event, Failed, Finished, State
from ui.control import AlreadyRunning, ControlServer, ask
from ui.desktop.bridge import Bridge
from ui.desktop.choice import Choice
from ui.desktop.face import Face
from ui.desktop.hotkeys import DEFAULTS, hotkeys
from ui.desktop.hotkeys.thread import Hotkeys
from ui.instance import Instance
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
        self.face.quit_clicked.connect(self.quit)
        qt.commitDataRequest.connect(lambda _manager: self.instance.close())
        self.hotkeys = self._begin_hotkeys()

    def toggle(self) -> None:
        """Start, or stop what runs."""
        if self.instance.state is not State.IDLE:
            self.instance.stop()
            return
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

    def _begin_hotkeys(self) -> Hotkeys:
        """Start and pause wherever the focus is. What cannot be had is no reason not to start."""
        made = hotkeys(self._bridge.asked.emit)
        for name, problem in made.set({name: DEFAULTS[name] for name in ("toggle", "pause")}).items():
            log.warning("the hotkey %s for %s: %s", DEFAULTS[name], name, problem)
        return made

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
            self._qt.quit()

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

    def _pick(self, kind: str) -> None:
        """Let a "region" or a "window" be chosen on the screen."""
        try:
            selector = importlib.import_module("ui.desktop.region_selector").RegionSelector(kind, parent=self)
            selector.chosen.connect(self._picked)
            for over in (selector.chosen, selector.cancelled):
                over.connect(selector.deleteLater)
            selector.begin()
        except ImportError:
            error = CaptureError("this version cannot choose on the screen yet", "Use: loopnote record --screen AREA")
            self.face.reports.failed(error)
        except CaptureError as error:
            self.face.reports.failed(error)

    def _picked(self, spec: str) -> None:
        try:
            self._choice.record_screen(spec)
        except CaptureError as error:
            self.face.reports.failed(error)
        self.face.show_choice()


def run() -> int:
    """The application, until it is quit; or the first instance is brought forward. Returns the exit code."""
    qt = QApplication(["loopnote"])
    qt.setApplicationName("loopnote")
    qt.setApplicationDisplayName("Loopnote")
    qt.setQuitOnLastWindowClosed(False)
    application = Application(qt)
    sys.excepthook = application.survive
    try:
        server = ControlServer(application.instance.answer)
    except AlreadyRunning:
        ask("show")
        return EXIT_SAVED
    _quit_on_signals(application)
    application.face.begin()
    try:
        qt.exec_()
    finally:
        application.hotkeys.close()
        application.instance.close()
        server.close()
    return EXIT_SAVED


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
