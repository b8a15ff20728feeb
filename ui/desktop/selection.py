"""Choosing a part of the screen, without any window: what a pointer and keys do to a rectangle of physical pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from capture.model import Area
from capture.screen.areas import MIN_SIDE, common, describe_region

# A hand is not still: a click may wander by so much without being a drag (in physical pixels, for each one of a
# desktop's scale).
WANDER_PX = 4


@dataclass(frozen=True, slots=True)
class Target:
    """What one click takes: `text` is for `--screen`, `name` for people."""

    text: str
    name: str
    area: Area


class Phase(Enum):
    """What the next press of the button means."""

    POINTING = "pointing"  # at a window or screen
    DRAWING = "drawing"  # the button is down, and a rectangle follows it
    ADJUSTING = "adjusting"  # there is a rectangle
    MOVING = "moving"  # the button is down on it


class Selection:
    """`targets` from the lowest to the highest. The results, texts for `--screen`, come from `release` and `take`."""

    def __init__(self, desktop: Area, targets: Sequence[Target], may_draw: bool = True, wander_px: int = WANDER_PX):
        self._desktop = desktop
        self._targets = list(targets)
        self._may_draw = may_draw
        self._wander_px = wander_px
        self._pressed: tuple[int, int] | None = None
        self._held: Area | None = None  # the rectangle as it was when the button went down on it
        self._has_wandered = False
        self.phase = Phase.POINTING
        self.area: Area | None = None
        self.target: Target | None = None

    def point(self, x: int, y: int) -> None:
        """The pointer is there; the button may be down."""
        if self._pressed is None:
            if self.phase is Phase.POINTING:
                self.target = self._at(x, y)
            return
        left, top = self._pressed
        self._has_wandered = self._has_wandered or max(abs(x - left), abs(y - top)) > self._wander_px
        if not self._has_wandered:
            return
        if self.phase is Phase.MOVING and self._held is not None:
            self._place(self._held, x - left, y - top)
        elif self._may_draw:
            self.phase = Phase.DRAWING
            self.area = self._between(left, top, x, y)

    def press(self, x: int, y: int) -> None:
        """The button goes down."""
        self._pressed, self._has_wandered = (x, y), False
        if self.phase is Phase.POINTING:
            self.target = self._at(x, y)
        elif self.phase is Phase.ADJUSTING and self.area is not None and _has(self.area, x, y):
            self.phase, self._held = Phase.MOVING, self.area

    def release(self, x: int, y: int) -> str:
        """The button goes up. Returns what was taken by that; empty when nothing was."""
        self.point(x, y)
        was_pressed, self._pressed = self._pressed is not None, None
        phase = self.phase
        if phase is Phase.DRAWING:
            self.phase = Phase.ADJUSTING
            self.area = self._no_smaller()
        elif phase is Phase.MOVING:
            self.phase = Phase.ADJUSTING
            return "" if self._has_wandered else self.take()
        elif phase is Phase.ADJUSTING and was_pressed:  # beside the rectangle: it is given up
            self.phase, self.area = Phase.POINTING, None
            self.target = self._at(x, y)
        elif was_pressed:
            return self.take()
        return ""

    def move(self, dx: int, dy: int) -> None:
        """By keys: the rectangle, or what is pointed at as one."""
        if self._begin_adjusting() and self.area is not None:
            self._place(self.area, dx, dy)

    def resize(self, dw: int, dh: int) -> None:
        """By keys, at the right and the lower edge."""
        if not self._begin_adjusting() or self.area is None:
            return
        here, desktop = self.area, self._desktop
        width = min(max(here.width + dw, MIN_SIDE), desktop.left + desktop.width - here.left)
        height = min(max(here.height + dh, MIN_SIDE), desktop.top + desktop.height - here.top)
        self.area = Area(here.left, here.top, width, height)

    def next_target(self, step: int) -> None:
        """By keys: point at another window or screen, from the highest down."""
        if not self._targets:
            return
        self.phase, self.area = Phase.POINTING, None
        place = self._targets.index(self.target) if self.target in self._targets else 0
        self.target = self._targets[(place - step) % len(self._targets)]

    def take(self) -> str:
        """What is chosen now; empty when nothing is."""
        if self.area is not None:
            return describe_region(self.area)
        return self.target.text if self.target is not None else ""

    @property
    def shown(self) -> Area | None:
        """What is to be seen undimmed: the rectangle, or what of the target is on the desktop."""
        if self.area is not None:
            return self.area
        return common(self._desktop, self.target.area) if self.target is not None else None

    def _at(self, x: int, y: int) -> Target | None:
        return next((target for target in reversed(self._targets) if _has(target.area, x, y)), None)

    def _begin_adjusting(self) -> bool:
        if not self._may_draw or self._pressed is not None:
            return False
        if self.area is None and (shown := self.shown) is not None:
            self.area, self.phase = shown, Phase.ADJUSTING
            self.area = self._no_smaller()
        return self.area is not None

    def _between(self, x: int, y: int, other_x: int, other_y: int) -> Area:
        """Both pixels belong to it."""
        left, top = max(min(x, other_x), self._desktop.left), max(min(y, other_y), self._desktop.top)
        right = min(max(x, other_x) + 1, self._desktop.left + self._desktop.width)
        bottom = min(max(y, other_y) + 1, self._desktop.top + self._desktop.height)
        return Area(left, top, max(right - left, 1), max(bottom - top, 1))

    def _place(self, area: Area, dx: int, dy: int) -> None:
        desktop = self._desktop
        left = min(max(area.left + dx, desktop.left), desktop.left + desktop.width - area.width)
        top = min(max(area.top + dy, desktop.top), desktop.top + desktop.height - area.height)
        self.area = Area(left, top, area.width, area.height)

    def _no_smaller(self) -> Area | None:
        """What is smaller cannot be recorded."""
        if self.area is None:
            return None
        here = self.area
        self._place(Area(here.left, here.top, max(here.width, MIN_SIDE), max(here.height, MIN_SIDE)), 0, 0)
        return self.area


def _has(area: Area, x: int, y: int) -> bool:
    return area.left <= x < area.left + area.width and area.top <= y < area.top + area.height
