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
# How often to look for the end, when no picture will come any more.
CLOSED_S = 0.05


class VideoStage:
    """Pictures in, packets out.

    A picture from before the first sample, or from within a pause, is held: the newest of them is what the screen shows
    when the recording (again) begins, so it is encoded with that instant's time. If it never goes on, that picture is
    in no file: people pause because of what must not be seen. At the end, what the screen showed last (`last_picture`,
    asked once the channel has ended) is encoded once more, so that the picture lasts as long as the sound.
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
        self.turns = 0  # that the thread has made: it stands still when there are no more
        self._encoder = encoder
        self._pictures = pictures
        self._packets = packets
        self._timing = timing
        self._clock = clock
        self._last_picture = last_picture
        self._first: VideoFrame | None = None
        self._held: VideoFrame | None = None
        self._last: VideoFrame | None = None
        self._last_pts_ns = -1

    def run(self, stop: threading.Event) -> None:
        """Body of the encode-video thread; ends when the pictures' channel has ended and `timing.end_ns` is known."""
        while True:
            self.turns += 1
            try:
                self._take(self._pictures.get(IDLE_S))
            except Empty:
                self._release_held(self._clock.now_ns())
            except Closed:
                # The screen may have given up before the end, for which this waits: the writer goes on asking for the
                # last picture while there is no other (see capture/output/still_picture.py).
                if self._timing.end_ns is not None or stop.wait(CLOSED_S):
                    break
        self._finish()

    def _take(self, frame: VideoFrame) -> None:
        self._first = self._first or frame
        self._release_held(frame.shown_ns)
        if self._shown_from_ns(frame) != frame.shown_ns:
            self._held = frame
            return
        if self._timing.end_ns is None or frame.shown_ns <= self._timing.end_ns:
            self._encode(frame, self._timing.recorded_ns(frame.shown_ns))

    def _shown_from_ns(self, frame: VideoFrame) -> int | None:
        """The first instant of the recording at which the screen shows `frame`, as far as is known; None while paused.

        That is when it came up, or when the recording began, or went on after the pause in which it came up. One that
        was first looked at in a pause may have come up in it, whatever its time says (half-way back to the look
        before): what somebody paused for must not be seen.
        """
        at_ns = max(frame.shown_ns, self._timing.origin_ns)
        grabbed_ns = max(frame.grabbed_ns, at_ns)
        goes_on_ns = self._timing.pauses.goes_on_at(grabbed_ns)
        return goes_on_ns if goes_on_ns != grabbed_ns else self._timing.pauses.goes_on_at(at_ns)

    def _release_held(self, now_ns: int) -> None:
        """Encode the held picture if the recording has gone on by `now_ns`."""
        if self._held is None:
            return
        end_ns = self._timing.end_ns
        if end_ns is not None:
            now_ns = min(now_ns, end_ns - 1)  # a pause that lasts to the end ends with it, and releases nothing
        from_ns = self._shown_from_ns(self._held)
        if from_ns is not None and from_ns <= now_ns:
            held, self._held = self._held, None
            self._encode(held, self._timing.recorded_ns(from_ns))

    def _encode(self, frame: VideoFrame, pts_ns: int) -> None:
        if pts_ns <= self._last_pts_ns:
            return  # two pictures of one instant; the earlier stands (times only grow, as every container demands)
        self._last, self._last_pts_ns = frame, pts_ns
        self.encoded_count += 1
        self._put(self._encoder.encode(frame, pts_ns))

    def _put(self, packets: list[Packet[Any]]) -> None:
        self._packets.put_all(packets)
        self.turns += len(packets)

    def _finish(self) -> None:
        end_ns = self._timing.end_ns
        if end_ns is None:
            end_ns = self._clock.now_ns()
        newest = self._last_picture()
        if newest is not None and (self._last is None or newest.shown_ns > self._last.shown_ns):
            self._take(newest)  # it found no room in the channel
        self._release_held(end_ns)
        # Should it have ended as it began: the picture with which it would have begun, since players want one.
        last = self._last or self._first
        if last is not None:
            self._encode(last, self._timing.recorded_ns(end_ns))
        self._put(self._encoder.flush())
