"""One stream of sound through `soundcard` on Windows or macOS: a `SoundSource` whose reads have a deadline.

The library's `record` blocks, without a limit on macOS, and cannot be called off. So a thread of the stream's own
reads, stamps each block as it arrives, and puts it into a bounded channel, from which `read` takes with a deadline.
"""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from capture.channel import Channel, Closed, Empty, Overflow
from capture.clock import NS_PER_MS, NS_PER_S, Clock, MonotonicClock, ns_to_frames
from capture.errors import CaptureError, SourceLost
from capture.model import AudioBlock, Device, DeviceKind
from capture.sound.arrival import ArrivalStamps
from capture.sound.soundcard_desk import Desk, DeviceWatch, Look, reason
from capture.worker import Worker

if TYPE_CHECKING:
    from capture.model import Samples

# open() may take 2 s: what SoundSource promises. A little of it is left for starting the thread.
OPEN_S = 1.9
CLOSE_S = 1.0
# A stream that hangs in a driver is left behind, so that the recording can go on with another device; but hanging
# threads must not pile up.
HANGING_BOUND = 3
# Ten seconds of 10 ms blocks: longer than any wait of the grab thread. What is beyond is dropped and leaves a hole in
# the stamps, which the timeline fills with silence and reports.
BLOCKS_BOUND = 1000
# Both systems give blocks all the time, silence included. Nothing for this long means that the device is gone: macOS
# then says nothing at all.
STALL_NS = 2 * NS_PER_S
# A block of nothing but zeros, longer than any packet of a device (10 ms; a few drivers 20), was made up from a clock
# by the library because the system gave none: see mediafoundation._Recorder._record_chunk, which waits four periods.
MADE_UP_S = 0.03
# When sound comes again, the library forgets the silence since the last zeros that it made up: up to four periods and
# the time that the reader is late. What is missing for longer was truly lost.
FORGOTTEN_NS = 100 * NS_PER_MS

REOPEN_HINT = "Nothing needs to be done: the recording goes on as soon as the device is back."


class Opening(NamedTuple):
    """A device that was found, and how its stream is to be opened."""

    microphone: Any  # soundcard's own object, a loopback being one too
    device: Device  # with the samplerate and channels to ask for
    blocksize: int | None  # frames of buffer; None: the device's own
    latency_ns: int  # from the microphone or to the speaker, as far as the system tells
    makes_up_silence: bool  # the library gives zeros when the system gives nothing


@dataclass(frozen=True, slots=True)
class Target:
    """What a source listens to. `find(soundcard)` runs in the desk's thread and raises `CaptureError`.

    `named` is None when the default is followed. A device that stands in for the named one has "instead_of" (the
    named one's name) in its `detail`.
    """

    kind: DeviceKind  # SPEAKER for a loopback
    find: Callable[[Any], Opening]
    named: Device | None


class SoundcardSource:
    """A `SoundSource`. `open`, `read` and `close` are called by the grab thread, `wake` by any."""

    def __init__(self, name: str, target: Target, desk: Desk, clock: Clock | None = None) -> None:
        self.name = name
        self._target = target
        self._desk = desk
        self._clock = clock or MonotonicClock()
        self._stream: _Stream | None = None
        self._hanging: list[_Stream] = []
        self._watch: DeviceWatch | None = None

    def open(self) -> Device:
        """See `SoundSource.open`."""
        self.close()
        self._hanging = [stream for stream in self._hanging if not stream.close(0.0)]
        if len(self._hanging) >= HANGING_BOUND:
            raise SourceLost(f"the sound driver of {self._hanging[-1].device.name} hangs", "Unplug the device.")
        started_ns = self._clock.now_ns()
        opening = self._desk.call(self._target.find, OPEN_S)
        left_s = OPEN_S - (self._clock.now_ns() - started_ns) / NS_PER_S
        stream = self._stream = _Stream(self.name, opening, self._clock)
        try:
            stream.start(left_s)
        except SourceLost:
            self._end_stream(0.0)
            raise
        self._watch = DeviceWatch(self._desk, lambda look: self._compare(stream, look))
        return opening.device

    def read(self, timeout_s: float) -> AudioBlock | None:
        """See `SoundSource.read`."""
        if self._stream is None:
            raise SourceLost(f"{self.name} is not open", "")
        return self._stream.take(timeout_s)

    def close(self) -> None:
        """See `SoundSource.close`."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        self._end_stream(CLOSE_S)

    def wake(self) -> None:
        """See `SoundSource.wake`."""
        stream = self._stream
        if stream is not None:
            stream.wake()

    def pace(self, block_s: float) -> None:
        """See `SoundSource.pace`: blocks are the library's packets."""

    def _end_stream(self, timeout_s: float) -> None:
        stream, self._stream = self._stream, None
        if stream is not None and not stream.close(timeout_s):
            self._hanging.append(stream)

    def _compare(self, stream: _Stream, look: Look | None) -> None:
        """Watch thread: does the stream still listen to the right device, and is that still there?"""
        if look is None:
            return  # a system that does not answer may still deliver; when it does not, the stall is noticed
        device, named, kind = stream.device, self._target.named, self._target.kind
        is_speaker = kind is DeviceKind.SPEAKER
        there = look.speakers if is_speaker else look.microphones
        default_id = look.default_speaker if is_speaker else look.default_microphone
        stands_in = named is not None and "instead_of" in device.detail
        if device.id not in there:
            stream.lose(f"the {kind.value} {device.name} was removed")
        elif named is not None and stands_in and named.id in there:
            stream.lose(f"the {kind.value} {named.name} is back")
        elif (named is None or stands_in) and default_id not in (None, device.id):
            stream.lose(f"the default {kind.value} changed from {device.name} to another")


class _Stream:
    """One opening of a source: the thread that reads it and the channel that it fills."""

    def __init__(self, name: str, opening: Opening, clock: Clock) -> None:
        self.device = opening.device
        self._opening = opening
        self._clock = clock
        # None is the mark that `wake` leaves.
        self._blocks: Channel[AudioBlock | None] = Channel(f"{name} blocks", BLOCKS_BOUND, Overflow.DROP_NEWEST)
        self._settled = threading.Event()  # the stream runs, or will not
        self._running = False
        self._lost: str | None = None
        self._recorder: Any = None
        self._last_ns = 0
        self._worker = Worker(f"read-{name}", self._run, on_end=self._end)

    def start(self, timeout_s: float) -> None:
        """Grab thread. Raises `SourceLost` when the stream does not run within `timeout_s`."""
        self._last_ns = self._clock.now_ns()
        self._worker.start()
        if not self._settled.wait(max(0.0, timeout_s)):
            raise SourceLost(f"{self.device.name} did not start within {OPEN_S:.1f} s", REOPEN_HINT)
        if not self._running:
            raise self._loss()

    def take(self, timeout_s: float) -> AudioBlock | None:
        """Grab thread: the next block, None after `timeout_s` or `wake`. What came before a loss is given first."""
        try:
            block = self._blocks.get(timeout_s)
        except Empty:
            if self._clock.now_ns() - self._last_ns > STALL_NS:
                raise SourceLost(f"{self.device.name} gives no sound any more", REOPEN_HINT) from None
            return None
        except Closed:
            raise self._loss() from None
        if block is not None:
            self._last_ns = self._clock.now_ns()
        return block

    def lose(self, why: str) -> None:
        """Any thread: the stream ends for this reason, which `take` tells after the last block."""
        self._lost = self._lost or why
        self._blocks.close()

    def wake(self) -> None:
        """Any thread; never blocks. A full channel needs no mark: `take` does not wait then."""
        try:
            self._blocks.put(None)
        except Closed:
            pass

    def close(self, timeout_s: float) -> bool:
        """Grab thread: end it; False when the library's thread does not come back within `timeout_s`."""
        self._blocks.close()
        self._worker.stop()
        _release(self._recorder)
        return self._worker.join(timeout_s)

    def _loss(self) -> SourceLost:
        if self._lost is not None:
            return SourceLost(self._lost, REOPEN_HINT)
        fault = self._worker.fault
        return SourceLost(str(fault) if fault else f"{self.device.name} ended", REOPEN_HINT)

    def _run(self, stop: threading.Event) -> None:
        try:
            self._read_all(stop)
        except Closed:
            pass
        except CaptureError:
            raise
        except Exception as error:
            # The library's exceptions are of any type; all of them mean that the device is not there any more.
            raise SourceLost(f"{self.device.name} was lost ({reason(error)})", REOPEN_HINT) from error

    def _read_all(self, stop: threading.Event) -> None:
        import numpy as np

        device = self.device
        placing = _Placing(device.samplerate, self._opening)
        discontinuities = Discontinuities.hook(self._opening.microphone)
        recorder = self._opening.microphone.recorder(
            samplerate=device.samplerate, channels=device.channels, blocksize=self._opening.blocksize
        )
        with recorder:
            self._recorder = recorder
            self._running = True
            self._settled.set()
            while not stop.is_set():
                # None: what is there, packet by packet. With a number, the library would wait for all of it, make up
                # zeros where a packet is empty, and keep a remainder whose arrival nobody knows.
                samples = np.asarray(recorder.record(None), dtype=np.float32)
                arrival_ns = self._clock.now_ns()
                if len(samples):
                    self._blocks.put(placing.block(samples, arrival_ns, discontinuities.take()))

    def _end(self) -> None:
        self._blocks.close()
        self._settled.set()


class _Placing:
    """Makes blocks of packets: stamps them, shows losses, and mends what the library forgets. The reading thread's."""

    def __init__(self, samplerate: int, opening: Opening) -> None:
        self._samplerate = samplerate
        self._stamps = ArrivalStamps(samplerate, opening.latency_ns)
        self._made_up_frames = MADE_UP_S * samplerate if opening.makes_up_silence else math.inf
        self._was_made_up = False
        self._end_ns = 0

    def block(self, samples: Samples, arrival_ns: int, lost_before: bool) -> AudioBlock:
        """The packet `samples`, float32 (frames, channels), as a block; `lost_before`: a loss before it was told."""
        is_made_up = len(samples) > self._made_up_frames and not samples.any()
        sound_again = self._was_made_up and not is_made_up
        self._was_made_up = is_made_up
        if lost_before or sound_again:
            self._stamps.broken()
        start_ns = self._stamps.stamp(arrival_ns, len(samples))
        if sound_again and 0 < start_ns - self._end_ns <= FORGOTTEN_NS:
            samples, start_ns = self._with_forgotten_silence(samples, start_ns), self._end_ns
        block = AudioBlock(start_ns, samples, self._samplerate)
        self._end_ns = block.end_ns
        return block

    def _with_forgotten_silence(self, samples: Samples, start_ns: int) -> Samples:
        import numpy as np

        silence = np.zeros((ns_to_frames(start_ns - self._end_ns, self._samplerate), samples.shape[1]), np.float32)
        return np.concatenate([silence, samples])


class Discontinuities:
    """Counts the library's warnings of lost data, for the thread that hooked it.

    The library tells a loss by `warnings.warn` only. Python's own means of catching warnings change the whole process
    and are not safe with threads; so the name `warnings` within the one module is replaced, once, by this class's
    stand-in, which counts in the thread that warned (the one that reads) and passes all else on.
    """

    _local = threading.local()

    @classmethod
    def hook(cls, microphone: Any) -> Discontinuities:
        """Hook the module that `microphone` is from. Called by the thread that will read; any number of times."""
        import sys

        module = sys.modules.get(type(microphone).__module__)
        if module is not None and getattr(module, "warnings", None) is warnings:
            module.warnings = _StandIn()  # type: ignore[attr-defined]
        cls._local.count = 0
        return cls()

    def take(self) -> bool:
        """Was data lost in this thread since the last call?"""
        count, self._local.count = self._local.count, 0
        return bool(count)

    @classmethod
    def note(cls) -> None:
        """A loss was told, in this thread."""
        cls._local.count = getattr(cls._local, "count", 0) + 1


class _StandIn:
    """What the hooked module finds under the name `warnings`."""

    def __getattr__(self, name: str) -> Any:
        return getattr(warnings, name)

    def warn(self, message: Any, category: type[Warning] | None = None, stacklevel: int = 1) -> None:
        if "discontinuity" in str(message):
            Discontinuities.note()
        else:
            warnings.warn(message, category, stacklevel + 1)


def _release(recorder: Any) -> None:
    """Let a waiting `record` return: macOS' waits for its queue without a limit, and an empty block ends that wait."""
    queue, event = getattr(recorder, "_queue", None), getattr(recorder, "_record_event", None)
    if queue is not None and event is not None:
        import numpy as np

        queue.append(np.zeros((0, 1), dtype=np.float32))
        event.set()
