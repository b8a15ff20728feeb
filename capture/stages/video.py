"""The encode-video thread: gives each picture its place in the recording, and encodes it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from capture.channel import Channel, Closed, Empty
from capture.clock import Clock
from capture.model import VideoFrame

if TYPE_CHECKING:
    from av.packet import Packet

    from capture.output.encoders import VideoEncoder
    from capture.stages.timing import Timing

# How often to look, while no picture comes, whether a held one is due: well under the second after which the grabber
# repeats an unchanged picture, so that a recording has its first picture at once.
IDLE_S = 0.25


class VideoStage:
    """Pictures in, packets out.

    A picture from before the first sample, or from within a pause, is held: the newest of them is what the screen shows
    when the recording (again) begins, so it is encoded with that instant's time. At the end, what the screen showed
    last (`last_picture`, asked once the channel has ended) is encoded once more, so that the picture lasts as long as
    the sound.
    """

    def __init__(
        self,
        encoder: VideoEncoder,
        pictures: Channel[VideoFrame],
        packets: Channel[Packet[Any]],
        timing: Timing,
        clock: Clock,
        last_picture: Callable[[], VideoFrame | None],
    ) -> None:
        self.encoded_count = 0
        self._encoder = encoder
        self._pictures = pictures
        self._packets = packets
        self._timing = timing
        self._clock = clock
        self._last_picture = last_picture
        self._held: VideoFrame | None = None
        self._last: VideoFrame | None = None
        self._last_pts_ns = -1

    def run(self, stop: threading.Event) -> None:
        """Body of the encode-video thread; ends when the pictures' channel does."""
        while True:
            try:
                self._take(self._pictures.get(IDLE_S))
            except Empty:
                self._release_held(self._clock.now_ns())
            except Closed:
                break
        self._finish()

    def _take(self, frame: VideoFrame) -> None:
        if self._stands_still(frame.shown_ns):
            self._held = frame
            return
        self._release_held(frame.shown_ns)
        if self._timing.end_ns is None or frame.shown_ns <= self._timing.end_ns:
            self._encode(frame, self._timing.recorded_ns(frame.shown_ns))

    def _stands_still(self, at_ns: int) -> bool:
        return at_ns <= self._timing.origin_ns or self._timing.pauses.is_paused(at_ns)

    def _release_held(self, now_ns: int) -> None:
        if self._held is not None and not self._stands_still(now_ns):
            # What was recorded by now, less what was recorded since it could have been shown: the place of the resume.
            resumed_ns = max(self._timing.origin_ns, self._timing.pauses.resumed_before(now_ns) or 0)
            held, self._held = self._held, None
            self._encode(held, self._timing.recorded_ns(resumed_ns))

    def _encode(self, frame: VideoFrame, pts_ns: int) -> None:
        if pts_ns <= self._last_pts_ns:
            return  # two pictures of one instant; the earlier stands (times only grow, as every container demands)
        self._last, self._last_pts_ns = frame, pts_ns
        self.encoded_count += 1
        for packet in self._encoder.encode(frame, pts_ns):
            self._packets.put(packet)

    def _finish(self) -> None:
        end_ns = self._timing.end_ns
        if end_ns is None:
            end_ns = self._clock.now_ns()
        newest = self._last_picture()
        if newest is not None and (self._last is None or newest.shown_ns > self._last.shown_ns):
            self._take(newest)  # it found no room in the channel
        frame = self._held or self._last
        if frame is not None:
            self._encode(frame, self._timing.recorded_ns(end_ns))
        for packet in self._encoder.flush():
            self._packets.put(packet)
