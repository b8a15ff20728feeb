"""The screen by mss, for every system: what X11, Windows and macOS have in common.

A system's own file says how to connect, which windows there are, and how a change of the screens is noticed.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import mss
import numpy as np
from mss.exception import ScreenShotError

from capture.errors import ScreenUnavailable, UnknownArea
from capture.model import Area, Device, DeviceKind
from capture.screen import areas
from capture.screen.areas import Monitor, Spec, Window
from capture.screen.cursor import part
from capture.screen.eye import Eye, PolledEye
from capture.screen.kept import KeptPicture

if TYPE_CHECKING:
    from capture.model import Picture

T = TypeVar("T")

# No call but the screen thread's own may keep its caller longer (see ScreenSystem): a display that does not answer in
# this time is as good as none.
ANSWER_S = 2.0
# How often a window's picture is taken until it did not move meanwhile; then the last is good enough.
WINDOW_TRIES = 3


class Unreadable(ScreenUnavailable):
    """mss gave no picture: the server has gone, or the area is not on the screen (any more)."""


class Mss(Protocol):
    """What is used of `mss.MSS`. `monitors[0]` is the whole desktop; each has left, top, width, height."""

    @property
    def monitors(self) -> list[dict[str, Any]]: ...

    @property
    def performance_status(self) -> list[str]: ...

    def grab(self, monitor: dict[str, int], /) -> Any: ...

    def close(self) -> None: ...


class MssScreen:
    """A `ScreenSystem` by mss. Subclasses set `way`, and override `connect`, `list_windows` and `eye`."""

    way = "mss"
    draws_cursor = False
    no_windows_hint = "Record a region of the screen instead: --screen X,Y,WIDTHxHEIGHT"

    # --- For each system -----------------------------------------------------------------------------------------

    def connect(self) -> Mss:
        """A new instance of mss: one for each thread, and a new one whenever the screens have changed.

        Raises `ScreenUnavailable`.
        """
        raise NotImplementedError

    def list_windows(self) -> list[Window]:
        """The top-level windows, hidden ones marked; raises `UnknownArea` where they cannot be told."""
        raise UnknownArea("windows cannot be chosen by their title on this system yet", self.no_windows_hint)

    def eye(self, window: Window | None) -> Eye:
        """What an open source looks at for changes; `window` is the one to follow."""
        return PolledEye(self)

    def display(self) -> str:
        """The name of the display, for `describe`; empty where it has none."""
        return ""

    # --- ScreenSystem --------------------------------------------------------------------------------------------

    def describe(self) -> dict[str, str]:
        return self.answer(self._describe)

    def screens(self) -> list[Device]:
        _, monitors = self.answer(self.layout)
        return [_screen(number, monitor) for number, monitor in enumerate(monitors, 1)]

    def windows(self) -> list[Device]:
        try:
            windows = self.answer(self.list_windows)
        except UnknownArea:
            return []
        return [
            Device(DeviceKind.WINDOW, w.id, w.title, detail={"area": _as_list(w.area), "application": w.application})
            for w in windows
            if not w.hidden
        ]

    def find(self, spec: str) -> Area:
        parsed = areas.parse(spec)
        return self.answer(lambda: self.locate(parsed)[0])

    def open(self, spec: str, cursor: bool) -> MssSource:
        parsed = areas.parse(spec)
        # Asked in a thread of its own first, because a display that does not answer would hold this thread for ever.
        _, window = self.answer(lambda: self.locate(parsed))
        return MssSource(self, parsed, cursor, window)

    # --- Shared with the source ----------------------------------------------------------------------------------

    def layout(self) -> tuple[Area, list[Monitor]]:
        """The whole desktop and its monitors, asked afresh."""
        sct = self.connect()
        try:
            return read_layout(sct)
        finally:
            close_quietly(sct)

    def locate(self, spec: Spec) -> tuple[Area, Window | None]:
        """Where `spec` lies now, and the window if it is one."""
        desktop, monitors = self.layout()
        if spec.kind != "window":
            return areas.resolve(spec, desktop, monitors), None
        window = areas.pick_window(self.list_windows(), spec.title)
        if window.hidden:
            raise UnknownArea(f"the window {window.title!r} {window.hidden}", "Bring it back onto the screen.")
        if areas.common(desktop, window.area) is None:
            raise UnknownArea(f"the window {window.title!r} is wholly off the screen", "Move it onto the screen.")
        if min(window.area.width, window.area.height) < areas.MIN_SIDE:
            raise UnknownArea(f"the window {window.title!r} is too small to record", "Make it larger.")
        return areas.even(window.area), window

    def answer(self, question: Callable[[], T]) -> T:
        """`question()`, asked in a thread of its own. Raises what it raises, and `ScreenUnavailable` after ANSWER_S."""
        results: list[T] = []
        errors: list[BaseException] = []

        def ask() -> None:
            try:
                results.append(question())
            except BaseException as error:  # noqa: BLE001 - raised again by the caller's thread
                errors.append(error)

        thread = threading.Thread(target=ask, name="ask-screen", daemon=True)
        thread.start()
        thread.join(ANSWER_S)
        if errors:
            raise errors[0]
        if not results:
            name = self.display()
            raise ScreenUnavailable(
                f"the display {name} does not answer".replace("  ", " "),
                "Look whether the desktop hangs, or record the sound only, without --screen or with --no-screen.",
            )
        return results[0]

    def _describe(self) -> dict[str, str]:
        sct = self.connect()
        try:
            desktop, monitors = read_layout(sct)
            times_ms = []
            for _ in range(3):  # the first one maps the memory; the best of the others is the speed
                began_ns = time.monotonic_ns()
                grab_picture(sct, desktop)
                times_ms.append((time.monotonic_ns() - began_ns) / 1e6)
            return {
                "display": self.display(),
                "screen": f"{areas.describe(desktop)}, {len(monitors) or 1} monitor(s)",
                "way": f"{self.way}, mss {mss.__version__}",
                "cursor": "drawn" if self.draws_cursor else "not drawn on this system yet",
                "status": "; ".join(sct.performance_status),
                "grab_ms": f"{min(times_ms):.1f}",
            }
        finally:
            close_quietly(sct)


class MssSource:
    """A `ScreenSource` by mss: follows its window, and the screens when they change. Only the screen thread calls it.

    `grab` may be called again after it raised: a window that was minimised may be back.
    """

    def __init__(self, system: MssScreen, spec: Spec, cursor: bool, window: Window | None) -> None:
        self._system = system
        self._spec = spec
        self._with_cursor = cursor
        self.lack = ""
        self._sct: Mss | None = None
        self._desktop = self._area = Area(0, 0, 0, 0)
        self._monitor: Monitor | None = None  # the one that "screen N" means
        self._kept = KeptPicture()
        self._eye = system.eye(window)
        try:
            self._connect()
        except BaseException:
            self.close()
            raise

    @property
    def changed(self) -> tuple[Area, ...]:
        return self._kept.changed

    def grab(self) -> Picture:
        try:
            return self._grab()
        except BaseException:
            self._kept.outdate()  # what the eye has told by now was not looked at
            raise

    def close(self) -> None:
        self._disconnect()
        self._eye.close()

    def _grab(self) -> Picture:
        # The eye is asked in any case: one whose server has gone sees nothing of the next.
        if self._eye.layout_changed() or self._sct is None:
            self._connect()
        try:
            return self._picture()
        except Unreadable:
            # A screen that has just become smaller refuses the old area before its change is told. Look once more,
            # unless the eye says that the server has gone.
            self._eye.layout_changed()
            self._connect()
        try:
            return self._picture()
        except Unreadable:
            self._disconnect()
            raise

    def _picture(self) -> Picture:
        # First what changed, then the look: what is drawn in between is seen now, and told the next time.
        damage = self._eye.damage(anew=not self._kept.is_lively)
        if self._spec.kind != "window":
            area = self._area
            grabbed = self._cut_out(self._kept.parts(area, damage))
        else:
            for _ in range(WINDOW_TRIES):
                area = areas.even(self._eye.window_area())
                if min(area.width, area.height) < areas.MIN_SIDE:
                    raise ScreenUnavailable("the window is too small to see", "Make it larger.")
                grabbed = self._cut_out(self._kept.parts(area, damage))
                # Closed or moved while its picture was taken, it would show what lies behind.
                if not grabbed or areas.even(self._eye.window_area(surely=True)) == area:
                    break
        return self._kept.put(area, grabbed, self._eye.cursor() if self._with_cursor else None)

    def _cut_out(self, parts: list[Area]) -> list[tuple[Area, Picture]]:
        assert self._sct is not None
        found = []
        for wanted in parts:
            seen = areas.common(self._desktop, wanted)
            if seen is None:
                raise ScreenUnavailable("the window is off the screen", "Move it onto the screen.")
            pixels = grab_picture(self._sct, seen)
            if seen != wanted:
                # What hangs off the screen exists nowhere: black, so that the rest stays where it is in the picture.
                whole = np.zeros((wanted.height, wanted.width, 4), np.uint8)
                part(whole, areas.moved(seen, -wanted.left, -wanted.top))[:] = pixels
                pixels = whole
            found.append((wanted, pixels))
        return found

    def _connect(self) -> None:
        self._disconnect()
        self._kept.outdate()
        try:
            sct = self._system.connect()
            self._sct = sct
            self._desktop, monitors = read_layout(sct)
            if self._spec.kind == "screen" and self._monitor is None:
                self._monitor = areas.pick_monitor(self._spec, self._desktop, monitors)
            if self._spec.kind != "window":
                self._area, self.lack = areas.follow(self._spec, self._desktop, monitors, self._monitor)
        except UnknownArea as error:
            self._disconnect()
            raise ScreenUnavailable(str(error), error.hint) from error
        except ScreenUnavailable:
            self._disconnect()
            raise

    def _disconnect(self) -> None:
        if self._sct is not None:
            close_quietly(self._sct)
            self._sct = None


def read_layout(sct: Mss) -> tuple[Area, list[Monitor]]:
    """The whole desktop and the monitors on it, as this instance knows them. Raises `Unreadable`."""
    with mss_errors():
        whole, *single = sct.monitors
    monitors = [
        Monitor(_area(m), str(m.get("output") or m.get("name") or ""), bool(m.get("is_primary"))) for m in single
    ]
    if monitors and not any(m.primary for m in monitors):
        # The system names none as primary (or does not know of such): the first one is what people see first.
        monitors[0] = Monitor(monitors[0].area, monitors[0].name, primary=True)
    return _area(whole), monitors


def grab_picture(sct: Mss, area: Area) -> Picture:
    """The picture of `area`, without another copy of it. Raises `Unreadable`."""
    with mss_errors():
        shot = sct.grab({"left": area.left, "top": area.top, "width": area.width, "height": area.height})
    return np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)


def close_quietly(sct: Mss) -> None:
    """Close an mss instance whose display may be gone already."""
    with contextlib.suppress(Unreadable), mss_errors():  # mss reports here, too, that the server has gone
        sct.close()


@contextlib.contextmanager
def mss_errors() -> Iterator[None]:
    """What goes wrong inside mss, as `Unreadable`.

    A server that dies in the middle of an answer comes out of mss as a failed assertion; under `python -O`, which has
    none, as the ValueError of a null pointer.
    """
    try:
        yield
    except ScreenShotError as error:
        raise Unreadable(f"the screen cannot be read: {error}", "See: loopnote doctor") from error
    except (AssertionError, ValueError, OSError) as error:
        raise Unreadable(
            "the connection to the screen broke", "Look whether the desktop session still runs."
        ) from error


def _area(monitor: dict[str, Any]) -> Area:
    return Area(int(monitor["left"]), int(monitor["top"]), int(monitor["width"]), int(monitor["height"]))


def _as_list(area: Area) -> list[int]:
    return [area.left, area.top, area.width, area.height]


def _screen(number: int, monitor: Monitor) -> Device:
    name = f"Screen {number} ({monitor.name})" if monitor.name else f"Screen {number}"
    detail = {"area": _as_list(monitor.area), "number": number}
    return Device(DeviceKind.SCREEN, str(number), name, is_default=monitor.primary, detail=detail)
