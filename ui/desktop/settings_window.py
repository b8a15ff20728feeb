"""The settings: what every recording is to be like, and the application. Written to the file when OK is pressed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QSpinBox,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from capture import settings as user_settings
from capture.errors import SettingsError
from capture.model import Device, DeviceKind
from capture.output.formats import plan
from capture.output.names import default_folder
from capture.output.sizes import hour_bytes
from capture.settings import DEFAULT, QUALITIES, SCREEN_FORMATS, SOUND_FORMATS, RecordingSettings
from capture.settings_file import set_aside, settings_file
from ui.desktop import preferences
from ui.desktop.preferences import COUNTDOWN_MOST_S, Preferences
from ui.text import size_in_words

_FORMATS = (*SOUND_FORMATS, *SCREEN_FORMATS)


class SettingsWindow(QDialog):
    """Edits the file at `path`. `saved` is sent when it was written. `key_edits` are the fields of the hotkeys, by
    their labels, which look after themselves.
    """

    saved = pyqtSignal()

    def __init__(self, key_edits: Mapping[str, QWidget], path: Path | None = None) -> None:
        super().__init__()
        self._path = path or settings_file()
        self._is_broken = False
        self._trouble = ""
        self.setWindowTitle(self.tr("Loopnote settings"))
        self._loaded, wishes = self._read()
        values = self._loaded
        tabs = QTabWidget()
        tabs.addTab(self._sound_page(values), self.tr("&Sound"))
        tabs.addTab(self._screen_page(values), self.tr("S&creen"))
        tabs.addTab(self._files_page(values), self.tr("&Files"))
        tabs.addTab(self._application_page(wishes, key_edits), self.tr("&Application"))
        buttons = QDialogButtonBox(self)
        buttons.addButton(QDialogButtonBox.StandardButton.Ok)
        buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        if self._is_broken:
            layout.addWidget(self._note(self._trouble))
        layout.addWidget(tabs)
        layout.addWidget(buttons)
        self._show_size()

    def accept(self) -> None:
        """Check, write, close; what makes no sense is said and the window stays."""
        values, wishes = self._values(), self._wishes()
        try:
            RecordingSettings(**{key: value for key, value in values.items() if value is not None})
            if self._is_broken:
                set_aside(self._path)
            changed = {key: value for key, value in values.items() if value != self._loaded.get(key)}
            user_settings.change(changed, self._path)
            preferences.save(wishes, self._path)
        except SettingsError as error:
            QMessageBox.warning(self, self.tr("Loopnote settings"), f"{error}\n\n{error.hint}")
            return
        except OSError as error:
            QMessageBox.warning(self, self.tr("Loopnote settings"), f"{self._path}: {error.strerror}")
            return
        super().accept()
        self.saved.emit()

    # --- what is in the file ------------------------------------------------------------------------------------------

    def _read(self) -> tuple[dict[str, Any], Preferences]:
        try:
            return dict(user_settings.load(self._path).values), preferences.load(self._path)
        except SettingsError as error:
            self._is_broken = True
            self._trouble = self.tr(
                "{error}\n{hint}\nThese are the built-in settings. If you press OK, the broken file is kept beside the "
                "new one, under another name."
            ).format(error=error, hint=error.hint)
            return {}, Preferences()

    def _values(self) -> dict[str, Any]:
        """Each field of the window, as of `RecordingSettings`; None: as it is built in."""
        built_in = RecordingSettings()
        folder = self._folder.text().strip()
        values: dict[str, Any] = {
            "speaker": self._chosen(self._speaker),
            "mic": self._chosen(self._mic),
            "format": self._chosen(self._format),
            "quality": self._chosen(self._quality),
            "channels": self._chosen(self._channels),
            "fps": self._fps.value(),
            "scale": self._scale.value() / 100,
            "cursor": self._cursor.isChecked(),
            "folder": Path(folder).expanduser() if folder else None,
            "names": self._names.text(),
        }
        return {key: None if value == getattr(built_in, key) else value for key, value in values.items()}

    def _wishes(self) -> Preferences:
        return replace(
            self._before,
            show_panel=self._show_panel.isChecked(),
            notifications=self._notifications.isChecked(),
            start_hidden=self._start_hidden.isChecked(),
            countdown_s=self._countdown.value(),
        )

    # --- pages --------------------------------------------------------------------------------------------------------

    def _sound_page(self, values: dict[str, Any]) -> QWidget:
        page, form = self._page()
        self._speaker = self._choice([(self.tr("The default speaker, whichever it is"), None)])
        self._keep_name(self._speaker, values.get("speaker"))
        form.addRow(self.tr("&Record what plays on"), self._speaker)
        self._mic = self._choice([(self.tr("None"), None), (self.tr("The default microphone"), DEFAULT)])
        self._keep_name(self._mic, values.get("mic"))
        form.addRow(self.tr("&Microphone"), self._mic)
        self._format = self._choice(
            [(self.tr("Opus, or MP4 with the screen"), None), *((name.upper(), name) for name in _FORMATS)]
        )
        self._select(self._format, values.get("format"))
        form.addRow(self.tr("&Format"), self._format)
        words = (self.tr("Low"), self.tr("Medium"), self.tr("High"), self.tr("Lossless"))
        self._quality = self._choice(list(zip(words, QUALITIES, strict=True)))
        self._select(self._quality, values.get("quality", RecordingSettings().quality))
        form.addRow(self.tr("&Quality"), self._quality)
        self._channels = self._choice([(self.tr("Stereo"), 2), (self.tr("Mono"), 1)])
        self._select(self._channels, values.get("channels", 2))
        form.addRow(self.tr("C&hannels"), self._channels)
        self._size = self._note("")
        form.addRow("", self._size)
        for box in (self._format, self._quality, self._channels):
            box.currentIndexChanged.connect(self._show_size)
        return page

    def _screen_page(self, values: dict[str, Any]) -> QWidget:
        page, form = self._page()
        form.addRow(self._note(self.tr("These hold when the screen is recorded, which is chosen in the menu.")))
        self._fps = QDoubleSpinBox()
        self._fps.setRange(1, 120)
        self._fps.setDecimals(0)
        self._fps.setValue(values.get("fps", RecordingSettings().fps))
        form.addRow(self.tr("&Pictures a second, at most"), self._fps)
        self._scale = QSpinBox()
        self._scale.setRange(10, 400)
        self._scale.setSuffix(" %")
        self._scale.setValue(round(100 * values.get("scale", 1.0)))
        form.addRow(self.tr("Si&ze of the picture"), self._scale)
        self._cursor = QCheckBox(self.tr("With the mouse &pointer"))
        self._cursor.setChecked(values.get("cursor", True))
        form.addRow("", self._cursor)
        return page

    def _files_page(self, values: dict[str, Any]) -> QWidget:
        page, form = self._page()
        self._folder = QLineEdit(str(values["folder"]) if "folder" in values else "")
        self._folder.setPlaceholderText(
            self.tr("{sound} or {screen}").format(
                sound=_from_home(default_folder("audio")), screen=_from_home(default_folder("video"))
            )
        )
        self._folder.setClearButtonEnabled(True)
        choose = QPushButton(self.tr("C&hoose..."))
        choose.clicked.connect(self._choose_folder)
        row = QHBoxLayout()
        row.addWidget(self._folder)
        row.addWidget(choose)
        label = QLabel(self.tr("&Folder"))
        label.setBuddy(self._folder)
        form.addRow(label, row)
        self._names = QLineEdit(values.get("names", RecordingSettings().names))
        form.addRow(self.tr("&Names of files"), self._names)
        form.addRow("", self._note(self.tr("{date}, {time} and {source} stand for those of the recording.")))
        return page

    def _application_page(self, wishes: Preferences, key_edits: Mapping[str, QWidget]) -> QWidget:
        page, form = self._page()
        self._before = wishes
        self._show_panel = self._switch(form, self.tr("Show the &recorder window while recording"), wishes.show_panel)
        self._notifications = self._switch(
            form, self.tr("Tell when a recording is &saved (what is amiss is always told)"), wishes.notifications
        )
        self._start_hidden = self._switch(form, self.tr("Start &hidden, with the icon only"), wishes.start_hidden)
        self._countdown = QSpinBox()
        self._countdown.setRange(0, COUNTDOWN_MOST_S)
        self._countdown.setSuffix(self.tr(" s"))
        self._countdown.setSpecialValueText(self.tr("At once"))
        self._countdown.setValue(wishes.countdown_s)
        form.addRow(self.tr("&Count down before it begins"), self._countdown)
        for label, edit in key_edits.items():
            form.addRow(label, edit)
        return page

    # --- parts --------------------------------------------------------------------------------------------------------

    def _page(self) -> tuple[QWidget, QFormLayout]:
        page = QWidget()
        form = QFormLayout(page)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        return page, form

    def _switch(self, form: QFormLayout, text: str, is_on: bool) -> QCheckBox:
        box = QCheckBox(text)
        box.setChecked(is_on)
        form.addRow("", box)
        return box

    def _choice(self, entries: list[tuple[str, Any]]) -> QComboBox:
        box = QComboBox()
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContentsOnFirstShow)
        for text, value in entries:
            box.addItem(text, value)
        return box

    def _note(self, text: str) -> QLabel:
        note = QLabel(text)
        note.setWordWrap(True)
        # Else Qt makes a label that may wrap as narrow as it can.
        note.setMinimumWidth(self.fontMetrics().averageCharWidth() * 48)
        note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return note

    def _chosen(self, box: QComboBox) -> Any:
        return box.currentData()

    def _select(self, box: QComboBox, value: Any) -> None:
        index = box.findData(value)
        box.setCurrentIndex(max(0, index))

    def _keep_name(self, box: QComboBox, name: str | None) -> None:
        """Choose the device of that name, which need not be plugged in just now."""
        if name is not None and box.findData(name) < 0:
            box.addItem(name, name)
        self._select(box, name)

    def show_devices(self, devices: list[Device]) -> None:
        """Those of this computer; what the file names stays in the lists also when it is not there."""
        for box, kind in ((self._speaker, DeviceKind.SPEAKER), (self._mic, DeviceKind.MICROPHONE)):
            for device in devices:
                if device.kind is kind and box.findData(device.name) < 0:
                    box.addItem(device.name, device.name)

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Where recordings go"), self._folder.text())
        if folder:
            self._folder.setText(folder)

    def _show_size(self) -> None:
        name = self._chosen(self._format)
        try:
            settings = RecordingSettings(
                screen="all" if name in SCREEN_FORMATS else None,
                format=name,
                quality=self._chosen(self._quality),
                channels=self._chosen(self._channels),
            )
            size = hour_bytes(plan(settings))
        except SettingsError as error:
            self._size.setText(f"{error}. {error.hint}")
            return
        if size is None:
            self._size.setText(self.tr("How much an hour takes depends on how much moves on the screen."))
        elif size[0] == size[1]:
            self._size.setText(self.tr("An hour takes {size}.").format(size=size_in_words(size[0])))
        else:
            least, most = map(size_in_words, size)
            self._size.setText(self.tr("An hour takes {least} to {most}.").format(least=least, most=most))


def _from_home(path: Path) -> str:
    """As people write it."""
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)
