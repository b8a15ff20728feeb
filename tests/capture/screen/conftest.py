"""The fake and the real desktop, each behind the same driver."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.capture.screen.drivers import Driver, FakeDriver, X11Driver
from tests.capture.screen.x_servers import Client, XServer
from virtual_desktop import VirtualDesktop


@pytest.fixture(scope="module")
def x_server() -> Iterator[VirtualDesktop]:
    """A screen of 800x600 with a window manager for the tests of one file; leave it as you found it."""
    with VirtualDesktop("none", screen=(800, 600)) as desktop:
        yield desktop


@pytest.fixture
def x11(x_server: VirtualDesktop, monkeypatch: pytest.MonkeyPatch) -> Iterator[X11Driver]:
    yield from _driver(x_server, monkeypatch)


@pytest.fixture
def own_x11(monkeypatch: pytest.MonkeyPatch) -> Iterator[X11Driver]:
    """An X server for one test alone, which may resize or kill it."""
    with VirtualDesktop("none", screen=(800, 600)) as desktop:
        yield from _driver(desktop, monkeypatch)


FAKES = {"fake": False, "fake that tells where it draws": True}


@pytest.fixture(params=[*FAKES, "x11"])
def driver(request: pytest.FixtureRequest) -> Driver:
    """The fakes and the shared X server, in turn."""
    return _in_turn(request, "x11")


@pytest.fixture(params=[*FAKES, "x11"])
def own_driver(request: pytest.FixtureRequest) -> Driver:
    """The fakes and an X server of the test's own, in turn: for tests that resize or end it."""
    return _in_turn(request, "own_x11")


@pytest.fixture
def x_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[XServer]:
    """A bare X server for one test alone, which may kill and start it; this process may open it."""
    server = XServer(tmp_path)
    monkeypatch.setenv("XAUTHORITY", server.environ["XAUTHORITY"])
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def client(x_own: XServer) -> Iterator[Client]:
    made = Client(x_own.environ)
    yield made
    made.close()


def _in_turn(request: pytest.FixtureRequest, real: str) -> Driver:
    if request.param in FAKES:
        return FakeDriver(FAKES[request.param])
    found: Driver = request.getfixturevalue(real)
    return found


def _driver(desktop: VirtualDesktop, monkeypatch: pytest.MonkeyPatch) -> Iterator[X11Driver]:
    for name in ("DISPLAY", "XAUTHORITY", "XDG_SESSION_TYPE"):
        monkeypatch.setenv(name, desktop.env[name])
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    driver = X11Driver(desktop)
    try:
        yield driver
    finally:
        driver.close()
