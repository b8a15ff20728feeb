"""Questions that may take a while (a sound server, a disk) are asked in a thread; the answer comes as a signal."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from PyQt5.QtCore import QObject, pyqtSignal

log = logging.getLogger(__name__)


class Background(QObject):
    """Asks one question, again and again: `ask` returns at once, and `answered` brings what it gave.

    While a question is being answered another one is not begun: one that hangs takes one thread, and no more.
    """

    answered = pyqtSignal(object)

    def __init__(self, name: str, question: Callable[[], object], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._question = question
        self._is_asking = False
        self.answered.connect(self._done)

    def ask(self) -> None:
        """Main thread only."""
        if not self._is_asking:
            self._is_asking = True
            threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def _run(self) -> None:
        answer: object = None
        try:
            answer = self._question()
        except Exception:  # whatever it is, it is no reason for more than an answer that is not there
            log.debug("%s", self._name, exc_info=True)
        try:
            self.answered.emit(answer)
        except RuntimeError:
            log.debug("the application has ended before %s was done", self._name)

    def _done(self, answer: object) -> None:
        self._is_asking = False
