"""What a way to the screen must offer: the small interface that X11, Windows, macOS and Wayland hide behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from capture.model import Area, Device

if TYPE_CHECKING:
    from capture.model import Picture


class ScreenSource(Protocol):
    """One opened view of the screen. All methods are called by the screen thread that made it.

    `lack` tells how the last picture differs from what was asked for, in words ("screen 2 is away; the primary one is
    shown instead"); empty when it does not.
    """

    lack: str

    @property
    def changed(self) -> tuple[Area, ...]:
        """Where, within the last picture, it may differ from the one before it; empty when the two are equal.

        All of the first picture, and of one of another shape, counts as changed.
        """
        ...

    def grab(self) -> Picture:
        """The picture of now: uint8 BGRA of shape (height, width, 4), to be read only, and only until the next call
        that raises nothing: that one brings the same picture up to date.

        Width and height are even. The shape may differ from call to call when the screen or window was resized; what
        hangs off the screen is black. The pointer is in it if it was asked for. A pixel's fourth byte has no meaning.

        Raises `ScreenUnavailable` when the picture cannot be had now (server gone, window closed or minimised); it may
        be called again, since a minimised window may come back under another title. A server that was gone never does:
        then a new source is needed.
        """
        ...

    def close(self) -> None:
        """Free it; never raises, may be called twice."""
        ...


class ScreenSystem(Protocol):
    """A computer's screens. Methods may be called by any thread, and block for at most 2 s."""

    def describe(self) -> dict[str, str]:
        """For `doctor`: "display" (its name), "screen" (its size), "way" (the library), "cursor" (drawn or not),
        "status" (what the library says of its speed) and "grab_ms" (how long one picture of it all takes). Raises
        `ScreenUnavailable`."""
        ...

    def screens(self) -> list[Device]:
        """The monitors, in the system's order; `id` is the N of `--screen N`, `detail["area"]` is [left, top, width,
        height]. Raises `ScreenUnavailable`."""
        ...

    def windows(self) -> list[Device]:
        """The visible top-level windows, the lowest first; `id` is the system's and can stand for the title in
        `--screen window:TITLE`, `detail` has "area" and "application". Empty where windows cannot be told. Raises
        `ScreenUnavailable`."""
        ...

    def find(self, spec: str) -> Area:
        """Where `spec` (the text of `--screen`: all, primary, N, X,Y,WxH, window:TITLE) lies now.

        Width and height are even. A window may hang off the screen, but not wholly.

        Raises `SettingsError` for a text that means nothing, `UnknownArea` for what is not there or off the screen,
        `ScreenUnavailable`.
        """
        ...

    def open(self, spec: str, cursor: bool) -> ScreenSource:
        """Start to view `spec`; a window is followed when it moves. Called by the screen thread. Raises as `find`."""
        ...
