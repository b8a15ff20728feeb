"""A source that cannot be looked up yet, since no sound server answers."""

from __future__ import annotations

from collections.abc import Callable

from capture.errors import SourceLost
from capture.model import AudioBlock, Device
from capture.sound.source import SoundSource


class LateSource:
    """Is what `find` gives, once that gives something. A `SoundSource`; see there for who calls what.

    `find` is called by each `open` (in the grab thread; within 1 s) until it raises no `CaptureError`, and then no
    more: later only that device or application is meant. `name` is the track's until then.
    """

    def __init__(self, name: str, find: Callable[[], SoundSource]) -> None:
        self.name = name
        self._find = find
        self._found: SoundSource | None = None
        self._pace_s: float | None = None

    def open(self) -> Device:
        if self._found is None:
            found = self._find()
            self.name = found.name
            self._found = found
            if self._pace_s is not None:  # read after it was found: a pace that comes now is set by whoever sets it
                found.pace(self._pace_s)
        return self._found.open()

    def read(self, timeout_s: float) -> AudioBlock | None:
        if self._found is None:
            raise SourceLost("the source is not open")
        return self._found.read(timeout_s)

    def close(self) -> None:
        if self._found is not None:
            self._found.close()

    def wake(self) -> None:
        if self._found is not None:
            self._found.wake()

    def pace(self, block_s: float) -> None:
        self._pace_s = block_s
        if self._found is not None:
            self._found.pace(block_s)

    def why_silent(self) -> str:
        """As that of the source that was found."""
        return getattr(self._found, "why_silent", str)()
