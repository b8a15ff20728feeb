"""A connection to the sound server and the record streams on it: soundcard's own, with time stamps and deadlines.

Importing this module imports soundcard, which connects to the sound server at once and ends in an assertion without one.
So it is imported by `pulse_link` only, once the server has answered.

Locking: libpulse runs a thread of its own (the "mainloop"). Every call into it holds the mainloop's lock; the callbacks
run in that thread with the lock held, so they do nothing but note the time and set an event.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import cffi
import numpy as np
from soundcard import pulseaudio as sc

from capture.errors import NoSoundServer, SourceLost

if TYPE_CHECKING:
    from capture.model import Samples

APPLICATION_NAME = "Loopnote"

_ffi: Any = cffi.FFI()
_ffi.include(sc._ffi)
# What soundcard does not declare; from pulse/stream.h and pulse/context.h.
_ffi.cdef("""
    typedef void (*pa_stream_notify_cb_t)(pa_stream *p, void *userdata);
    void pa_context_set_state_callback(pa_context *c, pa_context_notify_cb cb, void *userdata);
    void pa_stream_set_state_callback(pa_stream *s, pa_stream_notify_cb_t cb, void *userdata);
    int pa_stream_set_monitor_stream(pa_stream *s, uint32_t sink_input_idx);
""")
_extra: Any = _ffi.dlopen("libpulse.so.0")
_pa: Any = sc._pa

# pulse/def.h: connect to a running server only. Starting one is the session's business, and would block without limit.
_CONTEXT_NOAUTOSPAWN = 1
_FLAGS = (
    _pa.PA_STREAM_AUTO_TIMING_UPDATE | _pa.PA_STREAM_INTERPOLATE_TIMING | _pa.PA_STREAM_ADJUST_LATENCY
    # Without it, a removed speaker or a closed application moves the stream in silence to the default source: perhaps
    # the microphone, perhaps another application. With it the stream fails at once, and following is our own decision.
    | _pa.PA_STREAM_DONT_MOVE
)  # fmt: skip
_CLOSE_S = 0.5
# A read that found much more waiting than this hands it on in pieces, so that blocks stay of a moderate size.
_LARGEST_BLOCK_S = 0.5


class Link(sc._PulseAudio):  # type: ignore[misc]
    """A connection of our own, in place of the one that soundcard makes at import: named, and every wait ends.

    Made and closed by `pulse_link`, under its lock. Raises `NoSoundServer` when there is no connection in `timeout_s`.
    """

    def __init__(self, timeout_s: float) -> None:
        # Not super().__init__(): it waits for the server without end.
        self._changed = threading.Event()
        self._on_state = _ffi.callback("pa_context_notify_cb", lambda context, data: self._changed.set())
        self.mainloop = _pa.pa_threaded_mainloop_new()
        self.mainloop_api = _pa.pa_threaded_mainloop_get_api(self.mainloop)
        self.context = _pa.pa_context_new(self.mainloop_api, APPLICATION_NAME.encode())
        _extra.pa_context_set_state_callback(self.context, self._on_state, _ffi.NULL)
        refused = _pa.pa_context_connect(self.context, _ffi.NULL, _CONTEXT_NOAUTOSPAWN, _ffi.NULL) < 0
        _pa.pa_threaded_mainloop_start(self.mainloop)
        deadline_s = time.monotonic() + timeout_s
        while not refused and not self.ready:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or self.ended:
                refused = True
            else:
                self._changed.wait(left_s)
                self._changed.clear()
        if refused:
            self.close()
            raise NoSoundServer("the sound server cannot be reached")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the mainloop's lock: short, and never while waiting for anything."""
        _pa.pa_threaded_mainloop_lock(self.mainloop)
        try:
            yield
        finally:
            _pa.pa_threaded_mainloop_unlock(self.mainloop)

    @property
    def _state(self) -> int:
        with self.locked():
            return int(_pa.pa_context_get_state(self.context))

    @property
    def ready(self) -> bool:
        return self._state == _pa.PA_CONTEXT_READY

    @property
    def ended(self) -> bool:
        return self._state in (_pa.PA_CONTEXT_FAILED, _pa.PA_CONTEXT_TERMINATED)

    def close(self) -> None:
        """Disconnect, without waiting for the server. Not from a callback. No stream may use the link any more."""
        disconnect(self)


def disconnect(connection: Any) -> None:
    """Close a connection of soundcard's or our own; soundcard's own way waits for the server without end."""
    with connection._lock_mainloop():
        _extra.pa_context_set_state_callback(connection.context, _ffi.NULL, _ffi.NULL)
        _pa.pa_context_disconnect(connection.context)
        _pa.pa_context_unref(connection.context)
    _pa.pa_threaded_mainloop_stop(connection.mainloop)
    _pa.pa_threaded_mainloop_free(connection.mainloop)


class RecordStream(sc._Recorder):  # type: ignore[misc]
    """A record stream with time stamps, on `source_id`, or of only the sink-input `sink_input` that plays there.

    All methods are for one thread, except the callback `on_ready`, which libpulse's thread calls when there is something
    to take or the stream has ended; it must not block.
    """

    def __init__(
        self,
        link: Link,
        source_id: str,
        samplerate: int,
        channels: int,
        fragment_s: float,
        on_ready: Callable[[], None],
        sink_input: int | None = None,
        timeout_s: float = 1.0,
    ) -> None:
        super().__init__(source_id, samplerate, channels, round(samplerate * fragment_s), name=APPLICATION_NAME)
        self.link = link
        self.source_id = source_id
        self.sink_input = sink_input
        self.stream: Any = None
        self._notify = on_ready
        self._timeout_s = timeout_s
        self._settled = threading.Event()
        self._on_read = _ffi.callback("pa_stream_request_cb_t", self._readable)
        self._on_state = _ffi.callback("pa_stream_notify_cb_t", self._state_changed)
        self._frame_bytes = 4 * channels
        self._data = _ffi.new("void**")
        self._size = _ffi.new("size_t*")
        self._usec = _ffi.new("pa_usec_t*")
        self._negative = _ffi.new("int*")

    def start(self) -> None:
        """Open the stream. Raises `SourceLost` when the server refuses or does not answer in time."""
        try:
            self.__enter__()
        except (RuntimeError, TypeError, ValueError) as error:
            self.stop()
            raise SourceLost(f"the sound server gives no stream of {self._id}: {error}") from error
        except SourceLost:
            self.stop()
            raise

    def stop(self) -> None:
        """End the stream; never raises, returns within half a second, may be called again."""
        self.__exit__(None, None, None)

    @property
    def ended(self) -> bool:
        """True once the server has ended the stream, or the connection is gone."""
        return self.stream is None or self._state() != _pa.PA_STREAM_READY

    def take(self) -> list[tuple[int, Samples]]:
        """All that has arrived, as (start_ns, samples), contiguous pieces joined; does not wait.

        A hole (the server's queue ran over) is left out: the stamp of what follows it shows it.
        """
        blocks: list[tuple[int, Samples]] = []
        with self.link.locked():
            while True:
                start_ns, pieces = self._take_run()
                if pieces:
                    samples = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
                    blocks.append((start_ns, samples))
                if _pa.pa_stream_readable_size(self.stream) in (0, 2**64 - 1):
                    return blocks

    def _take_run(self) -> tuple[int, list[Samples]]:
        """Pieces without a hole between them, and when the first frame of them sounded. Lock held."""
        start_ns = 0
        pieces: list[Samples] = []
        frames = 0
        while frames < self._samplerate * _LARGEST_BLOCK_S:
            piece = self._record_chunk()
            if piece is None:
                break
            if not pieces:
                start_ns = self._sounded_ns()
            _pa.pa_stream_drop(self.stream)
            if not len(piece):
                if pieces:
                    break
                continue
            pieces.append(piece)
            frames += len(piece)
        return start_ns, pieces

    def _sounded_ns(self) -> int:
        """When the first frame that was not yet dropped sounded. Lock held.

        libpulse's latency of a record stream is the age of the next unread frame, local queue included; for the monitor
        of a speaker it is negative when that frame has been captured but not yet played.
        """
        now_ns = time.monotonic_ns()
        if _pa.pa_stream_get_latency(self.stream, self._usec, self._negative) < 0:
            # No timing yet, which is so for the first few milliseconds at most: the age is what is waiting.
            waiting = int(_pa.pa_stream_readable_size(self.stream))
            return now_ns - waiting // self._frame_bytes * 1_000_000_000 // int(self._samplerate)
        latency_ns = int(self._usec[0]) * 1000
        return now_ns + latency_ns if self._negative[0] else now_ns - latency_ns

    # --- what soundcard's own classes call -------------------------------------------------------------------------------

    def _connect_stream(self, bufattr: Any) -> None:
        with self.link.locked():
            _pa.pa_stream_set_read_callback(self.stream, self._on_read, _ffi.NULL)
            _extra.pa_stream_set_state_callback(self.stream, self._on_state, _ffi.NULL)
            if self.sink_input is not None and _extra.pa_stream_set_monitor_stream(self.stream, self.sink_input) < 0:
                raise SourceLost("the application's stream cannot be recorded")
            if _pa.pa_stream_connect_record(self.stream, self._id.encode(), bufattr, _FLAGS) < 0:
                raise SourceLost("the sound server refused the stream")
        # The base class then polls for the same states without end; it finds one of them at once.
        deadline_s = time.monotonic() + self._timeout_s
        while self._state() not in (_pa.PA_STREAM_READY, _pa.PA_STREAM_FAILED, _pa.PA_STREAM_TERMINATED):
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise SourceLost("the sound server stopped answering")
            self._settled.wait(left_s)
            self._settled.clear()
        if self._state() != _pa.PA_STREAM_READY:
            raise SourceLost("the sound server refused the stream")

    def _record_chunk(self) -> Samples | None:
        """The next piece, not yet dropped, as (frames, channels); no frames for a hole; None when there is nothing."""
        self._data[0] = _ffi.NULL
        self._size[0] = 0
        if _pa.pa_stream_peek(self.stream, self._data, self._size) < 0 or not self._size[0]:
            return None
        if self._data[0] == _ffi.NULL:
            return np.zeros((0, self.channels), np.float32)
        buffer = _ffi.buffer(self._data[0], self._size[0])
        return np.frombuffer(buffer, np.float32).reshape(-1, self.channels).copy()

    def __exit__(self, exc_type: object, exc_value: object, traceback: object) -> None:
        if self.stream is None:
            return
        stream, self.stream = self.stream, None
        with self.link.locked():
            _pa.pa_stream_set_read_callback(stream, _ffi.NULL, _ffi.NULL)
            asked = _pa.pa_stream_disconnect(stream) >= 0
        deadline_s = time.monotonic() + _CLOSE_S
        while asked and (left_s := deadline_s - time.monotonic()) > 0:
            self._settled.clear()
            with self.link.locked():
                if _pa.pa_stream_get_state(stream) in (_pa.PA_STREAM_TERMINATED, _pa.PA_STREAM_FAILED):
                    break
            self._settled.wait(left_s)
        with self.link.locked():
            _extra.pa_stream_set_state_callback(stream, _ffi.NULL, _ffi.NULL)
            _pa.pa_stream_unref(stream)

    # --- callbacks: libpulse's thread, lock held --------------------------------------------------------------------------

    def _readable(self, stream: Any, nbytes: int, data: Any) -> None:
        self._notify()

    def _state_changed(self, stream: Any, data: Any) -> None:
        self._settled.set()
        self._notify()

    def _state(self) -> int:
        with self.link.locked():
            return int(_pa.pa_stream_get_state(self.stream))
