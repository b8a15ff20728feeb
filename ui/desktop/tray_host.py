"""Whether this desktop has a place for icons, and when one comes or goes: a panel may start after Loopnote.

Qt 5 asks once in a process whether there is a StatusNotifier host, at the first question about icons at all, and makes
none of that kind ever after if there was none. So it is asked nothing before one of the two kinds of host is there; the
other kind, XEmbed, it follows by itself.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import Any

from PyQt5.QtCore import QObject, QSocketNotifier, QTimer, QVariant, pyqtSignal, pyqtSlot
from PyQt5.QtDBus import QDBusConnection, QDBusMessage
from PyQt5.QtGui import QGuiApplication

log = logging.getLogger(__name__)

_WATCHER = "org.kde.StatusNotifierWatcher"
_PATH = "/StatusNotifierWatcher"
# A bus answers at once; this is for one that hangs, which must not keep the application from starting.
_ANSWER_MS = 1000


class TrayHost(QObject):
    """`changed` is emitted when a host came (True) or the last one went. Main thread only."""

    changed = pyqtSignal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._is_everywhere = sys.platform in ("win32", "darwin")
        self._notifier_host = False
        self._panel: _XPanel | None = None
        if self._is_everywhere:
            return
        self._watch_bus()
        if QGuiApplication.platformName() == "xcb":
            try:
                self._panel = _XPanel(self)
                self._panel.changed.connect(self._look)
            except Exception:  # no X11 library, or no server: then there is no such panel either
                log.debug("panels on X11 are not seen", exc_info=True)
        self._was_there = self.is_there

    @property
    def is_there(self) -> bool:
        """Whether an icon would be seen now."""
        return self._is_everywhere or self._notifier_host or (self._panel is not None and self._panel.is_there)

    def _watch_bus(self) -> None:
        bus = QDBusConnection.sessionBus()
        if not bus.isConnected():
            return
        for name in ("StatusNotifierHostRegistered", "StatusNotifierHostUnregistered"):
            bus.connect(_WATCHER, _PATH, _WATCHER, name, self._ask_bus)
        bus.connect(
            "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", self._owner
        )
        self._notifier_host = _has_host(bus)

    @pyqtSlot(QDBusMessage)
    def _owner(self, message: QDBusMessage) -> None:
        if message.arguments()[:1] == [_WATCHER]:
            self._ask_bus(message)

    @pyqtSlot(QDBusMessage)
    def _ask_bus(self, message: QDBusMessage) -> None:
        self._notifier_host = _has_host(QDBusConnection.sessionBus())
        self._look()

    def _look(self) -> None:
        if self.is_there is not self._was_there:
            self._was_there = self.is_there
            self.changed.emit(self._was_there)


def _has_host(bus: QDBusConnection) -> bool:
    interface = bus.interface()
    if interface is None or not interface.isServiceRegistered(_WATCHER).value():
        return False
    call = QDBusMessage.createMethodCall(_WATCHER, _PATH, "org.freedesktop.DBus.Properties", "Get")
    call.setArguments([_WATCHER, "IsStatusNotifierHostRegistered"])
    answer = bus.call(call, timeout=_ANSWER_MS).arguments()
    value = answer[0] if answer else False
    if hasattr(value, "variant"):
        value = value.variant()
    return bool(value.value() if isinstance(value, QVariant) else value)


class _XPanel(QObject):
    """Who owns the tray of a screen (freedesktop.org's System Tray Protocol), watched by a connection of its own."""

    changed = pyqtSignal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        from Xlib import X
        from Xlib.display import Display

        self._x: Any = X
        self._display = Display()
        self._display.set_error_handler(lambda *_: None)  # an owner may go while it is looked at
        self._tray = self._display.intern_atom(f"_NET_SYSTEM_TRAY_S{self._display.get_default_screen()}")
        self._manager = self._display.intern_atom("MANAGER")
        self._display.screen().root.change_attributes(event_mask=X.StructureNotifyMask)
        self.is_there = False
        self._look()
        self._notifier = QSocketNotifier(self._display.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._read)
        QTimer.singleShot(0, self._read)  # what came while it was being asked is there already, and wakes nobody

    def _look(self) -> None:
        owner = self._display.get_selection_owner(self._tray)
        self.is_there = owner != self._x.NONE
        if self.is_there:
            owner.change_attributes(event_mask=self._x.StructureNotifyMask)  # its end is seen as the window's
            self._display.sync()

    def _read(self) -> None:
        try:
            while self._display.pending_events():
                event = self._display.next_event()
                came = event.type == self._x.ClientMessage and event.client_type == self._manager
                if came or event.type == self._x.DestroyNotify:
                    before = self.is_there
                    self._look()
                    if self.is_there is not before:
                        self.changed.emit()
        except Exception:  # the server ended, and Qt with it
            log.debug("panels on X11 are not seen any more", exc_info=True)
            self._notifier.setEnabled(False)
            with contextlib.suppress(Exception):
                self._display.close()
