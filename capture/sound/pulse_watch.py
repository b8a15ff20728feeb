"""The watch over a sound server: one thread, woken by the server's own events, which keeps what there is up to date."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from capture.errors import NoSoundServer
from capture.sound.pulse_scene import Scene

if TYPE_CHECKING:
    from capture.sound.pulse_client import Client

log = logging.getLogger(__name__)

Listener = Callable[[Scene | None], None]

# How long the server may take to answer; it takes about 2 ms.
ANSWER_S = 1.0
# How often a server that is away is looked for: there is no event for its coming.
_RETRY_S = 0.2
# Events come in bursts (a new stream on PipeWire sends about ten): after the first, the others are collected this long.
_BURST_S = 0.02
# No event for this long is nothing unusual; it only bounds each wait.
_QUIET_S = 30.0


def connect(timeout_s: float) -> Client:
    """A new connection for questions. Raises `NoSoundServer`, for a missing libpulse too. Any thread."""
    try:
        from capture.sound.pulse_client import Client
    except (OSError, ImportError) as error:
        raise NoSoundServer(
            f"the sound library cannot be loaded: {error}", "Install PulseAudio's client library (Debian: libpulse0)."
        ) from error
    return Client(timeout_s)


def ask(timeout_s: float = ANSWER_S) -> Scene:
    """What there is now, over a connection of its own (about 5 ms). Any thread; raises `NoSoundServer`."""
    deadline_s = time.monotonic() + timeout_s
    client = connect(timeout_s)
    try:
        return client.scene(max(0.05, deadline_s - time.monotonic()))
    finally:
        client.close()


class Watcher:
    """Shared by all sources of a sound system: its thread runs while anybody listens.

    A listener is called by that thread with each new scene, or None when the server is lost; it must not block. Other
    methods may be called by any other thread.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._listeners: list[Listener] = []
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._client: Client | None = None
        self._asked = 0
        self._answered = 0
        self._answer: Scene | NoSoundServer = NoSoundServer("no sound server was asked yet")

    def listen(self, listener: Listener) -> None:
        """Begin to call `listener`; the next scene comes soon, and at the latest when `fresh` is called."""
        with self._changed:
            self._listeners.append(listener)
            if self._thread is None or self._stop.is_set():
                self._stop = threading.Event()
                self._thread = threading.Thread(target=self._run, args=(self._stop,), name="sound-watch", daemon=True)
                self._thread.start()

    def leave(self, listener: Listener) -> None:
        """Stop calling `listener`. The last to leave ends the thread, and waits for that up to a second."""
        with self._changed:
            if listener not in self._listeners:
                return
            self._listeners.remove(listener)
            if self._listeners:
                return
            self._stop.set()
            thread = self._thread
            self._wake()
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0)

    def fresh(self, timeout_s: float) -> Scene:
        """What there is now, asked after this call. Only while listening. Raises `NoSoundServer`, at once when away."""
        with self._changed:
            self._asked += 1
            mine = self._asked
            self._wake()
            if not self._changed.wait_for(lambda: self._answered >= mine, timeout_s):
                raise NoSoundServer("the sound server stopped answering")
            if isinstance(self._answer, NoSoundServer):
                raise NoSoundServer(str(self._answer), self._answer.hint)
            return self._answer

    def _wake(self) -> None:
        self._changed.notify_all()
        if self._client is not None:
            self._client.interrupt()

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            asked = self._asked
            try:
                client = connect(ANSWER_S)
            except NoSoundServer as error:
                self._publish(error, asked, stop)
                with self._changed:
                    self._changed.wait_for(lambda: stop.is_set() or self._asked > self._answered, _RETRY_S)
                continue
            with self._changed:
                self._client = client
            try:
                client.subscribe(ANSWER_S)
                self._follow(client, stop)
            except NoSoundServer as error:
                self._publish(error, self._asked, stop)
            finally:
                with self._changed:
                    self._client = None
                client.close()

    def _follow(self, client: Client, stop: threading.Event) -> None:
        asked_s = 0.0
        while not stop.is_set():
            # The first event of a burst is followed at once: a new stream's sound is lost until it is tapped.
            while (left_s := asked_s + _BURST_S - time.monotonic()) > 0 and not self._wanted(stop):
                client.wait(left_s)
            client.event_seen = False
            asked = self._asked
            asked_s = time.monotonic()
            self._publish(client.scene(ANSWER_S), asked, stop)
            while not (client.event_seen or self._wanted(stop)):
                client.wait(_QUIET_S)

    def _wanted(self, stop: threading.Event) -> bool:
        """Whether somebody waits for this thread."""
        return stop.is_set() or self._asked > self._answered

    def _publish(self, answer: Scene | NoSoundServer, asked: int, stop: threading.Event) -> None:
        if stop.is_set():
            return
        with self._changed:
            self._answer = answer
            self._answered = asked
            listeners = list(self._listeners)
            self._changed.notify_all()
        for listener in listeners:
            try:
                listener(answer if isinstance(answer, Scene) else None)
            except Exception:
                log.exception("a listener to the sound devices failed")
