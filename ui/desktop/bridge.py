"""The one crossing from other threads into Qt's: what recorders tell, and what is asked from outside."""

from __future__ import annotations

from PyQt5.QtCore import QObject, pyqtSignal

from capture.model import Event


class Bridge(QObject):
    """`told` and `asked` are received in the main thread, in the order of sending. Send from any thread."""

    told = pyqtSignal(object)  # an Event of capture.model
    asked = pyqtSignal(str)  # "show", "quit", or a hotkey's name

    def tell(self, event: Event) -> None:
        """For `Instance`: never blocks."""
        self.told.emit(event)
