"""Desktops with a panel, and a home of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from virtual_desktop import VirtualDesktop


@pytest.fixture
def panel_desktop() -> Iterator[VirtualDesktop]:
    """A desktop with a panel for icons, for one test alone."""
    with VirtualDesktop("pulse", (1280, 800), private_home=True) as desktop:
        desktop.start_tray()
        yield desktop


@pytest.fixture
def bare_desktop() -> Iterator[VirtualDesktop]:
    """A desktop that has no panel (yet), for one test alone."""
    with VirtualDesktop("pulse", (1280, 800), private_home=True) as desktop:
        yield desktop
