"""The file object that FFmpeg writes through."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from capture.output import part_file
from capture.output.part_file import PartFile
from tests.capture.output.making import EVERY, feed, finish, moving, opened
from tests.helpers.signals import numbered


class Disk:
    """Stands in for os.write; fails when told to."""

    def __init__(self) -> None:
        self.broken = False
        self.most = 10**9

    def __call__(self, descriptor: int, data: bytes | memoryview) -> int:
        if self.broken:
            raise OSError(errno.EIO, "Input/output error")
        return os.write(descriptor, data[: self.most])


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x"


@pytest.fixture
def part(path: Path, disk: Disk) -> Iterator[PartFile]:
    descriptor = part_file.create_private(path)
    yield PartFile(descriptor, disk)
    os.close(descriptor)


def test_it_writes_seeks_and_tells(part: PartFile, path: Path) -> None:
    assert part.write(b"hello world") == 11
    assert part.seek(6) == 6
    part.write(b"there")
    assert part.tell() == 11
    assert part.seek(-1, os.SEEK_END) == 10
    assert part.seek(-4, os.SEEK_CUR) == 6
    assert part.seekable()
    assert part.writable()
    assert (path.read_bytes(), part.size_bytes) == (b"hello there", 11)


def test_short_writes_are_continued(part: PartFile, path: Path, disk: Disk) -> None:
    disk.most = 3

    part.write(b"hello world")

    assert path.read_bytes() == b"hello world"


def test_after_a_fault_nothing_reaches_the_disk_until_it_is_cut_back(part: PartFile, path: Path, disk: Disk) -> None:
    part.write(b"whole")
    part.mark()
    part.write(b" half")
    disk.broken = True

    assert part.write(b" lost") == 5  # FFmpeg is not told: it would drop the end of the file as well
    disk.broken = False
    part.write(b" more")
    part.patch(0, b"W")
    part.mark()

    assert part.fault is not None
    assert part.fault.errno == errno.EIO
    assert path.read_bytes() == b"whole half"
    part.cut_back()
    assert path.read_bytes() == b"whole"


def test_a_disk_that_takes_nothing_is_a_fault(part: PartFile, disk: Disk) -> None:
    disk.most = 0

    part.write(b"x")

    assert part.fault is not None


def test_patches_wait_until_they_are_released(part: PartFile, path: Path) -> None:
    part.write(b"start middle")
    part.mark()
    part.hold_patches()
    part.seek(0)
    part.write(b"START")
    part.seek(12)
    part.write(b" end")
    assert path.read_bytes() == b"start middle end"

    part.release_patches()

    assert path.read_bytes() == b"START middle end"


@pytest.mark.parametrize(("name", "quality"), EVERY)
def test_the_end_is_on_the_disk_before_the_start_points_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, quality: str
) -> None:
    happened: list[str] = []
    closing = False

    def write(descriptor: int, data: bytes | memoryview) -> int:
        if closing:
            end = os.fstat(descriptor).st_size
            happened.append("append" if os.lseek(descriptor, 0, os.SEEK_CUR) >= end else "patch")
        return os.write(descriptor, data)

    def noting(word: str, real: Callable[..., None]) -> Callable[..., None]:
        def noted(*args: Any, **more: Any) -> None:
            happened.append(word)
            real(*args, **more)

        return noted

    monkeypatch.setattr(part_file, "sync", noting("sync", part_file.sync))
    monkeypatch.setattr(os, "link", noting("name", os.link))
    file = opened(tmp_path, name, quality, write=write)
    feed(file, numbered(1.0), moving(1.0))
    closing = True
    happened.clear()
    finish(file)

    order = "".join(word[0] for word in happened)
    appends_and_sync, rest = order.split("s", 1)
    assert set(appends_and_sync) <= {"a"} or name == "wav"  # WAV's sizes are kept true with every packet
    assert set(rest[: rest.index("s")]) <= {"p"}
    assert rest.endswith("sn")


def test_a_name_that_is_taken_is_not_overwritten_by_a_rename(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("new")
    (tmp_path / "b").write_text("old")

    with pytest.raises(FileExistsError):
        part_file.rename_new(tmp_path / "a", tmp_path / "b")
    part_file.rename_new(tmp_path / "a", tmp_path / "c")

    assert (tmp_path / "b").read_text() == "old"
    assert (tmp_path / "c").read_text() == "new"
    assert not (tmp_path / "a").exists()


def test_a_lock_ends_with_its_holder(path: Path) -> None:
    descriptor = part_file.create_private(path)
    assert not part_file.is_locked(path)

    assert part_file.lock(descriptor)

    assert part_file.is_locked(path)
    os.close(descriptor)
    assert not part_file.is_locked(path)
    assert not part_file.is_locked(path.with_name("nowhere"))


def test_a_file_system_that_cannot_sync_is_no_fault(part: PartFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fdatasync", refuse)

    part.sync()

    assert part.fault is None
