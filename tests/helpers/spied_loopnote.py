"""`loopnote`, the desktop application, which also tells on its standard output what can be seen of it when asked to.

Each line "controls" on standard input is answered by a line of JSON: a list of `tests.helpers.desktop_app.Control`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from PyQt5 import sip
from PyQt5.QtCore import QPoint, QRect, QSocketNotifier
from PyQt5.QtGui import QColor, QPalette
from PyQt5.QtWidgets import QAbstractButton, QApplication, QLabel, QMenu, QWidget

from ui.cli import main
from ui.control import Answer, ControlServer
from ui.desktop import application
from ui.instance import Instance


def _fail(self: Instance) -> None:
    raise ZeroDivisionError("a bug")


class SignalledServer(ControlServer):
    """The application is told to end when its socket is just there."""

    def __init__(self, handle: Callable[[str], Answer]) -> None:
        super().__init__(handle)
        os.kill(os.getpid(), signal.SIGTERM)


class SpiedApplication(QApplication):
    """Answers while it runs; in the dark when LOOPNOTE_TEST_PALETTE says so."""

    def __init__(self, words: list[str]) -> None:
        super().__init__(words)
        if os.environ.get("LOOPNOTE_TEST_PALETTE") == "dark":
            self.setStyle("Fusion")
            self.setPalette(_dark())

    def exec_(self) -> int:  # type: ignore[override]
        asked = QSocketNotifier(sip.voidptr(0), QSocketNotifier.Type.Read, self)
        asked.activated.connect(lambda: _answer(asked))
        return QApplication.exec_()


def _dark() -> QPalette:
    """The colours of a dark desktop."""
    palette = QPalette(QColor("#33373d"), QColor("#25282c"))
    palette.setColor(QPalette.ColorRole.Highlight, QColor("#3d7edb"))
    return palette


def _answer(asked: QSocketNotifier) -> None:
    line = sys.stdin.readline()
    if not line:
        asked.setEnabled(False)
        return
    print(json.dumps([one for widget in QApplication.topLevelWidgets() for one in _seen(widget)]), flush=True)


def _seen(window: QWidget) -> list[dict[str, Any]]:
    if not window.isVisible():
        return []
    found = []
    if isinstance(window, QMenu):
        found += [
            _control(
                window, action.text(), window.actionGeometry(action), action.isEnabled(), action.isChecked(), "action"
            )
            for action in window.actions()
            if action.isVisible() and not action.isSeparator()
        ]
    for widget in window.findChildren(QWidget):
        if not widget.isVisible() or isinstance(widget, QMenu):
            continue
        text = widget.text() if isinstance(widget, QAbstractButton | QLabel) else ""
        checked = isinstance(widget, QAbstractButton) and widget.isChecked()
        name = widget.accessibleName() or text
        found.append(_control(widget, name, widget.rect(), widget.isEnabled(), checked, type(widget).__name__))
    return found


def _control(widget: QWidget, name: str, box: QRect, enabled: bool, checked: bool, kind: str) -> dict[str, Any]:
    at = widget.mapToGlobal(QPoint(box.left(), box.top()))
    return {
        "name": name.replace("&", ""),
        "kind": kind,
        "box": [at.x(), at.y(), box.width(), box.height()],
        "enabled": enabled,
        "checked": checked,
        "focusable": bool(widget.focusPolicy()),
        "window": window.windowTitle() if (window := widget.window()) else "",
    }


if __name__ == "__main__":
    if os.environ.get("LOOPNOTE_TEST_SIGNAL") == "socket":
        application.ControlServer = SignalledServer  # type: ignore[attr-defined,assignment]
    if os.environ.get("LOOPNOTE_TEST_BUG") == "Pause":
        Instance.pause_or_resume = _fail  # type: ignore[method-assign]
    application.QApplication = SpiedApplication  # type: ignore[attr-defined,assignment]
    sys.exit(main(sys.argv[1:]))
