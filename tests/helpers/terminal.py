"""A program in a terminal of its own: what it shows there, keys that are pressed, the window that is closed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import subprocess
import termios
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.helpers.children import environment
from tests.helpers.processes import wait_until
from virtual_desktop import VirtualDesktop


@dataclass
class Terminal:
    """Made by `in_terminal`; `process` leads the terminal's foreground, as one that a shell has started does."""

    process: subprocess.Popen[bytes]
    _host: int
    _shown: bytearray = field(default_factory=bytearray)

    @property
    def shown(self) -> str:
        """All that the program has written so far."""
        return bytes(self._shown).decode(errors="replace")

    def wait_for(self, text: str, timeout_s: float = 20.0) -> None:
        """Return as soon as the program has shown `text`."""
        wait_until(lambda: text in self.shown, text, timeout_s, lambda: f"in {self.shown!r}")

    def press(self, keys: bytes) -> None:
        """Type; Ctrl-C is 0x03."""
        os.write(self._host, keys)

    def close(self) -> None:
        """Close the window, as the terminal's own program does: the kernel sends SIGHUP. Again: nothing happens."""
        host, self._host = self._host, -1
        if host >= 0:
            os.close(host)

    def read(self) -> None:
        """Body of the thread that keeps reading, as a terminal does."""
        with contextlib.suppress(OSError):  # EIO when the program has gone, EBADF when the window has
            while more := os.read(self._host, 4096):
                self._shown += more


@contextlib.contextmanager
def in_terminal(desktop: VirtualDesktop, command: Sequence[str | Path]) -> Iterator[Terminal]:
    """Run a command in a terminal; it is killed after the block."""
    host, guest = pty.openpty()
    process = subprocess.Popen(
        [str(word) for word in command],
        env=environment(desktop, {"TERM": "xterm"}),
        stdin=guest,
        stdout=guest,
        stderr=guest,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(guest)
    terminal = Terminal(process, host)
    reader = threading.Thread(target=terminal.read, name="terminal", daemon=True)
    reader.start()
    try:
        yield terminal
    finally:
        process.kill()
        process.wait(10)
        reader.join(10)
        terminal.close()
