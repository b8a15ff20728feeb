"""Which sources are away just now, and what is to be said of it while it lasts. Pure: no thread, no clock."""

from __future__ import annotations

from dataclasses import dataclass

from capture.clock import NS_PER_MS, NS_PER_S
from capture.model import Notice

# A source that is back sooner (another speaker was chosen, a short hitch) is in the result, and no news.
TELL_AFTER_NS = 1_000 * NS_PER_MS


@dataclass(slots=True)
class _Away:
    reason: str
    since_ns: int
    told: bool = False


class Absence:
    """Told of what the mix thread hears of its sources. Called by the mix thread."""

    def __init__(self) -> None:
        self._away: dict[str, _Away] = {}

    def lost(self, source: str, reason: str, now_ns: int) -> None:
        """It gives nothing from now on. What is known already of an absence that goes on stays."""
        away = self._away.setdefault(source, _Away(reason, now_ns))
        if not away.told:
            away.reason = reason

    def back(self, source: str, now_ns: int) -> Notice | None:
        """It gives sound again; returns what is to be said, if its absence was told."""
        away = self._away.pop(source, None)
        if away is None or not away.told:
            return None
        return Notice(f"{source} is recorded again, after {(now_ns - away.since_ns) / NS_PER_S:.1f} s")

    def for_good(self, source: str) -> None:
        """It will not come back, which is told as a fault."""
        self._away.pop(source, None)

    def due(self, now_ns: int) -> list[Notice]:
        """What is to be told now: each absence once, when it has lasted. The result tells of it too, with its place."""
        notices = []
        for source, away in self._away.items():
            if not away.told and now_ns - away.since_ns >= TELL_AFTER_NS:
                away.told = True
                notices.append(Notice(f"{source}: {away.reason}; silence is recorded until it is back"))
        return notices
