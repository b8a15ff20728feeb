"""What runs on this machine, and waiting for something to become true."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path


def wait_until(
    condition: Callable[[], object], what: str, timeout_s: float = 15, describe: Callable[[], str] = lambda: ""
) -> None:
    """Return as soon as `condition()` is true; fails the test, saying that `what` did not happen, after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:.0f} s: {what} {describe()}".rstrip())
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Whether a process exists and has not ended (one that waits for its parent to notice counts as ended)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def command_lines(environment: bool = False) -> dict[int, str]:
    """The command line of each process that may be looked at, with its environment appended if asked."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and is_running(int(entry.name)):
            with contextlib.suppress(OSError):
                text = (entry / "cmdline").read_bytes()
                if environment:
                    text += b"\0" + (entry / "environ").read_bytes()
                found[int(entry.name)] = text.replace(b"\0", b" ").decode(errors="replace")
    return found
