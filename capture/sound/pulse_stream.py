"""Record streams of the sound server: soundcard's own, with time stamps and deadlines.

Imported late, and locked, as `pulse_connection` says.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from soundcard import pulseaudio as sc

from capture.clock import NS_PER_MS
from capture.errors import SourceLost
from capture.sound import pulse_connection as connection
from capture.sound.pieces import joined
from capture.sound.stamps import Stamps, believable_ns

if TYPE_CHECKING:
    from capture.model import Samples
    from capture.sound.pulse_connection import Link

_ffi, _extra, _pa = connection.ffi, connection.extra, connection.pa

_FLAGS = (
    # Lets the server choose short cycles; without it a null sink of PulseAudio works in steps of two seconds.
    #
    # Time stamps come from the server's own answers (see stamps.py). libpulse's timing flags are not set: its
    # interpolation takes the latency of a monitor, which may be negative, for zero at first (180 ms wrong for half a
    # second on PulseAudio), and follows PipeWire's wavering answers at a rate 4000 ppm off (measured, libpulse 16.1).
    _pa.PA_STREAM_ADJUST_LATENCY
    # Without it, a removed speaker or a closed application moves the stream in silence to the default source: perhaps
    # the microphone, perhaps another application. With it the stream fails at once, and following is our own decision.
    | _pa.PA_STREAM_DONT_MOVE
    # Servers remember that a program's recording was muted once, and would mute it for ever.
    | _pa.PA_STREAM_START_UNMUTED
)  # fmt: skip
_CLOSE_S = 0.5
# The server answers within 1 ms; one that does not is frozen or overloaded, and its last word on the time must do.
_TIMING_S = 0.05
# A read that found much more waiting than this hands it on in pieces, so that blocks stay of a moderate size.
_LARGEST_BLOCK_S = 0.5
# Pieces of 2 to 20 ms: more than any reader was ever held up; then libpulse keeps them, up to its own bound.
_KEPT_MOST = 5_000
# A close look at the time (see stamps.py) asks more than once in PipeWire's shortest usual cycle, of 5 ms, and for
# longer than its longest, of 43 ms.
_CLOSE_LOOK_STEP_S = 0.004
_CLOSE_LOOK_MOST = 20
# How long after a change on the server its effect on a stream may come.
_STIRRED_NS = 500 * NS_PER_MS
# Then with each block, ten times a second at most: each answer wakes two threads and the server, for 0.3 ms of CPU.
_ASK_INTERVAL_NS = 100 * NS_PER_MS
# How far the age of the newest frame moves by itself: by a fragment of 50 ms and the time between two looks.
_ODD_AGE_NS = 110 * NS_PER_MS
# Whoever did not collect for so long was held up, and the server's queue may have run over (see stamps.py). Its word on
# the time then comes behind all that it has kept, some megabytes.
_STANDSTILL_NS = 2_000 * NS_PER_MS
_KEPT_TIMING_S = 1.0

# For so long after a beginning, or after anything odd, blocks stay short: their stamps settle what belongs where.
_RESTLESS_NS = 1_000 * NS_PER_MS

_NOTHING = threading.Event()  # never set

# Callbacks live as long as the process, and find their stream by number: a server that was frozen may answer long after
# the stream that asked was closed. Called in libpulse's thread, lock held.
_streams: dict[int, RecordStream] = {}
_numbers = itertools.count(1)


@_ffi.callback("pa_stream_notify_cb_t", onerror=connection.not_into_libpulse)  # type: ignore[untyped-decorator]
def _state_changed(stream: Any, number: Any) -> None:
    found = _streams.get(int(_ffi.cast("uintptr_t", number)))
    if found is not None:
        found.settled.set()
        found.alarm()


@_ffi.callback("pa_stream_success_cb_t", onerror=connection.not_into_libpulse)  # type: ignore[untyped-decorator]
def _timing_told(stream: Any, success: int, number: Any) -> None:
    found = _streams.get(int(_ffi.cast("uintptr_t", number)))
    if found is not None:
        found.told(stream, bool(success))


@_ffi.callback("pa_stream_request_cb_t", onerror=connection.not_into_libpulse)  # type: ignore[untyped-decorator]
def _arrived(stream: Any, size: int, number: Any) -> None:
    found = _streams.get(int(_ffi.cast("uintptr_t", number)))
    if found is not None:
        found.keep()


class RecordStream(sc._Recorder):  # type: ignore[misc]
    """A record stream with time stamps, on `source_id`, or of only the sink-input `sink_input` that plays there.

    `fragment_s` is the latency asked of the server; for `cycle_late` see `Stamps`.
    Made and ended by `pulse_link`. All methods are for one thread, except the callback `alarm`, which libpulse's thread
    calls when the stream has ended; it must not block. Arrivals are not announced: collect them now and then.

    libpulse forgets what was not collected when a stream ends. A speaker goes rarely; but an application's stream ends
    with each note, and took the note's end with it (up to 80 ms, measured). So what arrives of one is kept at once.
    """

    def __init__(
        self,
        link: Link,
        source_id: str,
        samplerate: int,
        channels: int,
        fragment_s: float,
        alarm: Callable[[], None],
        sink_input: int | None = None,
        cycle_late: bool = False,
        timeout_s: float = 1.0,
    ) -> None:
        super().__init__(
            source_id, samplerate, channels, round(samplerate * fragment_s), name=connection.APPLICATION_NAME
        )
        self.link = link
        self.alarm = alarm
        self.settled = threading.Event()
        self.timed = threading.Event()
        self.stream: Any = None
        self._sink_input = sink_input
        self._timeout_s = timeout_s
        self._number = next(_numbers)
        self._handle = _ffi.cast("void*", self._number)
        self._frame_bytes = 4 * channels
        self._stamps = Stamps(samplerate, cycle_late)
        self._asked_ns = 0
        self._collected_ns = time.monotonic_ns()
        self._keeps_at_once = sink_input is not None
        self._questions: deque[int] = deque()  # when each was asked that is not answered yet
        self._answers: list[tuple[int, int, int]] = []  # for `Stamps.learn`
        self._usual_age_ns = 0
        self._stirred_until_ns = 0
        self._restless_until_ns = 0
        self._kept: list[tuple[int, Samples]] = []
        self._data = _ffi.new("void**")
        self._size = _ffi.new("size_t*")

    def start(self) -> None:
        """Open the stream. Raises `SourceLost` when the server refuses or does not answer in time."""
        _streams[self._number] = self
        try:
            self.__enter__()
            self._restless_until_ns = time.monotonic_ns() + _RESTLESS_NS
            self._learn_timing(self._timeout_s)
        except (RuntimeError, TypeError, ValueError) as error:
            self.stop()
            raise SourceLost(f"the sound server gives no stream of {self._id}: {error}") from error
        except SourceLost:
            self.stop()
            raise

    def stop(self) -> None:
        """End the stream; never raises, returns within half a second, may be called again."""
        self.__exit__(None, None, None)

    def take(self) -> list[tuple[int, Samples]]:
        """All that has arrived, as (start_ns, samples), contiguous pieces joined. Raises `SourceLost` at its end.

        Waits only for the server's word on the time, for 50 ms at most, and only when something has arrived. A hole
        (the server's queue ran over) is left out: the stamp of what follows it shows it.
        """
        stood_still = self._stood_still()
        with self.link.locked():
            ended = _pa.pa_stream_get_state(self.stream) != _pa.PA_STREAM_READY
            waiting = 0 if ended else int(_pa.pa_stream_readable_size(self.stream))
        if ended:
            kept, self._kept = self._kept, []
            if not kept or not self._stamps.known:
                raise SourceLost("the stream has ended")
            return self._stamped(kept)
        if not (waiting or self._kept):
            return []
        if time.monotonic_ns() < self._stirred_until_ns:
            self._stamps.look_closely()
        if stood_still or not self._stamps.known or self._timing_due(waiting):
            self._learn_timing(_KEPT_TIMING_S if stood_still else _TIMING_S)
        for _ in range(_CLOSE_LOOK_MOST):
            if self._stamps.settled or not self._learn_timing(_TIMING_S):
                break
            _NOTHING.wait(_CLOSE_LOOK_STEP_S)  # answers tell more when they lie apart
        if not self._stamps.known:
            return []  # what has arrived stays where it is until the server says what time it is from
        with self.link.locked():
            self.keep()
            kept, self._kept = self._kept, []
            if self._keeps_at_once and self._sink_input is None:
                self._keeps_at_once = False
                _pa.pa_stream_set_read_callback(self.stream, _ffi.NULL, _ffi.NULL)
        return self._stamped(kept)

    def _stood_still(self) -> bool:
        """Whether nobody has collected for long; called whenever somebody does."""
        now_ns = time.monotonic_ns()
        stood_still = now_ns - self._collected_ns > _STANDSTILL_NS
        if stood_still:
            self._restless_until_ns = now_ns + _RESTLESS_NS
            self._stamps.stood_still(now_ns)
            # All that the server has kept now comes within a millisecond. libpulse's own queue is no larger, would run
            # over by what was under way, and the next answer would number what is here back from what comes after it.
            with self.link.locked():
                self.keep()
                _pa.pa_stream_set_read_callback(self.stream, _arrived, self._handle)
            self._keeps_at_once = True
        self._collected_ns = now_ns
        return stood_still

    @property
    def calm(self) -> bool:
        """Whether for a while nothing has happened that moves sound in time: then it may be taken in long blocks."""
        return self._stamps.settled and time.monotonic_ns() >= self._restless_until_ns

    def keep(self) -> None:
        """Take what has arrived into our own hands. Lock held; also called by libpulse's thread."""
        if self.stream is None or _extra.pa_stream_get_timing_info(self.stream) == _ffi.NULL:
            return  # it was closed, or no frame has a number yet
        # There are a hundred pieces a second: those that follow each other are copied together.
        most_bytes = self._frame_bytes * round(self._samplerate * _LARGEST_BLOCK_S)
        frame, run, run_bytes = self._position(), [], 0
        while len(self._kept) < _KEPT_MOST and (piece := self._next_piece()) is not None:
            run.append(piece)
            run_bytes += len(piece)
            _pa.pa_stream_drop(self.stream)
            if not piece or run_bytes >= most_bytes:
                self._keep_run(frame, run)
                frame, run, run_bytes = self._position(), [], 0
        self._keep_run(frame, run)

    def _keep_run(self, frame: int, run: list[bytes]) -> None:
        samples = np.frombuffer(b"".join(run), np.float32).reshape(-1, self.channels)
        if len(samples):
            self._kept.append((frame, samples))

    def _stamped(self, pieces: list[tuple[int, Samples]]) -> list[tuple[int, Samples]]:
        most = round(self._samplerate * _LARGEST_BLOCK_S)
        known = [part for frame, samples in pieces for part in self._stamps.undoubted(frame, samples)]
        return [(self._stamps.sounded_ns(frame), samples) for frame, samples in joined(known, most)]

    def told(self, stream: Any, success: bool) -> None:
        """The server has answered, in the order of the questions. libpulse's thread, lock held."""
        asked_ns, told_ns = self._questions.popleft(), time.monotonic_ns()
        if success:
            info = _extra.pa_stream_get_timing_info(stream)
            # The time of day of the answer, as libpulse gives it, on our clock.
            stamp_ns = info.timestamp.tv_sec * 1_000_000_000 + info.timestamp.tv_usec * 1000
            at_ns = believable_ns(stamp_ns - time.time_ns() + told_ns, asked_ns, told_ns)
            # After a standstill PipeWire may have sent more than it counted (by seconds): what is here has come.
            came = max(info.write_index, info.read_index + _pa.pa_stream_readable_size(stream)) // self._frame_bytes
            # The next frame was captured `source_usec` ago; what a monitor gives sounds `sink_usec` later.
            self._answers.append((at_ns, came, (int(info.sink_usec) - int(info.source_usec)) * 1000))
        self.timed.set()

    def stir(self) -> None:
        """Something began or ended to play: look closely at the time for a while. Any thread."""
        now_ns = time.monotonic_ns()
        self._stirred_until_ns = now_ns + _STIRRED_NS
        self._restless_until_ns = now_ns + _RESTLESS_NS

    def _timing_due(self, waiting: int) -> bool:
        """Whether to ask again: now and then, and at once when what arrived does not fit the time that has passed.

        The latter is how a server that was frozen, or a speaker that was suspended, is noticed before the first block
        after it gets its stamp.
        """
        now_ns = time.monotonic_ns()
        with self.link.locked():
            end = self._position() + waiting // self._frame_bytes
        age_ns = now_ns - self._stamps.sounded_ns(end)
        odd = abs(age_ns - self._usual_age_ns) > _ODD_AGE_NS
        if odd:
            self._restless_until_ns = now_ns + _RESTLESS_NS
        elif now_ns - self._asked_ns < _ASK_INTERVAL_NS:
            return False
        self._usual_age_ns = age_ns
        return True

    def _position(self) -> int:
        """The number of the next frame to take. Lock held."""
        return int(_extra.pa_stream_get_timing_info(self.stream).read_index) // self._frame_bytes

    def _learn_timing(self, timeout_s: float) -> bool:
        """Ask the server where the stream is. Without an answer in time (False), what was known before holds on."""
        self.timed.clear()
        self._asked_ns = time.monotonic_ns()
        with self.link.locked():
            operation = _pa.pa_stream_update_timing_info(self.stream, _timing_told, self._handle)
            if operation == _ffi.NULL:
                raise SourceLost("the stream has ended")
            self._questions.append(self._asked_ns)
            _pa.pa_operation_unref(operation)
        answered = self.timed.wait(timeout_s)
        if self._stood_still():
            return self._learn_timing(_KEPT_TIMING_S)  # that answer may be from before it
        with self.link.locked():
            info = _extra.pa_stream_get_timing_info(self.stream)
            if info == _ffi.NULL:
                raise SourceLost("the sound server stopped answering")
            answers, self._answers = self._answers, []
        for answer in answers:
            self._stamps.learn(*answer)
        return answered

    # --- what soundcard's own classes call ----------------------------------------------------------------------------

    def _connect_stream(self, bufattr: Any) -> None:
        with self.link.locked():
            _extra.pa_stream_set_state_callback(self.stream, _state_changed, self._handle)
            if self._sink_input is not None:
                if _extra.pa_stream_set_monitor_stream(self.stream, self._sink_input) < 0:
                    raise SourceLost("the application's stream cannot be recorded")
                _pa.pa_stream_set_read_callback(self.stream, _arrived, self._handle)
            if _pa.pa_stream_connect_record(self.stream, self._id.encode(), bufattr, _FLAGS) < 0:
                raise SourceLost("the sound server refused the stream")
        # The base class then polls for the same states without end; it finds one of them at once.
        deadline_s = time.monotonic() + self._timeout_s
        while (state := self._state()) not in (_pa.PA_STREAM_READY, _pa.PA_STREAM_FAILED, _pa.PA_STREAM_TERMINATED):
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise SourceLost("the sound server stopped answering")
            self.settled.wait(left_s)
            self.settled.clear()
        if state != _pa.PA_STREAM_READY:
            raise SourceLost("the sound server refused the stream")

    def _next_piece(self) -> bytes | None:
        """The next piece, not yet dropped; empty for a hole; None when there is nothing."""
        self._data[0] = _ffi.NULL
        self._size[0] = 0
        if _pa.pa_stream_peek(self.stream, self._data, self._size) < 0 or not self._size[0]:
            return None
        return b"" if self._data[0] == _ffi.NULL else bytes(_ffi.buffer(self._data[0], self._size[0]))

    def __exit__(self, exc_type: object, exc_value: object, traceback: object) -> None:
        if self.stream is None:
            return
        with self.link.locked():
            stream, self.stream = self.stream, None
            asked = _pa.pa_stream_disconnect(stream) >= 0
        deadline_s = time.monotonic() + _CLOSE_S
        while asked and (left_s := deadline_s - time.monotonic()) > 0:
            self.settled.clear()
            with self.link.locked():
                if _pa.pa_stream_get_state(stream) in (_pa.PA_STREAM_TERMINATED, _pa.PA_STREAM_FAILED):
                    break
            self.settled.wait(left_s)
        with self.link.locked():
            _streams.pop(self._number, None)
            _pa.pa_stream_unref(stream)

    def _state(self) -> int:
        with self.link.locked():
            return int(_pa.pa_stream_get_state(self.stream))
