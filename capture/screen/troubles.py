"""Where in time the screen was not recorded as asked: for the result, which tells place, length and reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from capture.clock import NS_PER_S

# "away": nothing could be seen, and the last picture stands. "instead": something else is shown than was asked for.
# "fitted": what was asked for has another size than at the beginning.
Kind = Literal["away", "instead", "fitted"]

# What changes again so soon is one change: a window that is being resized has another size in every picture.
SETTLE_NS = 1 * NS_PER_S
# A screen that comes and goes for days must not fill the memory.
TROUBLES_MOST = 1000


@dataclass(frozen=True, slots=True)
class Trouble:
    """From `start_ns` to `end_ns` (None: to the end of the recording), and how it was, in words."""

    kind: Kind
    start_ns: int
    end_ns: int | None
    text: str


class Troubles:
    """Written by the screen thread only; `all` may be read by any thread (it is replaced, not changed).

    At most one of each kind lasts at a time. `untold` counts those beyond TROUBLES_MOST.
    """

    def __init__(self) -> None:
        self.all: tuple[Trouble, ...] = ()
        self.untold = 0

    def begin(self, kind: Kind, at_ns: int, text: str) -> None:
        """It is so from `at_ns` on; one of this kind that lasts still ends there, or is only called otherwise now."""
        last = self._lasting(kind)
        if last is not None and (last.text == text or at_ns - last.start_ns < SETTLE_NS):
            self._put(last, replace(last, text=text))
            return
        self.end(kind, at_ns)
        if len(self.all) >= TROUBLES_MOST:
            self.untold += 1
            return
        self.all = (*self.all, Trouble(kind, at_ns, None, text))

    def end(self, kind: Kind, at_ns: int) -> None:
        """It is so no more from `at_ns` on; nothing happens if it was not."""
        last = self._lasting(kind)
        if last is not None:
            self._put(last, replace(last, end_ns=at_ns))

    def _lasting(self, kind: Kind) -> Trouble | None:
        return next((t for t in reversed(self.all) if t.kind == kind and t.end_ns is None), None)

    def _put(self, old: Trouble, new: Trouble) -> None:
        self.all = tuple(new if trouble is old else trouble for trouble in self.all)
