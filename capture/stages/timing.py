"""When the recording began, when it ends, and when it stood still: one value that all stages read."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from capture.clock import NS_PER_S
from capture.pauses import Pauses


@dataclass
class Timing:
    """Written by the recorder's thread only; read by the stages at any time (each field changes in one step).

    `origin_ns` is the instant of the recording's first sample. `end_ns` is None until the end is known; then everything
    up to it, and nothing after it, belongs to the recording. `hurry` may be set by any thread: the end then does not
    wait for what is still on its way. `held_up`: the stretches (from, to) in which the recorder's thread did not run,
    though it should have.
    """

    origin_ns: int
    pauses: Pauses = field(default_factory=Pauses)
    end_ns: int | None = None
    hurry: threading.Event = field(default_factory=threading.Event)
    held_up: list[tuple[int, int]] = field(default_factory=list)

    def was_held_up(self, from_ns: int, to_ns: int) -> bool:
        """Whether the recorder was held up within that stretch."""
        return any(start_ns < to_ns and from_ns < end_ns for start_ns, end_ns in self.held_up)

    def recorded_ns(self, at_ns: int) -> int:
        """Length of what was recorded up to the instant `at_ns`: pauses taken out."""
        return max(0, at_ns - self.origin_ns - self.pauses.paused_ns(self.origin_ns, at_ns))

    def position_s(self, at_ns: int) -> float:
        """Place in the file, in seconds, of what sounded at `at_ns`."""
        return self.recorded_ns(at_ns) / NS_PER_S
