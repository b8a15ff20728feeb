"""Recordings that are told to end, in all the ways there are, at any moment."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from capture.settings import SCREEN_FORMATS, SOUND_FORMATS
from tests.faults.frame import Fault, Ground, Outcome, let_pass, said_of
from tests.faults.judge import missing_s
from tests.helpers.analysis import read_pictures, read_sound
from tests.helpers.children import start_in
from tests.helpers.player import Playing, play
from tests.helpers.recording import END_S, LOOPNOTE, record
from tests.helpers.signals import numbered
from tests.helpers.terminal import Terminal, in_terminal
from virtual_desktop import VirtualDesktop

FORMATS = (*SOUND_FORMATS, *SCREEN_FORMATS)
PLAYED = numbered(60)
CTRL_C = b"\x03"
# From the wish to the line that says where the file is, and to the end of the program. The tests may run on a machine
# that is busy with other things.
STOP_S = 1.0
PATIENT_S = 5.0


def told_to_end(ground: Ground, number: signal.Signals) -> Outcome:
    """By a signal, at a random moment: a clean stop."""
    outcome = Outcome(playable=True)
    name = ground.chance.choice(FORMATS)
    with ground.desktop() as desktop, play(desktop, PLAYED) as playing:
        file = ground.folder / f"a.{name}"
        with record(desktop, file, *_screen(name)) as recording:
            let_pass(0.3 + 2.0 * ground.chance.random())
            recording.send_stop(number)
            result = recording.result()
            saved_ns = next(at_ns for at_ns, line in recording.lines if line.startswith("saved"))
        outcome.said = said_of(result) or f"whole ({name})"
        _judge_end(ground, outcome, (saved_ns - recording.stopped_ns) / 1e9, STOP_S)
        _judge_file(outcome, file, playing.frame_at(recording.stopped_ns))
    return outcome


def told_while_starting(ground: Ground) -> Outcome:
    """By a signal, at a random moment between the start of the program and the first second of the recording.

    A file that is whole, or none at all: nothing was recorded, or it had not even begun.
    """
    outcome = Outcome(playable=True)
    number = ground.chance.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    with ground.desktop(private_home=True) as desktop, play(desktop, PLAYED):
        file = ground.folder / "a.opus"
        with start_in(desktop, [*LOOPNOTE, "record", str(file)], stderr=-1) as process:
            let_pass(2.0 * ground.chance.random())
            process.send_signal(number)
            _, said = process.communicate(timeout=END_S)
        outcome.said = f"{number.name}, exit code {process.returncode}: {said.strip()}"
        left = list(ground.folder.iterdir())
        outcome.expect(left in ([], [file]), f"left: {left}; {outcome.said}")
        outcome.expect("Traceback" not in said, said)
        if left:
            outcome.expect(process.returncode == 0, f"exit code {process.returncode}: {said}")
            outcome.expect(len(read_sound(file).samples), "an empty file")
        else:
            outcome.expect(process.returncode in (1, 130, -number), f"exit code {process.returncode}: {said}")
    return outcome


def terminal_closed(ground: Ground) -> Outcome:
    """The window in which it runs is closed."""
    outcome = Outcome(playable=True)
    with _recording_in_terminal(ground) as (_, playing, terminal, file):
        terminal.close()
        closed_ns = time.monotonic_ns()
        code = terminal.process.wait(END_S)
        _judge_end(ground, outcome, (time.monotonic_ns() - closed_ns) / 1e9, STOP_S)
        outcome.expect(code == 0, f"exit code {code}")
        _judge_file(outcome, file, playing.frame_at(closed_ns))
    return outcome


def ctrl_c_twice(ground: Ground) -> Outcome:
    """Ctrl-C, and again at once or a little later; also with a sound server that has just stopped answering.

    Without an answer the first waits for the sound that may still come, the second does not.
    """
    outcome = Outcome(playable=True)
    frozen = ground.chance.random() < 0.5
    with _recording_in_terminal(ground) as (desktop, playing, terminal, file):
        frame = playing.frame_at(time.monotonic_ns())
        if frozen:
            desktop.freeze_sound()
            let_pass(0.1)
        terminal.press(CTRL_C)
        let_pass(0.2 * ground.chance.random())
        terminal.press(CTRL_C)
        second_ns = time.monotonic_ns()
        terminal.wait_for("saved ", END_S)
        saved_s = (time.monotonic_ns() - second_ns) / 1e9
        code = terminal.process.wait(END_S)
        if frozen:
            desktop.thaw_sound()
        outcome.expect(code == 3 if frozen else code in (0, 3), f"exit code {code}: {terminal.shown}")
        _judge_end(ground, outcome, saved_s, STOP_S)
        outcome.said += f" ({'no answer' if frozen else 'answer'}, exit code {code})"
        _judge_file(outcome, file, frame)
    return outcome


@contextlib.contextmanager
def _recording_in_terminal(ground: Ground) -> Iterator[tuple[VirtualDesktop, Playing, Terminal, Path]]:
    """A recording that has run for a random time in a terminal."""
    name = ground.chance.choice(FORMATS)
    file = ground.folder / f"a.{name}"
    command = [*LOOPNOTE, "record", str(file), *_screen(name)]
    with ground.desktop() as desktop, play(desktop, PLAYED) as playing, in_terminal(desktop, command) as terminal:
        terminal.wait_for("recording ")
        let_pass(0.5 + 1.5 * ground.chance.random())
        yield desktop, playing, terminal, file


def _screen(name: str) -> tuple[str, ...]:
    return ("--screen", "0,0,320x240") if name in SCREEN_FORMATS else ()


def _judge_end(ground: Ground, outcome: Outcome, ended_s: float, most_s: float) -> None:
    outcome.said += f" ended after {ended_s:.2f} s"
    most_s = PATIENT_S if ground.sample else most_s
    outcome.expect(ended_s <= most_s, f"it took {ended_s:.2f} s to end")


def _judge_file(outcome: Outcome, file: Path, frame: float) -> None:
    """It is the only one there, and has all that sounded until `frame`."""
    outcome.expect(list(file.parent.iterdir()) == [file], f"left: {list(file.parent.iterdir())}")
    outcome.audio_lost_s = max(0.0, missing_s(read_sound(file).samples, PLAYED, frame))
    outcome.expect(outcome.audio_lost_s == 0, f"{outcome.audio_lost_s:.3f} s lost at the end")
    if file.suffix[1:] in SCREEN_FORMATS:
        outcome.expect(any(True for _ in read_pictures(file)), "no picture")


FAULTS = (
    *(
        Fault(number.name, partial(told_to_end, number=number), quick=("pulse",))
        for number in (signal.SIGTERM, signal.SIGHUP)
    ),
    Fault("a signal while it starts", told_while_starting, ("pulse",), ("pulse",)),
    Fault("terminal closed", terminal_closed, quick=("pulse",)),
    Fault("Ctrl-C twice", ctrl_c_twice, quick=("pulse",)),
)
