"""Keeps sound flowing into a WebM file while the screen stands still.

FFmpeg's muxer orders packets by time and so waits for the next picture before it lets later sound pass. How long is an
option, `max_interleave_delta`, but the muxer does not apply it to VP8 and VP9 (libavformat/mux.c,
`ff_interleave_packet_per_dts`): a still screen would keep a second of sound out of the file, and a screen that went
away all of it, in memory. So when no picture comes, a one-byte one is put in: VP9's "show an existing frame".
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.packet import Packet

# When the newest picture is this much older than the newest sound, it is shown again ...
_WAIT = Fraction(35, 100)
# ... with a time this much before the sound: room for real pictures that the encoder is still busy with.
_MARGIN = Fraction(25, 100)


class StillPicture:
    """Sees every packet before it is written, and says what to write. Write thread only."""

    def __init__(self, picture_index: int) -> None:
        self._index = picture_index
        self._shown_slot: int | None = None
        self._stream: Any = None
        self._last_pts = -1  # in the pictures' time base
        self._time_base = Fraction(1, 90_000)

    def pass_on(self, packet: Packet[Any]) -> list[Packet[Any]]:
        """The packets to write instead of `packet`: itself, perhaps after a picture shown again."""
        if packet.pts is None:
            return [packet]
        if packet.stream_index == self._index:
            self._take_picture(packet, packet.pts)
            return [packet]
        now = packet.pts * packet.time_base
        again = self._again(now) if self._shown_slot is not None else None
        return [again, packet] if again is not None else [packet]

    def end(self) -> list[Packet[Any]]:
        """What is still to be written: nothing."""
        return []

    def _take_picture(self, packet: Packet[Any], pts: int) -> None:
        self._stream, self._time_base = packet.stream, packet.time_base
        # Late by more than the margin: it cannot go before what was shown again, so it comes right after.
        if pts <= self._last_pts:
            pts = self._last_pts + 1
            packet.pts = packet.dts = pts
        self._last_pts = pts
        self._shown_slot = shown_slot(bytes(packet))

    def _again(self, now: Fraction) -> Packet[Any] | None:
        import av

        if now - self._last_pts * self._time_base < _WAIT:
            return None
        assert self._shown_slot is not None
        self._last_pts = max(int((now - _MARGIN) / self._time_base), self._last_pts + 1)
        again = av.Packet(show_existing_frame(self._shown_slot))
        again.stream = self._stream
        again.time_base = self._time_base
        again.pts = again.dts = self._last_pts
        return again


def show_existing_frame(slot: int) -> bytes:
    """A whole VP9 frame that shows what lies in `slot` (0 to 7): VP9 bitstream specification 0.6, section 6.2.

    Marker 10, profile 00, show_existing_frame 1, then the slot in three bits.
    """
    return bytes([0b10001000 | slot])


def shown_slot(frame: bytes) -> int | None:
    """In which of the decoder's eight slots a VP9 frame (profile 0, shown) is kept; None when in none, or not known.

    The start of its uncompressed header, same section: marker, profile, show_existing_frame, frame_type, show_frame,
    error_resilient_mode; a keyframe fills every slot; else reset_frame_context (2 bits, unless resilient), and the
    slots that are filled as 8 bits.
    """
    if len(frame) < 3 or frame[0] >> 4 != 0b1000:
        return None
    shows_existing, is_inter, is_shown, resilient = (bool(frame[0] & bit) for bit in (8, 4, 2, 1))
    if shows_existing or not is_shown:
        return None
    if not is_inter:
        return 0
    filled = frame[1] if resilient else (frame[1] << 8 | frame[2]) >> 6 & 0xFF
    return (filled & -filled).bit_length() - 1 if filled else None
