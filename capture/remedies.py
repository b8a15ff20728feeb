"""What mends a computer on which something is missing: the one command, in the words of its own system."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# How each distribution installs, by the words of ID and ID_LIKE in os-release (freedesktop.org's os-release(5)).
INSTALL = {
    "apt": "sudo apt install",
    "dnf": "sudo dnf install",
    "pacman": "sudo pacman -S",
    "zypper": "sudo zypper install",
}
MANAGERS = {
    "debian": "apt",
    "ubuntu": "apt",
    "fedora": "dnf",
    "rhel": "dnf",
    "centos": "dnf",
    "arch": "pacman",
    "suse": "zypper",
    "opensuse": "zypper",
}
PACKAGES = {
    "sound server": {
        "apt": "pipewire-pulse wireplumber",
        "dnf": "pipewire-pulseaudio wireplumber",
        "pacman": "pipewire-pulse wireplumber",
        "zypper": "pipewire-pulseaudio wireplumber",
    },
    "sound library": {"apt": "libpulse0", "dnf": "pulseaudio-libs", "pacman": "libpulse", "zypper": "libpulse0"},
    "screen libraries": {
        "apt": "libxcb1 libxcb-randr0 libxcb-render0 libxcb-shm0 libxcb-xfixes0",
        "dnf": "libxcb",
        "pacman": "libxcb",
        "zypper": "libxcb1 libxcb-randr0 libxcb-render0 libxcb-shm0 libxcb-xfixes0",
    },
}


@dataclass(frozen=True, slots=True)
class Machine:
    """What a remedy depends on. `has(program)` says whether a program is installed; `has_systemd` whether it runs."""

    platform: str = sys.platform
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    os_release: Mapping[str, str] = field(default_factory=dict)
    has: Callable[[str], bool] = lambda program: shutil.which(program) is not None
    has_systemd: bool = False

    @property
    def is_linux(self) -> bool:
        """Whether the advice for Linux fits."""
        return self.platform.startswith("linux")

    @property
    def manager(self) -> str | None:
        """The package manager's name, of INSTALL; None when the distribution is not known."""
        words = [self.os_release.get("ID", ""), *self.os_release.get("ID_LIKE", "").split()]
        for word in words:
            # openSUSE calls itself opensuse-leap, opensuse-tumbleweed and so on.
            manager = MANAGERS.get(word) or MANAGERS.get(word.split("-")[0])
            if manager:
                return manager
        return None

    @property
    def is_wayland(self) -> bool:
        """Whether the desktop session is a Wayland one."""
        return bool(self.environ.get("WAYLAND_DISPLAY")) or self.environ.get("XDG_SESSION_TYPE") == "wayland"


def this_machine() -> Machine:
    """The computer that we run on. Reads one small file."""
    # How sd_booted(3) tells whether systemd is what runs: installed it is in many containers, too.
    return Machine(os_release=read_os_release(), has_systemd=Path("/run/systemd/system").is_dir())


def read_os_release(paths: tuple[str, ...] = ("/etc/os-release", "/usr/lib/os-release")) -> dict[str, str]:
    """os-release as a table; empty where there is none."""
    for path in paths:
        try:
            text = Path(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
        return {key.strip(): value.strip().strip("\"'") for key, value in pairs}
    return {}


def install(machine: Machine, what: str) -> str:
    """The command that installs `what` (a key of PACKAGES)."""
    manager = machine.manager
    if manager is None:
        names = " or ".join(sorted(set(PACKAGES[what].values())))
        return f"Install with your system's package manager: {names}"
    return f"{INSTALL[manager]} {PACKAGES[what][manager]}"


def start_sound_server(machine: Machine) -> str:
    """The command that starts the sound server, or installs one where there is none."""
    if not machine.is_linux:
        return "Restart the computer's sound service, or the computer."
    if machine.has("pipewire-pulse") and machine.has_systemd:
        return "systemctl --user start pipewire.socket pipewire-pulse.socket wireplumber"
    if machine.has("pulseaudio"):
        return "pulseaudio --start"
    if machine.has("pipewire-pulse"):
        return "Start in your session: pipewire, wireplumber and pipewire-pulse"
    return install(machine, "sound server")


def pip_install(requirement: str) -> str:
    """The command that mends a Python package in the environment that runs Loopnote."""
    return f'"{sys.executable}" -m pip install --force-reinstall "{requirement}"'
