"""The connection to the sound server on which streams are opened: soundcard's own, but named, and with deadlines.

Importing this module imports soundcard, which connects to the sound server at once, and fails an assertion without one.
So it is imported by `pulse_link` only, through `pulse_stream`, once the server has answered.

Locking: libpulse runs a thread of its own (the "mainloop"). Every call into it holds the mainloop's lock; the callbacks
run in that thread with the lock held, so they do nothing but note what was told, and set events.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cffi  # type: ignore[import-untyped]
from soundcard import pulseaudio as sc

from capture.errors import NoSoundServer

log = logging.getLogger(__name__)

APPLICATION_NAME = "Loopnote"

ffi: Any = cffi.FFI()
ffi.include(sc._ffi)
# What soundcard does not declare; from pulse/stream.h and pulse/context.h.
ffi.cdef("""
    typedef void (*pa_stream_notify_cb_t)(pa_stream *p, void *userdata);
    void pa_context_set_state_callback(pa_context *c, pa_context_notify_cb cb, void *userdata);
    void pa_stream_set_state_callback(pa_stream *s, pa_stream_notify_cb_t cb, void *userdata);
    int pa_stream_set_monitor_stream(pa_stream *s, uint32_t sink_input_idx);
    struct timeval { long tv_sec; long tv_usec; };
    typedef struct pa_timing_info {
        struct timeval timestamp;
        int synchronized_clocks;
        pa_usec_t sink_usec, source_usec, transport_usec;
        int playing;
        int write_index_corrupt;
        int64_t write_index;
        int read_index_corrupt;
        int64_t read_index;
        pa_usec_t configured_sink_usec, configured_source_usec;
        int64_t since_underrun;
    } pa_timing_info;
    const pa_timing_info *pa_stream_get_timing_info(pa_stream *s);
""")
extra: Any = ffi.dlopen("libpulse.so.0")
pa: Any = sc._pa

# pulse/def.h: connect to a running server only. Starting one is the session's business, and would block without limit.
_CONTEXT_NOAUTOSPAWN = 1
_ERROR_TIMEOUT = 8


def not_into_libpulse(kind: object, error: BaseException, trace: object) -> None:
    """Of a callback that failed, cffi prints a traceback. What is not heard there is looked for a little later."""
    log.debug("called back by libpulse", exc_info=error)


class Link(sc._PulseAudio):  # type: ignore[misc]
    """A connection of our own, in place of the one that soundcard makes at import: named, and every wait ends.

    Made and closed by `pulse_link`, under its lock. Raises `NoSoundServer` when there is no connection in `timeout_s`.
    """

    def __init__(self, timeout_s: float) -> None:
        # Not super().__init__(): it waits for the server without end.
        self._changed = threading.Event()
        self._on_state = ffi.callback(
            "pa_context_notify_cb", lambda context, data: self._changed.set(), onerror=not_into_libpulse
        )
        self.mainloop = pa.pa_threaded_mainloop_new()
        self.mainloop_api = pa.pa_threaded_mainloop_get_api(self.mainloop)
        self.context = pa.pa_context_new(self.mainloop_api, APPLICATION_NAME.encode())
        extra.pa_context_set_state_callback(self.context, self._on_state, ffi.NULL)
        refused = pa.pa_context_connect(self.context, ffi.NULL, _CONTEXT_NOAUTOSPAWN, ffi.NULL) < 0
        pa.pa_threaded_mainloop_start(self.mainloop)
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
        pa.pa_threaded_mainloop_lock(self.mainloop)
        try:
            yield
        finally:
            pa.pa_threaded_mainloop_unlock(self.mainloop)

    @property
    def _state(self) -> int:
        with self.locked():
            return int(pa.pa_context_get_state(self.context))

    @property
    def ready(self) -> bool:
        return bool(self._state == pa.PA_CONTEXT_READY)

    @property
    def ended(self) -> bool:
        return self._state in (pa.PA_CONTEXT_FAILED, pa.PA_CONTEXT_TERMINATED)

    def why_ended(self) -> str:
        """The text for it: libpulse gives a server up that has not answered for 30 s, without its having ended."""
        with self.locked():
            timed_out = pa.pa_context_errno(self.context) == _ERROR_TIMEOUT
        return "the sound server stopped answering" if timed_out else "the sound server ended"

    def close(self) -> None:
        """Disconnect, without waiting for the server. Not from a callback. No stream may use the link any more."""
        disconnect(self)


def disconnect(connection: Any) -> None:
    """Close a connection of soundcard's or our own; soundcard's own way waits for the server without end."""
    with connection._lock_mainloop():
        extra.pa_context_set_state_callback(connection.context, ffi.NULL, ffi.NULL)
        pa.pa_context_disconnect(connection.context)
        pa.pa_context_unref(connection.context)
    pa.pa_threaded_mainloop_stop(connection.mainloop)
    pa.pa_threaded_mainloop_free(connection.mainloop)
