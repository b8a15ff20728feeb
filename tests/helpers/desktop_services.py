"""A file manager, and a panel of the newer kind (StatusNotifier), as programs on the bus: they print what they hear.

python -m tests.helpers.desktop_services files|panel
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from PyQt5 import QtCore
from PyQt5.QtCore import Q_CLASSINFO, QCoreApplication, QObject, pyqtSignal, pyqtSlot
from PyQt5.QtDBus import QDBusConnection

from tests.helpers.children import start_in
from virtual_desktop import VirtualDesktop


class Service(QObject):
    """Where it is on the bus."""

    name, path = "", ""


class Files(Service):
    """freedesktop.org's file manager interface."""

    Q_CLASSINFO("D-Bus Interface", "org.freedesktop.FileManager1")
    name, path = "org.freedesktop.FileManager1", "/org/freedesktop/FileManager1"

    @pyqtSlot("QStringList", str)
    def ShowItems(self, urls: list[str], startup: str) -> None:  # noqa: N802 - D-Bus's own name
        print("shown", *urls, flush=True)


class Panel(Service):
    """What KDE's panel, and others after it, offer to programs that have an icon."""

    Q_CLASSINFO("D-Bus Interface", "org.kde.StatusNotifierWatcher")
    name, path = "org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher"
    StatusNotifierHostRegistered = pyqtSignal()

    @QtCore.pyqtProperty(bool)  # type: ignore[attr-defined]
    def IsStatusNotifierHostRegistered(self) -> bool:  # noqa: N802
        return True

    @pyqtSlot(str)
    def RegisterStatusNotifierItem(self, service: str) -> None:  # noqa: N802
        print("icon", service, flush=True)


@contextlib.contextmanager
def desktop_service(desktop: VirtualDesktop, kind: str) -> Iterator[subprocess.Popen[str]]:
    """Run "files" or "panel" in `desktop`; its standard output tells what it is asked to do, a line each."""
    command = [sys.executable, "-m", "tests.helpers.desktop_services", kind]
    with start_in(desktop, command, env={"QT_QPA_PLATFORM": "offscreen"}) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


def main() -> None:
    """Serve until it is killed."""
    application = QCoreApplication(sys.argv)
    service: Service = {"files": Files, "panel": Panel}[sys.argv[1]]()
    bus = QDBusConnection.sessionBus()
    assert bus.registerObject(service.path, service, QDBusConnection.RegisterOption.ExportAllContents)
    assert bus.registerService(service.name)
    print("ready", flush=True)
    application.exec_()


if __name__ == "__main__":
    main()
