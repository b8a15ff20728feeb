"""The process's connection to the sound server for streams: loaded late, shared, renewed when the server is."""

from __future__ import annotations

import atexit
import importlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capture.errors import NoSoundServer

if TYPE_CHECKING:
    from capture.sound.pulse_connection import Link
    from capture.sound.pulse_stream import RecordStream

# The server answered a moment ago, so this is far more than it needs.
_CONNECT_S = 1.0
# Loading takes a third of a second of work, and seconds on a busy computer. Only a thread that does not work any more
# waits for the server.
_STILL_S = 1.5
_WORK_S = 10.0
_LOOK_S = 0.05
_NOT_ANSWERING = "the sound server stopped answering"


class _Loader:
    """Imports pulse_stream, and so soundcard, once; in a thread, because soundcard waits for the server without end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._module: Any = None
        self._error: BaseException | None = None

    def load(self) -> Any:
        with self._lock:
            if self._module is None:
                self._try()
            return self._module

    def _try(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._import, name="load-soundcard", daemon=True)
            self._thread.start()
        _await(self._thread)
        if self._thread.is_alive():
            raise NoSoundServer(_NOT_ANSWERING)
        if self._module is None:
            raise self._reason() from self._error

    def _reason(self) -> NoSoundServer:
        if isinstance(self._error, ImportError | OSError):
            # libpulse itself is missing, or a Python package is.
            return NoSoundServer(f"the sound library cannot be loaded: {self._error}", "See: loopnote doctor")
        return NoSoundServer("the sound server cannot be reached")

    def _import(self) -> None:
        # soundcard calls itself what sys.argv says at import, and fails where that is "-c".
        arguments, sys.argv = sys.argv, ["Loopnote"]
        try:
            module = importlib.import_module("capture.sound.pulse_stream")
        except Exception as error:  # noqa: BLE001 - asserts come out of soundcard, OSError out of cffi; load() tells
            self._error = error
            return
        finally:
            sys.argv = arguments
        # The connection of its import has no deadlines, at exit neither: ours take its place.
        first = module.sc._pulse
        atexit.unregister(first._shutdown)
        module.connection.disconnect(first)
        self._module = module


def _await(thread: threading.Thread) -> None:
    """Wait for its end, or until it has done nothing for `_STILL_S`; for `_WORK_S` at most."""
    give_up_s = time.monotonic() + _WORK_S
    work, still_since_s = ["none"], 0.0
    while thread.is_alive() and time.monotonic() < give_up_s:
        if (now := _work_of(thread)) != work:
            work, still_since_s = now, time.monotonic()
        elif time.monotonic() - still_since_s > _STILL_S:
            return
        thread.join(_LOOK_S)


def _work_of(thread: threading.Thread) -> list[str]:
    """How much it has worked, in the kernel's clock ticks in user and system mode (proc(5)); empty: it has ended."""
    try:
        stat = Path(f"/proc/self/task/{thread.native_id}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    return stat.rpartition(")")[2].split()[11:13]


_loader = _Loader()
# Held while a link is made or a stream is opened: soundcard's classes use its module-wide connection while they open.
_lock = threading.Lock()
_LOCK_S = 2.0
_current: Link | None = None
_users: dict[Link, int] = {}


@contextmanager
def _exclusively() -> Iterator[None]:
    if not _lock.acquire(timeout=_LOCK_S):
        raise NoSoundServer(_NOT_ANSWERING)
    try:
        yield
    finally:
        _lock.release()


def open_stream(
    source_id: str,
    samplerate: int,
    channels: int,
    fragment_s: float,
    alarm: Callable[[], None],
    sink_input: int | None = None,
    cycle_late: bool = False,
) -> RecordStream:
    """A running record stream (see `RecordStream`), to be closed with `close_stream`.

    Call it only when the server has just answered. Blocks for 2 s at most; raises `NoSoundServer` or `SourceLost`.
    """
    module = _loader.load()
    with _exclusively():
        link = _acquire(module)
        stream: RecordStream = module.RecordStream(
            link, source_id, samplerate, channels, fragment_s, alarm, sink_input, cycle_late
        )
        try:
            stream.start()
        except BaseException:
            _release(link)
            raise
        return stream


def hold() -> Link:
    """Keep a connection ready for streams to come, until `release`: a stream on it opens in 2 ms instead of 10 to 200.

    Call it only when the server has just answered. Blocks for 2.5 s at most; raises `NoSoundServer`.
    """
    module = _loader.load()
    with _exclusively():
        return _acquire(module)


def release(link: Link) -> None:
    """Give back what `hold` gave. Never raises."""
    with _lock:
        _release(link)


def close_stream(stream: RecordStream) -> None:
    """End a stream, and the connection with the last of its streams. Never raises; may be called once a stream."""
    stream.stop()
    with _lock:
        _release(stream.link)


def _acquire(module: Any) -> Link:
    global _current
    if _current is None or not _current.ready:
        # A link of a server that died stays until the last of its streams is closed.
        _current = module.connection.Link(_CONNECT_S)
        _users[_current] = 0
    _users[_current] += 1
    module.sc._pulse = _current
    return _current


def _release(link: Link) -> None:
    global _current
    _users[link] -= 1
    if _users[link] == 0:
        del _users[link]
        if _current is link:
            _current = None
        link.close()
