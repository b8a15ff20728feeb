"""A file system that becomes read-only while it is recorded to, as Linux makes one in which it finds an error."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from capture.settings import SCREEN_FORMATS, SOUND_FORMATS
from tests.faults.frame import Fault, Ground, Outcome, let_pass, said_of
from tests.faults.judge import missing_s
from tests.helpers.analysis import read_pictures, read_sound
from tests.helpers.children import ROOT
from tests.helpers.player import play
from tests.helpers.recording import LOOPNOTE, record
from tests.helpers.signals import numbered

FORMATS = (*SOUND_FORMATS, *SCREEN_FORMATS)
PLAYED = numbered(60)
# What may be missing before the fault.
LOST_S = 1.0
# Beyond the 50 MB that a recording leaves free, and room for the file system's own.
SIZE_BYTES = 160 * 1024 * 1024
MOUNTED_S = 10.0
NOTICED_S = 5.0
# The mount is seen by this shell alone, and by who enters its namespace; it goes with the shell, at the latest.
_MOUNT = """
mount -o loop,errors=remount-ro "$1" "$2" || exit 1
echo "$(losetup -n -O NAME -j "$1")"
read -r over
"""


class _NotHere(Exception):
    """This machine gives nobody a file system of their own."""


@dataclass
class _Mount:
    """An ext4 file system at `folder`, for those that `entering` starts."""

    folder: Path
    shell: subprocess.Popen[str]
    device: str

    @property
    def entering(self) -> list[str]:
        """The words before a command that is to see it."""
        return ["nsenter", f"--target={self.shell.pid}", "--mount", f"--wd={ROOT}"]

    @property
    def seen_from_outside(self) -> Path:
        return Path(f"/proc/{self.shell.pid}/root") / self.folder.relative_to("/")

    def break_down(self) -> None:
        """Let the system find an error in it."""
        Path(f"/sys/fs/ext4/{self.device}/trigger_fs_error").write_text("a fault of the bench\n")


@contextlib.contextmanager
def _mounted(folder: Path) -> Iterator[_Mount]:
    """Raises `_NotHere` with the reason when the machine, or this user, cannot do it."""
    image, place = folder / "image", folder / "mount"
    place.mkdir()
    for tool in ("mkfs.ext4", "unshare", "nsenter", "losetup"):
        if shutil.which(tool) is None:
            raise _NotHere(f"{tool} is missing")
    with image.open("wb") as file:
        file.truncate(SIZE_BYTES)
    subprocess.run(["mkfs.ext4", "-q", image], check=True, timeout=MOUNTED_S, stdin=subprocess.DEVNULL)
    shell = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", _MOUNT, "sh", str(image), str(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert shell.stdout is not None
        device = Path(shell.stdout.readline().strip()).name
        mount = _Mount(place, shell, device)
        if not device or not Path(f"/sys/fs/ext4/{device}/trigger_fs_error").exists():
            raise _NotHere("no file system can be mounted, or none can be broken")
        yield mount
    finally:
        shell.communicate("over\n", timeout=MOUNTED_S)


def becomes_read_only(ground: Ground) -> Outcome:
    """In one format a run, at a random moment: the recording ends by itself, its file is good, and the error is told.

    The file is judged where it lies, as whoever finds the disk so would copy it from there.
    """
    outcome = Outcome(playable=True)
    name = ground.chance.choice(FORMATS)
    screen = ("--screen", "0,0,320x240") if name in SCREEN_FORMATS else ()
    try:
        with _mounted(ground.folder) as mount, ground.desktop() as desktop, play(desktop, PLAYED) as playing:
            file = mount.folder / f"a.{name}"
            with record(desktop, file, *screen, program=[*mount.entering, *LOOPNOTE]) as recording:
                let_pass(0.5 + 2.5 * ground.chance.random())
                broken_ns = time.monotonic_ns()
                mount.break_down()
                try:
                    code = recording.process.wait(NOTICED_S)
                except subprocess.TimeoutExpired:
                    raise AssertionError(f"it goes on: {recording.said}") from None
                result = recording.result(expect=None) if code in (0, 3) else {}
                recording.await_all_said()
            left = [path for path in mount.seen_from_outside.iterdir() if path.suffix == file.suffix]
            outcome.said = said_of(result) or recording.said
            outcome.expect(code in (1, 3), f"exit code {code}")
            outcome.expect("ead-only" in outcome.said, f"not named: {outcome.said}")
            assert len(left) == 1, f"left: {left}"
            outcome.expect(left[0].name in recording.said, f"nobody says that there is {left[0].name}")
            samples = read_sound(left[0]).samples
            outcome.audio_lost_s = missing_s(samples, PLAYED, playing.frame_at(broken_ns))
            outcome.expect(outcome.audio_lost_s <= LOST_S, f"{name}: {outcome.audio_lost_s:.2f} s lost")
            if screen:
                outcome.expect(any(True for _ in read_pictures(left[0])), f"{name}: no picture")
    except _NotHere as reason:
        outcome.left_out = str(reason)
    return outcome


FAULTS = (Fault("file system becomes read-only", becomes_read_only, ("pulse",), ("pulse",)),)
