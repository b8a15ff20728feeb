"""A thread raises, or hangs, anywhere in the engine: what was recorded until then is in a good file, and it is said.

On a sound system and a screen in memory; `tests/faults/threads.py` does the same with the real ones.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from capture import session, sources, standstill
from capture.errors import CaptureError
from capture.model import Event, RecordingResult, State, StateChanged
from capture.output.recovery import leftovers
from tests.helpers import places
from tests.helpers.analysis import read_pictures, read_sound
from tests.helpers.bomb import ERRORS, HANG, WORD, Bomb, planted
from tests.helpers.places import Place, When
from tests.helpers.processes import wait_until
from tests.helpers.studio import WHOLE, Studio

GRAB = (
    Place("capture.sound.fake:_WorldSource.open", ("first",)),
    Place("capture.sound.fake:_WorldSource.read", ("first", "later")),
    Place("capture.sound.fake:_WorldSource.read", ("end",), harmless=True),
    Place("capture.sound.fake:_WorldSource.close", ("end",)),
    Place("capture.sound.fake:_WorldSource.wake", ("end",)),
    Place("capture.sound.grab:_Grab._put", ("first", "later")),
)
ALL: dict[str, tuple[Place, ...]] = {
    "grab": GRAB,
    "mix": places.MIX,
    "screen": places.SCREEN,
    "encode-video": places.ENCODE_VIDEO,
    "write": places.WRITE,
    "recorder": places.RECORDER,
    "beginning": places.BEGINNING,
    "end": places.END,
}
CASES = [(thread, place, when) for thread, them in ALL.items() for place in them for when in place.when]
SUFFIXES = ("mp4", "mkv", "webm")
# Long enough, in the long form, for the promise that a second at most is missing to mean something.
LATER_S, LATER_FULL_S = 0.3, 1.6
LOST_S = 1.0
# Until a fault is noticed, and for the end after it.
END_LIMIT_S = 8.0


class Case:
    """One recording with one bomb in it."""

    def __init__(self, room: Studio, bomb: Bomb, place: Place, when: When, later_s: float) -> None:
        self.room = room
        self.bomb = bomb
        self.place = place
        self.when = when
        self.later_s = later_s
        self.began_ns: int | None = None
        room.listener = self._hear
        room.desktop.before_grab = lambda number: room.desktop.fill(WHOLE, (number % 250,) * 3)

    def _hear(self, event: Event) -> None:
        if isinstance(event, StateChanged) and event.state is State.RECORDING:
            self.began_ns = time.monotonic_ns()
            if self.when == "later":
                self.bomb.arm(self.later_s)
        elif isinstance(event, StateChanged) and event.state is State.STOPPING and self.when == "end":
            self.bomb.arm()

    def run(self) -> None:
        if self.when == "first":
            self.bomb.arm()
        recorder = self.room.recorder
        with contextlib.suppress(CaptureError):  # the same as `recorder.wait` will raise
            recorder.begin()
        if self.when == "end":
            wait_until(lambda: recorder.ended or self._elapsed_s() > self.later_s, "something to be recorded")
        else:
            wait_until(lambda: recorder.ended or self.bomb.went_off_ns is not None, "the bomb to go off", 10)
        wait_until(lambda: recorder.ended or self.began_ns is not None, "the beginning", 10)
        with contextlib.suppress(AssertionError):
            wait_until(lambda: recorder.ended, "the end", 0.1)
        recorder.request_stop()
        wait_until(lambda: recorder.ended, "the end", END_LIMIT_S)

    def _elapsed_s(self) -> float:
        return 0.0 if self.began_ns is None else (time.monotonic_ns() - self.began_ns) / 1e9

    def judge(self) -> None:
        assert self.bomb.went_off_ns is not None, "the bomb has not gone off"
        result: RecordingResult | None = None
        error = ""
        try:
            result = self.room.recorder.wait(0)
        except CaptureError as failed:
            error = f"{failed} {failed.hint}"
        if self.began_ns is None:
            assert result is None
            assert self.room.files == [], self.room.files
            assert self._named(error), error
            return
        if result is None:
            assert self._named(error), error
            if not self.room.files:
                assert self.when == "first", "the file is gone"
                return  # the disk has failed before anything that can be played was on it
            assert self.place.unnamed, f"no file: {error}"
            (file,) = (self.room.folder / name for name in self.room.files)
            assert file.name in error
            assert "loopnote recover" in error
        else:
            file = result.file
            assert self.room.files == [file.name]
            assert self.place.harmless or self._named(" ".join(result.degraded)), result.degraded
            assert not [left for left in leftovers([self.room.folder]) if left.part.parent == self.room.folder]
        due_s = (self.bomb.went_off_ns - self.began_ns) / 1e9 - LOST_S
        if due_s > 0:
            assert read_sound(file).duration_s >= due_s
            assert list(read_pictures(file))[-1][0] >= due_s

    def _named(self, text: str) -> bool:
        hung = ("did not end", "stands still", "did not answer", "no answer", "no picture")
        return WORD in text or (self.bomb.kind == HANG and any(word in text for word in hung))


@pytest.fixture
def escaped(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What would be printed as a traceback."""
    seen: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append(f"{args.thread} {args.exc_value!r}"))
    monkeypatch.setattr(sys, "unraisablehook", lambda args: seen.append(repr(args.exc_value)))
    yield seen
    assert seen == []


def kinds_of(number: int, full: bool) -> list[str]:
    """All kinds of errors in the long form; one in the short one, another for each case."""
    errors = list(ERRORS)
    return errors if full else [errors[number % len(errors)]]


@pytest.mark.parametrize(
    ("number", "thread", "place", "when"),
    [(number, *case) for number, case in enumerate(CASES)],
    ids=[f"{thread}-{place.target.partition(':')[2]}-{when}" for thread, place, when in CASES],
)
def test_a_thread_raises(
    tmp_path: Path, escaped: list[str], full: bool, number: int, thread: str, place: Place, when: When
) -> None:
    for kind in kinds_of(number, full):
        # A step of the end comes once.
        for lasting in (False,) if thread == "end" else (False, True) if full else (bool(number % 2),):
            folder = tmp_path / f"{kind} {lasting}"
            folder.mkdir()
            with planted(place.target, kind, lasting) as bomb:
                run_case(folder, SUFFIXES[number % 3], bomb, place, when, LATER_FULL_S if full else LATER_S)


HUNG = (
    Place("capture.sound.fake:_WorldSource.open", ("first",)),
    Place("capture.sound.fake:_WorldSource.read", ("first", "later")),
    Place("capture.sound.fake:_WorldSource.close", ("end",)),
    Place("capture.sound.mixer:Mixer.add", ("later",)),
    Place("capture.sound.mixer:Mixer.mix"),
    Place("capture.sound.mixer:Mixer.finish", ("end",)),
    Place("capture.output.encoders:AudioEncoder.encode", ("later", "end")),
    Place("capture.output.encoders:AudioEncoder.flush", ("end",)),
    Place("capture.session:Session.tell_levels", ("later",)),
    Place("capture.screen.mss_source:MssSource.grab", ("first", "later")),
    Place("capture.screen.mss_source:MssSource.close", ("end",)),
    Place("capture.screen.kept:KeptPicture.put", ("later",)),
    Place("capture.output.encoders:VideoEncoder._encode@encode-video", ("later", "end")),
    Place("capture.output.encoders:VideoEncoder.flush", ("end",)),
    Place("capture.stages.video:VideoStage._take", ("first",)),
    Place("capture.output.output_file:OutputFile._mux", ("first", "later", "end"), unnamed=True),
    Place("capture.output.part_file:sync@write", ("end",), unnamed=True),
    Place("capture.output.output_file:OutputFile.close", ("end",), unnamed=True),
    Place("capture.output.part_file:rename_new", ("end",), unnamed=True),
    Place("capture.output.part_file:sync_folder@write", ("end",)),
)


@pytest.mark.parametrize(
    ("number", "place", "when"),
    [(number, place, when) for number, place in enumerate(HUNG) for when in place.when],
    ids=[f"{place.target.partition(':')[2]}-{when}" for place in HUNG for when in place.when],
)
def test_a_thread_hangs(
    tmp_path: Path, escaped: list[str], monkeypatch: pytest.MonkeyPatch, number: int, place: Place, when: When
) -> None:
    monkeypatch.setattr(session, "END_STANDSTILL_S", 0.5)
    monkeypatch.setattr(session, "DISK_STANDSTILL_S", 1.0)
    monkeypatch.setattr(sources, "OPEN_LIMIT_S", 1.0)
    monkeypatch.setattr(sources, "END_LIMIT_S", 0.5)
    monkeypatch.setattr(standstill, "STANDSTILL_LOOKS", 1)
    with planted(place.target, HANG) as bomb:
        run_case(tmp_path, SUFFIXES[number % 3], bomb, place, when)


@pytest.mark.parametrize("name", places.STARTED)
def test_there_is_no_thread_to_be_had(tmp_path: Path, escaped: list[str], name: str) -> None:
    before = set(threading.enumerate())
    room = Studio(tmp_path, "note.mkv", screen="all")
    with planted(f"threading:Thread.start@{name}", "RuntimeError") as bomb:
        bomb.arm()
        with pytest.raises(CaptureError, match=f"the {name} thread could not be started") as caught:
            room.recorder.start()
    assert caught.value.hint
    assert room.recorder.state is State.FAILED
    assert room.files == []
    wait_until(lambda: set(threading.enumerate()) <= before, "all threads to end")


def run_case(folder: Path, suffix: str, bomb: Bomb, place: Place, when: When, later_s: float = LATER_S) -> None:
    before = set(threading.enumerate())
    room = Studio(folder, f"note.{suffix}", screen="all", fps=20.0)
    case = Case(room, bomb, place, when, later_s)
    try:
        case.run()
        case.judge()
    except AssertionError as error:
        raise AssertionError(f"{place.target} {when} {bomb.kind} {suffix}: {error}") from error
    finally:
        bomb.release()
        room.recorder.discard()
    wait_until(lambda: set(threading.enumerate()) <= before, "all threads to end")
