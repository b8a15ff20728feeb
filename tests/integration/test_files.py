"""The file on the disk: its name, its privacy, its safety while it is being recorded, and a disk that fills up."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.analysis import read_pictures, read_sound
from tests.helpers.children import run_in
from tests.helpers.player import play
from tests.helpers.processes import wait_until
from tests.helpers.recording import LOOPNOTE, loopnote, record
from tests.helpers.signals import tone
from virtual_desktop import VirtualDesktop

MEBIBYTE = 1024 * 1024
# What the recorder leaves free on a disk.
RESERVE_BYTES = 50 * MEBIBYTE


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_file_is_for_the_user_alone(pulse_desktop: VirtualDesktop, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with record(pulse_desktop, tmp_path / "note.opus") as recording:
        (part,) = tmp_path.iterdir()
        assert (part.name, mode(part)) == (".note.part.opus", 0o600)
        recording.stop()
    assert mode(tmp_path / "note.opus") == 0o600
    assert mode(tmp_path) == 0o755
    # What a crash would have needed is gone too.
    assert not list(Path(os.environ["XDG_STATE_HOME"]).rglob("*.json"))


def test_the_folder_of_the_settings_is_made_for_the_user_alone(pulse_desktop: VirtualDesktop, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    settings = tmp_path / "config" / "loopnote" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'[recording]\nfolder = "{tmp_path}/new/deep"\n')
    env = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    code, _, said = loopnote(pulse_desktop, "record", "--duration", "0.3", env=env)
    assert code == 0, said
    assert mode(tmp_path / "new" / "deep") == mode(tmp_path / "new") == 0o700
    assert mode(tmp_path) == 0o755
    assert [path.suffix for path in (tmp_path / "new" / "deep").iterdir()] == [".opus"]


@pytest.mark.parametrize("suffix", ["opus", "mp4"])
def test_a_name_may_be_any_bytes(pulse_desktop: VirtualDesktop, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"note \udcff.{suffix}"
    screen = ["--screen", "0,0,64x64"] if suffix == "mp4" else []
    code, output, said = loopnote(pulse_desktop, "record", file, "--duration", "0.5", "--json", *screen)
    assert code == 0, said
    assert json.loads(output)["file"] == str(file)
    assert [os.fsencode(path.name) for path in tmp_path.iterdir()] == [
        f"note ?.{suffix}".encode().replace(b"?", b"\xff")
    ]
    assert abs(read_sound(file).duration_s - 0.5) < 0.03


@pytest.mark.parametrize("suffix", ["opus", "wav", "m4a", "mp4", "mkv", "webm"])
def test_what_is_being_recorded_can_be_played_already(
    pulse_desktop: VirtualDesktop, tmp_path: Path, suffix: str
) -> None:
    screen = ["--screen", "0,0,64x64"] if suffix in ("mp4", "mkv", "webm") else []
    with record(pulse_desktop, tmp_path / f"note.{suffix}", *screen) as recording:
        began_s = time.monotonic()
        part = tmp_path / f".note.part.{suffix}"
        wait_until(lambda: time.monotonic() > began_s + 1.5, "something to be recorded")
        assert [path.name for path in tmp_path.iterdir()] == [part.name]
        # As a player sees it now; another FFmpeg than the one that writes it.
        probed = probe(part)
        recording.stop()
    assert {stream["codec_type"] for stream in probed["streams"]} == ({"audio", "video"} if screen else {"audio"})
    assert [path.name for path in tmp_path.iterdir()] == [f"note.{suffix}"]
    assert float(probe(tmp_path / f"note.{suffix}")["format"]["duration"]) > 1.4


def probe(file: Path) -> dict[str, Any]:
    command = ["ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == ""
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_a_file_that_exists_is_refused_and_stays_as_it_is(pulse_desktop: VirtualDesktop, tmp_path: Path) -> None:
    file = tmp_path / "kept.wav"
    file.write_bytes(b"somebody's only copy")
    (tmp_path / "nowhere.wav").symlink_to(tmp_path / "missing")
    for name in ("kept.wav", "nowhere.wav"):
        code, _, said = loopnote(pulse_desktop, "record", tmp_path / name, "--duration", "0.3")
        assert (code, said.count("\n")) == (1, 2), said
        assert "nothing was overwritten" in said
    assert file.read_bytes() == b"somebody's only copy"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.wav", "nowhere.wav"]


def test_a_name_that_is_taken_meanwhile_is_left_to_whom_took_it(pulse_desktop: VirtualDesktop, tmp_path: Path) -> None:
    with record(pulse_desktop, tmp_path / "note.wav") as recording:
        (tmp_path / "note.wav").write_bytes(b"another program's")
        result = recording.stop(expect=3)
    assert (tmp_path / "note.wav").read_bytes() == b"another program's"
    assert result["file"] == str(tmp_path / "note (2).wav")
    assert read_sound(tmp_path / "note (2).wav").duration_s > 0
    assert any("note (2).wav" in text for text in result["degraded"])


def test_without_a_name_it_goes_where_the_desktop_keeps_such_files(
    pulse_desktop: VirtualDesktop, tmp_path: Path
) -> None:
    config = tmp_path / ".config"
    config.mkdir()
    (config / "user-dirs.dirs").write_text('XDG_MUSIC_DIR="$HOME/Klänge"\nXDG_VIDEOS_DIR="$HOME/Filme"\n')
    env = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(config)}
    for words, folder, source in (
        ([], "Klänge", "System audio.opus"),
        (["--screen", "0,0,64x64"], "Filme", "Screen.mp4"),
    ):
        code, output, said = loopnote(pulse_desktop, "record", "--duration", "0.3", "--json", *words, env=env)
        assert code == 0, said
        file = Path(json.loads(output)["file"])
        assert file.parent == tmp_path / folder / "Loopnote"
        assert mode(file.parent) == 0o700
        day, at, rest = file.name.split(" ", 2)
        assert rest == source
        assert time.strptime(f"{day} {at}", "%Y-%m-%d %H.%M.%S")
        assert list(file.parent.iterdir()) == [file]


# Runs `loopnote` with every sync written down: when it ended, and how large the file was then.
SYNCS = """
import json, os, sys, time
from ui.cli import main

log = open(sys.argv.pop(1), "w")
real = os.fdatasync

def fdatasync(descriptor):
    real(descriptor)
    log.write(json.dumps([time.monotonic_ns(), os.fstat(descriptor).st_size]) + "\\n")
    log.flush()

os.fdatasync = fdatasync
sys.exit(main())
"""


def test_what_is_written_is_synced_every_two_seconds(pulse_desktop: VirtualDesktop, tmp_path: Path) -> None:
    log, file = tmp_path / "syncs", tmp_path / "note.opus"
    with play(pulse_desktop, tone(20, 440, channels=1)):
        run_in(pulse_desktop, SYNCS, args=[log, "record", file, "--duration", "5"])
    syncs = [json.loads(line) for line in log.read_text().splitlines()]
    times_s = [at_ns / 1e9 for at_ns, _ in syncs]
    assert max(later - earlier for earlier, later in pairwise(times_s)) < 2.0
    assert times_s[-1] - times_s[0] > 4.5
    # The last one when all was written.
    assert syncs[-1][1] == file.stat().st_size
    assert len({size for _, size in syncs}) >= 4


# Runs a command beside a small disk of its own (mounted at $1, with $2 bytes free), then saves what is on it into $3.
SMALL_DISK = """
set -e
mount -t tmpfs -o size=80m none "$1"
head -c $((80 * 1024 * 1024 - $2)) /dev/zero > "$1/filler"
disk=$1 kept=$3
shift 3
code=0
"$@" || code=$?
rm "$disk/filler"
cp -a "$disk/." "$kept/"
exit $code
"""
# Where nobody may mount: the same free space, told to the recorder by what stands for the operating system.
TOLD_DISK = """
import os, sys
from pathlib import Path
from ui.cli import main

disk, free_bytes = Path(sys.argv.pop(1)), int(sys.argv.pop(1))
real = os.statvfs

class Told:
    f_blocks, f_frsize = 80 * 1024 * 1024, 1
    f_bavail = property(lambda self: free_bytes - sum(path.stat().st_size for path in disk.iterdir()))

os.statvfs = lambda folder: Told()
sys.exit(main())
"""


def record_on_small_disk(
    desktop: VirtualDesktop, disk: Path, kept: Path, free_bytes: int, *words: str
) -> subprocess.CompletedProcess[str]:
    """`loopnote record WORDS` on a disk with so much room; what it leaves there is in `kept` afterwards."""
    for folder in (disk, kept):
        folder.mkdir()
    for namespace in (["unshare", "-m"], ["unshare", "-rm"]):
        may_mount = subprocess.run(
            [*namespace, "mount", "-t", "tmpfs", "none", str(disk)], capture_output=True, timeout=10, check=False
        )
        if may_mount.returncode == 0:
            command = [*namespace, "sh", "-c", SMALL_DISK, "sh", disk, str(free_bytes), kept, *LOOPNOTE, "record"]
            return run_in(desktop, [str(word) for word in [*command, *words]], check=False)
    done = run_in(desktop, TOLD_DISK, args=[disk, str(free_bytes), "record", *words], check=False)
    shutil.copytree(disk, kept, dirs_exist_ok=True)
    return done


@pytest.mark.parametrize("suffix", ["wav", "mp4"])
def test_a_disk_that_fills_up_ends_the_recording_in_time(
    pulse_desktop: VirtualDesktop, tmp_path: Path, suffix: str
) -> None:
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    screen = ["--screen", "0,0,320x240"] if suffix == "mp4" else []
    # Enough for some seconds of it.
    room_bytes = 700_000 if suffix == "wav" else 60_000
    with play(pulse_desktop, tone(60, 440, channels=1)):
        done = record_on_small_disk(
            pulse_desktop, disk, kept, RESERVE_BYTES + room_bytes, str(disk / f"note.{suffix}"), "--json",
            "--quality", "high", "--duration", "40", *screen,
        )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "disk is nearly full" in done.stderr
    assert "Free some space" in done.stderr
    result = json.loads(done.stdout)
    assert any("nearly full" in text for text in result["degraded"])
    assert [path.name for path in kept.iterdir()] == [f"note.{suffix}"]
    sound = read_sound(kept / f"note.{suffix}")
    assert 0.5 < result["duration_s"] < 20
    assert abs(sound.duration_s - result["duration_s"]) < 0.03
    if screen:
        assert abs(list(read_pictures(kept / f"note.{suffix}"))[-1][0] - result["duration_s"]) < 0.05


def test_a_disk_that_is_full_already_is_said_and_left_alone(pulse_desktop: VirtualDesktop, tmp_path: Path) -> None:
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    done = record_on_small_disk(
        pulse_desktop, disk, kept, RESERVE_BYTES - MEBIBYTE, str(disk / "note.opus"), "--duration", "1"
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 2, done.stderr
    assert "49 MB are free" in done.stderr
    assert list(kept.iterdir()) == []


def test_a_file_that_may_grow_no_more_is_kept_as_it_is(pulse_desktop: VirtualDesktop, tmp_path: Path) -> None:
    """The kernel itself refuses: as on a disk that another program fills from one moment to the next."""
    file = tmp_path / "note.wav"
    limited = ["sh", "-c", 'ulimit -f 300; exec "$@"', "sh", *LOOPNOTE, "record", file, "--json", "--duration", "30"]
    with play(pulse_desktop, tone(40, 440, channels=1)):
        done = run_in(pulse_desktop, [str(word) for word in limited], check=False)
    assert done.returncode == 3, done.stderr
    result = json.loads(done.stdout)
    assert any("has grown to what its file system can hold" in text for text in result["degraded"])
    sound = read_sound(file)
    assert 0.6 < sound.duration_s < 1.6
    assert abs(sound.samples).max() > 0.4


@pytest.mark.parametrize("suffix", ["opus", "wav", "mp4"])
def test_stopping_is_quick(pulse_desktop: VirtualDesktop, tmp_path: Path, suffix: str) -> None:
    screen = ["--screen", "all"] if suffix == "mp4" else []
    with record(pulse_desktop, tmp_path / f"note.{suffix}", *screen) as recording:
        began_s = time.monotonic()
        wait_until(lambda: time.monotonic() > began_s + 1, "something to be recorded")
        recording.stop()
        wait_until(lambda: "saved" in recording.said, "the words")
        saved_ns = next(at_ns for at_ns, line in recording.lines if line.startswith("saved"))
    stop_s = (saved_ns - recording.stopped_ns) / 1e9
    print(f"\n{suffix}: saved {stop_s:.2f} s after Ctrl-C")  # noqa: T201 - a figure of the closing note
    assert stop_s < 5  # a machine that is busy with other things; alone it is under 1 s
