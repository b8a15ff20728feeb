"""Keeps each picture's own time in a fragmented MP4.

In fragments a sample's time follows from the lengths of those before it, and FFmpeg fixes the length of a fragment's
last picture when it cuts the fragment, often before the next picture is known: then it guesses one frame of the nominal
rate, and moves the next picture to where the guess ends (libavformat/movenc.c, "First packet of a new fragment"). With
a variable frame rate that shifts pictures, by up to a second (measured). So no picture goes to the muxer before its
length is known, which is when the next one comes.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.packet import Packet


class PictureTimes:
    """Sees every packet before it is written, and says what to write. Write thread only.

    It holds one picture, which a kill would take away; so `StillPicture` gives it another one soon.
    """

    def __init__(self, picture_index: int, fps: float) -> None:
        self._index = picture_index
        self._length_s = 1 / Fraction(fps).limit_denominator(1001)
        self._held: Packet[Any] | None = None

    def pass_on(self, packet: Packet[Any]) -> list[Packet[Any]]:
        """The packets to write in place of `packet`: sound at once, of pictures the one before."""
        if packet.stream_index != self._index or packet.dts is None:
            return [packet]
        held, self._held = self._held, packet
        if held is None or held.dts is None:
            return []
        held.duration = packet.dts - held.dts
        return [held]

    def end(self) -> list[Packet[Any]]:
        """What is still to be written: the last picture, which lasts one frame of the nominal rate."""
        held, self._held = self._held, None
        if held is None:
            return []
        held.duration = max(1, int(self._length_s / held.time_base))
        return [held]
