"""A private X server: its cookie, its number, its size, and the accidents that may befall it.

Standard library only. The server is Xvfb, which has no real screen.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import struct
from pathlib import Path

from owned_processes import OwnedProcesses

_START_TIMEOUT_S = 20.0
# Xvfb cannot grow beyond the size that it was started with, so it starts with room to grow and is then made smaller.
_LARGEST = (3840, 2160)
# Where X servers meet their programs, and mark the numbers that are taken.
_SOCKETS = Path("/tmp/.X11-unix")
_LOCKS = Path("/tmp")


class VirtualScreen:
    """An Xvfb that only holders of its cookie may open. Methods block, with deadlines, one at a time.

    `display` is its name, such as ":5"; `authority` the file with the cookie, for clients.
    """

    def __init__(self, processes: OwnedProcesses, runtime: Path, width: int, height: int) -> None:
        """`width` and `height` (pixels) are those that it must at least be able to have; see `largest`."""
        self._processes = processes
        self._server_authority = processes.folder / "server.xauth"
        self._largest = f"{max(width, _LARGEST[0])}x{max(height, _LARGEST[1])}x24"
        self._kept: socket.socket | None = None  # holds the number of a killed server
        self.authority = runtime / "xauthority"
        self.display = ""

    def start(self, env: dict[str, str]) -> None:
        """Start it, under the number that it had before, if any. Raises DesktopError."""
        if not self.display:
            self._cookie = secrets.token_bytes(16)
            # An entry for any display, since Xvfb chooses its number only after it has read this.
            _write_authority(self._server_authority, [_authority_entry(_FAMILY_WILD, b"", b"", self._cookie)])
        self._let_go()
        read_end, write_end = os.pipe()
        try:
            self._processes.start(
                ["Xvfb", *([self.display] if self.display else []), "-displayfd", str(write_end), "-screen", "0",
                 self._largest, "-nolisten", "tcp", "-noreset", "-s", "0", "-auth", str(self._server_authority)],
                env,
                # Told to end rather than killed, it removes its lock and its socket.
                death_signal="TERM",
                pass_fds=[write_end],
            )  # fmt: skip
            os.close(write_end)
            write_end = -1
            number = self._read_number(read_end)
        finally:
            os.close(read_end)
            if write_end >= 0:
                os.close(write_end)
        self.display = f":{number}"
        # The exact entry as well: python-xlib does not look at those for any display.
        _write_authority(
            self.authority,
            [
                _authority_entry(_FAMILY_LOCAL, socket.gethostname().encode(), number.encode(), self._cookie),
                _authority_entry(_FAMILY_WILD, b"", b"", self._cookie),
            ],
        )

    def kill(self) -> None:
        """Kill it, as a crash would. Its number stays taken, so that no other server gets it before `start`."""
        self._processes.stop("Xvfb", how=signal.SIGKILL)
        self._kept = socket.socket(socket.AF_UNIX)
        # A server that looks for a free number passes over this one, and a program that connects to it is refused.
        self._kept.bind(f"\0{_SOCKETS}/X{self.display[1:]}")

    def freeze(self) -> None:
        """Stop it where it stands: it holds its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen one go on."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Remove what a killed one left behind. May be called again."""
        if self._kept is not None:
            for left in (_LOCKS / f".X{self.display[1:]}-lock", _SOCKETS / f"X{self.display[1:]}"):
                with contextlib.suppress(OSError):
                    left.unlink()
        self._let_go()

    def _let_go(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._processes.pids_of("Xvfb"):
            os.kill(pid, number)

    def _read_number(self, read_end: int) -> str:
        os.set_blocking(read_end, False)
        answer = b""

        def answered() -> bool:
            nonlocal answer
            try:
                answer += os.read(read_end, 64)
            except BlockingIOError:
                return False
            return answer.endswith(b"\n")

        self._processes.wait_for("Xvfb", answered, _START_TIMEOUT_S)
        return answer.decode().strip()


# The file format of X11 cookies: big-endian family, then length-prefixed address, display number, method and secret
# (see Xau(3) and Xauth.h). A family of 0xffff matches any host, an empty number any display.
_FAMILY_LOCAL = 256
_FAMILY_WILD = 0xFFFF


def _authority_entry(family: int, address: bytes, number: bytes, cookie: bytes) -> bytes:
    fields = (address, number, b"MIT-MAGIC-COOKIE-1", cookie)
    return struct.pack(">H", family) + b"".join(struct.pack(">H", len(field)) + field for field in fields)


def _write_authority(path: Path, entries: list[bytes]) -> None:
    path.touch(mode=0o600)
    path.write_bytes(b"".join(entries))
