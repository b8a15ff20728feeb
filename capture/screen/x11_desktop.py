"""What mss does not tell of an X desktop: its windows, where they are, when something changes, and the pointer.
By python-xlib.

Events instead of questions: an open source asks before every picture, and as long as nothing happened the answer costs
no message to the server.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import Xlib.display
import Xlib.error
import Xlib.xauth
from Xlib import X
from Xlib.ext import randr

from capture.errors import ScreenUnavailable
from capture.model import Area
from capture.screen.areas import Window
from capture.screen.cursor import Cursor
from capture.screen.x11_drawing import Drawing, Pointer

log = logging.getLogger(__name__)

# python-xlib prints its remarks about .Xauthority onto standard output, which belongs to `--json`.
Xlib.xauth.print = lambda *words: log.debug("%s", " ".join(map(str, words)))

ICONIC = 3  # WM_STATE's IconicState (ICCCM 4.1.3.1)
ALL_DESKTOPS = 0xFFFFFFFF  # _NET_WM_DESKTOP of a window that is on every workspace (EWMH)


class XDesktop:
    """One connection to the X server `name`. Used by one thread at a time; its calls wait for the server's answer.

    Raises `ScreenUnavailable` when the server cannot be reached or has gone.
    """

    def __init__(self, name: str) -> None:
        self._display = open_display(name)
        self._name = name
        self._root = self._display.screen().root
        self._followed: Any = None
        self._drawing: Drawing | None = None
        self._pointer: Pointer | None = None
        self._screen_changed: int | None = None  # the number of that event, which the server chooses
        self._layout_changed = False
        self._window_moved = True
        self._area = Area(0, 0, 0, 0)
        self._hidden = ""
        # Requests about a window that was closed a moment ago fail; that is said by the requests that follow.
        self._display.set_error_handler(lambda error, request: None)

    def close(self) -> None:
        with contextlib.suppress(Xlib.error.ConnectionClosedError, OSError):
            self._display.close()

    @property
    def is_xwayland(self) -> bool:
        """Whether this X server only serves X programs inside a Wayland desktop: its root shows nothing of it."""
        with _translated(self._name):
            return serves_wayland(self._display)

    # --- Windows -------------------------------------------------------------------------------------------------

    def windows(self) -> list[Window]:
        """The windows that have a title, the lowest first."""
        with _translated(self._name):
            found = []
            for window in self._top_level():
                with contextlib.suppress(Xlib.error.XError):  # closed while we look
                    title = self._title(window)
                    if title:
                        area, hidden = self._area_of(window), self._why_hidden(window)
                        found.append(Window(hex(window.id), title, area, self._application(window), hidden))
            return found

    def area_of(self, window_id: int) -> Area:
        """Where a window is, its frame left out."""
        with _translated(self._name):
            try:
                return self._area_of(self._display.create_resource_object("window", window_id))
            except Xlib.error.XError as error:
                raise ScreenUnavailable("the window was closed", "Open it again.") from error

    def _top_level(self) -> list[Any]:
        listed = self._property(self._root, "_NET_CLIENT_LIST_STACKING")
        if listed is None:
            listed = self._property(self._root, "_NET_CLIENT_LIST")
        if listed is not None:
            return [self._display.create_resource_object("window", window_id) for window_id in listed]
        # No window manager: the windows are the root's own children, and with them menus and things never shown.
        return [window for window in self._root.query_tree().children if self._is_ordinary(window)]

    def _is_ordinary(self, window: Any) -> bool:
        try:
            attributes = window.get_attributes()
        except Xlib.error.XError:
            return False
        return not attributes.override_redirect and attributes.map_state == X.IsViewable

    def _property(self, window: Any, name: str) -> Any:
        prop = window.get_full_property(self._display.intern_atom(name), X.AnyPropertyType)
        return None if prop is None else prop.value

    def _number(self, window: Any, name: str) -> int | None:
        value = self._property(window, name)
        return None if value is None or len(value) == 0 else int(value[0])

    def _title(self, window: Any) -> str:
        for name, encoding in (("_NET_WM_NAME", "utf-8"), ("WM_NAME", "latin-1")):
            value = self._property(window, name)
            if value:
                return value.decode(encoding, "replace") if isinstance(value, bytes) else str(value)
        return ""

    def _application(self, window: Any) -> str:
        wm_class = window.get_wm_class()
        return str(wm_class[1]) if wm_class else ""

    def _why_hidden(self, window: Any) -> str:
        """Why the window cannot be seen; empty when it can. Raises `XError` when it is no more."""
        if self._number(window, "WM_STATE") == ICONIC:
            return "is minimised"
        if window.get_attributes().map_state != X.IsViewable:
            return "is hidden"
        # Some window managers leave the windows of other workspaces mapped: what is seen there is something else.
        here, current = self._number(window, "_NET_WM_DESKTOP"), self._number(self._root, "_NET_CURRENT_DESKTOP")
        if here is not None and current is not None and here not in (current, ALL_DESKTOPS):
            return "is on another workspace"
        return ""

    def _area_of(self, window: Any) -> Area:
        size = window.get_geometry()
        corner = window.translate_coords(self._root, 0, 0)  # answers with the negated place on the root
        left, top = -corner.x, -corner.y
        # A program that draws its own shadow tells its width: left, right, top, bottom.
        shadow = self._property(window, "_GTK_FRAME_EXTENTS")
        if shadow is None or len(shadow) != 4:
            return Area(left, top, size.width, size.height)
        width, height = size.width - shadow[0] - shadow[1], size.height - shadow[2] - shadow[3]
        return Area(left + shadow[0], top + shadow[2], max(1, width), max(1, height))

    # --- Changes -------------------------------------------------------------------------------------------------

    def watch(self, window: Window | None) -> None:
        """From now on be told of changes of the screens, and of `window`."""
        with _translated(self._name):
            mask = X.StructureNotifyMask
            if window is not None:
                self._followed = self._display.create_resource_object("window", int(window.id, 16))
                # The window manager announces here that another workspace is shown.
                mask |= X.PropertyChangeMask
            self._root.change_attributes(event_mask=mask)
            if self._display.has_extension("RANDR"):
                self._root.xrandr_select_input(randr.RRScreenChangeNotifyMask)
                self._screen_changed = self._display.extension_event.ScreenChangeNotify
            self._drawing = Drawing(self._display)
            self._select_followed()
            self._display.sync()

    def damage(self, anew: bool) -> list[Area] | None:
        """Where something was drawn, in any window, as far as the questions before this one have read; None when this
        server does not tell. Without `anew`, the same is told again."""
        with _translated(self._name):
            return None if self._drawing is None else self._drawing.told(anew)

    def cursor(self) -> Cursor | None:
        """The pointer as it is now; None where it cannot be seen."""
        with _translated(self._name):
            self._pointer = self._pointer or Pointer(self._display)
            return self._pointer.now()

    def layout_changed(self) -> bool:
        """Whether the screens changed since the last call."""
        self._take_events()
        changed, self._layout_changed = self._layout_changed, False
        return changed

    def window_area(self, surely: bool = False) -> Area:
        """Where the watched window is. Raises `ScreenUnavailable` when it cannot be seen.

        `surely` waits for the events that are on their way: 0.1 ms.
        """
        if surely:
            with _translated(self._name):
                self._display.sync()
        self._take_events()
        if self._window_moved:
            self._window_moved = False
            with _translated(self._name):
                try:
                    self._select_followed()
                    self._hidden = self._why_hidden(self._followed)
                    self._area = self._area_of(self._followed)
                except Xlib.error.XError:
                    self._hidden = "was closed"
        if self._hidden:
            raise ScreenUnavailable(f"the window {self._hidden}", "Bring it back onto the screen.")
        return self._area

    def _select_followed(self) -> None:
        """Ask for the events of the window and of each frame around it: the window manager moves the outermost."""
        window = self._followed
        if window is None:
            return
        window.change_attributes(event_mask=X.StructureNotifyMask | X.PropertyChangeMask)
        for _ in range(8):  # deeper than any window manager nests
            window = window.query_tree().parent
            if window is None or window == 0 or window.id == self._root.id:
                return
            window.change_attributes(event_mask=X.StructureNotifyMask)

    def _take_events(self) -> None:
        with _translated(self._name):
            while self._display.pending_events():
                event = self._display.next_event()
                if self._drawing is not None:
                    self._drawing.take(event)
                if self._pointer is not None:
                    self._pointer.take(event)
                if event.type == X.PropertyNotify:
                    name = self._display.get_atom_name(event.atom)
                    if name in ("WM_STATE", "_NET_WM_DESKTOP", "_NET_CURRENT_DESKTOP", "_GTK_FRAME_EXTENTS"):
                        self._window_moved = True
                elif event.type in (X.ConfigureNotify, X.MapNotify, X.UnmapNotify, X.DestroyNotify, X.ReparentNotify):
                    # On the root they tell of its children too (MapNotify, say); only its own size is the screen's.
                    if event.window.id == self._root.id:
                        self._layout_changed = True
                    self._window_moved = True
                elif event.type == self._screen_changed:
                    self._layout_changed = self._window_moved = True


def open_display(name: str) -> Any:
    """A python-xlib connection to the X server `name`. Raises `ScreenUnavailable`."""
    with _translated(name):
        return Xlib.display.Display(name)


def serves_wayland(display: Any) -> bool:
    """Whether the X server only serves X programs inside a Wayland desktop, by a python-xlib connection.

    Newer ones have an extension for exactly this question; older ones name their outputs so.
    """
    if display.has_extension("XWAYLAND"):
        return True
    if not display.has_extension("RANDR"):
        return False
    # "current", because the other request makes the server look at every connector, which takes long.
    resources = display.screen().root.xrandr_get_screen_resources_current()
    return any(
        display.xrandr_get_output_info(output, resources.config_timestamp).name.startswith("XWAYLAND")
        for output in resources.outputs
    )


@contextlib.contextmanager
def _translated(name: str) -> Iterator[None]:
    """python-xlib's errors as ours. An `XError` inside stands for a window that is no more."""
    try:
        yield
    except (Xlib.error.DisplayError, Xlib.error.XauthError) as error:
        raise ScreenUnavailable(
            f"the display {name} cannot be opened ({error})",
            "Set DISPLAY and XAUTHORITY as your desktop session has them (see: loopnote doctor).",
        ) from error
    except (Xlib.error.ConnectionClosedError, OSError) as error:
        raise ScreenUnavailable(
            f"the connection to the display {name} broke", "Look whether the desktop session still runs."
        ) from error
