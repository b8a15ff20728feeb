"""The settings window writes what was chosen, leaves alone what was not, and never overwrites a broken file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PyQt5.QtWidgets import QApplication, QComboBox, QMessageBox, QWidget

from capture import settings as user_settings
from capture.errors import SettingsError
from capture.model import Device, DeviceKind
from ui.desktop import preferences
from ui.desktop.preferences import Preferences
from ui.desktop.settings_window import SettingsWindow

DEVICES = [
    Device(DeviceKind.SPEAKER, "alsa.1", "Headphones"),
    Device(DeviceKind.MICROPHONE, "alsa.2", "Webcam"),
    Device(DeviceKind.APPLICATION, "7", "Firefox"),
]


@pytest.fixture(scope="module")
def qt() -> Iterator[QApplication]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QT_QPA_PLATFORM", "offscreen")
        patch.setenv("XDG_RUNTIME_DIR", "/nonexistent")
        yield QApplication(["loopnote"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


@pytest.fixture
def window(qt: QApplication, path: Path) -> Callable[[], SettingsWindow]:
    def make() -> SettingsWindow:
        made = SettingsWindow({}, path)
        made.show_devices(DEVICES)
        return made

    return make


def choose(box: QComboBox, value: object) -> None:
    index = box.findData(value)
    assert index >= 0, [box.itemData(i) for i in range(box.count())]
    box.setCurrentIndex(index)


def test_nothing_changed_writes_nothing_new(window: Callable[[], SettingsWindow], path: Path) -> None:
    text = '# Mine\n[recording]\nmic = "Attic"\napps = ["Firefox"]\nfps = 12\n[desktop]\ncountdown_s = 3\n'
    path.write_text(text)
    window().accept()
    assert path.read_text() == text


def test_what_is_chosen_is_what_records(window: Callable[[], SettingsWindow], path: Path) -> None:
    made = window()
    told = []
    made.saved.connect(lambda: told.append(path.exists()))
    choose(made._speaker, "Headphones")
    choose(made._mic, "Webcam")
    choose(made._format, "flac")
    choose(made._channels, 1)
    made._cursor.setChecked(False)
    made._scale.setValue(50)
    made._folder.setText("~/Notes")
    made._names.setText("{source} {date}")
    made._countdown.setValue(3)
    made._show_panel.setChecked(False)
    made.accept()
    assert told == [True]
    assert user_settings.load(path).values == {
        "speaker": "Headphones",
        "mic": "Webcam",
        "format": "flac",
        "channels": 1,
        "cursor": False,
        "scale": 0.5,
        "folder": Path("~/Notes").expanduser(),
        "names": "{source} {date}",
    }
    assert preferences.load(path) == Preferences(show_panel=False, countdown_s=3)


def test_the_devices_of_the_file_stay_also_when_they_are_not_there(
    window: Callable[[], SettingsWindow], path: Path
) -> None:
    path.write_text('[recording]\nspeaker = "Kitchen"\n')
    made = window()
    assert made._speaker.currentText() == "Kitchen"
    assert [made._speaker.itemText(i) for i in range(1, made._speaker.count())] == ["Kitchen", "Headphones"]


def test_the_size_of_an_hour(window: Callable[[], SettingsWindow]) -> None:
    made = window()
    assert made._size.text() == "An hour takes 43.2 MB."
    choose(made._quality, "lossless")
    assert made._size.text() == "An hour takes 259.2 MB to 725.8 MB."
    choose(made._format, "wav")
    assert made._size.text() == "An hour takes 1.04 GB."
    choose(made._format, "opus")
    assert made._size.text().startswith("opus cannot keep sound without loss."), "said at once"


def test_what_makes_no_sense_is_said_and_not_written(
    window: Callable[[], SettingsWindow], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def warn(parent: QWidget, title: str, text: str) -> None:
        said.append(text)

    monkeypatch.setattr(QMessageBox, "warning", warn)
    made = window()
    made._names.setText("{nobody}")
    made.accept()
    assert len(said) == 1
    assert said[0].startswith("names: '{nobody}' makes no file names")
    assert not path.exists()
    made._names.setText("{date}")
    made.accept()
    assert user_settings.load(path).values == {"names": "{date}"}


def test_a_broken_file_is_said_kept_and_replaced_only_when_asked(
    window: Callable[[], SettingsWindow], path: Path
) -> None:
    path.write_text("[recording\n")
    window().reject()
    assert path.read_text() == "[recording\n"
    made = window()
    choose(made._channels, 1)
    made.accept()
    assert user_settings.load(path).values == {"channels": 1}
    (aside,) = [file for file in path.parent.iterdir() if file != path]
    assert aside.read_text() == "[recording\n"


@pytest.mark.parametrize("line", ["show_panel = 1", "countdown_s = 31", "countdown_s = true", "hotkeys = 3", "x = 1"])
def test_a_slip_in_the_application_s_section_is_named(path: Path, line: str) -> None:
    path.write_text(f"[desktop]\n{line}\n")
    with pytest.raises(SettingsError, match=line.split()[0]):
        preferences.load(path)


def test_hotkeys_are_kept(path: Path) -> None:
    wishes = Preferences(hotkeys={"toggle": "Ctrl+Alt+F9", "pause": ""})
    preferences.save(wishes, path)
    assert preferences.load(path) == wishes
    preferences.save(Preferences(), path)
    assert preferences.load(path) == Preferences()
