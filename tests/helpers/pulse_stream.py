"""A playback stream that knows which of its samples sounds when: libpulse through ctypes.

Written against libpulse's own headers (pulse/stream.h, pulse/def.h), and apart from the recorder's way to the sound
server, so that the one can be checked by the other. Works the same on PulseAudio and on PipeWire's stand-in for it.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from ctypes import POINTER, byref, c_char_p, c_int, c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p
from types import TracebackType
from typing import Any

import numpy as np

from tests.helpers.signals import RATE, Samples
from tests.helpers.sound_clock import Timing

_FLOAT32LE = 5
_CONTEXT_NOAUTOSPAWN = 1
_START_CORKED = 0x0001
_EARLY_REQUESTS = 0x4000
_READY = {"context": 4, "stream": 2}
_FAILED = {"context": (5, 6), "stream": (3, 4)}
_SEEK_RELATIVE = 0
_DEADLINE_S = 10.0


class _SampleSpec(ctypes.Structure):
    _fields_ = [("format", c_int), ("rate", c_uint32), ("channels", c_uint8)]


class _BufferAttr(ctypes.Structure):
    _fields_ = [(name, c_uint32) for name in ("maxlength", "tlength", "prebuf", "minreq", "fragsize")]


class _TimingInfo(ctypes.Structure):
    _fields_ = [
        ("seconds", ctypes.c_long),
        ("microseconds", ctypes.c_long),
        ("synchronized_clocks", c_int),
        ("sink_usec", c_uint64),
        ("source_usec", c_uint64),
        ("transport_usec", c_uint64),
        ("playing", c_int),
        ("write_index_corrupt", c_int),
        ("write_index", c_int64),
        ("read_index_corrupt", c_int),
        ("read_index", c_int64),
        ("configured_sink_usec", c_uint64),
        ("configured_source_usec", c_uint64),
        ("since_underrun", c_int64),
    ]


_NOTIFY = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)
_REQUEST = ctypes.CFUNCTYPE(None, c_void_p, c_size_t, c_void_p)
_SUCCESS = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_void_p)

_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "pa_threaded_mainloop_new": (c_void_p, []),
    "pa_threaded_mainloop_start": (c_int, [c_void_p]),
    "pa_threaded_mainloop_stop": (None, [c_void_p]),
    "pa_threaded_mainloop_free": (None, [c_void_p]),
    "pa_threaded_mainloop_lock": (None, [c_void_p]),
    "pa_threaded_mainloop_unlock": (None, [c_void_p]),
    "pa_threaded_mainloop_get_api": (c_void_p, [c_void_p]),
    "pa_context_new": (c_void_p, [c_void_p, c_char_p]),
    "pa_context_connect": (c_int, [c_void_p, c_char_p, c_int, c_void_p]),
    "pa_context_get_state": (c_int, [c_void_p]),
    "pa_context_disconnect": (None, [c_void_p]),
    "pa_context_unref": (None, [c_void_p]),
    "pa_stream_new": (c_void_p, [c_void_p, c_char_p, POINTER(_SampleSpec), c_void_p]),
    "pa_stream_connect_playback": (c_int, [c_void_p, c_char_p, POINTER(_BufferAttr), c_int, c_void_p, c_void_p]),
    "pa_stream_get_state": (c_int, [c_void_p]),
    "pa_stream_get_index": (c_uint32, [c_void_p]),
    "pa_stream_set_write_callback": (None, [c_void_p, _REQUEST, c_void_p]),
    "pa_stream_set_underflow_callback": (None, [c_void_p, _NOTIFY, c_void_p]),
    "pa_stream_write": (c_int, [c_void_p, c_char_p, c_size_t, c_void_p, c_int64, c_int]),
    "pa_stream_cork": (c_void_p, [c_void_p, c_int, _SUCCESS, c_void_p]),
    "pa_stream_drain": (c_void_p, [c_void_p, _SUCCESS, c_void_p]),
    "pa_stream_update_timing_info": (c_void_p, [c_void_p, _SUCCESS, c_void_p]),
    "pa_stream_get_timing_info": (POINTER(_TimingInfo), [c_void_p]),
    "pa_stream_disconnect": (c_int, [c_void_p]),
    "pa_stream_unref": (None, [c_void_p]),
    "pa_operation_get_state": (c_int, [c_void_p]),
    "pa_operation_unref": (None, [c_void_p]),
}


def _library() -> Any:
    library = ctypes.CDLL("libpulse.so.0")
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


class PlaybackStream:
    """Plays what `fill(first_frame, frames)` gives, from frame 0 on, at the default speaker or `sink`.

    `fill` is called by libpulse's own thread and returns float32 (frames, channels); fewer frames mean that the sound
    ends there. `buffer_s` is how far ahead of the sound it is called, `request_frames` for how much at a time: the
    server takes that for its own period too (PipeWire's quantum), unless another stream asks for less. All other
    methods are for one other thread; each blocks for 10 s at most and raises RuntimeError then.
    """

    def __init__(
        self,
        fill: Callable[[int, int], Samples],
        samplerate: int = RATE,
        channels: int = 2,
        name: str = "player",
        sink: str | None = None,
        buffer_s: float = 0.2,
        request_frames: int = 512,
    ) -> None:
        self.underflows = 0
        self._fill = fill
        self._samplerate = samplerate
        self._frame_bytes = 4 * channels
        self._written = 0
        self._ended = False
        self._pulse = _library()
        # ctypes forgets a callback that Python no longer holds.
        self._on_write = _REQUEST(self._write)
        self._on_underflow = _NOTIFY(self._underflow)
        self._on_done = _SUCCESS(lambda *_: None)
        self._loop = self._pulse.pa_threaded_mainloop_new()
        self._pulse.pa_threaded_mainloop_start(self._loop)
        self._context: Any = None
        self._stream: Any = None
        try:
            self._connect(name, sink, channels, round(buffer_s * samplerate), request_frames)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> PlaybackStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def sink_input(self) -> int:
        """The stream's index, as the server lists it."""
        self._lock()
        try:
            return int(self._pulse.pa_stream_get_index(self._stream))
        finally:
            self._unlock()

    def pause(self) -> None:
        """Hold the sound where it is."""
        self._operate("pa_stream_cork", 1)

    def go_on(self) -> None:
        """Start, or continue after `pause`."""
        self._operate("pa_stream_cork", 0)

    def drain(self, timeout_s: float) -> None:
        """Wait until everything that `fill` gave has sounded."""
        self._operate("pa_stream_drain", timeout_s=timeout_s)

    @property
    def ended(self) -> bool:
        """True once `fill` has given its last frame."""
        return self._ended

    def timing(self) -> Timing | None:
        """Ask the server which frame sounds; None while nothing does."""
        self._operate("pa_stream_update_timing_info")
        self._lock()
        try:
            found = self._pulse.pa_stream_get_timing_info(self._stream)
            if not found:
                return None
            info = found.contents
            if not info.playing or info.read_index_corrupt:
                return None
            # `timestamp` is the time of day at which the server wrote the answer; of what it had read from the stream
            # by then, the last `sink_usec` had not yet sounded.
            stamp_ns = info.seconds * 1_000_000_000 + info.microseconds * 1_000
            at_ns = stamp_ns - (time.time_ns() - time.monotonic_ns())
            frame = info.read_index / self._frame_bytes - info.sink_usec * self._samplerate / 1e6
            return Timing(at_ns, frame, stepwise=info.sink_usec == 0)
        finally:
            self._unlock()

    def close(self) -> None:
        """End the sound at once. May be called again."""
        if not self._loop:
            return
        self._lock()
        if self._stream:
            self._pulse.pa_stream_disconnect(self._stream)
            self._pulse.pa_stream_unref(self._stream)
        if self._context:
            self._pulse.pa_context_disconnect(self._context)
            self._pulse.pa_context_unref(self._context)
        self._unlock()
        self._pulse.pa_threaded_mainloop_stop(self._loop)
        self._pulse.pa_threaded_mainloop_free(self._loop)
        self._loop = self._stream = self._context = None

    def _connect(self, name: str, sink: str | None, channels: int, buffer_frames: int, request_frames: int) -> None:
        pulse = self._pulse
        self._lock()
        try:
            self._context = pulse.pa_context_new(pulse.pa_threaded_mainloop_get_api(self._loop), name.encode())
            pulse.pa_context_connect(self._context, None, _CONTEXT_NOAUTOSPAWN, None)
        finally:
            self._unlock()
        self._await_state("context", self._context)
        spec = _SampleSpec(_FLOAT32LE, self._samplerate, channels)
        unset = 0xFFFFFFFF
        size = self._frame_bytes
        buffer = _BufferAttr(unset, buffer_frames * size, unset, request_frames * size, unset)
        self._lock()
        try:
            self._stream = pulse.pa_stream_new(self._context, name.encode(), byref(spec), None)
            pulse.pa_stream_set_write_callback(self._stream, self._on_write, None)
            pulse.pa_stream_set_underflow_callback(self._stream, self._on_underflow, None)
            flags = _START_CORKED | _EARLY_REQUESTS
            pulse.pa_stream_connect_playback(
                self._stream, sink.encode() if sink else None, byref(buffer), flags, None, None
            )
        finally:
            self._unlock()
        self._await_state("stream", self._stream)

    def _await_state(self, kind: str, thing: Any) -> None:
        def state() -> int:
            self._lock()
            try:
                return int(getattr(self._pulse, f"pa_{kind}_get_state")(thing))
            finally:
                self._unlock()

        deadline = time.monotonic() + _DEADLINE_S
        while (now := state()) != _READY[kind]:
            if now in _FAILED[kind] or time.monotonic() > deadline:
                raise RuntimeError(f"the sound server gave no {kind} (state {now})")
            time.sleep(0.001)

    def _operate(self, function: str, *arguments: Any, timeout_s: float = _DEADLINE_S) -> None:
        self._lock()
        operation = getattr(self._pulse, function)(self._stream, *arguments, self._on_done, None)
        self._unlock()
        if not operation:
            raise RuntimeError(f"{function} was refused: the sound server or the stream is gone")
        deadline = time.monotonic() + timeout_s
        running = True
        while running:
            self._lock()
            running = self._pulse.pa_operation_get_state(operation) == 0
            self._unlock()
            if running:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{function} gave no answer in {timeout_s:.0f} s")
                time.sleep(0.001)
        self._pulse.pa_operation_unref(operation)

    def _lock(self) -> None:
        self._pulse.pa_threaded_mainloop_lock(self._loop)

    def _unlock(self) -> None:
        self._pulse.pa_threaded_mainloop_unlock(self._loop)

    def _write(self, stream: int, size: int, _data: int) -> None:
        frames = size // self._frame_bytes
        if self._ended or frames == 0:
            return
        samples = np.ascontiguousarray(self._fill(self._written, frames), dtype="<f4")
        if len(samples):
            self._pulse.pa_stream_write(stream, samples.tobytes(), samples.nbytes, None, 0, _SEEK_RELATIVE)
        self._written += len(samples)
        self._ended = len(samples) < frames

    def _underflow(self, _stream: int, _data: int) -> None:
        if not self._ended:
            self.underflows += 1
