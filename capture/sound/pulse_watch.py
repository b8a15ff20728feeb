"""The watch over a sound server: one thread, woken by the server's own events, which keeps what there is up to date."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from capture.errors import CaptureError, NoSoundServer
from capture.sound.pulse_scene import Scene
from capture.worker import Worker, as_fault

if TYPE_CHECKING:
    from capture.sound.pulse_client import Client

Listener = Callable[[Scene | None], None]

# How long the server may take to answer; it takes about 2 ms.
ANSWER_S = 1.0
# How often a server that is away is looked for: there is no event for its coming.
_RETRY_S = 0.2
# Events come in bursts (a new stream on PipeWire sends about ten): after the first, the others are collected this long.
_BURST_S = 0.02
# No event for this long is nothing unusual; then the thread has a turn all the same, which shows that it lives.
_QUIET_S = 3.0
# A failure that lasts is told. One that has passed by then has cost nothing but this delay.
_AILING_S = 1.0


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
        self._worker: Worker | None = None
        self._stop = threading.Event()
        self._client: Client | None = None
        self._asked = 0
        self._answered = 0
        self._answer: Scene | NoSoundServer = NoSoundServer("no sound server was asked yet")
        self._turns = 0
        self._bug: tuple[float, CaptureError] | None = None  # since when it fails, and why

    def listen(self, listener: Listener) -> None:
        """Begin to call `listener`; the next scene comes soon, and at the latest when `fresh` is called."""
        with self._changed:
            if self._worker is None or self._stop.is_set():
                stop = threading.Event()
                worker = Worker("sound-watch", lambda _: self._run(stop))
                worker.start()
                self._stop, self._worker = stop, worker
            self._listeners.append(listener)

    def leave(self, listener: Listener) -> None:
        """Stop calling `listener`. The last to leave ends the thread, and waits for that up to a second."""
        with self._changed:
            if listener not in self._listeners:
                return
            self._listeners.remove(listener)
            if self._listeners:
                return
            self._stop.set()
            worker = self._worker
            self._wake()
        if worker is not None:
            worker.join(1.0)

    def turns(self) -> dict[str, int]:
        """How many turns its thread has made, by its name, while it should run: one that makes no more stands still."""
        return {"sound-watch": self._turns} if self._listeners else {}

    def ailing(self) -> str:
        """Why changes of the devices are not noticed; empty as a rule. Any thread; never blocks."""
        bug = self._bug
        return str(bug[1]) if bug is not None and time.monotonic() - bug[0] > _AILING_S else ""

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
            try:
                self._watch(stop)
            except BaseException as bug:  # noqa: BLE001 - whatever it is, the devices must be watched again
                self._fail(as_fault("the watch over the sound devices", bug), stop)

    def _watch(self, stop: threading.Event) -> None:
        """Until the server, if there is one, is lost."""
        self._turns += 1
        asked = self._asked
        try:
            client = connect(ANSWER_S)
        except NoSoundServer as error:
            self._publish(error, asked, stop)
            self._rest(stop)
            return
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

    def _fail(self, fault: CaptureError, stop: threading.Event) -> None:
        with self._changed:
            since_s = self._bug[0] if self._bug else time.monotonic()
            self._bug = since_s, fault
            self._answer, self._answered = NoSoundServer(str(fault), fault.hint), self._asked
            self._changed.notify_all()
        self._rest(stop)

    def _rest(self, stop: threading.Event) -> None:
        """Before another attempt."""
        with self._changed:
            self._changed.wait_for(lambda: self._wanted(stop), _RETRY_S)

    def _follow(self, client: Client, stop: threading.Event) -> None:
        asked_s = 0.0
        while not stop.is_set():
            self._turns += 1
            # The first event of a burst is followed at once: a new stream's sound is lost until it is tapped.
            while (left_s := asked_s + _BURST_S - time.monotonic()) > 0 and not self._wanted(stop):
                client.wait(left_s)
            client.event_seen = False
            asked = self._asked
            asked_s = time.monotonic()
            self._publish(client.scene(ANSWER_S), asked, stop)
            self._bug = None
            while not (client.event_seen or self._wanted(stop)):
                client.wait(_QUIET_S)
                self._turns += 1

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
        bugs: list[BaseException] = []
        for listener in listeners:
            try:
                listener(answer if isinstance(answer, Scene) else None)
            except BaseException as bug:  # noqa: BLE001 - raised below, when all have been told
                bugs.append(bug)
        if bugs:
            raise bugs[0]
