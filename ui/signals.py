"""The signals that ask for the end, as something that the main thread can wait for."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Iterator


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Within it Ctrl-C raises `KeyboardInterrupt`, so that what was half done is taken away again. Main thread."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_DFL:  # else it is so already, or whoever started this wants Ctrl-C to be ignored
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Signals:
    """Ctrl-C, SIGTERM and SIGHUP (on Windows also Ctrl-Break) as something to wait for. Made by the main thread, once.

    Python's C handler writes the signal's number into a socket, and that is all that happens: a Python handler would
    run while this very thread may hold a lock that it needs, and a blocked signal still ends the program when a thread
    that a library started before does not block it (numpy's do not).
    """

    _WAKE = 0  # no signal has this number

    def __init__(self) -> None:
        self._reading, self._writing = socket.socketpair()
        self._writing.setblocking(False)
        self._asking: set[int] = set()
        signal.set_wakeup_fd(self._writing.fileno(), warn_on_full_buffer=False)
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
            number = getattr(signal, name, None)
            if number is None or (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
                continue  # this system has none, or `nohup` asked not to mind it
            self._asking.add(number)
            signal.signal(number, lambda *_: None)

    def wait(self, timeout_s: float) -> bool:
        """True when an end was asked for; False after `timeout_s` or `wake`. Main thread."""
        self._reading.settimeout(max(0.0, timeout_s))
        try:
            return self._reading.recv(1)[0] in self._asking
        except (TimeoutError, BlockingIOError):
            return False

    def ignore(self) -> None:
        """From now on an end that is asked for is no news: the program is leaving. Main thread.

        Python gives back the default handlers before it has left; one Ctrl-C more would then turn the exit code of a
        recording that is saved into that of a killed program.
        """
        for number in self._asking:
            signal.signal(number, signal.SIG_IGN)

    def wake(self) -> None:
        """End a `wait` of the main thread. Any thread; never blocks."""
        with contextlib.suppress(BlockingIOError):
            self._writing.send(bytes([self._WAKE]))
