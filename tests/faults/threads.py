"""A thread of the real command line raises, or hangs, in any place: see `tests.helpers.places`.

A run tries the places of one thread, several recordings at once, each with an error (or none: it hangs) and a moment
chosen by chance. What holds everywhere: the recording ends in time, the file is good up to the fault (a second at most
is missing), whatever can go on does, the fault is named, and nobody sees a traceback.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.faults.frame import Fault, Ground, Outcome, let_pass, said_of
from tests.faults.judge import missing_s, trace
from tests.helpers import places
from tests.helpers.analysis import read_pictures, read_sound
from tests.helpers.bomb import ERRORS, HANG, WORD
from tests.helpers.counter import WIDTH_PX
from tests.helpers.desktop_scene import show
from tests.helpers.places import Place, When
from tests.helpers.player import Playing, play
from tests.helpers.processes import wait_until
from tests.helpers.recording import Recording, record
from tests.helpers.signals import numbered
from virtual_desktop import SoundServer

SOUND = numbered(90, seed=31)
AREA = (0, 0, WIDTH_PX, 64)
# What Python raises when the system has no thread to give.
START_ERRORS = ["RuntimeError", "MemoryError"]
SOUND_ONLY, WITH_SCREEN = ("opus", "wav", "m4a"), ("mp4", "mkv", "webm")
AT_ONCE = 4
# A sample of the places, for the tests: as many as are recorded at once.
SAMPLE = AT_ONCE
RECORD_S = 1.8
# Long enough for a thread that stands still to be noticed while it is recorded.
RECORD_LONG_S = 9.0
# What may be missing before the fault.
LOST_S = 1.0
# So much of a sound must be there for it to be found; and how far the place of its first and last is known.
KNOWN_S, EDGE_S = 0.7, 0.15
# A busy computer's player leaves out some of it by itself.
GLITCHES_S = 0.2
# A busy computer may take so long for the way in and out of several programs at once.
SLACK_S = 15.0
# The longest that an end may take: the disk's deadline (capture/standstill.py) and all others together.
END_LIMIT_S = 32.0
HUNG = ("did not end", "stands still", "not answer", "no answer", "no picture", "stopped answering", "did not begin")


@dataclass(frozen=True)
class Case:
    """One recording with one bomb in it."""

    place: Place
    kind: str
    when: str
    lasting: bool
    file: Path

    def __str__(self) -> str:
        often = "always" if self.lasting else "once"
        return f"{self.place.target} {self.when}: {self.kind} {often}, {self.file.suffix[1:]}"

    @property
    def report(self) -> Path:
        return self.file.parent.with_suffix(".bang")

    @property
    def program(self) -> list[str]:
        words = [self.place.target, self.kind, self.when, "yes" if self.lasting else "no", str(self.report)]
        return [sys.executable, "-m", "tests.helpers.bomb", *words]


@dataclass(frozen=True)
class Thread:
    """The places of one thread. `goes_on`: without it the sound is recorded to the end, but for WebM, whose sound waits
    for pictures. `vague`: nobody learns of the error itself, only of what comes of it. `starts`: it is the start of a
    thread that fails, so that there is no recording, even if it was said to begin. `once`: were it to fail always,
    nobody would be told that the recording has begun, the judge included.
    """

    places: tuple[Place, ...]
    goes_on: bool = False
    vague: bool = False
    starts: bool = False
    once: bool = False
    suffixes: tuple[str, ...] = WITH_SCREEN


def thread_fails(thread: Thread, hangs: bool, ground: Ground) -> Outcome:
    """Record with a bomb in each place of the thread (or in some), and judge what comes of it."""
    cases = list(_cases(thread, hangs, ground))
    outcome = Outcome(playable=True)
    with (
        ground.desktop() as desktop,
        play(desktop, SOUND) as playing,
        show(desktop, "counter", area=AREA, fps=20, count=20 * 600),
    ):
        record_s = ground.chance.choice([RECORD_S, RECORD_LONG_S]) if hangs and not ground.sample else RECORD_S
        for start in range(0, len(cases), AT_ONCE):
            batch = cases[start : start + AT_ONCE]
            with contextlib.ExitStack() as stack:
                running = [(case, stack.enter_context(_recording(desktop, case))) for case in batch]
                _let_end([recording for _, recording in running], record_s)
                for case, recording in running:
                    try:
                        _judge(case, thread, recording, playing, outcome)
                    except AssertionError as error:
                        outcome.problems.append(f"{case}: {error}")
    outcome.playable = not any("not playable" in problem for problem in outcome.problems)
    return outcome


def _cases(thread: Thread, hangs: bool, ground: Ground) -> Iterator[Case]:
    chosen = list(thread.places)
    ground.chance.shuffle(chosen)
    for number, place in enumerate(chosen[:SAMPLE] if ground.sample else chosen):
        when: When = ground.chance.choice(place.when)
        folder = ground.folder / str(number)
        folder.mkdir()
        yield Case(
            place,
            HANG if hangs else ground.chance.choice(START_ERRORS if thread.starts else list(ERRORS)),
            f"{ground.chance.uniform(0.3, 1.2):.2f}" if when == "later" else when,
            when != "end" and not thread.once and ground.chance.random() < 0.5,
            folder / f"a.{ground.chance.choice(thread.suffixes)}",
        )


def _recording(desktop: object, case: Case) -> contextlib.AbstractContextManager[Recording]:
    screen = [] if case.file.suffix[1:] in SOUND_ONLY else ["--screen", f"0,0,{AREA[2]}x{AREA[3]}"]
    return record(desktop, case.file, *screen, wait=False, program=case.program, debug=False)  # type: ignore[arg-type]


def _let_end(recordings: list[Recording], record_s: float) -> None:
    """Let them begin, record, and end by themselves or by Ctrl-C."""

    def over(recording: Recording) -> bool:
        return recording.process.poll() is not None

    wait_until(lambda: all(r.began_ns or over(r) for r in recordings), "all to begin, or to fail", 25 + SLACK_S)
    let_pass(record_s)
    for recording in recordings:
        if not over(recording):
            recording.send_stop()
    with contextlib.suppress(AssertionError):  # the judge tells which
        wait_until(lambda: all(map(over, recordings)), "the end of all", END_LIMIT_S + SLACK_S)


def _judge(case: Case, thread: Thread, recording: Recording, playing: Playing, outcome: Outcome) -> None:
    try:
        code = recording.process.wait(1)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"it did not end: {recording.said}") from None
    assert recording.process.stdout is not None
    output = recording.process.stdout.read()
    recording.await_all_said()
    said = recording.said
    assert "Traceback" not in said, said
    result = json.loads(output) if output else {}
    told = f"{said_of(result)} {said}"
    if not case.report.exists():
        # Not every place is come by when it is waited for; what is recorded must be whole then.
        assert case.when not in ("first", "end"), "the bomb did not go off"
        # A busy computer's sound server may take too long to answer at the beginning, without our doing.
        assert code == 0 or not recording.began_ns, f"exit {code} without a fault: {told}"
        return
    at_ns = json.loads(case.report.read_text())["at_ns"]
    named = WORD in told or (case.kind == HANG and any(words in told for words in HUNG))
    if not recording.began_ns or thread.starts:
        assert code == 1, f"exit {code}, and it did not begin: {told}"
        assert named or thread.vague, f"not named: {told}"
        assert not list(case.file.parent.iterdir()), "something was left behind"
        return
    allowed = (0, 1, 3) if case.place.harmless else (1, 3)
    assert code in allowed, f"exit {code}: {told}"
    assert named or (thread.vague and code != 0) or code == 0, f"not named: {told}"
    outcome.said = said_of(result) or outcome.said
    if result:
        file = Path(result["file"])
    else:
        left = list(case.file.parent.iterdir())
        if case.when == "first" and not left:
            return  # the disk has failed before anything that can be played was on it
        assert case.place.unnamed, f"no file: {told}"
        (file,) = left
        assert file.name in said, f"nobody is told of {file.name}: {said}"
    _judge_file(file, case, thread, recording, playing, at_ns, outcome)


def _judge_file(
    file: Path, case: Case, thread: Thread, recording: Recording, playing: Playing, at_ns: int, outcome: Outcome
) -> None:
    stopped_ns = recording.stopped_ns or time.monotonic_ns()
    due_ns = min(at_ns, stopped_ns)
    due_s = (due_ns - recording.began_ns) / 1e9
    goes_on = thread.goes_on and case.file.suffix != ".webm" and recording.stopped_ns
    if due_s < LOST_S + KNOWN_S and not goes_on:
        # Nothing is promised of so short a recording but that there is a file that can be opened.
        with contextlib.suppress(AssertionError):
            read_sound(file)
        return
    try:
        sound = read_sound(file).samples
        pictures = list(read_pictures(file)) if case.file.suffix[1:] in WITH_SCREEN else []
    except (AssertionError, ValueError, OSError) as error:
        raise AssertionError(f"not playable: {error}") from error
    if goes_on:
        followed = trace(sound, SOUND, playing.frame_at, recording.began_ns)
        lost_s = followed.lost_s(EDGE_S, (recording.stopped_ns - recording.began_ns) / 1e9 - EDGE_S)
        assert lost_s <= GLITCHES_S, f"{lost_s:.2f} s of the sound were lost, which could have gone on"
    else:
        lost_s = missing_s(sound, SOUND, playing.frame_at(due_ns))
        assert lost_s <= LOST_S, f"{lost_s:.2f} s of the sound before the fault are missing"
    outcome.audio_lost_s = max(outcome.audio_lost_s or 0.0, lost_s)
    if pictures:
        lost_s = max(0.0, due_s - pictures[-1][0])
        assert lost_s <= LOST_S, f"{lost_s:.2f} s of the picture before the fault are missing"
        outcome.video_lost_s = max(outcome.video_lost_s or 0.0, lost_s)


_GRAB = (
    Place("capture.sound.pulse_sources:EndpointSource.open", ("first",)),
    Place("capture.sound.pulse_sources:EndpointSource.read", ("first", "later")),
    Place("capture.sound.pulse_sources:EndpointSource.close@grab", ("end",)),
    Place("capture.sound.pulse_sources:EndpointSource.wake", ("end",)),
    Place("capture.sound.pulse_sources:Ticks.wait", ("first", "later")),
    Place("capture.sound.pulse_watch:Watcher.fresh", ("first",)),
    Place("capture.sound.pulse_watch:Watcher.listen", ("first",)),
    Place("capture.sound.pulse_watch:Watcher.leave@grab", ("end",)),
    Place("capture.sound.pulse_link:open_stream@grab", ("first",)),
    Place("capture.sound.pulse_link:close_stream@grab", ("end",)),
    Place("capture.sound.pulse_stream:RecordStream.start", ("first",)),
    Place("capture.sound.pulse_stream:RecordStream.take", ("first", "later")),
    Place("capture.sound.pulse_stream:RecordStream._learn_timing", ("first", "later")),
    Place("capture.sound.grab:_Grab._put", ("first", "later")),
)
# One that fails once comes back in no time, and nothing is lost.
_WATCH = (
    Place("capture.sound.pulse_watch:connect@sound-watch", ("first",), harmless=True),
    Place("capture.sound.pulse_client:Client.subscribe", ("first",), harmless=True),
    Place("capture.sound.pulse_client:Client.scene@sound-watch", ("first", "later"), harmless=True),
    Place("capture.sound.pulse_client:Client.wait", ("first", "later"), harmless=True),
    Place("capture.sound.pulse_watch:Watcher._publish", ("first", "later"), harmless=True),
    Place("capture.sound.pulse_sources:EndpointSource._on_scene", ("first", "later"), harmless=True),
)
_CALLBACKS = (
    Place("cffi.api:FFI.cast@Dummy", ("first", "later"), harmless=True),
    Place("capture.sound.pulse_sources:Ticks.alarm@Dummy", ("later",), harmless=True),
)
_UI = (
    Place("ui.progress:Progress.show", ("first", "later", "end"), harmless=True),
    Place("ui.progress:Progress._show", ("later",), harmless=True),
    Place("ui.progress:Progress._levels", ("first",), harmless=True),
    Place("ui.progress:Progress._write", ("later", "end"), harmless=True),
    Place("capture.channel:Channel.get@progress", ("later",), harmless=True),
    Place("ui.signals:Signals.wait", ("later",)),
)
_STARTED = (*places.STARTED, "progress", "sound-watch", "load-soundcard", "ask-screen")
_THREADS = {
    "grab": Thread(_GRAB, suffixes=SOUND_ONLY),
    "sound-watch": Thread(_WATCH, goes_on=True, suffixes=SOUND_ONLY),
    "libpulse": Thread(_CALLBACKS, vague=True, suffixes=SOUND_ONLY),
    "mix": Thread(places.MIX),
    "screen": Thread(places.SCREEN, goes_on=True),
    "encode-video": Thread(places.ENCODE_VIDEO, goes_on=True),
    "write": Thread(places.WRITE),
    "recorder": Thread(places.RECORDER),
    "the beginning": Thread(places.BEGINNING),
    "the end": Thread(places.END),
    "the command line": Thread(_UI, goes_on=True, once=True),
    "no thread to be had": Thread(
        tuple(Place(f"threading:Thread.start@{name}", ("first",)) for name in _STARTED), starts=True
    ),
}
_HANGS = Thread(
    (
        Place("capture.sound.pulse_sources:EndpointSource.open", ("first",)),
        Place("capture.sound.pulse_stream:RecordStream.take", ("first", "later")),
        Place("capture.sound.pulse_client:Client.scene@sound-watch", ("later",), harmless=True),
        Place("cffi.api:FFI.cast@Dummy", ("later",), harmless=True),
        Place("capture.sound.pulse_link:close_stream@grab", ("end",)),
        Place("capture.sound.mixer:Mixer.mix"),
        Place("capture.sound.mixer:Mixer.finish", ("end",)),
        Place("capture.output.encoders:AudioEncoder.encode", ("later", "end")),
        Place("capture.screen.mss_source:MssSource.grab", ("first", "later")),
        Place("capture.output.encoders:VideoEncoder._encode@encode-video", ("later",)),
        Place("capture.output.encoders:VideoEncoder.flush", ("end",)),
        Place("ui.progress:Progress._write", ("later",), harmless=True),
    )
)
_DISK_HANGS = Thread(
    (
        Place("capture.output.output_file:OutputFile._mux", unnamed=True),
        Place("capture.output.part_file:sync@write", ("later", "end"), unnamed=True),
        Place("capture.output.output_file:OutputFile.close", ("end",), unnamed=True),
        Place("capture.output.part_file:rename_new", ("end",), unnamed=True),
        Place("capture.output.part_file:sync_folder@write", ("end",)),
    )
)

# A run of one takes four recordings. The tests try these three here, and every place of all on fakes in
# tests/capture/test_thread_faults.py; the bench tries all of them here.
_QUICK: dict[str, tuple[SoundServer, ...]] = dict.fromkeys(("mix", "write", "sound-watch"), ("pulse",))

FAULTS = (
    *(
        Fault(f"a thread fails: {name}", partial(thread_fails, thread, False), quick=_QUICK.get(name, ()), limit_s=240)
        for name, thread in _THREADS.items()
    ),
    Fault("a thread hangs", partial(thread_fails, _HANGS, True), quick=(), limit_s=240),
    Fault("a thread hangs: the disk", partial(thread_fails, _DISK_HANGS, True), quick=(), limit_s=240),
)
