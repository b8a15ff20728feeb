"""The write thread: the only one that touches the file."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capture.channel import Channel, Closed, Empty
from capture.clock import Clock
from capture.errors import CaptureError, DiskFull

if TYPE_CHECKING:
    from av.packet import Packet

    from capture.output.output_file import OutputFile

# How long the thread waits for a packet before it looks after the disk: a quarter of the promised 2 s between syncs.
TICK_S = 0.5


class WriteStage:
    """Takes packets until the channel ends, then closes the file.

    `on_trouble` is called at most once (write thread; must not block) when the disk is nearly full or a write failed;
    packets are then still taken (so that nobody blocks), and written as long as that works.
    """

    def __init__(
        self,
        output: OutputFile,
        packets: Channel[Packet[Any]],
        clock: Clock,
        on_trouble: Callable[[CaptureError], None],
    ) -> None:
        self.trouble: CaptureError | None = None
        self.turns = 0  # that the thread has made: it stands still when there are no more
        self._output = output
        self._packets = packets
        self._clock = clock
        self._on_trouble = on_trouble
        self._broken = False
        self._discard = threading.Event()

    @property
    def file(self) -> Path | None:
        """The finished file; None as long as it has not its name."""
        return self._output.finished

    def discard(self) -> None:
        """Throw the recording away instead of finishing it. Any thread; takes effect when the channel ends."""
        self._discard.set()

    def run(self, stop: threading.Event) -> None:
        """Body of the write thread. Ends when the channel does, not at `stop`: what was queued belongs to the file."""
        try:
            while True:
                self.turns += 1
                try:
                    packet = self._packets.get(TICK_S)
                except Empty:
                    self._guard(lambda: self._output.tick(self._clock.now_ns()))
                    continue
                except Closed:
                    break
                if not self._broken:
                    self._guard(lambda packet=packet: self._write(packet))  # type: ignore[misc]
        finally:
            if self._discard.is_set():
                self._output.abort()
            else:
                self._output.close()

    def _write(self, packet: Packet[Any]) -> None:
        self._output.write(packet)
        self._output.tick(self._clock.now_ns())

    def _guard(self, step: Callable[[], None]) -> None:
        try:
            step()
        except CaptureError as error:
            # Nearly full is a warning with room left to end well; any other error means that no more can be written.
            self._broken = self._broken or not (isinstance(error, DiskFull) and error.can_continue)
            if self.trouble is None:
                self.trouble = error
                self._on_trouble(error)
