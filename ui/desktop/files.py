"""What is done with a saved recording: play, show, copy, and delete in a way that can be undone."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PyQt5.QtCore import QFile, QMimeData, QObject, QStandardPaths, QUrl
from PyQt5.QtDBus import QDBusConnection, QDBusMessage
from PyQt5.QtGui import QDesktopServices, QGuiApplication

from capture.errors import OutputError
from capture.output.names import free_name
from ui.desktop.dbus import call, texts

_MANAGER = "org.freedesktop.FileManager1"
NO_PROGRAM = "Choose a program for such files in your desktop's settings."


def play(file: Path) -> None:
    """With the program that the desktop has for it. Raises `OutputError`."""
    _open(file, f"no program was found that plays {file.name}")


def show_in_folder(file: Path, parent: QObject, on_error: Callable[[OutputError], None]) -> None:
    """Let the file manager show the folder with the file chosen in it, or at least the folder. Never blocks."""

    def open_folder() -> None:
        try:
            _open(file.parent, f"no program was found that shows {file.parent}")
        except OutputError as error:
            on_error(error)

    if sys.platform == "win32":
        subprocess.Popen(["explorer", "/select,", str(file)])
        return
    if sys.platform == "darwin" or not QDBusConnection.sessionBus().isConnected():
        open_folder()
        return
    asked = QDBusMessage.createMethodCall(_MANAGER, "/org/freedesktop/FileManager1", _MANAGER, "ShowItems")
    asked.setArguments([texts([bytes(_url(file).toEncoded()).decode()]), ""])
    call(asked, parent, lambda answer: open_folder() if answer is None else None)


def copy(file: Path) -> None:
    """Put the file itself into the clipboard: it can be pasted into a folder, a chat or a mail."""
    url = _url(file)
    encoded = bytes(url.toEncoded())
    data = QMimeData()
    data.setUrls([url])
    data.setData("x-special/gnome-copied-files", b"copy\n" + encoded)  # what GNOME's and other file managers ask for
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None
    clipboard.setMimeData(data)


@dataclass(frozen=True, slots=True)
class Trashed:
    """A file that was moved to the desktop's trash, where it stays until that is emptied."""

    file: Path
    in_trash: Path

    def bring_back(self) -> Path:
        """Move it back to where it was, or beside what lies there now. Returns where it is. Raises `OutputError`."""
        target = free_name(self.file)
        try:
            self.in_trash.rename(target)
        except OSError as error:
            raise OutputError(
                f"{self.file.name} could not be brought back: {error.strerror}", "Look into the desktop's trash."
            ) from error
        # The trash keeps a note of each file beside it (freedesktop.org's trash specification).
        with contextlib.suppress(OSError):
            (self.in_trash.parent.parent / "info" / f"{self.in_trash.name}.trashinfo").unlink()
        return target


def move_to_trash(file: Path) -> Trashed:
    """Delete it so that it can be had back. Raises `OutputError`, and the file stays where it is."""
    # Qt makes the trash's own folders, but not the one that they lie in.
    data = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericDataLocation)
    with contextlib.suppress(OSError):
        Path(data).mkdir(parents=True, exist_ok=True, mode=0o700)
    done, where = QFile.moveToTrash(str(file))
    if not done or not where:
        raise OutputError(
            f"{file.name} could not be moved to the trash, so it was kept", f"It is in {file.parent}. Delete it there."
        )
    return Trashed(file, Path(where))


def _open(path: Path, complaint: str) -> None:
    if not path.exists():
        raise OutputError(f"{path.name} is no longer there", f"It was in {path.parent}.")
    if not QDesktopServices.openUrl(_url(path)):
        raise OutputError(complaint, NO_PROGRAM)


def _url(path: Path) -> QUrl:
    return QUrl.fromLocalFile(os.fspath(path))
