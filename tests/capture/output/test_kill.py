"""kill -9 at any moment: the file plays, and at most a second is missing; after `recover` it is an ordinary file."""

from __future__ import annotations

import logging
import os
import random
import selectors
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from capture.errors import RecoveryError
from capture.output import journal, recovery
from capture.settings import SCREEN_FORMATS, SOUND_FORMATS
from tests.capture.output.making import heard
from tests.helpers.analysis import read_pictures
from tests.helpers.children import ROOT
from tests.helpers.signals import best_place, numbered

log = logging.getLogger(__name__)

CHILD = Path(__file__).with_name("kill_child.py")
LENGTH_S = 12.0  # as in the child
# Of the promised second, the encoder and the file may take this much; the rest is for the recorder's own buffers.
LOST_S = 0.7
CASES = [
    (sound, picture, quality)
    for sound in ("silent", "quiet", "loud")
    for picture in ("still", "moving")
    for quality in ("low", "medium")
]


def kill_at(after_ms: int, folder: Path, name: str, quality: str, sound: str, pictures: str) -> float:
    """Start the child, kill it as soon as it says that `after_ms` were put in; returns the last seconds it said."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "scripts")])}
    arguments = [sys.executable, str(CHILD), str(folder), name, quality, sound, pictures]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdout is not None
        said = b""
        deadline_s = time.monotonic() + 60
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while last_mark(said) < after_ms:
                assert selector.select(max(0.0, deadline_s - time.monotonic())), "the child says nothing"
                more = os.read(child.stdout.fileno(), 65536)
                assert more, "the child ended by itself"
                said = (said + more)[-100:]
        child.kill()
        said += child.stdout.read()
    return last_mark(said) / 1000


def last_mark(said: bytes) -> int:
    whole = said[: said.rfind(b"\n") + 1].split()
    return int(whole[-1]) if whole else -1


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [*SOUND_FORMATS, *SCREEN_FORMATS])
def test_killed_at_a_random_moment(tmp_path: Path, name: str, full: bool) -> None:
    chance = random.Random(f"kill {name}")
    cases = [chance.choice(CASES) for _ in range(50)] if full else [CASES[0], CASES[7], CASES[-1]]
    worst_s = 0.0
    for turn, (sound, pictures, quality) in enumerate(cases):
        folder = tmp_path / str(turn)
        folder.mkdir()
        put_in_s = kill_at(chance.randrange(0, 8000), folder, name, quality, sound, pictures)
        part = folder / f".note.part.{name}"
        what = f"{quality} quality, {sound} sound, {pictures} picture, killed at {put_in_s:.2f} s"

        samples, played = heard(part)

        worst_s = max(worst_s, put_in_s - played)
        assert played >= put_in_s - LOST_S, what
        if played > 0.5 and sound != "silent":
            place = best_place(samples[-24_000:], numbered(LENGTH_S))
            assert place.offset == pytest.approx(len(samples) - 24_000, abs=1024), what
        if played > 0:
            check_recovery(folder, name, played, what)
        else:
            (leftover,) = recovery.leftovers([folder])
            with pytest.raises(RecoveryError):
                recovery.recover(leftover)
            leftover.part.unlink(missing_ok=True)
    log.info("%s: of %d kills the worst lost %.3f s", name, len(cases), worst_s)


def check_recovery(folder: Path, name: str, played: float, what: str) -> None:
    (leftover,) = recovery.leftovers([folder])
    has_pictures = name in SCREEN_FORMATS
    pictures = len(list(read_pictures(leftover.part))) if has_pictures else 0
    recovered = recovery.recover(leftover)

    assert not has_pictures or len(list(read_pictures(recovered.file))) == pictures, what
    assert recovered.file == folder / f"note.{name}", what
    assert [path.name for path in folder.iterdir()] == [f"note.{name}"]
    assert heard(recovered.file)[1] == pytest.approx(played, abs=0.03), what
    with av.open(str(recovered.file)) as container:
        assert container.duration is not None, what
        assert container.duration / av.time_base == pytest.approx(played, abs=1.3 if container.streams.video else 0.03)
    assert recovery.leftovers([folder]) == []
    assert list(journal.noted()) == []
