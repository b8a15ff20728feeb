"""Keeps each picture's own time in a fragmented MP4.

In fragments a sample's time follows from the lengths of those before it, and FFmpeg fixes the length of a fragment's last
picture when it cuts the fragment, often before the next picture is known: then it guesses one frame of the nominal rate,
and moves the next picture to where the guess ends (libavformat/movenc.c, "First packet of a new fragment"). With a
variable frame rate that shifts pictures by up to a second. So no picture goes to the muxer before its length is known.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.packet import Packet

# A still screen may give no next picture for long, and a kill must not take the last one away. When the sound is this
# far ahead, the picture is written with the shortest length, and the next one is decoded right after it and waits:
# decoding time and showing time may differ, as they do with B-frames, and nothing has been promised about the latter.
_WAIT = Fraction(25, 100)


class PictureTimes:
    """Sees every packet before it is written, and says what to write. Write thread only."""

    def __init__(self, picture_index: int, fps: float) -> None:
        self._index = picture_index
        self._nominal = Fraction(fps).limit_denominator(1001)
        self._held: Packet[Any] | None = None
        self._next_dts: int | None = None  # of a picture whose predecessor's length was fixed already

    def pass_on(self, packet: Packet[Any]) -> list[Packet[Any]]:
        """The packets to write now, in place of `packet`; a picture comes out later than it went in."""
        if packet.pts is None:
            return [packet]
        if packet.stream_index == self._index:
            return self._exchange(packet, packet.pts)
        held = self._held
        if held is not None and held.pts is not None and packet.pts * packet.time_base - held.pts * held.time_base > _WAIT:
            self._next_dts = held.pts + 1
            return [*self._release(self._next_dts), packet]
        return [packet]

    def end(self) -> list[Packet[Any]]:
        """What is still to be written: the last picture, which lasts one frame of the nominal rate."""
        held = self._held
        if held is None or held.pts is None:
            return []
        return self._release(held.pts + max(1, int(1 / (self._nominal * held.time_base))))

    def _exchange(self, packet: Packet[Any], pts: int) -> list[Packet[Any]]:
        packet.dts = pts if self._next_dts is None else self._next_dts
        self._next_dts = None
        written = self._release(packet.dts)
        self._held = packet
        return written

    def _release(self, next_dts: int) -> list[Packet[Any]]:
        held, self._held = self._held, None
        if held is None or held.dts is None:
            return []
        held.duration = next_dts - held.dts
        return [held]
