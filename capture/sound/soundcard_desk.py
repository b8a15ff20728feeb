"""The one thread that loads `soundcard` on Windows and macOS and asks it which devices there are.

Why a thread of its own: on Windows, importing the library joins the importing thread to COM's multithreaded apartment.
A GUI thread must stay out of that apartment, and the apartment ends with the last thread that joined it, while threads
that never joined (ours that read the streams) live in it implicitly. So the thread that imports lives as long as the
process. It also gives every question a deadline, which the library itself does not have.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from capture.channel import Channel, Closed, Empty, Overflow
from capture.clock import NS_PER_S, Clock, MonotonicClock
from capture.errors import CaptureError, NoSoundServer
from capture.worker import Worker

T = TypeVar("T")

# The longest that a question may take: what SoundSystem promises its callers.
ANSWER_S = 2.0
# How often the devices are looked at. The library has no events for a changed default or a pulled plug (Windows and
# macOS have; reaching them would take native callbacks that the library does not offer), so there is only looking.
# A listing takes a few milliseconds; five a second are felt by nobody, and a new default is followed within 0.2 s.
LOOK_INTERVAL_S = 0.2
# More questions than this are never waiting unless the library hangs; then new ones are refused at once.
QUESTIONS_BOUND = 16

SERVICE_HINT = "Restart the system's sound service or the computer, or record without sound: --no-system."


@dataclass(frozen=True, slots=True)
class Look:
    """Which devices there are at one moment, by the library's ids as text. None: there is no default device."""

    speakers: frozenset[str]
    microphones: frozenset[str]
    default_speaker: str | None
    default_microphone: str | None


class _Question(Generic[T]):
    """One function to be called with the library, and the way its answer comes back."""

    def __init__(self, ask: Callable[[Any], T]) -> None:
        self._ask = ask
        self._done = threading.Event()
        self._answer: T | None = None
        self._error: Exception | None = None

    def answer(self, module: Any, error: Exception | None) -> None:
        """Desk thread: call it, or hand back why the library is not there."""
        try:
            if error is not None:
                raise error
            self._answer = self._ask(module)
        except Exception as raised:  # noqa: BLE001 - whatever it is, it belongs to the thread that asked
            self._error = raised
        self._done.set()

    def wait(self, timeout_s: float) -> T:
        if not self._done.wait(timeout_s):
            raise NoSoundServer(f"the system's sound did not answer within {timeout_s:.1f} s", SERVICE_HINT)
        if isinstance(self._error, CaptureError):
            raise self._error
        if self._error is not None:
            raise NoSoundServer(f"the system's sound cannot be asked: {reason(self._error)}", SERVICE_HINT)
        return self._answer  # type: ignore[return-value]


class Desk:
    """Asks the sound library, in one thread. Methods may be called by any thread."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or MonotonicClock()
        self._questions: Channel[_Question[Any]] = Channel("soundcard questions", QUESTIONS_BOUND, Overflow.DROP_NEWEST)
        self._worker = Worker("soundcard", self._answer_all, on_end=self._questions.close)
        self._start_lock = threading.Lock()
        self._started = False
        self._looked: tuple[int, Look] | None = None

    def call(self, ask: Callable[[Any], T], timeout_s: float = ANSWER_S) -> T:
        """What `ask(soundcard)` returns. Blocks for at most `timeout_s`.

        `CaptureError`s of `ask` come through; every other failure, a missing library and silence included, is a
        `NoSoundServer`.
        """
        with self._start_lock:
            if not self._started:
                self._started = True
                self._worker.start()
        question = _Question(ask)
        try:
            accepted = self._questions.put(question)
        except Closed:
            accepted = False
        if not accepted:
            raise NoSoundServer("the system's sound does not answer", SERVICE_HINT)
        return question.wait(timeout_s)

    def look(self, age_s: float = LOOK_INTERVAL_S) -> Look:
        """The devices, as they were at most `age_s` ago: however many ask, the system is asked no more often."""

        def ask(module: Any) -> Look:
            now_ns = self._clock.now_ns()
            if self._looked is None or now_ns - self._looked[0] >= age_s * NS_PER_S:
                self._looked = (now_ns, _look(module))
            return self._looked[1]

        return self.call(ask)

    def close(self) -> None:
        """End the thread; only tests do, since COM's apartment would end with it."""
        self._questions.close()
        self._worker.join(1.0)

    def _answer_all(self, stop: threading.Event) -> None:
        module: Any = None
        while True:
            try:
                question = self._questions.get(60.0)
            except Empty:
                continue
            except Closed:
                return
            error: Exception | None = None
            if module is None:
                module, error = _import_soundcard()
            question.answer(module, error)


class DeviceWatch:
    """Looks at the devices every `LOOK_INTERVAL_S`, in a thread of its own.

    `on_look` gets the devices, or None when the system's sound does not answer; it is called by that thread.
    """

    def __init__(self, desk: Desk, on_look: Callable[[Look | None], None]) -> None:
        self._desk = desk
        self._on_look = on_look
        self._worker = Worker("sound-watch", self._watch)
        self._worker.start()

    def close(self) -> None:
        """End it, within 1 s. Any thread but its own."""
        self._worker.stop()
        self._worker.join(1.0)

    def _watch(self, stop: threading.Event) -> None:
        age_s = 0.0  # at first: whoever watches knows of devices that the last look of others may not have seen
        while not stop.is_set():
            try:
                look: Look | None = self._desk.look(age_s)
            except NoSoundServer:
                look = None
            age_s = LOOK_INTERVAL_S
            if not stop.is_set():
                self._on_look(look)
            stop.wait(LOOK_INTERVAL_S)


_shared: Desk | None = None
_shared_lock = threading.Lock()


def shared_desk() -> Desk:
    """The process's desk. Any thread; does not block."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Desk()
        return _shared


# What WASAPI's error codes mean to people (audioclient.h, winerror.h). The library gives the code as its message.
WASAPI_ERRORS = {
    "0x88890004": "it was unplugged, or its settings were changed",  # AUDCLNT_E_DEVICE_INVALIDATED
    "0x8889000a": "another program has taken it for itself alone",  # AUDCLNT_E_DEVICE_IN_USE
    "0x88890010": "the sound server of Windows (service Audiosrv) is not running",  # AUDCLNT_E_SERVICE_NOT_RUNNING
    "0x80070005": "access is denied: Settings > Privacy & security > Microphone",  # E_ACCESSDENIED
}


def reason(error: BaseException) -> str:
    """A library's exception in a few words: asserts come without any, and WASAPI's are numbers."""
    for code, meaning in WASAPI_ERRORS.items():
        if code in str(error):
            return f"{meaning}; {code}"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def attribute(ask: Callable[[], T], otherwise: T) -> T:
    """What a device's property gives, or `otherwise`.

    The library's properties fail for a device that goes away between listing and asking, and some assert what is not
    so for every driver (mediafoundation's `channels` takes the format for 40 bytes). One odd device must not hide the
    others.
    """
    try:
        return ask()
    except Exception:  # noqa: BLE001 - assertions, RuntimeError, IndexError, cffi's own: all mean "not known"
        return otherwise


def _look(module: Any) -> Look:
    return Look(
        speakers=frozenset(str(device.id) for device in module.all_speakers()),
        microphones=frozenset(str(device.id) for device in module.all_microphones()),
        default_speaker=attribute(lambda: str(module.default_speaker().id), None),
        default_microphone=attribute(lambda: str(module.default_microphone().id), None),
    )


def _import_soundcard() -> tuple[Any, Exception | None]:
    try:
        import soundcard
    except Exception as error:  # noqa: BLE001 - asserts, OSError, RuntimeError and more come out of its import
        return None, error
    return soundcard, None
