"""Private desktops for the tests: real sound servers and a real X server, none of them the machine's own.

soundcard and libpulse connect once a process, to whatever PULSE_SERVER says at that moment. So what needs a real server
runs in a child process with the desktop's environment: see `tests.helpers.children`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import second_opinion
from virtual_desktop import SoundServer, VirtualDesktop

TESTS = Path(__file__).parent
SOUND_SERVERS: tuple[SoundServer, ...] = ("pulse", "pipewire")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the long counts too")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(second_opinion)
    if config.getoption("--full"):
        os.environ["LOOPNOTE_FULL"] = "1"


# What these hand out runs in real time.
REAL_TIME_FIXTURES = {
    "studio", "panel_desktop", "bare_desktop",
    "desktop", "pulse_desktop", "pipewire_desktop", "fresh_desktop", "x_screen", "fresh_x_screen",
    "bench", "own_bench", "own_desktop", "x11", "own_x11", "x_own",
}  # fmt: skip
REAL_TIME_FOLDERS = {"integration", "scripts", "faults"}
# These measure (as do single tests elsewhere, with the marker `alone`).
ALONE_FILES = {"integration/test_exact_and_edges.py", "integration/test_long_run.py"}


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses by the markers
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what runs in real time, and what of it must run alone.

    Leave out (not skip: they are no tests of the short form) the tests marked `full` unless asked for.
    """
    for item in items:
        file = item.path.relative_to(TESTS)
        if file.parts[0] in REAL_TIME_FOLDERS or REAL_TIME_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(second_opinion.MARKER)
        if file.as_posix() in ALONE_FILES:
            item.add_marker("alone")
    if is_full():
        return
    left_out = [item for item in items if item.get_closest_marker("full")]
    if left_out:
        items[:] = [item for item in items if not item.get_closest_marker("full")]
        config.hook.pytest_deselected(items=left_out)


def is_full() -> bool:
    """Whether the long counts were asked for, by `--full` or the environment variable LOOPNOTE_FULL."""
    return os.environ.get("LOOPNOTE_FULL", "") not in ("", "0")


@pytest.fixture(scope="session", autouse=True)
def _away_from_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep tests off the desktop, the sound and the settings of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"):
            patch.delenv(name, raising=False)
        patch.setenv("PULSE_SERVER", "unix:/nonexistent/no-test-uses-the-real-sound-server")
        for name in ("CACHE", "CONFIG", "DATA", "STATE"):
            patch.setenv(f"XDG_{name}_HOME", str(tmp_path_factory.mktemp(f"xdg-{name.lower()}")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _signals_reach_children() -> Iterator[None]:
    """Let the tests' children have Ctrl-C and SIGHUP also when these are ignored here (nohup; a shell's background).

    An ignored signal is inherited, a handler is not: one that does nothing ignores it for this process alone.
    """
    ignored = [number for number in (signal.SIGINT, signal.SIGHUP) if signal.getsignal(number) == signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, lambda *_: None)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(scope="session")
def full() -> bool:
    """True when the long counts of a measurement are to be run."""
    return is_full()


@pytest.fixture(scope="module")
def pulse_desktop() -> Iterator[VirtualDesktop]:
    """A PulseAudio, and a screen of 1920x1080, for the tests of one file; leave it as you found it."""
    with VirtualDesktop("pulse") as desktop:
        yield desktop


@pytest.fixture(scope="module")
def pipewire_desktop() -> Iterator[VirtualDesktop]:
    """A PipeWire, and a screen of 1920x1080, for the tests of one file; leave it as you found it."""
    with VirtualDesktop("pipewire") as desktop:
        yield desktop


@pytest.fixture(scope="module", params=SOUND_SERVERS)
def desktop(request: pytest.FixtureRequest) -> Iterator[VirtualDesktop]:
    """Each sound server in turn, with a screen of 1920x1080; leave it as you found it."""
    with VirtualDesktop(request.param) as desktop:
        yield desktop


@pytest.fixture(params=SOUND_SERVERS)
def fresh_desktop(request: pytest.FixtureRequest) -> Iterator[VirtualDesktop]:
    """Each sound server in turn, for one test alone: kill it, freeze it, change its devices."""
    with VirtualDesktop(request.param) as desktop:
        yield desktop


@pytest.fixture(scope="session")
def x_screen() -> Iterator[VirtualDesktop]:
    """A screen of 1920x1080 without sound, for all tests together; leave it as you found it."""
    with VirtualDesktop("none") as desktop:
        yield desktop


@pytest.fixture
def fresh_x_screen() -> Iterator[VirtualDesktop]:
    """A screen of 1920x1080 without sound, for one test alone: resize it, end it."""
    with VirtualDesktop("none") as desktop:
        yield desktop
