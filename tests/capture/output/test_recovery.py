"""What a crash left becomes an ordinary file; whatever happens meanwhile, nothing of it is lost."""

from __future__ import annotations

import functools
import hashlib
import os
import random
import shutil
import subprocess
import sys
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from capture.errors import DiskFull, OutputError, RecoveryError
from capture.output import journal, names, part_file, remux
from capture.output.formats import muxer_of
from capture.output.output_file import OutputFile
from capture.output.recovery import Leftover, NothingRecorded, StubRemoved, leftovers, recover
from tests.capture.output.making import (
    EVERY,
    SCREEN,
    Shown,
    feed,
    finish,
    heard,
    moving,
    opened,
    picture,
    played_s,
    record,
    still,
)
from tests.helpers.analysis import read_pictures, read_sound
from tests.helpers.signals import RATE, exact_noise, numbered

LENGTH_S = 2.3


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], bytes]:
    """What lies on the disk when a recording of 2.3 s is killed, for every format."""
    return {case: what_is_left(tmp_path_factory.mktemp("killed"), *case, moving(LENGTH_S)) for case in EVERY}


def what_is_left(folder: Path, name: str, quality: str, pictures: list[Shown], length_s: float = LENGTH_S) -> bytes:
    """What lies on the disk when a recording is killed."""
    file = opened(folder, name, quality)
    feed(file, numbered(length_s), pictures)
    content = file.place.part.read_bytes()
    file.abort()
    return content


def leave(folder: Path, name: str, content: bytes) -> Leftover:
    """A leftover as a crash leaves it."""
    part = folder / f".note.part.{name}"
    part.write_bytes(content)
    journal.note(part, folder / f"note.{name}")
    (leftover,) = leftovers([folder])
    return leftover


@pytest.mark.parametrize(("name", "quality"), EVERY)
def test_a_leftover_becomes_an_ordinary_file(
    tmp_path: Path, killed: dict[tuple[str, str], bytes], name: str, quality: str
) -> None:
    leftover = leave(tmp_path, name, killed[name, quality])
    before, played = heard(leftover.part)
    pictures = [at_s for at_s, _ in read_pictures(leftover.part)] if (name, quality) in SCREEN else []

    recovered = recover(leftover)

    assert recovered.file == tmp_path / f"note.{name}"
    assert recovered.duration_s == pytest.approx(played, abs=0.05)
    assert recovered.size_bytes == recovered.file.stat().st_size
    assert recovered.file.stat().st_mode & 0o777 == 0o600
    assert recovered.remarks == ()
    assert [path.name for path in tmp_path.iterdir()] == [f"note.{name}"]
    result = read_sound(recovered.file)
    assert np.array_equal(result.samples, before)
    assert result.start_s == pytest.approx(0.0, abs=0.025)
    if pictures:
        assert [at_s for at_s, _ in read_pictures(recovered.file)] == pytest.approx(pictures, abs=0.001)
    with av.open(str(recovered.file)) as container:
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx(played, abs=0.05)
        tags = {key.lower(): value for key, value in container.metadata.items()}
        tags |= {key.lower(): value for key, value in container.streams[0].metadata.items()}
    assert tags["title"] == "A title"


@pytest.mark.parametrize(("name", "quality"), SCREEN)
def test_every_picture_of_a_still_screen_is_recovered(tmp_path: Path, name: str, quality: str) -> None:
    """So few in the first five seconds that FFmpeg does not find out in which order they are shown."""
    leftover = leave(tmp_path, name, what_is_left(tmp_path, name, quality, still(7.0), 7.0))
    pictures = [at_s for at_s, _ in read_pictures(leftover.part)]
    assert len(pictures) >= 6

    recovered = recover(leftover)

    assert [at_s for at_s, _ in read_pictures(recovered.file)] == pytest.approx(pictures, abs=0.001)


def test_what_is_damaged_in_the_middle_is_told(
    tmp_path: Path, killed: dict[tuple[str, str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    leftover = leave(tmp_path, "opus", killed["opus", "medium"])
    real = remux.inspect

    def inspect(*args: Any) -> Any:
        contents = real(*args)
        contents[0].damaged = 3
        return contents

    monkeypatch.setattr(remux, "inspect", inspect)

    assert recover(leftover).remarks == ("3 damaged pieces were left out",)


def test_a_recovered_flac_file_holds_its_length_and_md5(tmp_path: Path, killed: dict[tuple[str, str], bytes]) -> None:
    file = opened(tmp_path, "flac", "medium")
    sound = exact_noise(1.0)
    feed(file, sound)
    content = file.place.part.read_bytes()
    file.abort()

    for quality, bits in (("medium", 16), ("high", 24)):
        data = recover(leave(tmp_path, "flac", content if bits == 16 else killed["flac", "high"])).file.read_bytes()
        samples = read_sound(tmp_path / "note.flac").samples
        whole = np.rint(samples * 2.0 ** (bits - 1)).astype("<i4")
        packed = whole.astype("<i2").tobytes() if bits == 16 else whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
        assert int.from_bytes(data[18:26], "big") & (2**36 - 1) == len(samples), quality
        assert data[26:42] == hashlib.md5(packed).digest(), quality
        (tmp_path / "note.flac").unlink()


@pytest.mark.parametrize(("name", "quality"), EVERY)
def test_a_file_torn_at_any_byte_is_recovered_as_far_as_it_goes(
    tmp_path: Path, killed: dict[tuple[str, str], bytes], name: str, quality: str, full: bool
) -> None:
    """A power cut can leave half of what was written last."""
    content = killed[name, quality]
    chance = random.Random(name)
    recovered_count = 0
    for length in sorted(chance.randrange(len(content)) for _ in range(100 if full else 8)):
        leftover = leave(tmp_path, name, content[:length])
        played = played_s(leftover.part)
        try:
            recovered = recover(leftover)
        except StubRemoved:
            assert played == 0, length
            assert list(tmp_path.iterdir()) == []
        except RecoveryError:
            assert played < 0.15, length
            assert leftover.part.read_bytes() == content[:length]
            leftover.part.unlink()
        else:
            assert played_s(recovered.file) == pytest.approx(played, abs=0.15), length
            recovered.file.unlink()
            recovered_count += 1
    assert recovered_count


@pytest.mark.parametrize(("name", "quality"), EVERY)
def test_pages_that_never_reached_the_disk_cost_only_themselves(
    tmp_path: Path, killed: dict[tuple[str, str], bytes], name: str, quality: str, full: bool
) -> None:
    """A power cut may leave zeros in place of some pages, and whole ones behind them."""
    content = killed[name, quality]
    before, _ = heard(leave(tmp_path, name, content).part)
    chance = random.Random(f"pages {name}")
    page_bytes = 1024 if len(content) < 100_000 else 4096
    for _ in range(50 if full else 4):
        start = chance.randrange(len(content) // 2, len(content) - page_bytes) // page_bytes * page_bytes
        zeros = bytes(page_bytes * chance.randint(1, 3))
        spoilt = content[:start] + zeros + content[start + len(zeros) :]
        leftover = leave(tmp_path, name, spoilt[: len(content)])

        after, _ = heard(recover(leftover).file)

        # FFmpeg takes up to 0.3 s of FLAC in front of a hole for one packet with what follows; other codecs look ahead.
        sure = len(before) * start // len(content) - RATE * 45 // 100
        assert len(after) >= sure
        assert np.abs(after[:sure] - before[:sure]).max(initial=0.0) < 0.01, start
        (tmp_path / f"note.{name}").unlink()


def test_half_a_picture_is_left_out(tmp_path: Path, killed: dict[tuple[str, str], bytes]) -> None:
    content = killed["mp4", "medium"]
    (tmp_path / "whole.mp4").write_bytes(content)
    with av.open(str(tmp_path / "whole.mp4")) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.pos is not None and p.size]
    start, size = places[40]

    leftover = leave(tmp_path, "mp4", content[: start + size - 1])
    damaged = [content.damaged for content in remux.inspect(leftover.part, False)]
    recovered = recover(leftover)

    assert damaged == [1, 0]
    with av.open(str(recovered.file)) as container:
        assert len([p for p in container.demux(video=0) if p.size]) == len([p for p, _ in places if p < start])


def test_a_complete_file_that_only_lacks_its_name_is_recovered_too(tmp_path: Path) -> None:
    for name, quality in EVERY:
        path = record(tmp_path, name, quality, numbered(1.0), moving(1.0))
        before, _ = heard(path)
        path.rename(names.part_of(path))

        (leftover,) = leftovers([tmp_path])
        after, _ = heard(recover(leftover).file)

        assert np.array_equal(before, after), (name, quality)
        path.unlink()


@pytest.mark.parametrize("content", [b"\0" * 50_000, b"OggS" * 10_000], ids=["zeros", "start"])
def test_what_cannot_be_played_is_kept_and_told(tmp_path: Path, content: bytes) -> None:
    leftover = leave(tmp_path, "opus", content)

    with pytest.raises(RecoveryError) as caught:
        recover(leftover)

    assert "is empty" in str(caught.value) or "nothing that can be played" in str(caught.value)
    assert "left as it is" in caught.value.hint
    assert leftover.part.read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == [leftover.part.name]


def test_a_header_alone_is_told_once_and_removed(tmp_path: Path) -> None:
    for name, quality in EVERY:
        file = opened(tmp_path, name, quality)
        content = file.place.part.read_bytes()
        file.abort()
        leftover = leave(tmp_path, name, content)

        with pytest.raises(StubRemoved):
            recover(leftover)

        assert leftovers([tmp_path]) == []
        assert not leftover.part.exists()


def test_a_small_file_that_nobody_knows_to_be_ours_is_never_removed(tmp_path: Path) -> None:
    leftover = leave(tmp_path, "opus", b"OggS" + b"\0" * 100)
    journal.forget(leftover.part)

    with pytest.raises(NothingRecorded):
        recover(leftover)

    assert leftover.part.exists()


def test_nothing_is_overwritten(tmp_path: Path, killed: dict[tuple[str, str], bytes]) -> None:
    (tmp_path / "note.opus").write_text("precious")

    recovered = recover(leave(tmp_path, "opus", killed["opus", "medium"]))

    assert recovered.file.name == "note (2).opus"
    assert "note (2).opus" in recovered.remarks[0]
    assert (tmp_path / "note.opus").read_text() == "precious"


def test_two_leftovers_of_one_name_are_both_kept(tmp_path: Path, killed: dict[tuple[str, str], bytes]) -> None:
    for part in (".note.part.opus", ".note (2).part.opus"):
        (tmp_path / part).write_bytes(killed["opus", "medium"])
        journal.note(tmp_path / part, tmp_path / "note.opus")

    first, second = leftovers([tmp_path])

    assert recover(first).file.name == "note.opus"
    # The same recording: it is there already. Another one gets a name of its own.
    assert recover(second).file.name == "note.opus"
    (tmp_path / ".note.part.opus").write_bytes(killed["opus", "medium"][:3000])
    (third,) = leftovers([tmp_path])
    assert recover(third).file.name == "note (2).opus"
    assert leftovers([tmp_path]) == []
    assert list(journal.noted()) == []


def test_a_live_recording_is_left_alone(tmp_path: Path) -> None:
    file = opened(tmp_path, "opus")
    feed(file, numbered(1.0))
    part = file.place.part
    live = Leftover(part, tmp_path / "note.opus", 0, datetime.now().astimezone())

    assert leftovers([tmp_path]) == []
    with pytest.raises(RecoveryError, match="just now"):
        recover(live)

    assert part.exists()
    finish(file)


def test_what_has_gone_is_told(tmp_path: Path, killed: dict[tuple[str, str], bytes]) -> None:
    leftover = leave(tmp_path, "opus", killed["opus", "medium"])
    recover(leftover)

    with pytest.raises(RecoveryError, match="not there any more"):
        recover(leftover)


def test_leftovers_are_found_where_they_were_noted(tmp_path: Path, killed: dict[tuple[str, str], bytes]) -> None:
    part = tmp_path / "far" / ".long name cut.part.opus"
    part.parent.mkdir()
    part.write_bytes(killed["opus", "medium"])
    journal.note(part, tmp_path / "far" / "long name that was cut.opus")
    journal.note(tmp_path / "gone.part.opus", tmp_path / "gone.opus")
    journal.note(tmp_path / "unmounted" / ".x.part.opus", tmp_path / "unmounted" / "x.opus")

    (leftover,) = leftovers([])

    assert leftover.part == part
    # What is gone is forgotten; what may lie on a disk that is not here is not.
    assert {noted for noted, _ in journal.noted()} == {part, tmp_path / "unmounted" / ".x.part.opus"}
    assert recover(leftover).file.name == "long name that was cut.opus"


def test_only_our_own_leftovers_count(tmp_path: Path) -> None:
    for name in ("note.opus", ".note.opus", ".note.part.txt", "note.part.opus", ".part.opus"):
        (tmp_path / name).touch()
    (tmp_path / ".folder.part.opus").mkdir()
    (tmp_path / ".link.part.opus").symlink_to(tmp_path / "note.opus")

    assert leftovers([tmp_path, tmp_path / "nowhere", tmp_path / "note.opus"]) == []


def test_a_file_of_another_program_with_such_a_name_is_not_taken(
    tmp_path: Path, killed: dict[tuple[str, str], bytes]
) -> None:
    """Downloads are called so, too."""
    for (name, _), content in killed.items():
        others = content.replace(b"Recorded with Loopnote", b"Recorded by somebody!!")
        (tmp_path / f".a.part.{name}").write_bytes(others)
    assert leftovers([tmp_path]) == []

    for (name, _), content in killed.items():
        (tmp_path / f".a.part.{name}").write_bytes(content)
    assert {leftover.part.suffix[1:] for leftover in leftovers([tmp_path])} == {name for name, _ in killed}


def test_a_broken_note_harms_nobody(tmp_path: Path, state_folder: Path) -> None:
    journal.note(tmp_path / "a.part.opus", tmp_path / "a.opus")
    folder = state_folder / "loopnote" / "recordings"
    (folder / "broken.json").write_text("{")
    (folder / "other.json").write_text("[1]")

    assert [part.name for part, _ in journal.noted()] == ["a.part.opus"]
    assert {path.stat().st_mode & 0o777 for path in folder.glob("*.json") if len(path.stem) == 32} == {0o600}


def test_a_name_that_is_no_unicode_is_noted_all_the_same(tmp_path: Path) -> None:
    part = tmp_path / os.fsdecode(b".caf\xe9.part.opus")
    journal.note(part, tmp_path / "x.opus")

    assert next(journal.noted())[0] == part


@pytest.mark.parametrize(("name", "quality"), EVERY)
def test_a_disk_that_fills_up_while_copying_leaves_the_original(
    tmp_path: Path, killed: dict[tuple[str, str], bytes], monkeypatch: pytest.MonkeyPatch, name: str, quality: str
) -> None:
    leftover = leave(tmp_path, name, killed[name, quality])
    left = 0

    def write(descriptor: int, data: bytes | memoryview) -> int:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(28, "No space left on device")
        return os.write(descriptor, data)

    monkeypatch.setattr(part_file, "PartFile", functools.partial(part_file.PartFile, write=write))
    for writes in (0, 1, 2, 3, 10):
        left = writes
        try:
            recovered = recover(leftover)
        except DiskFull:
            assert left < 0, writes
            assert leftover.part.read_bytes() == killed[name, quality]
            assert [path.name for path in tmp_path.iterdir()] == [leftover.part.name]
        else:
            assert left >= 0, writes
            assert played_s(recovered.file) > LENGTH_S - 0.7
            return


def test_a_copy_that_differs_is_thrown_away(
    tmp_path: Path, killed: dict[tuple[str, str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, quality in (("wav", "medium"), ("opus", "medium"), ("mp4", "medium"), ("mkv", "lossless")):
        leftover = leave(tmp_path, name, killed[name, quality])
        real = remux.copy

        def spoil(source: Path, target: Any, *more: Any, real: Any = real) -> None:
            real(source, target, *more)
            target.seek(-300, 2)
            target.write(b"\x55" * 8)

        with monkeypatch.context() as patch:
            patch.setattr(remux, "copy", shorten if name in ("mp4", "mkv") else spoil)
            with pytest.raises(RecoveryError, match="differs"):
                recover(leftover)

        assert [path.name for path in tmp_path.iterdir()] == [leftover.part.name]
        leftover.part.unlink()


def shorten(source: Path, target: Any, name: str, spoilt: Any) -> None:
    """Lose the last picture."""
    with av.open(str(source)) as old, av.open(target, "w", format=muxer_of(name)) as new:
        streams = {stream.index: new.add_stream_from_template(stream, opaque=True) for stream in old.streams}
        for packet, _ in pairwise(remux.whole_packets(old)):
            packet.stream = streams[packet.stream_index]
            new.mux(packet)


STEPS = ["copied", "compared", "linked", "named", "removed"]


@pytest.mark.parametrize("step", STEPS)
def test_recover_can_be_killed_anywhere_and_run_again(
    tmp_path: Path, killed: dict[tuple[str, str], bytes], step: str
) -> None:
    content = killed["opus", "medium"]
    (tmp_path / ".note.part.opus").write_bytes(content)
    code = """
import os, signal, sys
from pathlib import Path
from capture.output import journal, part_file, recovery, remux
def dies_after(module, name):
    real = getattr(module, name)
    def then_die(*args, **more):
        real(*args, **more)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(module, name, then_die)
{"copied": lambda: dies_after(remux, "copy"), "compared": lambda: dies_after(recovery, "_compare"),
 "linked": lambda: dies_after(os, "link"), "named": lambda: dies_after(recovery, "_give_name"),
 "removed": lambda: dies_after(Path, "unlink")}[sys.argv[1]]()
(leftover,) = recovery.leftovers([Path(sys.argv[2])])
recovery.recover(leftover)
"""
    child = [sys.executable, "-c", code, step, str(tmp_path)]
    assert subprocess.run(child, check=False, timeout=60).returncode == -9
    finals = [path for path in tmp_path.iterdir() if path.name == "note.opus"]
    assert (tmp_path / ".note.part.opus").exists() or finals

    for leftover in leftovers([tmp_path]):
        assert leftover.part.read_bytes() == content
        recover(leftover)

    assert [path.name for path in tmp_path.iterdir()] == ["note.opus"]
    assert played_s(tmp_path / "note.opus") > 1.8
    assert leftovers([tmp_path]) == []


def test_a_rename_that_was_cut_short_is_finished(tmp_path: Path, killed: dict[tuple[str, str], bytes]) -> None:
    """Killed between the two steps of a rename, a file has both names."""
    leftover = leave(tmp_path, "opus", killed["opus", "medium"])
    os.link(leftover.part, leftover.final)

    assert recover(leftover).file == leftover.final
    assert [path.name for path in tmp_path.iterdir()] == ["note.opus"]


@pytest.mark.parametrize(("name", "quality"), EVERY)
def test_a_file_without_content_that_has_the_name_is_left_alone(
    tmp_path: Path, killed: dict[tuple[str, str], bytes], name: str, quality: str
) -> None:
    file = opened(tmp_path, name, quality)
    header = file.place.part.read_bytes()
    file.abort()
    for there in (b"", header):
        leftover = leave(tmp_path, name, killed[name, quality])
        leftover.final.write_bytes(there)

        recovered = recover(leftover)

        assert recovered.file.name == f"note (2).{name}"
        assert leftover.final.read_bytes() == there
        recovered.file.unlink()


def test_progress_is_told(tmp_path: Path) -> None:
    file = opened(tmp_path, "mp3")
    feed(file, numbered(20.0))
    content = file.place.part.read_bytes()
    file.abort()
    told: list[float] = []

    recover(leave(tmp_path, "mp3", content), told.append)

    assert told
    assert max(told) > 10


def test_errors_of_the_folder_are_told(
    tmp_path: Path, killed: dict[tuple[str, str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    leftover = leave(tmp_path, "opus", killed["opus", "medium"])

    def refuse(path: Path) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(part_file, "create_private", refuse)
    with pytest.raises(OutputError, match="Permission denied") as caught:
        recover(leftover)
    assert caught.value.hint
    assert leftover.part.exists()


def test_the_date_of_the_recording_stays(tmp_path: Path, killed: dict[tuple[str, str], bytes]) -> None:
    part = tmp_path / ".note.part.opus"
    part.write_bytes(killed["opus", "medium"])
    os.utime(part, (1_700_000_000, 1_700_000_000))
    (leftover,) = leftovers([tmp_path])

    assert recover(leftover).file.stat().st_mtime == 1_700_000_000


def test_a_picture_less_recording_of_the_screen_is_recovered(
    tmp_path: Path, killed: dict[tuple[str, str], bytes]
) -> None:
    """Without sound: nothing but pictures."""
    for name in ("mp4", "mkv", "webm"):
        file = opened(tmp_path, name, system=False)
        feed_pictures(file)
        shutil.copy(file.place.part, tmp_path / f".copy.part.{name}")
        file.abort()

        (leftover,) = leftovers([tmp_path])
        recovered = recover(leftover)

        assert len(list(read_pictures(recovered.file))) > 20
        recovered.file.unlink()


def feed_pictures(file: OutputFile) -> None:
    assert file.video is not None
    for i in range(30):
        for each in file.video.encode(picture(file.plan, 20 + i), i * 100_000_000):
            file.write(each)
