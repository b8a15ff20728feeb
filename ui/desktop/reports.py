"""What is told when something has happened: on the desktop, and in the window where that is open."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import QObject

from capture.errors import CaptureError
from capture.model import Notice, RecordingResult
from ui.desktop.files import Trashed
from ui.desktop.notifications import Button, Notifications
from ui.desktop.recent_menu import RecentMenu
from ui.desktop.window import Window
from ui.repairs import Repairs
from ui.text import length_in_words, printable, sentence, size_in_words

# So much of what is amiss is told in a message; the window and `record --json` have it all.
REASONS_TOLD = 3


class Reports(QObject):
    """Main thread only."""

    def __init__(self, notifications: Notifications, window: Window, recent: RecentMenu, parent: QObject) -> None:
        super().__init__(parent)
        self._notifications = notifications
        self._window = window
        self._recent = recent
        self._said_before: set[str] = set()
        self.are_all_wanted = True  # else only what is amiss is told on the desktop
        recent.failed.connect(self.failed)
        recent.deleted.connect(self.deleted)
        recent.brought_back.connect(self.brought_back)
        recent.copied.connect(self.copied)

    def saved(self, result: RecordingResult) -> None:
        """A recording is whole, or it is not, and then why."""
        file = result.file
        length = self.tr("{name}, {length}").format(name=file.name, length=length_in_words(result.duration_s))
        text = f"{length}, {size_in_words(_size_bytes(file))}"
        reasons = [sentence(reason) for reason in result.degraded]
        if result.audio is not None and result.audio.silent:
            reasons.append(self.tr("Nothing but silence was heard"))
        title = self.tr("Recording saved")
        if reasons:
            title = self.tr("Recording saved, but something is amiss")
            told = reasons[:REASONS_TOLD]
            if len(reasons) > REASONS_TOLD:
                told.append(self.tr("and %n more", "", len(reasons) - REASONS_TOLD))
            text = "\n".join([text, *told])
        buttons = [
            Button(self.tr("Play"), lambda: self._recent.play(file)),
            Button(self.tr("Show"), lambda: self._recent.show_in_folder(file)),
            Button(self.tr("Share"), lambda: self._recent.copy(file)),
        ]
        if self.are_all_wanted or reasons:
            self._notifications.show(title, text, buttons)
        self._window.say(title, "\n".join([length, *reasons]), file)

    def failed(self, error: Exception) -> None:
        """There is no recording, or something could not be done: why, and what to do."""
        title = sentence(str(error))
        hint = printable(error.hint) if isinstance(error, CaptureError) else ""
        self._notifications.show(self.tr("Loopnote"), f"{title}\n{hint}".strip(), urgent=True)
        self._window.say(title, hint)

    def noticed(self, notice: Notice, fix: Button | None) -> None:
        """Something to be read while it is recorded, and the recorder is not in sight."""
        self._notifications.show(
            sentence(notice.text), "" if fix else printable(notice.hint), [fix] if fix else [], urgent=notice.degrades
        )

    def deleted(self, trashed: Trashed) -> None:
        """It is in the trash; said where it can be undone."""
        if self.are_all_wanted:
            self._notifications.show(self._in_trash(trashed), "", [Button(self.tr("Undo"), self._recent.bring_back)])
        self.discarded(trashed)

    def discarded(self, trashed: Trashed) -> None:
        """The same of one that was just being recorded: the panel or the window, which is in sight, says it."""
        self._window.say(self._in_trash(trashed), is_undo=True)

    def _in_trash(self, trashed: Trashed) -> str:
        return self.tr("{name} was moved to the trash").format(name=printable(trashed.file.name))

    def brought_back(self, file: Path) -> None:
        """A deleted one is there again."""
        self._window.say(self.tr("{name} is back").format(name=printable(file.name)), str(file.parent), file)

    def copied(self, file: Path) -> None:
        """It is in the clipboard: nobody sees that otherwise."""
        title = self.tr("{name} was copied").format(name=printable(file.name))
        text = self.tr("Paste it into a chat, a mail or a folder.")
        if self.are_all_wanted:
            self._notifications.show(title, text)
        self._window.say(title, text, file)

    def repaired(self, repairs: object) -> None:
        """What a crash had left, and what became of it; nothing where there was nothing."""
        if not isinstance(repairs, Repairs):
            return
        for done in repairs.repaired:
            file = done.file
            title = self.tr("A broken-off recording was repaired")
            text = self.tr("{name}, {length}").format(name=file.name, length=length_in_words(done.duration_s))
            buttons = [
                Button(self.tr("Play"), lambda file=file: self._recent.play(file)),  # type: ignore[misc]
                Button(self.tr("Show"), lambda file=file: self._recent.show_in_folder(file)),  # type: ignore[misc]
            ]
            self._notifications.show(title, text, buttons)
            self._window.say(title, text, file)
        for leftover, error in repairs.refused:
            title = self.tr("A broken-off recording could not be repaired; it was left as it is")
            text = f"{printable(str(leftover.part))}\n{printable(str(error))}"
            self._notifications.show(title, text, urgent=True)
            self._window.say(title, text)

    def bug(self, error: BaseException, is_recording: bool) -> None:
        """An error of Loopnote's own, in one line; once only, since what is drawn ten times a second fails as often."""
        text = f"{type(error).__name__}: {error}"
        if text in self._said_before:
            return
        self._said_before.add(text)
        title = self.tr("An error inside Loopnote")
        if is_recording:
            title = self.tr("An error inside Loopnote; the recording goes on")
        self._notifications.show(title, printable(text), urgent=True)
        self._window.say(title, printable(text))


def _size_bytes(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
