"""The benches, and this process pointed at a virtual desktop's sound server while a test uses it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.capture.sound.benches import Bench, FakeBench, PulseBench
from virtual_desktop import VirtualDesktop

_VARIABLES = ("PULSE_", "PIPEWIRE_", "XDG_RUNTIME_DIR")


def point_at(desktop: VirtualDesktop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process's libpulse connect to the desktop's server. It may: each of our connections is made anew."""
    for name, value in desktop.env.items():
        if name.startswith(_VARIABLES):
            monkeypatch.setenv(name, value)


@pytest.fixture(scope="session", params=["fake", "pulse", "pipewire"])
def sound_desktop(request: pytest.FixtureRequest) -> Iterator[VirtualDesktop | None]:
    """A sound server for all tests that leave it as it was; None for the one in memory."""
    if request.param == "fake":
        yield None
        return
    with VirtualDesktop(request.param, screen=None) as desktop:
        yield desktop


@pytest.fixture
def bench(sound_desktop: VirtualDesktop | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Each sound system in turn, with one speaker and nothing else."""
    if sound_desktop is None:
        yield FakeBench()
        return
    point_at(sound_desktop, monkeypatch)
    pulse = PulseBench(sound_desktop)
    yield pulse
    pulse.close()


@pytest.fixture(params=["fake", "pulse", "pipewire"])
def own_bench(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """As `bench`, with a server for one test alone: to be killed or frozen."""
    if request.param == "fake":
        yield FakeBench()
        return
    with VirtualDesktop(request.param, screen=None) as desktop:
        point_at(desktop, monkeypatch)
        pulse = PulseBench(desktop)
        yield pulse
        pulse.thaw()


@pytest.fixture(params=["pulse", "pipewire"])
def own_desktop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualDesktop]:
    """A real sound server for one test alone, without a bench."""
    with VirtualDesktop(request.param, screen=None) as desktop:
        point_at(desktop, monkeypatch)
        yield desktop
