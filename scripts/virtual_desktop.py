"""A private desktop for tests and demonstrations: X server, window manager, message bus and sound server.

Everything is this object's own: a free display with its own cookie, a runtime folder, a D-Bus session, and a PulseAudio
or PipeWire without any real device. Nothing of the machine's own session is used, changed or seen. Standard library
only.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Literal

import virtual_sound
from owned_processes import DesktopError, OwnedProcesses, require
from virtual_screen import VirtualScreen

__all__ = ["DesktopError", "SoundServer", "VirtualDesktop"]

SoundServer = Literal["pulse", "pipewire", "none"]

_SOUND_PROCESSES = {"pulse": ("pulseaudio",), "pipewire": ("pipewire-pulse", "wireplumber", "pipewire"), "none": ()}
_START_TIMEOUT_S = 20.0
_COMMAND_TIMEOUT_S = 10.0
_LARGEST_SIDE = 16_384

# What the machine's own session may have set, and a private one must not see.
_FOREIGN = (
    "DBUS_SESSION_BUS_ADDRESS", "DBUS_STARTER_ADDRESS", "DBUS_STARTER_BUS_TYPE", "DESKTOP_SESSION", "DISPLAY",
    "GNOME_DESKTOP_SESSION_ID", "PIPEWIRE_REMOTE", "PULSE_SINK", "PULSE_SOURCE", "QT_QPA_PLATFORM", "SESSION_MANAGER",
    "WAYLAND_DISPLAY", "WAYLAND_SOCKET", "XAUTHORITY", "XDG_CURRENT_DESKTOP", "XDG_SESSION_DESKTOP", "XDG_SESSION_ID",
)  # fmt: skip
_PERSONAL_FOLDERS = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")

_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
_OPENBOX = """<?xml version="1.0"?>
<openbox_config xmlns="http://openbox.org/3.4/rc">
  <focus><focusNew>yes</focusNew><followMouse>no</followMouse></focus>
  <desktops><number>1</number><popupTime>0</popupTime></desktops>
  <theme><name>Clearlooks</name><animateIconify>no</animateIconify></theme>
</openbox_config>
"""


class VirtualDesktop:
    """A running private desktop; making the object starts it, `close()` or leaving the `with` block ends it.

    `sound` is the kind of sound server, or "none". `screen` is (width, height) in pixels, or None for no X server at
    all. With `private_home` the children's HOME is an empty folder too; without it they keep the caller's.
    `period` is the shortest that PipeWire works with, in frames.

    Raises DesktopError, with nothing left running, when a program is missing or a server does not come up in time. All
    methods block, with deadlines, and may be called from any thread, one at a time.
    """

    def __init__(
        self,
        sound: SoundServer = "pulse",
        screen: tuple[int, int] | None = (1920, 1080),
        window_manager: bool = True,
        private_home: bool = False,
        period: int = virtual_sound.PERIOD,
    ) -> None:
        if sound not in _SOUND_PROCESSES:
            raise DesktopError(f"unknown sound server {sound!r}: use one of {', '.join(_SOUND_PROCESSES)}")
        if screen is not None and not all(1 <= side <= _LARGEST_SIDE for side in screen):
            raise DesktopError(f"a screen of {screen[0]}x{screen[1]} is not possible: 1 to {_LARGEST_SIDE} a side")
        self.sound = sound
        self.display: str | None = None
        self._screen: VirtualScreen | None = None
        self._processes = OwnedProcesses("loopnote-desktop-")
        try:
            self._make_environment(private_home, period)
            self._start_all(screen, window_manager)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> VirtualDesktop:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def folder(self) -> Path:
        """The private folder; everything in it goes with the desktop."""
        return self._processes.folder

    @property
    def pids(self) -> list[int]:
        """Process ids of all that this desktop runs."""
        return self._processes.pids

    def close(self) -> None:
        """End all servers and remove the private folder. May be called again."""
        self._processes.close()
        if self._screen is not None:
            self._screen.close()

    def end_with_me(self, group: int) -> None:
        """Have the process group `group`, whose display this is, ended too, should this process be killed."""
        self._processes.end_with_me(group)

    # Sound

    @property
    def sound_pids(self) -> list[int]:
        """Process ids of the sound server."""
        return self._processes.pids_of(*_SOUND_PROCESSES[self.sound])

    def start_sound(self) -> None:
        """Start the sound server, at the address that it had before; returns once the null sink is the default."""
        self._launch_sound()
        self._await_sound()

    def stop_sound(self) -> None:
        """Kill the sound server, as a crash would."""
        self._processes.stop(*_SOUND_PROCESSES[self.sound], how=signal.SIGKILL)

    def freeze_sound(self) -> None:
        """Stop the sound server where it stands: it holds its connections and answers nothing."""
        for pid in self.sound_pids:
            os.kill(pid, signal.SIGSTOP)

    def thaw_sound(self) -> None:
        """Let a frozen sound server go on."""
        for pid in self.sound_pids:
            os.kill(pid, signal.SIGCONT)

    def load_null_sink(self, name: str, rate: int = virtual_sound.RATE, channels: int = 2) -> int:
        """Add another speaker called `name` and return its module id; `rate` in Hz."""
        answer = self.pactl(
            "load-module", "module-null-sink", f"sink_name={name}", f"rate={rate}", f"channels={channels}",
            f"sink_properties=device.description={name}",
        )  # fmt: skip
        return int(answer)

    def load_microphone(self, name: str, feed: str) -> int:
        """Add a microphone called `name`, which hears what is played to the speaker `feed`; return its module id.

        That speaker's monitor alone would not count as a microphone.
        """
        answer = self.pactl(
            "load-module", "module-remap-source", f"source_name={name}", f"master={feed}.monitor",
            f"source_properties=device.description={name}",
        )  # fmt: skip
        return int(answer)

    def unload(self, module_id: int) -> None:
        """Take away what `load_null_sink` (or any module) added."""
        self.pactl("unload-module", str(module_id))

    def set_default_sink(self, name: str) -> None:
        """Make the speaker `name` the default."""
        self.pactl("set-default-sink", name)

    def pactl(self, *args: str) -> str:
        """Run pactl against this desktop's sound server and return what it printed."""
        return self._command("pactl", *args)

    # Screen

    @property
    def screen_pids(self) -> list[int]:
        """Process ids of the X server."""
        return self._processes.pids_of("Xvfb")

    def resize_screen(self, width: int, height: int) -> None:
        """Change the size of the screen, in pixels; at most 3840x2160 or the size that it began with."""
        # Every call makes a mode of its own, as a name can be used once only. It has no timings: Xvfb has no monitor
        # that could mind.
        mode = f"{width}x{height}-{secrets.token_hex(3)}"
        self._command("xrandr", "--newmode", mode, "0", *[str(width)] * 4, *[str(height)] * 4)
        self._command("xrandr", "--addmode", "screen", mode)
        self._command("xrandr", "--output", "screen", "--mode", mode)

    def xrandr(self, *args: str) -> str:
        """Run xrandr against this desktop's X server and return what it printed."""
        return self._command("xrandr", *args)

    def kill_screen(self) -> None:
        """Kill the X server, as a crash would; what was on it goes with it, the window manager too."""
        self._x_server.kill()

    def start_screen(self, width: int, height: int) -> None:
        """Start the X server again under the same name after `kill_screen`, in this size; nothing is on it."""
        self._x_server.start(self._server_env)
        self.resize_screen(width, height)

    def freeze_screen(self) -> None:
        """Stop the X server where it stands: it holds its connections and answers nothing."""
        self._x_server.freeze()

    def thaw_screen(self) -> None:
        """Let a frozen X server go on."""
        self._x_server.thaw()

    def start_tray(self) -> None:
        """Start a panel, at the bottom right of the screen, for the icons of other programs."""
        require("trayer", "xwininfo")
        self._processes.start(
            ["trayer", "--edge", "bottom", "--align", "right", "--widthtype", "request", "--height", "32",
             "--SetDockType", "true", "--SetPartialStrut", "true"],
            self.env,
        )  # fmt: skip
        self._processes.wait_for("trayer", self._tray_is_there, _START_TIMEOUT_S)

    def stop_tray(self) -> None:
        """End the panel."""
        self._processes.stop("trayer")

    def _tray_is_there(self) -> bool:
        # Its panel is mapped at the bottom right once it owns the tray.
        return '"panel": ("panel" "trayer")' in self._command("xwininfo", "-root", "-tree")

    @property
    def _x_server(self) -> VirtualScreen:
        if self._screen is None:
            raise DesktopError("this desktop has no screen: make it with one")
        return self._screen

    # Start-up

    def _make_environment(self, private_home: bool, period: int) -> None:
        self._runtime = self.folder / "run"
        servers_home = self.folder / "servers"
        self._config = servers_home / ".config"
        for folder in (self._runtime, self._runtime / "pulse", servers_home, self._config):
            folder.mkdir(mode=0o700)
        virtual_sound.write_configuration(self._config, period)

        self.env = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        self.env |= virtual_sound.client_environment(self._config, self._runtime)
        self.env["XDG_RUNTIME_DIR"] = str(self._runtime)
        self.env["XDG_SESSION_TYPE"] = "x11"
        # Servers must neither read the settings of whoever calls nor leave files in their home.
        self._server_env = _without_personal_folders(self.env) | {"HOME": str(servers_home)}
        if private_home:
            home = self.folder / "home"
            home.mkdir(mode=0o700)
            self.env = _without_personal_folders(self.env) | {"HOME": str(home)}

    def _start_all(self, screen: tuple[int, int] | None, window_manager: bool) -> None:
        # In an order that lets the slow ones come up side by side.
        needed = ["dbus-daemon", *_SOUND_PROCESSES[self.sound], *(["pactl"] if self.sound != "none" else [])]
        if screen is not None:
            needed += ["Xvfb", "xrandr", *(["openbox", "xprop"] if window_manager else [])]
        require(*needed)
        self._start_bus()
        self._launch_sound()
        if screen is not None:
            self._start_screen(*screen)
            if window_manager:
                self._start_window_manager()
        self._await_sound()

    def _start_bus(self) -> None:
        bus = self._runtime / "bus"
        config = self._config / "bus.conf"
        config.write_text(_BUS.format(socket=bus))
        self._processes.start(["dbus-daemon", "--nofork", "--nopidfile", f"--config-file={config}"], self._server_env)
        self._processes.wait_for("dbus-daemon", lambda: _accepts(bus), _START_TIMEOUT_S)
        self._set("DBUS_SESSION_BUS_ADDRESS", f"unix:path={bus}")

    def _launch_sound(self) -> None:
        if self.sound == "pulse":
            self._processes.start(virtual_sound.pulseaudio_command(self._runtime), self._server_env)
        elif self.sound == "pipewire":
            self._processes.start(["pipewire"], self._server_env)
            socket_path = virtual_sound.pipewire_socket(self._runtime)
            self._processes.wait_for("pipewire", lambda: _accepts(socket_path), _START_TIMEOUT_S)
            self._processes.start(["wireplumber"], self._server_env)
            self._processes.start(["pipewire-pulse"], self._server_env)

    def _await_sound(self) -> None:
        if self.sound == "none":
            return
        server = _SOUND_PROCESSES[self.sound][0]
        socket_path = virtual_sound.pulse_socket(self._runtime)
        self._processes.wait_for(server, lambda: _accepts(socket_path), _START_TIMEOUT_S)
        # PipeWire's session manager chooses the default sink a moment after the server answers.
        self._processes.wait_for(server, self._sink_is_default, _START_TIMEOUT_S)

    def _sink_is_default(self) -> bool:
        try:
            return self.pactl("get-default-sink") == virtual_sound.SINK_NAME
        except DesktopError:
            return False

    def _start_screen(self, width: int, height: int) -> None:
        self._screen = VirtualScreen(self._processes, self._runtime, width, height)
        self._screen.start(self._server_env)
        self.display = self._screen.display
        self._set("DISPLAY", self.display)
        self._set("XAUTHORITY", str(self._screen.authority))
        self.resize_screen(width, height)

    def _start_window_manager(self) -> None:
        config = self._config / "openbox.xml"
        config.write_text(_OPENBOX)
        self._processes.start(["openbox", "--sm-disable", "--config-file", str(config)], self._server_env)
        self._processes.wait_for("openbox", self._window_manager_is_there, _START_TIMEOUT_S)

    def _window_manager_is_there(self) -> bool:
        return "window id" in self._command("xprop", "-root", "_NET_SUPPORTING_WM_CHECK")

    def _set(self, name: str, value: str) -> None:
        self.env[name] = value
        self._server_env[name] = value

    def _command(self, *argv: str) -> str:
        try:
            done = subprocess.run(
                argv, env=self._server_env, capture_output=True, text=True, timeout=_COMMAND_TIMEOUT_S, check=False
            )
        except FileNotFoundError:
            require(argv[0])
            raise
        except subprocess.TimeoutExpired:
            raise DesktopError(f"{' '.join(argv)} gave no answer in {_COMMAND_TIMEOUT_S:.0f} s") from None
        if done.returncode != 0:
            raise DesktopError(f"{' '.join(argv)} failed: {' '.join(done.stderr.split())}")
        return done.stdout.strip()


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _without_personal_folders(env: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name not in _PERSONAL_FOLDERS}
