"""Another date for some programs, which can be set while they run; the computer's own stays as it is.

By a small library that is loaded before libc, made when it is needed. libfaketime, which does this and much more, lets
every `time.sleep` fail when it leaves the monotonic clock alone (0.9.10), and holds a recorder up for seconds.
"""

from __future__ import annotations

import mmap
import struct
import subprocess
from pathlib import Path

_SOURCE = Path(__file__).with_suffix(".c")


class Date:
    """The date as the programs see it that were started with `env`. `folder` is where it is kept, and may be removed
    when these have ended."""

    def __init__(self, folder: Path) -> None:
        library, shared = folder / "date.so", folder / "date"
        command = ["cc", "-shared", "-fPIC", "-O1", "-nostdlib", "-o", str(library), str(_SOURCE)]
        subprocess.run(command, check=True, timeout=30)
        shared.write_bytes(bytes(8))
        with shared.open("r+b") as file:
            self._off_ns = mmap.mmap(file.fileno(), 8)
        self.env = {"LD_PRELOAD": str(library), "LOOPNOTE_TEST_DATE": str(shared)}

    def set(self, off_s: float) -> None:
        """Let the date be so far from the true one, from now on."""
        self._off_ns[:] = struct.pack("=q", round(off_s * 1e9))
