"""The disk refuses at the n-th write, for every n: what was written before stays playable, and closing still works."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from pathlib import Path

import pytest

from capture.clock import NS_PER_S
from capture.errors import CaptureError, DiskFull, OutputError
from capture.output import journal
from capture.output.output_file import OutputFile
from capture.settings import SCREEN_FORMATS
from tests.capture.output.making import EVERY, feed, finish, heard, moving, opened, picture, played_s
from tests.helpers.analysis import read_pictures
from tests.helpers.failing_disk import FailingDisk
from tests.helpers.signals import RATE, best_place, numbered

LENGTH_S = 1.6
# What the encoder and the container may hold back at any moment; the recorder's own buffers come on top of it, and a
# crash may take a second in all.
HELD_S = 0.7


def run(folder: Path, name: str, quality: str, disk: FailingDisk) -> tuple[Path | None, float, CaptureError | None]:
    """Record until the disk fails, then close. Returns the file (None: not even begun), how much was fed, the error."""
    fed_s = 0.0

    def after_step(at_s: float) -> None:
        nonlocal fed_s
        fed_s = at_s

    try:
        file = opened(folder, name, quality, write=disk)
    except OutputError as error:
        return None, 0.0, error
    try:
        feed(file, numbered(LENGTH_S), moving(LENGTH_S), after_step)
        return finish(file), fed_s, None
    except CaptureError as error:
        try:
            return file.close(), fed_s, error
        except DiskFull as nothing:
            return None, fed_s, nothing


@pytest.mark.parametrize("name", SCREEN_FORMATS)
def test_a_film_that_was_cut_off_is_as_long_as_its_sound(tmp_path: Path, name: str) -> None:
    """A picture that stays the same is written with a length, which may reach far beyond the sound."""
    hit = 0
    for n in range(1, 40):
        disk = FailingDisk(n, errno.ENOSPC, recovers=False)
        with contextlib.suppress(OutputError):
            file = opened(tmp_path, name, write=disk)
            with contextlib.suppress(OutputError):
                feed_late_sound(file)
            played = heard(file.close())[1]
            if disk.failed and played:
                assert file.length_s == pytest.approx(played, abs=0.03), n
                hit += 1
    assert hit


def feed_late_sound(file: OutputFile) -> None:
    """A picture that is shown twice, and sound that comes a little later than it, as it does while one records."""
    sound = numbered(3.0)
    assert file.video is not None
    for at_s, sound_from_s, sound_to_s in ((0.0, 0.0, 0.7), (1.0, 0.7, 1.7), (2.0, 1.7, 2.7)):
        for packet in file.video.encode(picture(file.plan, 90), round(at_s * NS_PER_S)):
            file.write(packet)
        feed(file, sound[round(sound_from_s * RATE) : round(sound_to_s * RATE)])


@pytest.mark.parametrize("recovers", [False, True], ids=["stays full", "full once"])
@pytest.mark.parametrize(("name", "quality"), EVERY)
def test_a_full_disk_at_every_write(tmp_path: Path, name: str, quality: str, recovers: bool, full: bool) -> None:
    whole = FailingDisk(10**9, errno.ENOSPC, recovers)
    path, _, _ = run(tmp_path, name, quality, whole)
    assert path is not None
    pictures_in_whole = len(list(read_pictures(path))) if name in ("mp4", "mkv", "webm") else 0
    path.unlink()
    reached = 0
    # Every write of the beginning and of the end; of the middle some, or all.
    middle = range(12, whole.calls, 1 if full else 31)
    for n in sorted({*range(1, 12), *middle, *range(whole.calls - 12, whole.calls + 1)} & {*range(1, whole.calls + 1)}):
        disk = FailingDisk(n, errno.ENOSPC, recovers)
        path, fed_s, error = run(tmp_path, name, quality, disk)
        assert disk.failed, n
        if path is None:
            assert isinstance(error, DiskFull), n
            assert fed_s <= HELD_S, n
            assert list(tmp_path.iterdir()) == [], n
            continue
        if error is not None:
            assert isinstance(error, DiskFull), n
            assert not error.can_continue
        samples, played = heard(path)
        # A player does not take the first few frames of an MP3 for one.
        assert played > 0 or (name == "mp3" and fed_s < 0.2), n
        assert played >= fed_s - HELD_S, f"write {n}: {played:.2f} s of {fed_s:.2f} s are left"
        if played > 0.3:
            assert best_place(samples, numbered(LENGTH_S)).offset == pytest.approx(0, abs=1024), n
            reached += 1
        if played == pytest.approx(LENGTH_S, abs=0.05) and pictures_in_whole:
            assert len(list(read_pictures(path))) >= pictures_in_whole * (LENGTH_S - HELD_S) / LENGTH_S
        assert [p.name for p in tmp_path.iterdir()] == [path.name]
        assert list(journal.noted()) == []
        path.unlink()
    assert reached > 5


def test_the_disks_own_words_are_passed_on_with_a_hint(tmp_path: Path) -> None:
    for code, kind, says in (
        (errno.ENOSPC, DiskFull, "No space left"),
        (errno.EDQUOT, DiskFull, "quota"),
        (errno.EFBIG, DiskFull, "file system can hold"),
        (errno.EIO, OutputError, "Input/output error"),
    ):
        _, _, error = run(tmp_path, "wav", "medium", FailingDisk(20, code, False))

        assert type(error) is kind
        assert says in str(error)
        assert "note" in str(error)
        assert error.hint
        (tmp_path / "note.wav").unlink()


def test_a_disk_that_cannot_sync_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    file = opened(tmp_path, "wav")
    feed(file, numbered(1.0))
    monkeypatch.setattr(os, "fdatasync", refuse)

    with pytest.raises(OutputError, match="Input/output error"):
        file.tick(10**10)
    assert played_s(file.close()) == 1.0


@pytest.mark.parametrize(("name", "quality"), EVERY)
def test_killed_at_every_write_of_the_end(tmp_path: Path, name: str, quality: str) -> None:
    """A kill leaves exactly what was written so far: so each state that the file has while closing must play."""
    closing = False
    states: list[Path] = []

    def write(descriptor: int, data: bytes | memoryview) -> int:
        if closing:
            # A kill can cut a large write short at the end of a page, and a small one not at all.
            for length in {0, len(data) // 2 // 4096 * 4096}:
                os.pwrite(descriptor, data[:length], os.lseek(descriptor, 0, os.SEEK_CUR))
                states.append(tmp_path / f"state-{len(states)}.{name}")
                shutil.copy(file.place.part, states[-1])
        return os.write(descriptor, data)

    file = opened(tmp_path, name, quality, write=write)
    feed(file, numbered(LENGTH_S), moving(LENGTH_S))
    closing = True
    finish(file)

    assert len(states) >= 2
    for state in states:
        samples, end_s = heard(state)
        assert end_s >= LENGTH_S - HELD_S, state.name
        assert best_place(samples, numbered(LENGTH_S)).offset == pytest.approx(0, abs=1024), state.name
