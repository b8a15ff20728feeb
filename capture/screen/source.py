"""What a way to the screen must offer: the small interface that X11, Windows, macOS and Wayland hide behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from capture.model import Area, Device

if TYPE_CHECKING:
    from capture.model import Picture


class ScreenSource(Protocol):
    """One opened view of the screen. All methods are called by the screen thread that made it."""

    def grab(self) -> Picture:
        """The picture of now: uint8 BGRA of shape (height, width, 4), the caller's to keep and to read only.

        The shape may differ from call to call when the screen or window was resized. Raises `ScreenUnavailable` when
        the picture cannot be had now (server gone, window closed).
        """
        ...

    def close(self) -> None:
        """Free it; never raises, may be called twice."""
        ...


class ScreenSystem(Protocol):
    """A computer's screens. Methods may be called by any thread, and block for at most 2 s."""

    def describe(self) -> dict[str, str]:
        """The display, the way to it and its speed as the library reports it, for `doctor`."""
        ...

    def screens(self) -> list[Device]:
        """The monitors, in the system's order; `detail["area"]` is [left, top, width, height]. Raises
        `ScreenUnavailable`."""
        ...

    def windows(self) -> list[Device]:
        """The visible top-level windows with their titles and areas; `id` is the system's. Empty where unknowable."""
        ...

    def find(self, spec: str) -> Area:
        """Where `spec` (the text of `--screen`: all, primary, N, X,Y,WxH, window:TITLE) lies now.

        Raises `SettingsError` for a text that means nothing, `UnknownArea` for what is not there or off the screen,
        `ScreenUnavailable`.
        """
        ...

    def open(self, spec: str, cursor: bool) -> ScreenSource:
        """Start to view `spec`; a window is followed when it moves. Called by the screen thread. Raises as `find`."""
        ...
