"""The file while it is written: private, locked, synced, watched; and at its end: named, never over another."""

from __future__ import annotations

import hashlib
import os
import stat
from datetime import datetime
from pathlib import Path
from typing import Any

import av
import pytest

from capture.clock import NS_PER_S
from capture.errors import DiskFull, FileTaken, OutputError
from capture.output import journal, names, output_file, part_file, recovery
from capture.output.formats import plan
from capture.output.output_file import NearlyFull, OutputFile
from capture.settings import RecordingSettings
from tests.capture.output.making import EVERY, feed, finish, moving, opened, picture, played_s, record
from tests.helpers.analysis import read_sound
from tests.helpers.signals import exact_noise, numbered


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o022, 0o000, 0o777], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Any:
    old = os.umask(request.param)
    yield
    os.umask(old)


@pytest.mark.usefixtures("_umask")
def test_files_are_private_from_their_first_moment(tmp_path: Path) -> None:
    # A umask that takes everything away does so for folders too: this one exists already.
    file = opened(tmp_path, "opus")

    assert mode(file.place.part) == 0o600
    assert mode(finish(file)) == 0o600


def test_new_folders_are_private_and_old_ones_of_the_user_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir(mode=0o755)

    chosen = RecordingSettings(folder=tmp_path / "old" / "new" / "newer")
    place = names.choose_place(chosen, ".opus", "audio", "x", datetime.now().astimezone())
    file = OutputFile(place, plan(chosen), ["mix"], None, {}, reserve_bytes=0)

    file.open()
    file.abort()

    assert [mode(tmp_path / "old" / new) for new in ("new", "new/newer")] == [0o700, 0o700]
    assert mode(tmp_path / "old") == 0o755


def test_the_default_folder_is_made_private_even_if_it_was_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "default_folder", lambda kind: tmp_path / "Loopnote")
    (tmp_path / "Loopnote").mkdir(mode=0o755)
    chosen = RecordingSettings()
    place = names.choose_place(chosen, ".opus", "audio", "x", datetime.now().astimezone())
    file = OutputFile(place, plan(chosen), ["mix"], None, {}, reserve_bytes=0)

    file.open()
    file.abort()

    assert mode(tmp_path / "Loopnote") == 0o700


def test_while_it_is_recorded_it_lies_beside_its_place_under_a_hidden_name(tmp_path: Path) -> None:
    file = opened(tmp_path, "mp4")

    assert [path.name for path in tmp_path.iterdir()] == [".note.part.mp4"]
    assert recovery.leftovers([tmp_path]) == []  # a live process holds it
    assert list(journal.noted()) == [(tmp_path / ".note.part.mp4", tmp_path / "note.mp4")]

    assert finish(file) == tmp_path / "note.mp4"
    assert [path.name for path in tmp_path.iterdir()] == ["note.mp4"]
    assert list(journal.noted()) == []
    assert file.remarks == []


def test_a_link_under_the_part_files_name_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    early = opened(tmp_path, "opus")
    early.abort()
    early.place.part.symlink_to(victim)
    # Its place was chosen before somebody put the link there.
    file = OutputFile(early.place, early.plan, ["mix"], None, {}, reserve_bytes=0)

    file.open()
    path = finish(file)

    assert victim.read_text() == "precious"
    assert path == tmp_path / "note.opus"
    assert played_s(path) > 0


def test_two_at_once_get_names_of_their_own(tmp_path: Path) -> None:
    wall = datetime(2026, 11, 22, 19, 4, 9).astimezone()
    chosen = RecordingSettings(folder=tmp_path)
    places = [names.choose_place(chosen, ".opus", "audio", "Note", wall) for _ in range(3)]
    files = [OutputFile(place, plan(chosen), ["mix"], None, {}, reserve_bytes=0) for place in places]

    for file in files:
        file.open()
    finals = [finish(file) for file in files]

    assert len({place.final for place in places}) == 1  # all three wanted the same
    assert [final.name for final in finals] == [
        "2026-11-22 19.04.09 Note.opus",
        "2026-11-22 19.04.09 Note (2).opus",
        "2026-11-22 19.04.09 Note (3).opus",
    ]


def test_a_file_that_appeared_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    file = opened(tmp_path, "opus")
    (tmp_path / "note.opus").write_text("precious")

    path = finish(file)

    assert path.name == "note (2).opus"
    assert played_s(path) > 0
    assert (tmp_path / "note.opus").read_text() == "precious"
    assert "note (2).opus" in file.remarks[0]


def test_file_systems_without_hard_links_overwrite_nothing_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **more: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    file = opened(tmp_path, "opus")
    (tmp_path / "note.opus").write_text("precious")

    assert finish(file).name == "note (2).opus"
    assert finish(opened(tmp_path, "wav")).name == "note.wav"
    assert (tmp_path / "note.opus").read_text() == "precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["note (2).opus", "note.opus", "note.wav"]


def test_abort_leaves_nothing(tmp_path: Path) -> None:
    file = opened(tmp_path, "mp4")
    feed(file, numbered(0.5), moving(0.5))

    file.abort()
    file.abort()

    assert list(tmp_path.iterdir()) == []
    assert list(journal.noted()) == []


def test_a_failed_start_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise ValueError("no such codec")

    monkeypatch.setattr(output_file, "add_audio_stream", fail)

    with pytest.raises(OutputError, match="no such codec"):
        opened(tmp_path, "opus")
    assert list(tmp_path.iterdir()) == []
    assert list(journal.noted()) == []


def test_a_folder_that_may_not_be_written_to_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> int:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(OutputError, match=rf"{tmp_path}.*Permission denied") as caught:
            opened(tmp_path, "opus")
    assert "folder" in caught.value.hint


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes").touch()

    with pytest.raises(OutputError, match="notes"):
        opened(tmp_path / "notes", "opus")


def test_a_state_folder_that_cannot_be_written_does_not_stop_a_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    assert finish(opened(tmp_path, "opus")).exists()


def test_what_is_written_is_synced_every_two_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = opened(tmp_path, "wav")
    synced: list[float] = []
    real = part_file.sync
    now_s = 0.0

    def sync(descriptor: int) -> None:
        synced.append(now_s)
        real(descriptor)

    monkeypatch.setattr(part_file, "sync", sync)

    def after_step(at_s: float) -> None:
        nonlocal now_s
        now_s = at_s

    feed(file, exact_noise(9.0), after_step=after_step)

    gaps = [b - a for a, b in zip([0.0, *synced], [*synced, 9.0], strict=True)]
    assert max(gaps) <= 1.5
    assert len(synced) <= 9.0 / 1.1  # and not needlessly often
    now_s = 9.0
    before = len(synced)
    file.tick(12 * NS_PER_S)
    file.tick(20 * NS_PER_S)
    assert len(synced) == before + 1  # nothing new, nothing to sync
    finish(file)
    assert len(synced) > before + 1  # the end is brought to the disk before it gets its name


def test_a_nearly_full_disk_is_told_once_and_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free_bytes = 200 * 2**20
    monkeypatch.setattr(output_file, "_free_bytes", lambda folder: free_bytes)
    file = opened(tmp_path, "opus", reserve_bytes=50 * 2**20)
    sound = numbered(3.0)
    feed(file, sound[:48_000])

    free_bytes = 49 * 2**20
    with pytest.raises(NearlyFull, match="49 MB") as caught:
        file.tick(5 * NS_PER_S)
    feed(file, sound[48_000:])  # no second word about it

    assert caught.value.can_continue
    assert len(read_sound(finish(file)).samples) == len(sound)


def test_room_is_kept_for_what_closing_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_file, "_free_bytes", lambda folder: 50 * 2**20)
    file = opened(tmp_path, "mp4", reserve_bytes=50 * 2**20)
    file.tick(0)

    with pytest.raises(NearlyFull):
        feed(file, numbered(3.0), moving(3.0))
    file.abort()


def test_a_fast_writer_is_watched_by_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    def free_bytes(folder: Path) -> int:
        nonlocal asked
        asked += 1
        return 10**12

    monkeypatch.setattr(output_file, "_free_bytes", free_bytes)
    file = opened(tmp_path, "wav", rate=192_000)
    before = asked
    for packet in file.audio[0].encode(exact_noise(30.0, 192_000)):
        file.write(packet)
    file.tick(0)
    for packet in file.audio[0].encode(exact_noise(30.0, 192_000)):
        file.write(packet)
    file.tick(1)
    file.tick(2)

    assert asked == before + 2
    file.abort()


def test_a_disk_that_is_full_already_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_file, "_free_bytes", lambda folder: 10 * 2**20)

    with pytest.raises(DiskFull, match="10 MB") as caught:
        opened(tmp_path, "opus", reserve_bytes=50 * 2**20)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_free_space_is_the_users_own_or_unknown(tmp_path: Path) -> None:
    state = os.statvfs(tmp_path)

    free_bytes = output_file._free_bytes(tmp_path)

    assert free_bytes == pytest.approx(state.f_bavail * state.f_frsize, rel=0.1)
    assert output_file._free_bytes(tmp_path / "nowhere") is None


@pytest.mark.parametrize(("name", "quality"), EVERY)
def test_the_file_tells_its_title_and_date_and_nothing_of_the_machine(tmp_path: Path, name: str, quality: str) -> None:
    path = record(tmp_path, name, quality, numbered(0.5), moving(0.5))

    with av.open(str(path)) as container:
        tags = {**container.streams.audio[0].metadata, **container.metadata}
    tags = {key.lower(): value for key, value in tags.items()}
    assert tags["title"] == "A title"
    assert tags["date"].startswith("2026-11-22")
    assert os.uname().nodename.encode() not in path.read_bytes() or len(os.uname().nodename) < 5


@pytest.mark.parametrize(("name", "quality"), EVERY)
def test_the_finished_file_is_ordinary(tmp_path: Path, name: str, quality: str) -> None:
    """Its length is in its header, and MP4 is not fragmented."""
    path = record(tmp_path, name, quality, numbered(2.0), moving(2.0))

    with av.open(str(path)) as container:
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx(2.0, abs=0.04)
    if name in ("mp4", "m4a"):
        kinds = list(boxes(path))
        assert b"moof" not in kinds
        assert kinds.count(b"moov") == 1


def boxes(path: Path) -> Any:
    data = path.read_bytes()
    at = 0
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8]
        at += int.from_bytes(data[at + 8 : at + 16], "big") if length == 1 else length or len(data)


def test_an_ogg_file_ends_with_its_end_mark(tmp_path: Path) -> None:
    data = record(tmp_path, "opus", "medium", numbered(1.0)).read_bytes()

    last = data.rfind(b"OggS")
    assert data[last + 5] & 4


def test_a_flac_file_holds_its_length_and_md5(tmp_path: Path) -> None:
    sound = exact_noise(1.0)
    data = record(tmp_path, "flac", "medium", sound).read_bytes()

    assert int.from_bytes(data[18:26], "big") & (2**36 - 1) == 48_000
    assert data[26:42] == hashlib.md5((sound * 32768).astype("<i2").tobytes()).digest()


def test_a_wav_files_sizes_are_true_at_every_moment(tmp_path: Path) -> None:
    file = opened(tmp_path, "wav")
    seen = 0

    def after_step(at_s: float) -> None:
        nonlocal seen
        data = file.place.part.read_bytes()
        start = data.index(b"data") + 8
        assert int.from_bytes(data[4:8], "little") == len(data) - 8
        assert int.from_bytes(data[start - 4 : start], "little") == len(data) - start
        seen += 1

    feed(file, exact_noise(0.5), after_step=after_step)
    assert seen == 50
    finish(file)


def test_the_size_so_far_is_known(tmp_path: Path) -> None:
    file = opened(tmp_path, "wav")
    feed(file, exact_noise(0.5))

    assert file.size_bytes == file.place.part.stat().st_size > 96_000
    path = finish(file)
    assert path.stat().st_size > 96_000


def test_a_name_that_is_no_unicode_can_be_a_title(tmp_path: Path) -> None:
    early = opened(tmp_path, "opus")
    early.abort()
    file = OutputFile(early.place, early.plan, ["mix"], None, {"title": "caf\udce9\0 x"}, reserve_bytes=0)
    file.open()

    with av.open(str(finish(file))) as container:
        assert container.streams.audio[0].metadata["title"] == "caf?  x"


def test_sound_goes_on_when_the_pictures_end(tmp_path: Path) -> None:
    """The screen went away: sound must not pile up in memory waiting for pictures."""
    for name in ("mp4", "mkv", "webm"):
        file = opened(tmp_path, name, size=(64, 64))
        assert file.video is not None
        for packet in file.video.encode(picture(file.plan, 50, (64, 64)), 0):
            file.write(packet)
        late: list[float] = []

        def after_step(at_s: float, file: OutputFile = file, late: list[float] = late) -> None:
            if round(at_s * 100) % 100 == 0:
                late.append(at_s - played_s(file.place.part))

        for encoder in file.audio:
            sound = numbered(5.0)
            for start in range(0, len(sound), 480):
                for packet in encoder.encode(sound[start : start + 480]):
                    file.write(packet)
                after_step((start + 480) / 48_000)
        assert len(late) == 5
        assert max(late) < 0.7, name
        file.abort()


def test_the_named_file_must_not_exist_when_the_place_is_chosen(tmp_path: Path) -> None:
    record(tmp_path, "opus", "medium", numbered(0.1))

    with pytest.raises(FileTaken):
        opened(tmp_path, "opus")
