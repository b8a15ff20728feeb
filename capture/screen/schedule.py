"""When to look at the screen: on time, and not just as it changes."""

from __future__ import annotations

from capture.clock import NS_PER_S

# So many changed pictures in a row are a film or an animation; then one without a change means that the looks fall
# together with the changes.
FILM_PICTURES = 4
# Content with fewer pictures a second gives such ones too, and is looked at this often at most a little early.
SHIFT_INTERVAL_NS = 1 * NS_PER_S


class Ticks:
    """The instants at which pictures are due: `fps` a second from `start_ns`, each computed afresh, so none drifts."""

    def __init__(self, fps: float, start_ns: int) -> None:
        self._fps = fps
        self._start_ns = start_ns
        self._next = 0

    @property
    def due_ns(self) -> int:
        return self._start_ns + round(self._next * NS_PER_S / self._fps)

    def take(self, now_ns: int) -> int:
        """Go on to the first tick after `now_ns`, which is not before `due_ns`. Returns how many were passed over."""
        due = self._next
        while self.due_ns <= now_ns:
            # A jump, then single steps: the division alone can be off by one where it rounds.
            behind = int((now_ns - self.due_ns) * self._fps / NS_PER_S)
            self._next += max(1, behind)
        return self._next - due - 1

    def bring_forward(self) -> None:
        """Let all that are to come, come a third of an interval earlier."""
        self._start_ns -= round(NS_PER_S / self._fps / 3)


class Phase:
    """Finds out that something of our own rate changes at the very instants at which we look.

    A little sooner or later then decides whether a look sees the change or the one before it again, and every second
    picture may be lost although we are on time (seen: 27 of 150). To look a third of an interval earlier loses nothing.
    """

    def __init__(self) -> None:
        self._changes = 0  # in a row
        self._shifted_ns: int | None = None

    def is_bad(self, changed: bool, now_ns: int) -> bool:
        """Whether the next looks should come earlier, after one at `now_ns`."""
        film = self._changes >= FILM_PICTURES
        self._changes = self._changes + 1 if changed else 0
        if changed or not film or (self._shifted_ns is not None and now_ns - self._shifted_ns < SHIFT_INTERVAL_NS):
            return False
        self._shifted_ns = now_ns
        return True
