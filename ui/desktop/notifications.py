"""Short messages on the desktop: saved, not whole, failed. Through the desktop's notification service where there is
one (freedesktop.org's Desktop Notifications Specification), which can have buttons; by the icon in the panel else.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PyQt5.QtCore import QObject, QTimer, pyqtSlot
from PyQt5.QtDBus import QDBusConnection, QDBusMessage
from PyQt5.QtWidgets import QSystemTrayIcon

from ui.desktop.dbus import byte, call, texts, unsigned

log = logging.getLogger(__name__)

_NAME = "org.freedesktop.Notifications"
_PATH = "/org/freedesktop/Notifications"
_NORMAL, _CRITICAL = 1, 2
# How many are remembered for their buttons: a desktop shows a few, and keeps a list of the older ones.
_REMEMBERED = 32
_SHOWN_MS = 8000
_LEAVE_MS = 1000


@dataclass(frozen=True, slots=True)
class Button:
    """What can be done about a message, where the desktop has buttons for it."""

    text: str
    do: Callable[[], object]


class Notifications(QObject):
    """Main thread only; `show` never blocks. `icon` gives the icon in the panel, if there is one."""

    def __init__(self, icon: Callable[[], QSystemTrayIcon | None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._icon = icon
        self._buttons: dict[int, Sequence[Button]] = {}
        self._on_their_way = 0
        self._then: Callable[[], object] = lambda: None
        self._bus = QDBusConnection.sessionBus()
        if self._bus.isConnected():
            self._bus.connect("", _PATH, _NAME, "ActionInvoked", self._invoked)
            self._bus.connect("", _PATH, _NAME, "NotificationClosed", self._closed)

    def show(self, title: str, text: str = "", buttons: Sequence[Button] = (), urgent: bool = False) -> None:
        """Say it. The first of the buttons is also what a click on the message itself does."""
        if not self._bus.isConnected():
            self._show_by_icon(title, text, buttons, urgent)
            return
        self._on_their_way += 1
        # What the service can do is asked each time: another may have taken its place.
        asked = QDBusMessage.createMethodCall(_NAME, _PATH, _NAME, "GetCapabilities")

        def known(answer: list[Any] | None) -> None:
            if answer is None:
                self._show_by_icon(title, text, buttons, urgent)
                self._arrived()
            else:
                self._send(title, text, buttons, urgent, [str(one) for one in (answer or [[]])[0]])

        call(asked, self, known)

    def when_sent(self, then: Callable[[], object]) -> None:
        """Call `then`, once, when all that was shown so far is with the service, or it has not answered for a second.

        For the end of the application: that a recording was saved is said as the last thing.
        """
        timer = QTimer(self)
        timer.setSingleShot(True)

        def done() -> None:
            self._then = lambda: None
            timer.stop()
            then()

        timer.timeout.connect(done)
        timer.start(_LEAVE_MS if self._on_their_way else 0)
        self._then = done

    def _arrived(self) -> None:
        self._on_their_way -= 1
        if not self._on_their_way:
            self._then()

    def _send(
        self, title: str, text: str, buttons: Sequence[Button], urgent: bool, capabilities: Sequence[str]
    ) -> None:
        labels: list[str] = []
        if "actions" in capabilities and buttons:
            labels = ["default", buttons[0].text]
            for number, button in enumerate(buttons):
                labels += [str(number), button.text]
        body = html.escape(text, quote=False) if "body-markup" in capabilities else text
        hints = {"desktop-entry": "loopnote", "urgency": byte(_CRITICAL if urgent else _NORMAL)}
        message = QDBusMessage.createMethodCall(_NAME, _PATH, _NAME, "Notify")
        message.setArguments(["Loopnote", unsigned(0), "loopnote", title, body, texts(labels), hints, -1])

        def sent(answer: list[Any] | None) -> None:
            self._arrived()
            if not answer:
                self._show_by_icon(title, text, buttons, urgent)
                return
            self._buttons[int(answer[0])] = buttons
            while len(self._buttons) > _REMEMBERED:
                del self._buttons[next(iter(self._buttons))]

        call(message, self, sent)

    def _show_by_icon(self, title: str, text: str, buttons: Sequence[Button], urgent: bool) -> None:
        icon = self._icon()
        if icon is None:
            log.info("not shown: %s %s", title, text)
            return
        kind = QSystemTrayIcon.MessageIcon.Warning if urgent else QSystemTrayIcon.MessageIcon.Information
        icon.showMessage(title, text, kind, _SHOWN_MS)

    @pyqtSlot(QDBusMessage)
    def _invoked(self, message: QDBusMessage) -> None:
        number, key = [*message.arguments(), 0, ""][:2]
        buttons = self._buttons.get(int(number), ())
        index = 0 if key == "default" else int(key) if str(key).isdigit() else -1
        if 0 <= index < len(buttons):
            buttons[index].do()

    @pyqtSlot(QDBusMessage)
    def _closed(self, message: QDBusMessage) -> None:
        # A message that has gone out of sight (reason 1) may be clicked in the desktop's list of them.
        number, reason = [*message.arguments(), 0, 0][:2]
        if int(reason) != 1:
            self._buttons.pop(int(number), None)
