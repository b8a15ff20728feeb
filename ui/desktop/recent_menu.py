"""The part of the menu with the last recordings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PyQt5.QtCore import QObject, pyqtSignal
from PyQt5.QtWidgets import QAction, QMenu

from capture.errors import CaptureError
from ui.desktop import files
from ui.desktop.files import Trashed
from ui.desktop.recent import Recent
from ui.text import printable


class RecentMenu(QObject):
    """A submenu of `menu`; also what other windows do with a file goes through it, so that it is told in one way."""

    failed = pyqtSignal(object)  # a CaptureError
    deleted = pyqtSignal(object)  # a Trashed
    brought_back = pyqtSignal(object)  # a Path
    copied = pyqtSignal(object)  # a Path

    def __init__(self, menu: QMenu, recent: Recent, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._recent = recent
        self._trashed: Trashed | None = None
        self.menu = QMenu(self.tr("&Last recordings"), menu)
        menu.addMenu(self.menu)
        self.menu.aboutToShow.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """List what is there now."""
        self.menu.clear()
        for old in self.menu.findChildren(QMenu):
            old.deleteLater()
        if self._trashed is not None:
            text = self.tr("&Bring back {name}").format(name=_shown(self._trashed.file))
            self._add(self.menu, text, self.bring_back)
            self.menu.addSeparator()
        found = self._recent.files()
        for file in found:
            submenu = QMenu(_shown(file), self.menu)
            self.menu.addMenu(submenu)
            self._add(submenu, self.tr("&Play"), partial(self.play, file))
            self._add(submenu, self.tr("&Show in folder"), partial(self.show_in_folder, file))
            self._add(submenu, self.tr("&Copy"), partial(self.copy, file))
            submenu.addSeparator()
            self._add(submenu, self.tr("&Delete"), partial(self.delete, file))
        if not found:
            action = QAction(self.tr("None yet"), self.menu)
            action.setEnabled(False)
            self.menu.addAction(action)

    def play(self, file: Path) -> None:
        """With the desktop's own player."""
        self._do(lambda: files.play(file))

    def show_in_folder(self, file: Path) -> None:
        """In the file manager."""
        files.show_in_folder(file, self, self.failed.emit)

    def copy(self, file: Path) -> None:
        """Into the clipboard, to be pasted into a chat, a mail or a folder."""
        files.copy(file)
        self.copied.emit(file)

    def delete(self, file: Path) -> None:
        """Into the trash; `bring_back` undoes it."""
        if trashed := self.discard(file):
            self.deleted.emit(trashed)

    def discard(self, file: Path) -> Trashed | None:
        """The same, without a word unless it could not be and was kept: then None."""
        try:
            self._trashed = files.move_to_trash(file)
        except CaptureError as error:
            self.failed.emit(error)
            return None
        return self._trashed

    def bring_back(self) -> None:
        """Undo the last deletion."""
        trashed, self._trashed = self._trashed, None
        if trashed is None:
            return
        try:
            file = trashed.bring_back()
        except CaptureError as error:
            self.failed.emit(error)
            return
        self._recent.add(file)
        self.brought_back.emit(file)

    def _do(self, action: Callable[[], None]) -> None:
        try:
            action()
        except CaptureError as error:
            self.failed.emit(error)

    def _add(self, menu: QMenu, text: str, do: Callable[[], object]) -> None:
        action = QAction(text, menu)
        action.triggered.connect(lambda checked=False: _run(do))
        menu.addAction(action)


def _run(do: Callable[[], object]) -> None:
    do()


def _shown(file: Path) -> str:
    return printable(file.name).replace("&", "&&")
