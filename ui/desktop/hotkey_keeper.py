"""The application's hotkeys as the user wants them: bound at start, edited in the settings window, kept in its file."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from PyQt5.QtCore import QObject
from PyQt5.QtWidgets import QWidget

from capture.errors import CaptureError, SettingsError
from ui.desktop import preferences
from ui.desktop.hotkeys import DEFAULTS, hotkeys
from ui.desktop.hotkeys.thread import Hotkeys
from ui.desktop.key_edit import KeyEdit

log = logging.getLogger(__name__)

# What works already.
NAMES = ("toggle", "pause")


class HotkeyKeeper(QObject):
    """Main thread only. `on_pressed(name)` is called by another thread: see `HotkeyThread`."""

    def __init__(
        self,
        on_pressed: Callable[[str], None],
        parent: QObject | None = None,
        path: Path | None = None,
        make: Callable[[Callable[[str], None]], Hotkeys] = hotkeys,
    ) -> None:
        super().__init__(parent)
        self._path = path
        self._held = make(on_pressed)
        self._wanted = self._kept()
        self._edits: dict[str, KeyEdit] = {}
        self._is_edited = False
        for name, problem in self._held.set(self._wanted).items():
            log.warning("the hotkey %s for %s: %s", self._wanted[name], name, problem)

    def close(self) -> None:
        """Give all keys back."""
        self._held.close()

    def troubles(self) -> list[CaptureError]:
        """What to tell at start: keys that others have. That a desktop has none at all is no news each time."""
        if self._held.lack:
            return []
        hint = self.tr("Choose another one in the settings.")
        words = self.tr("the hotkey {keys} does not work: {problem}")
        return [
            CaptureError(words.format(keys=self._wanted[name], problem=problem), hint)
            for name, problem in self._held.problems.items()
        ]

    def working(self, name: str) -> str:
        """The keys for that; empty when there are none, or they cannot be had."""
        return "" if self._held.lack or name in self._held.problems else self._wanted.get(name, "")

    def edits(self) -> dict[str, QWidget]:
        """New fields for the settings window, by their labels. `keep` or `forget` what was entered in them."""
        labels = {"toggle": self.tr("Start and stop"), "pause": self.tr("Pause and go on")}
        self._edits = {}
        for name in NAMES:
            edit = KeyEdit(labels[name], self._wanted.get(name, ""), partial(self._try, name))
            edit.is_listening.connect(self._listen)
            if problem := self._held.problems.get(name):
                edit.show_problem(problem)
            self._edits[name] = edit
        return {labels[name]: edit for name, edit in self._edits.items()}

    def keep(self) -> None:
        """Write what was entered into the settings file. Raises `SettingsError`."""
        self._listen(False)
        if self._is_edited:
            changed = {name: keys for name, keys in self._wanted.items() if keys != DEFAULTS[name]}
            preferences.save(replace(preferences.load(self._path), hotkeys=changed), self._path)
            self._is_edited = False

    def forget(self) -> None:
        """Back to what the settings file has."""
        self._wanted = self._kept()
        self._is_edited = False
        self._listen(False)

    def _kept(self) -> dict[str, str]:
        try:
            own = preferences.load(self._path).hotkeys
        except SettingsError as error:
            log.warning("the hotkeys are the built-in ones: %s", error)
            own = {}
        return {name: own.get(name, DEFAULTS[name]) for name in NAMES}

    def _try(self, name: str, keys: str) -> str:
        """Whether these can be had is found out by having them for a moment."""
        wanted = {**self._wanted, name: keys}
        problem = self._held.lack or self._held.set(wanted).get(name, "")
        self._held.set({})  # until the field has lost the focus
        if not problem:
            self._is_edited = self._is_edited or wanted != self._wanted
            self._wanted = wanted
        return problem

    def _listen(self, yes: bool) -> None:
        """While keys are pressed to be shown, they must not act."""
        self._held.set({} if yes else self._wanted)
