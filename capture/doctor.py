"""What works on this computer, what does not, and what mends it: the engine's part of `loopnote doctor`.

Every check stands alone: it has its own deadline, and whatever goes wrong in it is its result. Nothing is changed on
the computer, and nothing is kept of what is heard or seen.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import platform
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from capture.errors import CaptureError, NoSoundServer, ScreenUnavailable, SettingsError
from capture.model import Device, DeviceKind
from capture.remedies import Machine, install, pip_install, start_sound_server, this_machine
from capture.screen.source import ScreenSystem
from capture.sound.source import SoundSystem
from capture.worker import Worker

# The questions to sound and screen answer within 2 s, by their interfaces; a check asks up to three. More means that
# something hangs.
CHECK_S = 8.0
# A picture must be there well before the next: at the default of 30 a second, with room for converting and encoding.
SLOW_GRAB_MS = 15.0
# The screen in high quality takes about 30 MB a minute (measured, with film and scrolling text): a good hour of it.
LITTLE_SPACE_BYTES = 2 * 1024**3
ENCODERS = {
    "libopus": "opus, webm",
    "flac": "flac",
    "pcm_s16le": "wav",
    "pcm_s24le": "wav",
    "aac": "m4a, mp4, mkv",
    "alac": "m4a lossless",
    "libmp3lame": "mp3",
    "libx264": "mp4, mkv",
    "libx264rgb": "mp4, mkv lossless",
    "libvpx": "webm",
}
AV_REQUIREMENT = "av>=18.1,<19"
# What to install for a module whose distribution has another name, or must have a certain version.
DISTRIBUTIONS = {
    "av": AV_REQUIREMENT,
    "capture": "loopnote",
    "cv2": "opencv-python-headless",
    "mss": "mss==10.2.0",
    "soundcard": "soundcard==0.4.6",
    "Xlib": "python-xlib",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `ok`: True works, False does not, None is worth knowing (not there, not needed, or slow).

    `remedy` is the one command or setting that mends it; empty where nothing is to be mended.
    """

    name: str
    ok: bool | None
    text: str
    remedy: str = ""


def examine(
    sound: SoundSystem | None = None, screen: ScreenSystem | None = None, machine: Machine | None = None
) -> list[Check]:
    """Check everything, one after the other. `sound` and `screen` None: this computer's own.

    Any thread; usually 2 s, and never more than `CHECK_S` for each check.
    """
    machine = machine or this_machine()
    patient = _Patient(sound, screen, machine)
    return [_run(name, check, machine) for name, check in patient.checks()]


class _Patient:
    """The checks, and what they share."""

    def __init__(self, sound: SoundSystem | None, screen: ScreenSystem | None, machine: Machine) -> None:
        self._sound = sound
        self._screen = screen
        self._machine = machine
        # What was found to be missing is said once, not again by each check that needs it.
        self._server_is_missing = False
        self._screen_is_missing = False

    def checks(self) -> Iterator[tuple[str, Callable[[], Check]]]:
        yield "versions", self.versions
        yield "session", self.session
        yield "sound server", self.sound_server
        yield "default speaker", self.speaker
        yield "microphones", self.microphones
        yield "display", self.display
        yield "screen backend", self.screen_backend
        yield "encoders", self.encoders
        yield "OpenCV", self.opencv
        yield "hotkeys", self.hotkeys
        yield "settings", self.settings
        yield from self._folders()

    # --- the computer ---

    def versions(self) -> Check:
        """No judgement: the first thing that a bug report needs."""
        system = self._machine.os_release.get("PRETTY_NAME") or f"{platform.system()} {platform.release()}"
        parts = [f"Python {platform.python_version()}", system, platform.machine()]
        for package in ("loopnote", "soundcard", "mss", "opencv-python-headless", "av", "PyQt5"):
            parts.insert(-2, f"{package} {_version(package) or 'missing'}")
        return Check("versions", True, ", ".join(parts))

    def session(self) -> Check:
        """Which kind of desktop this is, from its environment."""
        environ = self._machine.environ
        if not self._machine.is_linux:
            return Check("session", True, f"{platform.system()} desktop")
        desktop = environ.get("XDG_CURRENT_DESKTOP", "")
        suffix = f", {desktop}" if desktop else ""
        if self._machine.is_wayland:
            text = f"Wayland{suffix}: sound can be recorded, the screen not yet"
            return Check("session", None, text, "For the screen, log in with an X11 (Xorg) session.")
        if environ.get("DISPLAY"):
            return Check("session", True, f"X11 on display {environ['DISPLAY']}{suffix}")
        text = "no desktop session: sound can be recorded, there is no screen"
        return Check("session", None, text, "For the screen, start loopnote inside a desktop session.")

    # --- sound ---

    def sound_server(self) -> Check:
        """Does it answer, and what is it?"""
        try:
            described = self._sound_system().describe()
        except NoSoundServer:
            self._server_is_missing = True
            raise
        return Check("sound server", True, _told(described), described.get("permission", ""))

    def speaker(self) -> Check:
        """Is there a default speaker, and can what it plays be recorded? Its loopback is opened and closed."""
        if self._server_is_missing:
            return Check("default speaker", None, "not known without a sound server")
        speakers = self._devices(DeviceKind.SPEAKER)
        chosen = next((device for device in speakers if device.is_default), None)
        if chosen is None:
            names = ", ".join(device.name for device in speakers) or "there is no speaker"
            remedy = (
                "Choose an output device in the sound settings." if speakers else "Plug in a speaker or headphones."
            )
            return Check("default speaker", False, f"none is the default: {names}", remedy)
        source = self._sound_system().loopback(None)
        try:
            opened = source.open()
        finally:
            source.close()
        state = chosen.detail.get("state", "")
        monitor = chosen.detail.get("monitor", "")
        text = f"{chosen.name}, monitor {monitor} opens at {opened.samplerate} Hz, {opened.channels} channels"
        return Check("default speaker", True, f"{text}, {state}" if state else text)

    def microphones(self) -> Check:
        """None is no fault: they are for --mic only."""
        if self._server_is_missing:
            return Check("microphones", None, "not known without a sound server")
        found = self._devices(DeviceKind.MICROPHONE)
        if not found:
            return Check("microphones", None, "none (needed for --mic only)", "Plug in a microphone.")
        return Check("microphones", True, ", ".join(f"{d.name}{' (default)' * d.is_default}" for d in found))

    # --- screen ---

    def display(self) -> Check:
        """Which monitors are there? Where no session has any that could be recorded, that is no fault."""
        try:
            screens = self._screen_system().screens()
        except ScreenUnavailable as error:
            self._screen_is_missing = True
            environ = self._machine.environ
            if self._machine.is_linux and (self._machine.is_wayland or not environ.get("DISPLAY")):
                return Check("display", None, str(error), _remedy(error, self._machine))
            raise
        if not screens:
            return Check("display", False, "it has no monitors", "Plug in or switch on a monitor.")
        return Check("display", True, ", ".join(_sized(device) for device in screens))

    def screen_backend(self) -> Check:
        """How pictures are taken, and how fast."""
        if self._screen_is_missing:
            return Check("screen backend", None, "not known without a display")
        described = self._screen_system().describe()
        grab_ms = float(described.get("grab_ms", "nan"))
        cursor = described.get("cursor", "")
        parts = [
            described.get("way", ""),
            described.get("status", "").rstrip("."),
            f"{grab_ms:.1f} ms a picture",
            f"the cursor is {cursor}" if cursor else "",
        ]
        text = ", ".join(part for part in parts if part)
        if grab_ms > SLOW_GRAB_MS:
            most = max(1, int(1000 / (2 * grab_ms)))
            return Check("screen backend", None, f"slow: {text}", f"Record fewer pictures: --fps {most}")
        return Check("screen backend", True, text)

    # --- files ---

    def encoders(self) -> Check:
        """Are the encoders in PyAV's copy of FFmpeg that the formats need?"""
        import av

        missing = []
        for name, formats in ENCODERS.items():
            try:
                av.Codec(name, "w")
            except ValueError:  # UnknownCodecError
                missing.append(f"{name} (for {formats})")
        if missing:
            return Check("encoders", False, f"missing: {', '.join(missing)}", pip_install(AV_REQUIREMENT))
        return Check("encoders", True, ", ".join(ENCODERS))

    def opencv(self) -> Check:
        """The full OpenCV beside the headless one brings a Qt of its own, with which the window aborts."""
        if _version("opencv-python") or _version("opencv-contrib-python"):
            text = "opencv-python is installed: its own copy of Qt keeps Loopnote's windows from opening"
            remedy = f"pip uninstall opencv-python opencv-contrib-python; {pip_install('opencv-python-headless')}"
            return Check("OpenCV", False, text, remedy)
        import cv2

        return Check("OpenCV", True, f"{cv2.__version__}, without a Qt of its own")

    def hotkeys(self) -> Check:
        """Can the application have keys that work in every window?"""
        instead = "In your desktop's keyboard settings, bind a key to: loopnote toggle"
        if self._machine.platform == "win32":
            return Check("hotkeys", True, "the application has them (written, not yet tried on a real machine)")
        if not self._machine.is_linux:
            return Check("hotkeys", None, "not there yet on this system", instead)
        if self._machine.is_wayland:
            return Check("hotkeys", None, "not on Wayland, whose desktops keep the keyboard to themselves", instead)
        if self._screen_is_missing or not self._machine.environ.get("DISPLAY"):
            return Check("hotkeys", None, "not known without a display")
        import Xlib

        return Check("hotkeys", True, f"X11, python-xlib {'.'.join(map(str, Xlib.__version__))}, in the application")

    def settings(self) -> Check:
        """Can the user's own settings be read?"""
        from capture.settings import load
        from capture.settings_file import settings_file

        load()
        path = settings_file()
        return Check("settings", True, f"{path}" if path.exists() else f"the built-in ones ({path} is not there)")

    def _folders(self) -> Iterator[tuple[str, Callable[[], Check]]]:
        """The checks of the folders into which recordings without a name go: the settings' own, or one of each kind."""
        from capture.output.names import default_folder
        from capture.settings import load

        try:
            own = load().folder
        except SettingsError:  # which the check of the settings tells
            own = None
        if own is not None:
            yield "folder", lambda: self.folder("folder", own)
        else:
            yield "sound folder", lambda: self.folder("sound folder", default_folder("audio"))
            yield "screen folder", lambda: self.folder("screen folder", default_folder("video"))

    def folder(self, name: str, folder: Path) -> Check:
        """Can recordings be written there, and is there room? Nothing is created."""
        from capture.output.output_file import RESERVE_BYTES

        there = next(path for path in (folder, *folder.parents) if path.exists())
        if not there.is_dir():
            return Check(name, False, f"{there} is no folder", "Move that file away.")
        if not _is_writable(there):
            remedy = f"Make {there} writable, or choose another folder in the settings."
            return Check(name, False, f"{folder}: nothing can be written into {there}", remedy)
        free_bytes = shutil.disk_usage(there).free
        text = f"{folder}, {free_bytes / 1024**3:.1f} GiB free"
        if free_bytes < RESERVE_BYTES:
            return Check(name, False, text, "Free some space, or choose another folder in the settings.")
        if free_bytes < LITTLE_SPACE_BYTES:
            return Check(name, None, text, "Free some space for long recordings.")
        return Check(name, True, text)

    # --- what the checks share ---

    def _sound_system(self) -> SoundSystem:
        if self._sound is None:
            if self._machine.is_linux:
                _need_library("libpulse.so.0", "sound library", self._machine)
            from capture.sound.system import sound_system

            self._sound = sound_system()
        return self._sound

    def _screen_system(self) -> ScreenSystem:
        if self._screen is None:
            from capture.screen.system import screen_system

            self._screen = screen_system()
        return self._screen

    def _devices(self, kind: DeviceKind) -> list[Device]:
        return [device for device in self._sound_system().devices() if device.kind is kind]


def _run(name: str, check: Callable[[], Check], machine: Machine) -> Check:
    """One check, in a thread of its own, so that what hangs cannot hold up the others."""
    found: list[Check] = []

    def body(stop: threading.Event) -> None:
        try:
            found.append(check())
        except CaptureError as error:
            found.append(Check(name, False, str(error), _remedy(error, machine)))
        except ImportError as error:
            module = (error.name or "").split(".")[0]
            remedy = pip_install(DISTRIBUTIONS.get(module, module or "loopnote"))
            found.append(Check(name, False, f"{module} cannot be loaded: {error}", remedy))

    worker = Worker(f"doctor-{name}", body)
    worker.start()
    if not worker.join(CHECK_S):
        return Check(name, False, f"no answer within {CHECK_S:.0f} s", "Log out and in again, or restart the computer.")
    if worker.fault is not None:
        return Check(name, False, str(worker.fault), "Please report this, with the whole output of: loopnote doctor")
    return found[0]


def _remedy(error: CaptureError, machine: Machine) -> str:
    """What mends this, in this system's own words where they are known."""
    if "libxcb" in str(error) and "not found" in str(error):
        return install(machine, "screen libraries")
    if isinstance(error, _LibraryMissing):
        return error.hint
    if isinstance(error, NoSoundServer):
        return start_sound_server(machine)
    # The doctor need not send people to the doctor.
    return error.hint.replace(" (see: loopnote doctor)", "").replace("See: loopnote doctor", "")


class _LibraryMissing(NoSoundServer):
    """The library is missing that talks to the sound server."""


def _need_library(library: str, what: str, machine: Machine) -> None:
    try:
        ctypes.CDLL(library)
    except OSError as error:
        raise _LibraryMissing(f"{library} cannot be loaded: {error}", install(machine, what)) from error


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _told(described: dict[str, str]) -> str:
    """A description as one line: what speaks for itself first, the rest with its name."""
    return ", ".join(value if key in ("server", "client") else f"{key}: {value}" for key, value in described.items())


def _sized(screen: Device) -> str:
    left, top, width, height = screen.detail["area"]
    return f"{screen.name} {width}x{height} at {left},{top}"


def _is_writable(folder: Path) -> bool:
    """Tried, not asked: permissions, read-only mounts and Windows' rules all count. Leaves nothing behind."""
    import tempfile

    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
