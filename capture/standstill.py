"""Threads that stand still: noticed while a recording runs, and given up at its end.

Each thread of the pipeline counts the turns of its loop, of which a healthy one makes several a second, whether or not
anything comes. To stand still is to make none: a driver, a disk or a lock holds the thread, and nobody can free it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from capture.clock import NS_PER_S
from capture.worker import Worker

LOOK_INTERVAL_NS = NS_PER_S
# A thread that made no turn in so many looks stands still. Longer than anything that is nobody's fault: the opening of
# a device (2 s), a put into a full queue (5 s).
STANDSTILL_LOOKS = 6
# At the end nothing opens, and nothing new comes: what was queued is worked off in steps of milliseconds.
END_STANDSTILL_S = 3.0
# But a disk may take its time for a sync, and without it there is no file.
DISK_STANDSTILL_S = 20.0
# However well it moves: no thread's end takes longer than this. By then a disk of 2 MB/s has taken all that may wait.
END_LIMIT_S = 30.0
_STEP_S = 0.1


class Standstill:
    """Looks at all threads about once a second. Recorder's thread; never blocks.

    Counted in looks and not by the clock: when the whole program stood still (Ctrl-Z, a suspended computer), each
    thread gets its turn before the next look.
    """

    def __init__(self, turns: Callable[[], Mapping[str, int]]) -> None:
        """`turns()`: how many turns each of the threads that should be moving has made, by name."""
        self._turns = turns
        self._known: dict[str, tuple[int | None, int]] = {}  # (turns, looks since they changed)
        self._due_ns = 0

    def look(self, now_ns: int) -> list[str]:
        """The threads that are found to stand still now; each is told once, and again when it has moved meanwhile."""
        if now_ns < self._due_ns:
            return []
        self._due_ns = now_ns + LOOK_INTERVAL_NS
        before = self._known
        self._known = {}
        for name, turns in self._turns().items():
            known, looks = before.get(name, (None, 0))
            self._known[name] = turns, (looks + 1 if turns == known else 0)
        return [name for name, (_, looks) in self._known.items() if looks == STANDSTILL_LOOKS]


def await_end(worker: Worker, progress: Callable[[], object], standstill_s: float) -> bool:
    """Wait for the end of `worker`; False when it is given up: `progress()` has not changed for `standstill_s`.

    That tells of all that the worker may be waiting for, itself included.
    """
    known, still_s, all_s = progress(), 0.0, 0.0
    while not worker.join(_STEP_S):
        before, known = known, progress()
        still_s = still_s + _STEP_S if known == before else 0.0
        all_s += _STEP_S
        if still_s >= standstill_s or all_s >= END_LIMIT_S:
            return False
    return True
