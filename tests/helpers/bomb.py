"""A bomb in the place of one of the engine's functions: at its time, the function raises, or hangs.

In this process, `planted`; in the real command line, as a program of its own:

    python -m tests.helpers.bomb PLACE KIND WHEN LASTING REPORT record ...

PLACE is `module:Class.function` or `module:function`; with `@name` only in threads whose name begins so (libpulse's own
are called `Dummy`), and of `threading:Thread.start`, only the start of such a one.
WHEN is `first` (its first call), `end` (the first one once the
recording is being ended) or a number: the first one so many seconds after the beginning. REPORT is a file that says,
when it has gone off, when that was.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import functools
import importlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av

from capture.errors import CaptureError

WORD = "injected"
HANG = "hang"
ERRORS: dict[str, Callable[[], BaseException]] = {
    "RuntimeError": lambda: RuntimeError(WORD),
    "MemoryError": lambda: MemoryError(WORD),
    "OSError": lambda: OSError(errno.EIO, WORD),
    "CaptureError": lambda: CaptureError(WORD, ""),
    "FFmpegError": lambda: av.error.ExternalError(542398533, WORD),
    "SystemExit": lambda: SystemExit(WORD),
    "KeyboardInterrupt": lambda: KeyboardInterrupt(WORD),
}
KINDS = (*ERRORS, HANG)
# Longer than any deadline that it is to run into.
_HANG_S = 300.0
# It connects to the sound server when it is imported; so it can only be changed when the engine has done that.
_LATE = "capture.sound.pulse_stream"


class Bomb:
    """Goes off at the first call after `arm` in a thread whose name begins with `thread`.

    `lasting`: at every later one too. `went_off_ns` is the instant on the monotonic clock; `release` ends all hanging.
    """

    def __init__(self, kind: str, lasting: bool = False, thread: str = "") -> None:
        self.went_off_ns: int | None = None
        self.kind = kind
        self._lasting = lasting
        self._thread = thread
        self._armed_s: float | None = None
        self._lock = threading.Lock()
        self._released = threading.Event()
        self.on_bang: Callable[[int], None] = lambda at_ns: None

    def arm(self, in_s: float = 0.0) -> None:
        self._armed_s = time.monotonic() + in_s

    def release(self) -> None:
        self._armed_s = None
        self._released.set()

    def called(self, thread: str) -> None:
        """Stands before each call of the function."""
        with self._lock:
            if self._armed_s is None or time.monotonic() < self._armed_s or not thread.startswith(self._thread):
                return
            if self.went_off_ns is not None and not self._lasting:
                return
            if self.went_off_ns is None:
                self.went_off_ns = time.monotonic_ns()
                self.on_bang(self.went_off_ns)
        if self.kind == HANG:
            self._released.wait(_HANG_S)
        else:
            raise ERRORS[self.kind]()


@contextlib.contextmanager
def planted(place: str, kind: str, lasting: bool = False) -> Iterator[Bomb]:
    """A bomb in that place, not yet armed; gone, and released, after the block."""
    owner, name = _find(place.partition("@")[0])
    original = owner.__dict__[name]
    bomb = plant(place, kind, lasting)
    try:
        yield bomb
    finally:
        bomb.release()
        setattr(owner, name, original)


def plant(place: str, kind: str, lasting: bool = False) -> Bomb:
    """A bomb in that place for good, not yet armed."""
    target, _, thread = place.partition("@")
    bomb = Bomb(kind, lasting, thread)
    owner, name = _find(target)
    setattr(owner, name, _with_bomb(owner.__dict__[name], bomb, target))
    return bomb


def _find(target: str) -> tuple[Any, str]:
    module, _, path = target.partition(":")
    owner: Any = importlib.import_module(module)
    *classes, name = path.split(".")
    for each in classes:
        owner = getattr(owner, each)
    # Where an instance looks it up first: the class that defines it.
    defining = [base for base in getattr(owner, "__mro__", ()) if name in base.__dict__]
    return (defining[0] if defining else owner), name


def _with_bomb(original: Any, bomb: Bomb, target: str) -> Any:
    if isinstance(original, property):
        assert original.fget is not None
        return property(_with_bomb(original.fget, bomb, target))
    if isinstance(original, staticmethod):
        return staticmethod(_with_bomb(original.__func__, bomb, target))
    starts = target == "threading:Thread.start"

    @functools.wraps(original)
    def stands_in(*args: Any, **words: Any) -> Any:
        bomb.called(args[0].name if starts else _thread_name())
        return original(*args, **words)

    return stands_in


def _thread_name() -> str:
    # `threading.current_thread` would make an object for a thread that is none of Python's, and call functions for it.
    active = threading._active  # type: ignore[attr-defined]
    return str(getattr(active.get(threading.get_ident()), "name", "Dummy"))


def before(target: str, step: Callable[[], None]) -> None:
    """From now on, call `step` before each call of that function."""
    owner, name = _find(target)
    original = owner.__dict__[name]

    @functools.wraps(original)
    def stands_in(*args: Any, **words: Any) -> Any:
        step()
        return original(*args, **words)

    setattr(owner, name, stands_in)


def main() -> int:
    """The command line, with a bomb in it."""
    parser = argparse.ArgumentParser()
    for name in ("place", "kind", "when", "lasting", "report"):
        parser.add_argument(name)
    parser.add_argument("words", nargs=argparse.REMAINDER)
    options = parser.parse_args()

    def arm() -> None:
        bomb = plant(options.place, options.kind, options.lasting == "yes")
        bomb.on_bang = lambda at_ns: _report(Path(options.report), at_ns)
        if options.when == "first":
            bomb.arm()
        elif options.when == "end":
            before("capture.session:Session.end", bomb.arm)
        else:
            # The last thing that happens before a recording runs.
            before("capture.stages.write:WriteStage.run", lambda: bomb.arm(float(options.when)))

    if options.place.startswith(_LATE):
        from capture.sound import pulse_link

        load = pulse_link._Loader._import

        def load_and_arm(self: pulse_link._Loader) -> None:
            load(self)
            pulse_link._Loader._import = load  # type: ignore[method-assign]
            arm()

        pulse_link._Loader._import = load_and_arm  # type: ignore[method-assign]
    else:
        arm()
    from ui import cli

    return cli.main(options.words)


def _report(path: Path, at_ns: int) -> None:
    path.write_text(json.dumps({"at_ns": at_ns, "thread": _thread_name()}))


if __name__ == "__main__":
    sys.exit(main())
