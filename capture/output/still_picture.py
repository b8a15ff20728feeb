"""Keeps a file growing while the screen stands still, by encoding the last picture once more.

Two muxers wait for the next picture. In WebM FFmpeg lets no sound pass before it, since `max_interleave_delta` is not
applied to VP8 and VP9 (libavformat/mux.c, `ff_interleave_packet_per_dts`): a still screen would keep seconds of sound
out of the file, and a screen that went away all of it, in memory. In MP4 a picture's length must be known before it is
written (see picture_times.py): the last change before a still would be missing after a crash.
"""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from av.packet import Packet

log = logging.getLogger(__name__)

# When the newest picture is this much older than the newest sound, and none came while this much sound did, it is
# encoded again ...
_WAIT = Fraction(25, 100)
_QUIET = Fraction(15, 100)
# ... with a time this much before the sound: room for a picture that is still on its way to the encoder.
_MARGIN = Fraction(15, 100)


class Repeater(Protocol):
    """What is needed of `VideoEncoder`."""

    def repeat(self, pts_ns: int, written: int) -> list[Packet[Any]]:
        """Encode the last picture again."""
        ...


class StillPicture:
    """Sees every packet before it is written, and says what to write. Write thread only.

    `always`: as long as the picture stands still; otherwise once after each change.
    """

    def __init__(self, encoder: Repeater, picture_index: int, always: bool) -> None:
        self._encoder = encoder
        self._index = picture_index
        self._always = always
        self._pictures = 0  # how many packets of pictures were seen, repeated ones included
        self._is_repeated = False
        self._picture_s = Fraction(0)
        self._sound_s = Fraction(0)
        self._sound_at_picture_s = Fraction(0)

    def pass_on(self, packet: Packet[Any]) -> list[Packet[Any]]:
        """The packets to write instead of `packet`: itself, perhaps after a picture once more."""
        if packet.pts is None:
            return [packet]
        time_s = packet.pts * packet.time_base
        if packet.stream_index == self._index:
            self._saw_picture(time_s)
            self._is_repeated = False
            return [packet]
        self._sound_s = max(self._sound_s, time_s)
        return [*self._again(), packet] if self._is_due() else [packet]

    def _is_due(self) -> bool:
        return (
            self._pictures > 0
            and (self._always or not self._is_repeated)
            and self._sound_s - self._picture_s > _WAIT
            and self._sound_s - self._sound_at_picture_s > _QUIET
        )

    def _again(self) -> list[Packet[Any]]:
        try:
            packets = self._encoder.repeat(round((self._sound_s - _MARGIN) * 1_000_000_000), self._pictures)
        except Exception:
            if self._always:
                raise  # the sound cannot go on without
            log.debug("repeating a picture", exc_info=True)
            self._is_repeated = True  # the encoder's own thread will hear of it, should it go on
            return []
        for packet in packets:
            if packet.pts is not None:
                self._saw_picture(packet.pts * packet.time_base)
                self._is_repeated = True
        return packets

    def _saw_picture(self, time_s: Fraction) -> None:
        self._pictures += 1
        self._picture_s = time_s
        self._sound_at_picture_s = self._sound_s
