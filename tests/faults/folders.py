"""Files and folders that somebody renames, moves or removes while they are recorded to."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from capture.settings import SCREEN_FORMATS, SOUND_FORMATS
from tests.faults.frame import Fault, Ground, Outcome, let_pass, must_name
from tests.faults.judge import missing_s, trace
from tests.helpers.analysis import read_pictures, read_sound
from tests.helpers.player import play
from tests.helpers.recording import Recording, loopnote, record
from tests.helpers.signals import RATE, numbered

FORMATS = (*SOUND_FORMATS, *SCREEN_FORMATS)
PLAYED = numbered(60)
# What a kill may take, as without a fault.
KILLED_S = 1.0
# The recording looks after its file once a second; what it finds takes it a moment.
NOTICED_S = 1.5
# Where codecs fade in and out.
EDGE_S = 0.1


def renamed(ground: Ground) -> Outcome:
    """The folder, one above it, or the file itself gets another name or place: the recording goes with it."""

    def folder(part: Path) -> None:
        part.parent.rename(part.parent.with_name("renamed"))

    def folder_above(part: Path) -> None:
        part.parent.parent.rename(part.parent.parent.with_name("renamed"))

    def folder_that_is_made_anew(part: Path) -> None:
        folder(part)
        part.parent.mkdir()

    def file(part: Path) -> None:
        part.rename(part.with_name("looked at.opus"))

    def file_into_another_folder(part: Path) -> None:
        part.rename(part.parent.parent / "taken.opus")

    ways = (folder, folder_above, folder_that_is_made_anew, file, file_into_another_folder)
    return _record(ground, ways, "moved")


def removed(ground: Ground) -> Outcome:
    """The file, its folder, or that and the one above are removed: what was recorded is written anew, and goes on."""

    def file(part: Path) -> None:
        part.unlink()

    def folder(part: Path) -> None:
        shutil.rmtree(part.parent)

    def folder_above(part: Path) -> None:
        shutil.rmtree(part.parent.parent)

    def folder_for_a_file(part: Path) -> None:
        shutil.rmtree(part.parent)
        part.parent.touch()

    return _record(ground, (file, folder, folder_above, folder_for_a_file), "removed")


def _record(ground: Ground, ways: tuple[Callable[[Path], None], ...], word: str) -> Outcome:
    name, way = ground.chance.choice(FORMATS), ground.chance.choice(ways)
    killed = ground.chance.random() < 0.3
    folder = ground.folder / "above" / "folder"
    folder.mkdir(parents=True)
    screen = ("--screen", "0,0,320x240") if name in SCREEN_FORMATS else ()
    outcome = Outcome(playable=True)
    with (
        ground.desktop(private_home=True) as desktop,
        play(desktop, PLAYED) as playing,
        record(desktop, folder / f"a.{name}", *screen) as recording,
    ):
        let_pass(0.2 + 1.8 * ground.chance.random())
        (part,) = folder.iterdir()
        way(part)
        let_pass(NOTICED_S if killed else 2.0 * ground.chance.random())
        if killed:
            ended_frame, file = _kill(recording, playing.frame_at), None
            outcome.said = f"({name}, {way.__name__}, killed)"
        else:
            result = recording.stop(expect=3)
            ended_frame, file = playing.frame_at(recording.stopped_ns), Path(result["file"])
            must_name(outcome, result, word)
            outcome.said += f" ({name}, {way.__name__})"
        code, output, said = loopnote(desktop, "recover", "--json")
        assert code == 0, said
        recovered = [Path(each["file"]) for each in json.loads(output)["recovered"]]
        if file is None:
            assert len(recovered) == 1, f"{way.__name__}: recovered {recovered}"
            file = recovered[0]
        else:
            outcome.expect(not recovered, f"left behind: {recovered}")
        samples = read_sound(file).samples
        outcome.audio_lost_s = missing_s(samples, PLAYED, ended_frame)
        most_s = KILLED_S if killed else 0.0
        outcome.expect(outcome.audio_lost_s <= most_s, f"{outcome.audio_lost_s:.2f} s lost at the end")
        inside = trace(samples, PLAYED, playing.frame_at, recording.began_ns)
        holes_s = inside.lost_s(EDGE_S, len(samples) / RATE - EDGE_S)
        outcome.expect(holes_s == 0, f"{holes_s:.2f} s lost in the middle")
        if name in SCREEN_FORMATS:
            outcome.expect(any(True for _ in read_pictures(file)), "no picture")
        left = [path for place in (ground.folder, desktop.folder) for path in place.rglob(f"*.{name}")]
        outcome.expect(left == [file], f"{file} is not all there is: {left}")
    return outcome


def _kill(recording: Recording, frame_at: Callable[[int], float]) -> float:
    """Kill it; returns the frame that sounded then."""
    frame = frame_at(time.monotonic_ns())
    recording.process.kill()
    recording.process.wait(10)
    return frame


FAULTS = (
    Fault("file or folder renamed", renamed, ("pulse",), ("pulse",)),
    Fault("file or folder removed", removed, ("pulse",), ("pulse",)),
)
