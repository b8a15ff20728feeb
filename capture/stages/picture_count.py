"""Which of the pictures that were grabbed belong to the recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from capture.screen.grab import ScreenGrabber


@dataclass(frozen=True, slots=True)
class Counts:
    """As `ScreenGrabber` counts."""

    captured: int = 0
    unchanged: int = 0
    dropped: int = 0


class PictureCount:
    """Counts while the recording runs: the grabber begins before it, and goes on in pauses. The recorder's thread."""

    def __init__(self, grabber: ScreenGrabber) -> None:
        self._grabber = grabber
        self._before = Counts()
        self._since: Counts | None = None  # None: the recording stands still

    def go_on(self) -> None:
        if self._since is None:
            self._since = self._now()

    def stand_still(self) -> None:
        self._before, self._since = self.so_far(), None

    def so_far(self) -> Counts:
        if self._since is None:
            return self._before
        before, since, now = self._before, self._since, self._now()
        return Counts(
            before.captured + now.captured - since.captured,
            before.unchanged + now.unchanged - since.unchanged,
            before.dropped + now.dropped - since.dropped,
        )

    def _now(self) -> Counts:
        return Counts(self._grabber.captured, self._grabber.unchanged, self._grabber.dropped)
