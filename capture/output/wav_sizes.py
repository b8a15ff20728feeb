"""The two sizes in a WAV file's header."""

from __future__ import annotations

import struct

from capture.output.part_file import PartFile


class WavSizes:
    """Keeps a WAV file's two sizes true while it grows, for players that believe them.

    RIFF holds 32 bits; beyond that the sizes stay at the "unknown" with which FFmpeg begins, until it is closed as
    RF64.
    """

    _LIMIT = 0xFFFFFFFF

    def __init__(self, data_start: int) -> None:
        self._data_start = data_start
        self._beyond = False

    @classmethod
    def find(cls, part: PartFile) -> WavSizes | None:
        """Read the header that was just written."""
        size = part.size_bytes
        header = part.read(0, size)
        found = header.rfind(b"data")
        return cls(found + 8) if header[:4] == b"RIFF" and found >= 12 and found + 8 == size else None

    def update(self, part: PartFile) -> None:
        data_bytes = part.size_bytes - self._data_start
        if part.size_bytes < self._LIMIT:
            part.patch(4, struct.pack("<I", part.size_bytes - 8))
            part.patch(self._data_start - 4, struct.pack("<I", data_bytes))
        elif not self._beyond:
            self._beyond = True
            part.patch(4, struct.pack("<I", self._LIMIT))
            part.patch(self._data_start - 4, struct.pack("<I", self._LIMIT))
