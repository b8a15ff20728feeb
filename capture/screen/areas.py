"""The text of `--screen`, and where on the desktop it lies: pure functions on rectangles, no display needed."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from capture.errors import SettingsError, UnknownArea
from capture.model import Area

# Below this the encoders refuse a picture or make one macroblock of it (H.264's are 16x16), and nobody could see it.
MIN_SIDE = 16

_NOWHERE = Area(0, 0, 0, 0)
_REGION = re.compile(r"([+-]?\d+),([+-]?\d+),(\d+)[xX](\d+)")
_FORMS = "Give all, primary, a screen's number, X,Y,WIDTHxHEIGHT or window:TITLE (see: loopnote devices)."


@dataclass(frozen=True, slots=True)
class Spec:
    """A parsed `--screen`. `number` counts screens from 1; `area` is the region; `title` is a window's, or its id."""

    kind: Literal["all", "primary", "screen", "region", "window"]
    number: int = 0
    area: Area = _NOWHERE
    title: str = ""


@dataclass(frozen=True, slots=True)
class Monitor:
    """One screen of the desktop, in the system's order."""

    area: Area
    name: str = ""
    primary: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """A top-level window: what it shows, without the frame and shadow that the system draws around it.

    `hidden` says why it cannot be seen ("is minimised"); empty when it can.
    """

    id: str
    title: str
    area: Area
    application: str = ""
    hidden: str = ""


def parse(text: str) -> Spec:
    """Read the text of `--screen`. Raises `SettingsError` for one that means nothing."""
    word = text.strip()
    lower = word.lower()
    if lower in ("all", "primary"):
        return Spec("all" if lower == "all" else "primary")
    if lower.startswith("window:"):
        title = word[len("window:") :].strip()
        if not title:
            raise SettingsError("window: is followed by no title", "Give a part of the title: window:TITLE.")
        return Spec("window", title=title)
    # isascii, because isdigit alone also takes digits that int() refuses, such as a superscript two.
    if word.isascii() and word.isdigit():
        return Spec("screen", number=int(word))
    match = _REGION.fullmatch(word.replace(" ", ""))
    if match is None:
        raise SettingsError(f"{text!r} is no screen area", _FORMS)
    left, top, width, height = (int(group) for group in match.groups())
    if width < MIN_SIDE or height < MIN_SIDE:
        raise SettingsError(
            f"an area of {width}x{height} is too small to record", f"Give at least {MIN_SIDE}x{MIN_SIDE} pixels."
        )
    return Spec("region", area=Area(left, top, width, height))


def resolve(spec: Spec, desktop: Area, monitors: Sequence[Monitor]) -> Area:
    """Where `spec` (any kind but a window) lies on a `desktop` that has these `monitors`; even width and height.

    Raises `UnknownArea` when that is not, or not wholly, on the desktop.
    """
    if spec.kind == "all":
        return even(desktop)
    if spec.kind == "region":
        if not contains(desktop, spec.area):
            raise UnknownArea(
                f"the area {describe_region(spec.area)} is not wholly on the screen, which is {describe(desktop)}",
                "Choose an area within it. The screens are listed by: loopnote devices",
            )
        return even(spec.area)
    if spec.kind == "window":
        raise ValueError("a window is found by pick_window")
    return even(pick_monitor(spec, desktop, monitors).area)


def pick_monitor(spec: Spec, desktop: Area, monitors: Sequence[Monitor]) -> Monitor:
    """The monitor meant by "primary" or a screen's number. Raises `UnknownArea`."""
    if not monitors:  # a server without RandR tells of no monitors: its whole screen is the only one
        monitors = (Monitor(desktop, primary=True),)
    if spec.kind == "primary":
        return next((monitor for monitor in monitors if monitor.primary), monitors[0])
    if not 1 <= spec.number <= len(monitors):
        there = "there is one screen" if len(monitors) == 1 else f"there are {len(monitors)} screens"
        raise UnknownArea(f"there is no screen {spec.number}: {there}, counted from 1")
    return monitors[spec.number - 1]


def follow(spec: Spec, desktop: Area, monitors: Sequence[Monitor], known: Monitor | None) -> tuple[Area, str]:
    """Where `spec` (any kind but a window) lies after the desktop changed, and what is amiss there, in words or "".

    `known` is the monitor that "screen N" meant at the beginning: numbers change when another one comes or goes. While
    it is away the primary one stands in for it, as its windows are there now. Of a region, what is still on the desktop
    counts. Raises `UnknownArea` when nothing of it is.
    """
    if spec.kind == "region":
        seen = common(desktop, spec.area)
        if seen is None or seen == spec.area:
            return resolve(spec, desktop, monitors), ""
        where = f"a part of {describe_region(spec.area)} is not on the screen, which is {describe(desktop)} now"
        return even(spec.area), f"{where}; that part is black"
    if spec.kind != "screen" or known is None:
        return resolve(spec, desktop, monitors), ""
    same = [monitor for monitor in monitors if known.name and monitor.name == known.name]
    if len(same) == 1:
        return even(same[0].area), ""
    if same or not known.name:
        with contextlib.suppress(UnknownArea):
            return resolve(spec, desktop, monitors), ""
    primary = pick_monitor(Spec("primary"), desktop, monitors)
    away, shown = _called(f"screen {spec.number}", known), _called("the primary screen", primary)
    return even(primary.area), f"{away} is away; {shown} is shown instead until it is back"


def _called(what: str, monitor: Monitor) -> str:
    return f"{what} ({monitor.name})" if monitor.name else what


def pick_window(windows: Sequence[Window], title: str) -> Window:
    """The window meant by `title`: its id, its whole title whatever the case, or a part that only one title has.

    Raises `UnknownArea`, naming the windows that there are, or those among which it cannot choose.
    """
    wanted = title.casefold()
    by_id = [w for w in windows if w.id.casefold() == wanted]
    whole = [w for w in windows if w.title.casefold() == wanted]
    part = [w for w in windows if wanted in w.title.casefold()]
    found = by_id or whole or part
    # Of several, the ones that can be seen are meant: many programs keep hidden windows of their own name.
    found = [w for w in found if not w.hidden] or found
    if len(found) == 1:
        return found[0]
    if not found:
        seen = [w for w in windows if not w.hidden]
        known = f"; there are {_listed(seen)}" if seen else "; no window is open"
        raise UnknownArea(f"no window has {title!r} in its title{known}")
    raise UnknownArea(
        f"{len(found)} windows match {title!r}: {_listed(found)}",
        f"Give more of the title, or the window's id: --screen window:{found[0].id}",
    )


def _listed(windows: Sequence[Window], most: int = 8) -> str:
    names = [f"{w.title!r} ({w.id})" for w in windows[:most]]
    return ", ".join(names) + (f" and {len(windows) - most} more" if len(windows) > most else "")


def describe(area: Area) -> str:
    """The size alone of an area that begins in the corner, as a screen mostly does; else the whole of it."""
    return f"{area.width}x{area.height}" if area.left == area.top == 0 else describe_region(area)


def describe_region(area: Area) -> str:
    """As `--screen` takes it."""
    return f"{area.left},{area.top},{area.width}x{area.height}"


def even(area: Area) -> Area:
    """The same area less at most one column and one row: 4:2:0 colour has one sample for each two by two pixels."""
    return Area(area.left, area.top, area.width & ~1, area.height & ~1)


def contains(outer: Area, inner: Area) -> bool:
    """Whether no pixel of `inner` lies outside `outer`."""
    return common(outer, inner) == inner


def common(one: Area, other: Area) -> Area | None:
    """What both areas cover, or None."""
    left, top = max(one.left, other.left), max(one.top, other.top)
    right = min(one.left + one.width, other.left + other.width)
    bottom = min(one.top + one.height, other.top + other.height)
    return Area(left, top, right - left, bottom - top) if right > left and bottom > top else None


def around(one: Area, other: Area) -> Area:
    """The smallest area with both in it."""
    left, top = min(one.left, other.left), min(one.top, other.top)
    right = max(one.left + one.width, other.left + other.width)
    bottom = max(one.top + one.height, other.top + other.height)
    return Area(left, top, right - left, bottom - top)


def moved(area: Area, right: int, down: int) -> Area:
    """The same area elsewhere."""
    return Area(area.left + right, area.top + down, area.width, area.height)


def even_around(area: Area) -> Area:
    """The smallest area with this one in it whose four sides all have even places (left and top not negative)."""
    left, top = area.left & ~1, area.top & ~1
    return Area(left, top, (area.left + area.width + 1 & ~1) - left, (area.top + area.height + 1 & ~1) - top)


def gather(known: list[Area], new: Area, most: int = 8) -> None:
    """Add `new` to the areas in which something changed, so that they stay few: one in another does not count twice,
    and of more than `most` that which is around all of them is left."""
    if any(contains(area, new) for area in known):
        return
    known[:] = [*(area for area in known if not contains(new, area)), new]
    if len(known) > most:
        known[:] = [functools.reduce(around, known)]
