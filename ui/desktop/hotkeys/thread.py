"""What hotkeys are on every system: a thread of their own, which binds keys when asked and tells which was pressed."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from capture.errors import CaptureError, SettingsError
from capture.worker import Worker
from ui.desktop.hotkeys.keys import Keys, parse

log = logging.getLogger(__name__)

# A system answers within milliseconds. One that hangs must not hold up the windows.
ANSWER_S = 2.0
GONE = "the connection to the desktop ended"
TAKEN = "taken by another program"


class Hotkeys(ABC):
    """Keys that work wherever the focus is. All methods may be called by any thread."""

    @property
    @abstractmethod
    def lack(self) -> str:
        """Why there are no hotkeys here, and what to do instead; empty where there are."""

    @abstractmethod
    def set(self, keys: Mapping[str, str]) -> dict[str, str]:
        """From now on these and no others: {name: combination of keys as `parse` reads it}.

        Returns why not, for each name that could not be had; the others work. An empty text is no key for that name.
        """

    @property
    @abstractmethod
    def problems(self) -> dict[str, str]:
        """As `set` returned it, or as it has become since: another keyboard may lack a key."""

    @abstractmethod
    def close(self) -> None:
        """Give all keys back. May be called again."""


class NoHotkeys(Hotkeys):
    """Where there are none; `lack` says why."""

    def __init__(self, lack: str) -> None:
        self._lack = lack
        self._problems: dict[str, str] = {}

    @property
    def lack(self) -> str:
        return self._lack

    def set(self, keys: Mapping[str, str]) -> dict[str, str]:
        self._problems = {name: self._lack for name, text in keys.items() if text}
        return dict(self._problems)

    @property
    def problems(self) -> dict[str, str]:
        return dict(self._problems)

    def close(self) -> None:
        pass


@dataclass
class _Request:
    keys: dict[str, Keys]
    problems: dict[str, str] = field(default_factory=dict)
    done: threading.Event = field(default_factory=threading.Event)


class HotkeyThread(Hotkeys):
    """`on_pressed(name)` is called by the hotkeys' own thread, once for each time that a key goes down.

    A system's own file says how to connect, bind and wait; all of that runs in the thread, but `wake`.
    """

    def __init__(self, on_pressed: Callable[[str], None]) -> None:
        self._on_pressed = on_pressed
        self._lock = threading.Lock()
        self._requests: list[_Request] = []
        self._lack = ""
        self._is_over = False
        self._current: dict[str, str] = {}  # the problems
        self._refused: dict[str, str] = {}  # of them, what no keyboard could mend
        self._worker = Worker("hotkeys", self._body, self._end, lambda fault: log.warning("no hotkeys: %s", fault))
        self._worker.start()

    # --- For each system -----------------------------------------------------------------------------------------

    @abstractmethod
    def connect(self) -> None:
        """Raises `CaptureError`."""

    @abstractmethod
    def bind(self, keys: dict[str, Keys]) -> dict[str, str]:
        """Have these keys and no others. Returns the problems, as `set` does."""

    @abstractmethod
    def await_keys(self) -> list[str]:
        """Sleep until something happens; the names of the keys that went down. Returns also after `wake`.

        Raises `ConnectionError` when the system has gone.
        """

    @abstractmethod
    def wake(self) -> None:
        """Let `await_keys` return. For other threads, before `connect` and after `disconnect` too. Never fails."""

    @abstractmethod
    def disconnect(self) -> None:
        """Give everything back. Is called in every case, once."""

    # --- Hotkeys -------------------------------------------------------------------------------------------------

    @property
    def lack(self) -> str:
        return self._lack

    @property
    def problems(self) -> dict[str, str]:
        return dict(self._current)

    def set(self, keys: Mapping[str, str]) -> dict[str, str]:
        good, self._refused = _parsed(keys)
        request = _Request(good)
        with self._lock:
            if self._is_over:
                request.problems = dict.fromkeys(good, self._lack or GONE)
                request.done.set()
            else:
                self._requests.append(request)
        self.wake()
        if not request.done.wait(ANSWER_S):
            request.problems = dict.fromkeys(good, "the desktop does not answer")
        self._current = {**self._refused, **request.problems}
        return dict(self._current)

    def close(self) -> None:
        self._worker.stop()
        self.wake()
        self._worker.join(ANSWER_S)

    # --- The thread ----------------------------------------------------------------------------------------------

    def rebound(self, problems: dict[str, str]) -> None:
        """For `await_keys`: keys were bound anew without being asked for, with these problems."""
        self._current = {**self._refused, **problems}

    def _body(self, stop: threading.Event) -> None:
        try:
            self.connect()
        except CaptureError as error:
            self._lack = f"{error}. {error.hint}".strip()
            return
        self._serve()
        while not stop.is_set():
            try:
                for name in self.await_keys():
                    self._on_pressed(name)
                self._serve()
            except ConnectionError as error:  # the desktop has ended, and we with it
                log.debug("hotkeys end: %s", error)
                return

    def _serve(self) -> None:
        with self._lock:
            requests, self._requests = self._requests, []
        for request in requests:
            try:
                request.problems = self.bind(request.keys)
            except ConnectionError:
                request.problems = dict.fromkeys(request.keys, GONE)
                raise
            finally:
                request.done.set()

    def _end(self) -> None:
        try:
            self.disconnect()
        finally:
            with self._lock:
                self._is_over = True
                for request in self._requests:
                    request.problems = dict.fromkeys(request.keys, self._lack or GONE)
                    request.done.set()


def _parsed(keys: Mapping[str, str]) -> tuple[dict[str, Keys], dict[str, str]]:
    good: dict[str, Keys] = {}
    problems: dict[str, str] = {}
    for name, text in keys.items():
        if not text:
            continue
        try:
            found = parse(text)
        except SettingsError as error:
            problems[name] = f"{error}. {error.hint}"
            continue
        if found in good.values():
            problems[name] = "used twice: each needs a key of its own"
        else:
            good[name] = found
    return good, problems
