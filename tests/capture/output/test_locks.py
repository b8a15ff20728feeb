"""A recording that is being written is left alone by `recover`, with locks and without."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
from pathlib import Path

import pytest

from capture.output import journal, part_file
from capture.output.recovery import leftovers, recover
from tests.capture.output.making import feed, finish, moving, opened
from tests.helpers.signals import numbered

LONG_AGO_S = 3600.0


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network share without a lock service."""

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)


def make_old(part: Path) -> None:
    os.utime(part, (part.stat().st_atime, part.stat().st_mtime - LONG_AGO_S))


@pytest.mark.usefixtures("without_locks")
def test_without_locks_what_was_written_a_moment_ago_is_left_alone(tmp_path: Path) -> None:
    file = opened(tmp_path, "opus", "low")
    journal.forget(file.place.part)
    assert leftovers([tmp_path]) == []
    make_old(file.place.part)
    assert [leftover.part for leftover in leftovers([tmp_path])] == [file.place.part]
    file.abort()


@pytest.mark.usefixtures("without_locks")
def test_without_locks_what_a_living_process_noted_is_left_alone_however_old(tmp_path: Path) -> None:
    """It may be paused."""
    file = opened(tmp_path, "opus", "low")
    make_old(file.place.part)
    assert leftovers([tmp_path]) == []
    # As the process leaves it that was killed; another one may have its number by now.
    (entry,) = (Path(os.environ["XDG_STATE_HOME"]) / "loopnote/recordings").glob("*.json")
    entry.write_text(json.dumps(json.loads(entry.read_text()) | {"started": "1"}))
    assert [leftover.part for leftover in leftovers([tmp_path])] == [file.place.part]
    file.abort()


def test_who_only_looks_whether_it_is_locked_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken, made = threading.Event(), part_file.create_private

    def looked_at(path: Path) -> int:
        """As when `recover` looks at the file just as it is made."""
        descriptor = made(path)
        other = os.open(path, os.O_RDWR)
        assert part_file.lock(other)
        taken.set()
        threading.Timer(0.2, lambda: os.close(other)).start()
        return descriptor

    monkeypatch.setattr(part_file, "create_private", looked_at)
    file = opened(tmp_path, "opus", "low")
    assert taken.is_set()
    assert part_file.is_locked(file.place.part)
    file.abort()


def test_two_leftovers_of_one_name_are_mended_apart_and_nobody_else_s_file_is_touched(tmp_path: Path) -> None:
    """A recording crashed twice under one name; the journal knows that both were to be note.opus."""
    finals = []
    for number in range(2):
        file = opened(tmp_path, "opus", "low")
        feed(file, numbered(1.0 + number), moving(0.1))
        content = file.place.part.read_bytes()
        file.abort()
        part = tmp_path / f".note-{number}.part.opus"
        part.write_bytes(content)
        journal.note(part, tmp_path / "note.opus")
        finals.append(part)
    mine = tmp_path / ".note.mended.opus"
    mine.write_bytes(b"a user's own")
    found = leftovers([tmp_path])
    assert sorted(leftover.part for leftover in found) == finals
    files = [recover(leftover).file for leftover in found]
    assert sorted(path.name for path in files) == ["note (2).opus", "note.opus"]
    assert mine.read_bytes() == b"a user's own"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".note.mended.opus", "note (2).opus", "note.opus"]


def test_a_finished_recording_leaves_no_note(tmp_path: Path) -> None:
    file = opened(tmp_path, "opus", "low")
    feed(file, numbered(0.5), moving(0.1))
    finish(file)
    assert list(journal.noted()) == []
