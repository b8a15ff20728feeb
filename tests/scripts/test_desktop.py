"""scripts/desktop: a command inside its own desktop, and nothing left of it afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.helpers.children import ROOT
from tests.helpers.processes import command_lines, is_running, wait_until

DESKTOP = str(ROOT / "scripts" / "desktop")
SHOW_ENVIRONMENT = "echo $DISPLAY; echo $PULSE_SERVER; echo $XDG_RUNTIME_DIR; echo $HOME"


def run(*args: str | Path, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run([DESKTOP, *args], capture_output=True, text=True, timeout=timeout_s, check=False)


class Started:
    """scripts/desktop with a command that has begun (after what is to come `first`), as seen from outside."""

    def __init__(self, tmp_path: Path, command: str, *options: str, first: str = "true") -> None:
        facts = tmp_path / "facts"
        script = f"{first}; {{ {SHOW_ENVIRONMENT}; }} >{facts}.new; mv {facts}.new {facts}; {command}"
        self.process = subprocess.Popen([DESKTOP, *options, "sh", "-c", script])
        wait_until(facts.exists, "the command began")
        self.display, self.pulse_server, runtime, self.home = facts.read_text().splitlines()
        self.folder = Path(runtime).parent

    def everything(self) -> dict[int, str]:
        """The command lines of all that belongs to this desktop: they all name its folder or its display."""
        return {
            pid: line
            for pid, line in command_lines(environment=True).items()
            if str(self.folder) in line and pid != os.getpid()
        }


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    """Start scripts/desktop with a command; whatever the test leaves running is ended."""
    started: list[Started] = []

    def begin(command: str, *options: str, first: str = "true") -> Started:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Started(folder, command, *options, first=first))
        return started[-1]

    yield begin
    for desktop in started:
        if desktop.process.poll() is None:
            desktop.process.terminate()
        desktop.process.wait(timeout=20)


def assert_nothing_left(desktop: Started) -> None:
    wait_until(lambda: not desktop.everything(), "all processes ended", describe=lambda: str(desktop.everything()))
    wait_until(lambda: not desktop.folder.exists(), "the folder was removed")
    number = desktop.display.removeprefix(":")
    wait_until(lambda: not Path(f"/tmp/.X{number}-lock").exists(), "the display's lock was removed")
    assert not Path(f"/tmp/.X11-unix/X{number}").exists()


@pytest.mark.parametrize("code", [0, 7])
def test_exits_as_the_command_does(code: int) -> None:
    assert run("--sound", "none", "sh", "-c", f"exit {code}").returncode == code


def test_exit_code_of_a_command_that_a_signal_ended() -> None:
    assert run("--sound", "none", "sh", "-c", "kill -KILL $$").returncode == 128 + signal.SIGKILL


def test_an_unknown_command_is_named() -> None:
    done = run("--sound", "none", "--screen", "none", "no-such-command")
    assert done.returncode == 127
    assert "no-such-command" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("options", [["--sound", "alsa", "true"], ["--screen", "big", "true"], []])
def test_wrong_usage_is_one_message_and_code_2(options: list[str]) -> None:
    done = run(*options)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_options_after_the_command_are_the_commands_own() -> None:
    done = run("--sound", "none", "--screen", "none", "echo", "--sound", "loud", "--", "-x")
    assert done.stdout == "--sound loud -- -x\n"


@pytest.mark.parametrize("sound", ["pulse", "pipewire"])
def test_the_command_finds_a_screen_and_a_speaker(sound: str) -> None:
    done = run(
        "--sound",
        sound,
        "--screen",
        "800x600",
        "sh",
        "-c",
        "pactl get-default-sink; xprop -root -notype _NET_SUPPORTED; xrandr",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("loopnote_null\n")
    assert "_NET_WM_NAME" in done.stdout, "no window manager"
    assert "current 800 x 600" in done.stdout


def test_home_is_private_only_when_asked(start: Callable[..., Started]) -> None:
    ordinary = start("true", "--sound", "none", "--screen", "none")
    assert ordinary.home == os.environ["HOME"]
    assert ordinary.process.wait(timeout=20) == 0
    private = start("true", "--sound", "none", "--screen", "none", "--private-home")
    assert Path(private.home).parent == private.folder
    assert private.process.wait(timeout=20) == 0


def test_two_at_once_do_not_collide(start: Callable[..., Started]) -> None:
    one = start("sleep 60")
    two = start("sleep 60")
    assert one.display != two.display
    assert one.pulse_server != two.pulse_server
    one.process.terminate()
    one.process.wait(timeout=20)
    assert_nothing_left(one)
    still_there = {
        name for line in two.everything().values() for name in ("Xvfb", "pulseaudio", "openbox") if name in line
    }
    assert still_there == {"Xvfb", "pulseaudio", "openbox"}
    two.process.terminate()
    two.process.wait(timeout=20)
    assert_nothing_left(two)


@pytest.mark.parametrize("sound", ["pulse", "pipewire"])
def test_leaves_nothing_after_an_ordinary_end(start: Callable[..., Started], sound: str) -> None:
    # The command leaves a process of its own behind, in another session, too.
    desktop = start("setsid sleep 300 & sleep 0.5", "--sound", sound)
    names = " ".join(desktop.everything().values())
    assert "Xvfb" in names
    assert ("pulseaudio" if sound == "pulse" else "wireplumber") in names
    assert desktop.process.wait(timeout=20) == 0
    assert_nothing_left(desktop)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("sound", ["pulse", "pipewire"])
def test_a_signal_reaches_the_command_and_ends_everything(
    start: Callable[..., Started], sound: str, number: signal.Signals
) -> None:
    name = number.name.removeprefix("SIG")
    # `wait` returns when a trapped signal comes; the command then ends in its own way.
    desktop = start("sleep 300 & wait", "--sound", sound, first=f"trap 'exit 9' {name}")
    desktop.process.send_signal(number)
    assert desktop.process.wait(timeout=20) == 9
    assert_nothing_left(desktop)


@pytest.mark.parametrize("sound", ["pulse", "pipewire"])
def test_even_kill_9_leaves_nothing(start: Callable[..., Started], sound: str) -> None:
    desktop = start("sleep 300", "--sound", sound)
    desktop.process.kill()
    desktop.process.wait(timeout=20)
    assert_nothing_left(desktop)


def test_interrupted_while_it_starts_leaves_nothing() -> None:
    # Not pytest's own folder: sockets below it would have too long a name, and the desktop would go elsewhere.
    with tempfile.TemporaryDirectory(prefix="early-") as name:
        folder = Path(name)
        process = subprocess.Popen([DESKTOP, "--sound", "pipewire", "sleep", "300"], env={**os.environ, "TMPDIR": name})
        wait_until(lambda: any(folder.glob("*/pipewire.log")), "it began")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 128 + signal.SIGINT
        wait_until(lambda: not any(folder.iterdir()), "the folder was removed")
        assert not [line for line in command_lines(environment=True).values() if name in line]


def test_a_missing_program_is_named_with_its_package(tmp_path: Path) -> None:
    for program in ("python3", "env", "dbus-daemon", "openbox", "xprop", "xrandr", "sh", "rm", "cat"):
        found = (
            sys.executable if program == "python3" else subprocess.check_output(["which", program], text=True).strip()
        )
        (tmp_path / program).symlink_to(found)
    done = subprocess.run(
        [DESKTOP, "true"],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "Xvfb" in done.stderr
    assert "apt-get install" in done.stderr
    assert "xvfb" in done.stderr
    assert "pulseaudio" in done.stderr


def test_is_running_helper_knows_the_dead() -> None:
    child = subprocess.Popen(["true"])
    child.wait(timeout=10)
    assert not is_running(child.pid)
    assert is_running(os.getpid())
