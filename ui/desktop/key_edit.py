"""A hotkey, set by pressing it."""

from __future__ import annotations

from collections.abc import Callable

from PyQt5.QtCore import QEvent, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QFocusEvent, QIcon, QKeyEvent, QKeySequence, QResizeEvent
from PyQt5.QtWidgets import QHBoxLayout, QKeySequenceEdit, QLabel, QLineEdit, QStyle, QToolButton, QVBoxLayout, QWidget

from capture.errors import SettingsError
from ui.desktop.hotkeys.keys import parse

_MODIFIERS = (Qt.Key.Key_Control, Qt.Key.Key_Shift, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr)
_HELD = (
    Qt.KeyboardModifier.ControlModifier
    | Qt.KeyboardModifier.ShiftModifier
    | Qt.KeyboardModifier.AltModifier
    | Qt.KeyboardModifier.MetaModifier
)


class KeyEdit(QWidget):
    """Shows the combination for one purpose, called `purpose`, and takes another one by its being pressed.

    `try_` is given the new text ("" for none) and returns why it cannot be had, or "": then it is had, and `changed`
    tells. While `is_listening` was told as True, keys that are hotkeys already must be given back: else they would act
    instead of being shown.
    """

    changed = pyqtSignal(str)
    is_listening = pyqtSignal(bool)

    def __init__(self, purpose: str, keys: str, try_: Callable[[str], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._try = try_
        self._field = _Field(self)
        self._field.setAccessibleName(self.tr("Keys for: {purpose}").format(purpose=purpose))
        self._field.setAccessibleDescription(self.tr("Press the keys that you want. Backspace removes them."))
        self._field.setToolTip(self._field.accessibleDescription())
        self._field.pressed.connect(self._pressed)
        self._field.listens.connect(self.is_listening)
        self._clear = QToolButton()
        self._clear.setIcon(self._standard_icon(QStyle.StandardPixmap.SP_LineEditClearButton))
        self._clear.setAutoRaise(True)
        self._clear.setAccessibleName(self.tr("No keys for: {purpose}").format(purpose=purpose))
        self._clear.setToolTip(self.tr("No keys for this"))
        self._clear.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._clear.clicked.connect(lambda: self._pressed(""))
        self._problem = QLabel()
        self._problem.setWordWrap(True)
        self._warning = QLabel()
        self._warning.setPixmap(self._standard_icon(QStyle.StandardPixmap.SP_MessageBoxWarning).pixmap(16, 16))
        for part in (self._problem, self._warning):
            part.setVisible(False)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._field, 1)
        row.addWidget(self._clear)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        below = QHBoxLayout()
        below.addWidget(self._warning, 0, Qt.AlignmentFlag.AlignTop)
        below.addWidget(self._problem, 1)
        column.addLayout(below)
        self.setFocusProxy(self._field)
        self._show(keys)

    @property
    def keys(self) -> str:
        """In Qt's portable writing; empty when there are none."""
        return self._keys

    @property
    def problem(self) -> str:
        """What is shown below the field."""
        return self._problem.text()

    def show_problem(self, text: str) -> None:
        """Say below the field what is wrong with the keys that it shows; an empty text: nothing is."""
        self._problem.setText(text)
        for part in (self._problem, self._warning):
            part.setVisible(bool(text))
        self._make_room()
        self._field.setAccessibleDescription(text or self.tr("Press the keys that you want. Backspace removes them."))

    def _show(self, keys: str) -> None:
        self._keys = keys
        self._field.setKeySequence(QKeySequence(keys, QKeySequence.SequenceFormat.PortableText))
        self._clear.setEnabled(bool(keys))

    def _pressed(self, text: str) -> None:
        try:
            wanted = str(parse(text)) if text else ""
        except SettingsError as error:
            self._refuse(self.tr("{reason}. {hint}").format(reason=error, hint=error.hint))
            return
        if problem := self._try(wanted):
            native = QKeySequence(wanted).toString(QKeySequence.SequenceFormat.NativeText)
            self._refuse(self.tr("{keys}: {problem}. Choose another.").format(keys=native, problem=problem))
            return
        self._show(wanted)
        self.show_problem("")
        self.changed.emit(wanted)

    def _refuse(self, why: str) -> None:
        """The old keys stay."""
        self._show(self._keys)
        self.show_problem(why)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        """All lines of the problem: Qt's layouts ask a text that wraps how high it is, but not those around it."""
        width = self._field.width() + self._clear.width() - self._warning.sizeHint().width()
        height = self._problem.heightForWidth(width) if self._problem.text() else 0
        self._problem.setMinimumHeight(max(height, 0))

    def _standard_icon(self, which: QStyle.StandardPixmap) -> QIcon:
        style = self.style()
        assert style is not None
        return style.standardIcon(which)


class _Field(QKeySequenceEdit):
    """One combination only, and told when it is complete. Tab, Escape and Enter stay those of the window."""

    pressed = pyqtSignal(str)  # in Qt's portable writing; "" for none
    listens = pyqtSignal(bool)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        line = self.findChild(QLineEdit)
        assert line is not None
        line.setPlaceholderText(self.tr("Press keys"))
        line.setMinimumWidth(line.fontMetrics().horizontalAdvance("Ctrl+Alt+Shift+MMMM"))
        # Qt gives the field inside the focus of a text field, which a screen reader would offer for typing.
        self._line = line

    def sizeHint(self) -> QSize:
        return self._line.sizeHint()

    def setAccessibleName(self, name: str | None) -> None:  # noqa: N802 - Qt's
        super().setAccessibleName(name)
        self._line.setAccessibleName(name)

    def setAccessibleDescription(self, text: str | None) -> None:  # noqa: N802 - Qt's
        super().setAccessibleDescription(text)
        self._line.setAccessibleDescription(text)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        assert event is not None
        key, held = event.key(), int(event.modifiers() & _HELD)
        if key in _MODIFIERS or key in (0, Qt.Key.Key_unknown) or event.isAutoRepeat():
            return
        if not held and key in (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.ignore()
            return
        if not held and key in (Qt.Key.Key_Backspace, Qt.Key.Key_Delete):
            self.pressed.emit("")
            return
        self.pressed.emit(QKeySequence(held | key).toString(QKeySequence.SequenceFormat.PortableText))

    def keyReleaseEvent(self, event: QKeyEvent | None) -> None:
        """Nothing waits for a second combination."""

    def focusInEvent(self, event: QFocusEvent | None) -> None:
        super().focusInEvent(event)
        self.listens.emit(True)

    def focusOutEvent(self, event: QFocusEvent | None) -> None:
        super().focusOutEvent(event)
        self.listens.emit(False)

    def event(self, event: QEvent | None) -> bool:
        # All that is pressed here is meant for here, a shortcut of the window's own too; but Tab goes on.
        if event is not None and event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)
