"""The doctor: each finding and its remedy, on made-up patients and on real ones."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import av
import pytest

from capture import doctor
from capture.doctor import Check, examine
from capture.errors import CaptureError, NoSoundServer, ScreenUnavailable
from capture.model import Device, DeviceKind
from capture.remedies import Machine, read_os_release, start_sound_server, this_machine
from tests.helpers.children import run_in
from virtual_desktop import VirtualDesktop

DEBIAN = {"ID": "debian", "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)"}
X11 = {"DISPLAY": ":7", "XDG_CURRENT_DESKTOP": "XFCE"}


class MadeUpSound:
    """A sound system that says what it was made to say."""

    def __init__(self) -> None:
        self.error: CaptureError | None = None
        self.open_error: CaptureError | None = None
        self.closed = False
        self.speaker = Device(
            DeviceKind.SPEAKER, "s1", "Speakers", True, 48_000, 2, {"monitor": "s1.monitor", "state": "idle"}
        )
        self.found = [self.speaker, Device(DeviceKind.MICROPHONE, "m1", "Webcam", True)]

    def describe(self) -> dict[str, str]:
        self._fail()
        return {"server": "PulseAudio 99", "client": "soundcard 1"}

    def devices(self) -> list[Device]:
        self._fail()
        return self.found

    def loopback(self, speaker: str | None) -> Any:
        assert speaker is None
        self._fail()
        return self

    def open(self) -> Device:
        if self.open_error is not None:
            raise self.open_error
        return self.speaker

    def close(self) -> None:
        self.closed = True

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


class MadeUpScreen:
    """A screen that says what it was made to say."""

    def __init__(self) -> None:
        self.error: CaptureError | None = None
        self.grab_ms = "1.4"
        self.found = [Device(DeviceKind.SCREEN, "1", "Screen 1", True, detail={"area": [0, 0, 1920, 1080]})]

    def describe(self) -> dict[str, str]:
        if self.error is not None:
            raise self.error
        return {
            "display": ":7",
            "way": "X11, mss 10",
            "status": "MIT-SHM is working.",
            "cursor": "drawn",
            "grab_ms": self.grab_ms,
        }

    def screens(self) -> list[Device]:
        if self.error is not None:
            raise self.error
        return self.found


class Patient:
    """A healthy computer, to be made ill."""

    def __init__(self) -> None:
        self.sound = MadeUpSound()
        self.screen = MadeUpScreen()
        self.environ = dict(X11)
        self.os_release = dict(DEBIAN)
        self.programs: set[str] = set()
        self.platform = "linux"
        self.has_systemd = True

    def machine(self) -> Machine:
        return Machine(self.platform, self.environ, self.os_release, self.programs.__contains__, self.has_systemd)

    def examine(self) -> dict[str, Check]:
        checks = examine(cast(Any, self.sound), cast(Any, self.screen), self.machine())
        assert len({check.name for check in checks}) == len(checks)
        return {check.name: check for check in checks}


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Patient:
    for name, folder in {"XDG_MUSIC_DIR": "Music", "XDG_VIDEOS_DIR": "Videos", "XDG_CONFIG_HOME": "config"}.items():
        monkeypatch.setenv(name, str(tmp_path / folder))
    return Patient()


def space(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    monkeypatch.setattr("capture.doctor.shutil.disk_usage", lambda path: SimpleNamespace(free=free_bytes))


def test_a_healthy_computer_has_nothing_to_be_mended(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    space(monkeypatch, 50 * 1024**3)
    checks = patient.examine()

    assert [name for name, check in checks.items() if check.ok is not True] == []
    assert [name for name, check in checks.items() if check.remedy] == []
    assert checks["hotkeys"].text.startswith("X11, python-xlib ")
    assert "Python 3." in checks["versions"].text
    assert "Debian GNU/Linux 12" in checks["versions"].text
    assert checks["session"].text == "X11 on display :7, XFCE"
    assert checks["sound server"].text == "PulseAudio 99, soundcard 1"
    assert "Speakers, monitor s1.monitor opens at 48000 Hz, 2 channels, idle" in checks["default speaker"].text
    assert checks["microphones"].text == "Webcam (default)"
    assert checks["display"].text == "Screen 1 1920x1080 at 0,0"
    assert checks["screen backend"].text == "X11, mss 10, MIT-SHM is working, 1.4 ms a picture, the cursor is drawn"
    assert "libx264" in checks["encoders"].text
    assert "50.0 GiB free" in checks["sound folder"].text
    assert patient.sound.closed


@pytest.mark.parametrize(
    ("os_release", "programs", "has_systemd", "remedy"),
    [
        ({"ID": "debian"}, set(), True, "sudo apt install pipewire-pulse wireplumber"),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, set(), True, "sudo apt install pipewire-pulse wireplumber"),
        ({"ID": "fedora"}, set(), True, "sudo dnf install pipewire-pulseaudio wireplumber"),
        ({"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, set(), True, "sudo dnf install pipewire-pulseaudio"),
        ({"ID": "manjaro", "ID_LIKE": "arch"}, set(), True, "sudo pacman -S pipewire-pulse wireplumber"),
        ({"ID": "opensuse-leap"}, set(), True, "sudo zypper install pipewire-pulseaudio wireplumber"),
        ({"ID": "gentoo"}, set(), False, "package manager: pipewire-pulse wireplumber or pipewire-pulseaudio"),
        ({}, {"pulseaudio"}, True, "pulseaudio --start"),
        ({}, {"pipewire-pulse"}, True, "systemctl --user start pipewire.socket pipewire-pulse.socket wireplumber"),
        ({}, {"pipewire-pulse", "pulseaudio"}, False, "pulseaudio --start"),
        ({}, {"pipewire-pulse"}, False, "Start in your session: pipewire, wireplumber and pipewire-pulse"),
    ],
)
def test_a_missing_sound_server_is_started_or_installed_as_this_system_does_it(
    patient: Patient, os_release: dict[str, str], programs: set[str], has_systemd: bool, remedy: str
) -> None:
    patient.sound.error = NoSoundServer("no sound server answers")
    patient.os_release, patient.programs, patient.has_systemd = os_release, programs, has_systemd

    checks = patient.examine()

    assert checks["sound server"].ok is False
    assert checks["sound server"].text == "no sound server answers"
    assert remedy in checks["sound server"].remedy
    for name in ("default speaker", "microphones"):
        assert checks[name] == Check(name, None, "not known without a sound server"), "said once is enough"


def test_elsewhere_no_linux_command_is_advised(patient: Patient) -> None:
    patient.platform = "win32"
    patient.sound.error = NoSoundServer("no answer")
    checks = patient.examine()

    assert "Restart" in checks["sound server"].remedy
    assert "sudo" not in str(checks)


def test_a_missing_sound_library_is_installed(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr("capture.doctor.ctypes.CDLL", refuse)
    checks = {check.name: check for check in examine(None, cast(Any, patient.screen), patient.machine())}

    assert "libpulse.so.0" in checks["sound server"].text
    assert checks["sound server"].remedy == "sudo apt install libpulse0"


def test_no_default_speaker_is_chosen_in_the_settings_or_plugged_in(patient: Patient) -> None:
    patient.sound.found = [Device(DeviceKind.SPEAKER, "s1", "HDMI")]
    chosen = patient.examine()["default speaker"]
    patient.sound.found = []
    absent = patient.examine()["default speaker"]

    assert (chosen.ok, absent.ok) == (False, False)
    assert "HDMI" in chosen.text
    assert "settings" in chosen.remedy
    assert "Plug in" in absent.remedy


def test_a_monitor_that_does_not_open_is_named_with_its_hint(patient: Patient) -> None:
    patient.sound.open_error = CaptureError("the monitor is busy", "Close the other program.")
    check = patient.examine()["default speaker"]

    assert check == Check("default speaker", False, "the monitor is busy", "Close the other program.")
    assert patient.sound.closed


def test_no_microphone_is_no_fault(patient: Patient) -> None:
    patient.sound.found = [patient.sound.speaker]

    assert patient.examine()["microphones"].ok is None


def test_wayland_and_no_desktop_are_told_apart(patient: Patient) -> None:
    patient.environ = {"XDG_SESSION_TYPE": "wayland", "DISPLAY": ":0"}
    wayland = patient.examine()
    patient.environ = {}
    bare = patient.examine()

    assert (wayland["session"].ok, bare["session"].ok) == (None, None)
    assert "Wayland" in wayland["session"].text
    assert "X11" in wayland["session"].remedy
    assert "not on Wayland" in wayland["hotkeys"].text
    assert "loopnote toggle" in wayland["hotkeys"].remedy
    assert bare["hotkeys"] == Check("hotkeys", None, "not known without a display")
    assert "no desktop session" in bare["session"].text


@pytest.mark.parametrize("environ", [{}, {"XDG_SESSION_TYPE": "wayland", "DISPLAY": ":0"}], ids=["none", "wayland"])
def test_where_there_is_no_screen_to_be_had_that_is_no_fault(patient: Patient, environ: dict[str, str]) -> None:
    """The sound can be recorded there, and that is what most come for."""
    patient.environ = environ
    patient.screen.error = ScreenUnavailable("there is no screen here", "Record the sound only.")
    checks = patient.examine()

    assert checks["display"] == Check("display", None, "there is no screen here", "Record the sound only.")
    assert checks["screen backend"] == Check("screen backend", None, "not known without a display")
    assert not any(check.ok is False for check in checks.values())


def test_a_display_that_should_be_there_and_is_not_is_a_fault(patient: Patient) -> None:
    patient.screen.error = ScreenUnavailable("the display :7 does not answer", "Look whether the desktop hangs.")
    checks = patient.examine()

    assert (checks["display"].ok, checks["screen backend"].ok) == (False, None)


def test_the_doctor_sends_nobody_to_the_doctor(patient: Patient) -> None:
    patient.screen.error = ScreenUnavailable("it cannot be opened", "Set DISPLAY (see: loopnote doctor).")
    display = patient.examine()["display"]
    patient.screen.error = ScreenUnavailable("it cannot be read", "See: loopnote doctor")
    unread = patient.examine()["display"]

    assert (display.ok, display.remedy) == (False, "Set DISPLAY.")
    assert (unread.ok, unread.remedy) == (False, "")


def test_missing_screen_libraries_are_installed(patient: Patient) -> None:
    patient.screen.error = ScreenUnavailable("the screen cannot be read: Library libxcb-shm.so not found")

    assert "sudo apt install libxcb1" in patient.examine()["display"].remedy


def test_no_monitor_and_a_slow_screen_are_told(patient: Patient) -> None:
    patient.screen.found = []
    patient.screen.grab_ms = "25.0"
    checks = patient.examine()

    assert checks["display"].ok is False
    assert checks["screen backend"].ok is None
    assert checks["screen backend"].remedy == "Record fewer pictures: --fps 20"


def test_a_missing_encoder_is_named_with_what_it_is_for(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(doctor.ENCODERS, "libunheard", "xyz")
    check = patient.examine()["encoders"]

    assert check.ok is False
    assert check.text == "missing: libunheard (for xyz)"
    assert "av>=18.1" in check.remedy


def test_every_format_has_its_encoders_examined() -> None:
    from capture.output.formats import plan
    from capture.settings import QUALITIES, SCREEN_FORMATS, SOUND_FORMATS, RecordingSettings

    needed = set()
    for name in SOUND_FORMATS + SCREEN_FORMATS:
        for quality in QUALITIES:
            try:
                made = plan(
                    RecordingSettings(
                        format=name, quality=cast(Any, quality), screen="all" if name in SCREEN_FORMATS else None
                    )
                )
            except CaptureError:
                continue  # this format knows no such quality
            needed |= {part.codec for part in (made.audio, made.video) if part is not None}

    assert needed == set(doctor.ENCODERS)
    for codec in needed:
        av.Codec(codec, "w")


@pytest.mark.parametrize(("module", "check"), [("av", "encoders"), ("cv2", "OpenCV")])
def test_a_library_that_is_not_there_is_installed(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, module: str, check: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    found = patient.examine()[check]

    assert found.ok is False
    assert "pip install" in found.remedy
    assert {"av": "av>=18.1", "cv2": "opencv-python-headless"}[module] in found.remedy


def test_the_opencv_that_breaks_the_windows_is_found(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capture.doctor.importlib.metadata.version", lambda package: "5.0")
    check = patient.examine()["OpenCV"]

    assert check.ok is False
    assert "pip uninstall opencv-python" in check.remedy


def test_folders_that_cannot_be_written_are_found(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_MUSIC_DIR", "/proc/loopnote")  # where not even root can write
    check = patient.examine()["sound folder"]

    assert check.ok is False
    assert "/proc" in check.text
    assert "writable" in check.remedy


def set_folder(tmp_path: Path, folder: Path) -> None:
    settings = tmp_path / "config" / "loopnote" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'[recording]\nfolder = "{folder}"\n')


def test_the_folder_of_the_settings_is_the_one_that_is_examined(patient: Patient, tmp_path: Path) -> None:
    set_folder(tmp_path, Path("/proc/nowhere"))
    checks = patient.examine()

    assert [name for name in checks if "folder" in name] == ["folder"]
    assert checks["folder"].ok is False
    assert "/proc/nowhere" in checks["folder"].text
    assert "settings" in checks["folder"].remedy


def test_a_folder_of_the_settings_that_can_be_written_is_well(patient: Patient, tmp_path: Path) -> None:
    set_folder(tmp_path, tmp_path / "notes" / "mine")
    checks = patient.examine()

    assert checks["folder"].ok is True
    assert str(tmp_path / "notes" / "mine") in checks["folder"].text
    assert not (tmp_path / "notes").exists()


def test_a_file_in_the_folders_place_is_found(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "Music").write_text("not a folder")

    assert patient.examine()["sound folder"] == Check(
        "sound folder", False, f"{tmp_path / 'Music'} is no folder", "Move that file away."
    )


def test_nothing_is_left_in_the_folders(patient: Patient, tmp_path: Path) -> None:
    (tmp_path / "Music" / "Loopnote").mkdir(parents=True)
    patient.examine()

    assert list((tmp_path / "Music" / "Loopnote").iterdir()) == []
    assert not (tmp_path / "Videos").exists()


def test_little_space_is_told_and_none_is_a_fault(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    space(monkeypatch, 500 * 1024**2)
    little = patient.examine()["screen folder"]
    space(monkeypatch, 20 * 1024**2)
    none = patient.examine()["screen folder"]

    assert (little.ok, none.ok) == (None, False)
    assert "Free some space" in none.remedy


def test_settings_that_cannot_be_read_are_found(patient: Patient, tmp_path: Path) -> None:
    (tmp_path / "config" / "loopnote").mkdir(parents=True)
    (tmp_path / "config" / "loopnote" / "settings.toml").write_text("[recording]\nfsp = 30\n")
    check = patient.examine()["settings"]

    assert check.ok is False
    assert "fsp" in check.text


def test_a_check_that_hangs_or_breaks_holds_up_no_other(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "CHECK_S", 0.3)
    ended = threading.Event()

    def hang() -> dict[str, str]:
        ended.wait(10.0)
        return {}

    def fail() -> list[Device]:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(patient.sound, "describe", hang)
    monkeypatch.setattr(patient.screen, "screens", fail)
    checks = patient.examine()
    ended.set()

    assert checks["sound server"].ok is False
    assert "no answer" in checks["sound server"].text
    assert checks["display"].ok is False
    assert "ZeroDivisionError" in checks["display"].text
    assert checks["default speaker"].ok is True


def test_this_machine_is_read_from_os_release(tmp_path: Path) -> None:
    path = tmp_path / "os-release"
    path.write_text('# a remark\nID="opensuse-tumbleweed"\nID_LIKE=\'opensuse suse\'\n\nPRETTY_NAME="openSUSE"\n')

    assert read_os_release((str(tmp_path / "none"), str(path))) == {
        "ID": "opensuse-tumbleweed",
        "ID_LIKE": "opensuse suse",
        "PRETTY_NAME": "openSUSE",
    }
    assert read_os_release((str(tmp_path / "none"),)) == {}
    assert this_machine().platform == sys.platform
    assert start_sound_server(this_machine())


# --- Real ones --------------------------------------------------------------------------------------------------------

EXAMINE = """
import json, sys
from dataclasses import asdict
from capture.doctor import examine
json.dump([asdict(check) for check in examine()], sys.stdout)
"""


def examined(desktop: VirtualDesktop) -> dict[str, Any]:
    return {check["name"]: check for check in json.loads(run_in(desktop, EXAMINE).stdout)}


def test_a_real_desktop_is_healthy(desktop: VirtualDesktop) -> None:
    checks = examined(desktop)

    for name in ("session", "sound server", "default speaker", "display", "encoders", "OpenCV"):
        assert checks[name]["ok"] is True, checks[name]
    # A busy machine may be slow, and the doctor then says so.
    assert checks["screen backend"]["ok"] is not False, checks["screen backend"]
    assert "PulseAudio" in checks["sound server"]["text"]
    assert "monitor" in checks["default speaker"]["text"]
    assert "1920x1080" in checks["display"]["text"]
    assert "ms a picture" in checks["screen backend"]["text"]


def test_a_real_desktop_without_sound_is_told_how_to_get_it(x_screen: VirtualDesktop) -> None:
    checks = examined(x_screen)

    assert checks["display"]["ok"] is True
    assert checks["sound server"]["ok"] is False
    assert checks["sound server"]["remedy"] == start_sound_server(this_machine())
