"""A desktop's notification service, as a program: it writes down what it is asked to show, and clicks when told to.

Each message is a line of JSON on standard output: {"id", "title", "text", "buttons", "urgency"}. A line on standard
input, "ID KEY", invokes that action. Freedesktop.org's Desktop Notifications Specification 1.2.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from PyQt5 import sip
from PyQt5.QtCore import Q_CLASSINFO, QCoreApplication, QObject, QSocketNotifier, pyqtSlot
from PyQt5.QtDBus import QDBusConnection, QDBusMessage

from tests.helpers.children import start_in
from tests.helpers.processes import wait_until
from virtual_desktop import VirtualDesktop

NAME = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"


class Server(QObject):
    """Answers on the bus."""

    Q_CLASSINFO("D-Bus Interface", NAME)

    def __init__(self, capabilities: list[str]) -> None:
        super().__init__()
        self._capabilities = capabilities
        self._number = 0

    @pyqtSlot(QDBusMessage)
    def GetCapabilities(self, message: QDBusMessage) -> None:  # noqa: N802 - D-Bus's own name
        QDBusConnection.sessionBus().send(message.createReply([self._capabilities]))

    @pyqtSlot(QDBusMessage)
    def Notify(self, message: QDBusMessage) -> None:  # noqa: N802
        self._number += 1
        _, _, _, title, text, buttons, hints, _ = message.arguments()
        print(
            json.dumps(
                {
                    "id": self._number,
                    "signature": message.signature(),
                    "title": title,
                    "text": text,
                    "buttons": buttons,
                    "urgency": ord(hints["urgency"]),  # D-Bus's byte
                }
            ),
            flush=True,
        )
        reply = message.createReply()
        from ui.desktop.dbus import unsigned

        reply.setArguments([unsigned(self._number)])
        QDBusConnection.sessionBus().send(reply)

    def invoke(self, number: int, key: str) -> None:
        """As if that button were clicked."""
        from ui.desktop.dbus import unsigned

        signal = QDBusMessage.createSignal(PATH, NAME, "ActionInvoked")
        signal.setArguments([unsigned(number), key])
        QDBusConnection.sessionBus().send(signal)


@dataclass
class Shown:
    """What a running service was asked to show; made by `notification_server`."""

    process: subprocess.Popen[str]
    messages: list[dict[str, Any]] = field(default_factory=list)

    def wait_for(self, title: str) -> dict[str, Any]:
        """The newest message whose title begins so, as soon as it is there."""
        found: list[dict[str, Any]] = []

        def look() -> bool:
            found[:] = [one for one in self.messages if one["title"].startswith(title)]
            return bool(found)

        wait_until(look, f"the message {title!r}", 15, lambda: f"but {self.messages}")
        return found[-1]

    def click(self, message: dict[str, Any], button: str) -> None:
        """Press the button of that text."""
        key = message["buttons"][message["buttons"].index(button) - 1]
        assert self.process.stdin is not None
        self.process.stdin.write(f"{message['id']} {key}\n")
        self.process.stdin.flush()

    def read(self) -> None:
        """Body of the reading thread."""
        assert self.process.stdout is not None
        with contextlib.suppress(ValueError):
            for line in self.process.stdout:
                if line.startswith("{"):
                    self.messages.append(json.loads(line))


@contextlib.contextmanager
def notification_server(desktop: VirtualDesktop, *capabilities: str) -> Iterator[Shown]:
    """Run one in `desktop`, which can do that ("actions", "body", "body-markup")."""
    command = [sys.executable, "-m", "tests.helpers.notification_server", *capabilities]
    with start_in(desktop, command, stdin=subprocess.PIPE, env={"QT_QPA_PLATFORM": "offscreen"}) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        shown = Shown(process)
        reader = threading.Thread(target=shown.read, name="notifications", daemon=True)
        reader.start()
        yield shown
        process.kill()
        reader.join(5)


def main() -> None:
    """Serve until it is killed."""
    application = QCoreApplication(sys.argv)
    server = Server(sys.argv[1:])
    bus = QDBusConnection.sessionBus()
    assert bus.registerObject(PATH, server, QDBusConnection.RegisterOption.ExportAllSlots)
    assert bus.registerService(NAME)
    asked = QSocketNotifier(sip.voidptr(0), QSocketNotifier.Type.Read, application)

    def click() -> None:
        line = sys.stdin.readline()
        if not line:
            asked.setEnabled(False)
            return
        number, key = line.split()
        server.invoke(int(number), key)

    asked.activated.connect(click)
    print("ready", flush=True)
    application.exec_()


if __name__ == "__main__":
    main()
