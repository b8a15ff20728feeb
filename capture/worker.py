"""The one thread type. A worker runs a function, always says how it ended, and never lets an exception out.

Design habits that live here: the end of a stream always arrives, exceptions included (`on_end` runs in every case);
faults travel as values to one owner (`fault`); every wait has a deadline (`join`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from capture.errors import Cancelled, CaptureError, WorkerFault

log = logging.getLogger(__name__)


def as_fault(what: str, error: BaseException) -> CaptureError:
    """`error` as one of ours: itself, or the bug that it is, named after `what` failed ("the mix thread")."""
    if isinstance(error, CaptureError):
        return error
    log.debug("%s failed", what, exc_info=error)
    return WorkerFault(f"{what} failed: {type(error).__name__}: {error}")


class Worker:
    """A named daemon thread that runs `body(stop)` once.

    `body` returns when its work is done or soon after `stop` is set; raising `Cancelled` is a way to return. `on_end`
    is called in the worker's thread after `body`, in every case: close the output channels there. `on_fault(fault)`
    follows when one of the two raised; it must not block. All other methods may be called by any thread.
    """

    def __init__(
        self,
        name: str,
        body: Callable[[threading.Event], None],
        on_end: Callable[[], None] = lambda: None,
        on_fault: Callable[[CaptureError], None] = lambda fault: None,
    ) -> None:
        self.name = name
        self.fault: CaptureError | None = None
        self._body = body
        self._on_end = on_end
        self._on_fault = on_fault
        self._stop = threading.Event()
        self._over = False
        # A daemon, so that a thread that hangs in a driver cannot keep the process alive after the file is closed.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def alive(self) -> bool:
        """Whether `body` runs, or `on_end`. False when `on_fault` is called: its news must find the worker ended."""
        return self._thread.is_alive() and not self._over

    @property
    def started(self) -> bool:
        return self._thread.ident is not None

    def start(self) -> None:
        """Raises `WorkerFault` when the system gives no thread."""
        try:
            self._thread.start()
        except (RuntimeError, MemoryError) as error:
            raise WorkerFault(
                f"the {self.name} thread could not be started: {error}", "Close other programs: the computer is full."
            ) from error

    def stop(self) -> None:
        """Ask `body` to end; returns at once."""
        self._stop.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end, at most `timeout_s`. True when it has ended (or was never started). No wait for oneself."""
        if self._thread.ident is None:
            return True
        if self._thread is threading.current_thread():
            return False
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._guarded(lambda: self._body(self._stop))
        finally:
            self._guarded(self._on_end)
            self._over = True
            if self.fault is not None:
                self._guarded(lambda: self._on_fault(self.fault))  # type: ignore[arg-type]

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Cancelled:
            pass
        except BaseException as error:  # noqa: BLE001 - SystemExit too: whatever ended the thread, its owner must hear of it
            self.fault = self.fault or as_fault(f"the {self.name} thread", error)
