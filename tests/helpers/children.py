"""Run Python code, or any command, inside a virtual desktop."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from virtual_desktop import VirtualDesktop

ROOT = Path(__file__).resolve().parents[2]


def environment(desktop: VirtualDesktop, extra: dict[str, str] | None = None) -> dict[str, str]:
    """The desktop's environment, in which the project and the test helpers can be imported as well."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "scripts")])
    return {**desktop.env, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **(extra or {})}


def run_in(
    desktop: VirtualDesktop,
    code_or_args: str | Sequence[str | Path],
    *,
    args: Sequence[str | Path] = (),
    timeout_s: float = 60,
    check: bool = True,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run Python source (a str; `args` are its arguments) or a command (a list) in `desktop`, and wait for its end.

    Output is captured as text. With `check` a non-zero exit fails the test, showing what the child said.
    """
    done = subprocess.run(
        _command(desktop, code_or_args, args),
        env=environment(desktop, env),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        stdin=subprocess.DEVNULL,
        cwd=cwd,
    )
    if check and done.returncode != 0:
        raise AssertionError(f"the child ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


@contextlib.contextmanager
def start_in(
    desktop: VirtualDesktop,
    code_or_args: str | Sequence[str | Path],
    *,
    args: Sequence[str | Path] = (),
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    stdout: int | IO[Any] | None = subprocess.PIPE,
    stderr: int | IO[Any] | None = None,
    stdin: int = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[str]]:
    """Like `run_in` but yields the running process; one that still runs at the end of the block is killed."""
    process = subprocess.Popen(
        _command(desktop, code_or_args, args),
        env=environment(desktop, env),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        text=True,
        cwd=cwd,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=10)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _command(
    desktop: VirtualDesktop, code_or_args: str | Sequence[str | Path], args: Sequence[str | Path]
) -> list[str]:
    if not isinstance(code_or_args, str):
        return [str(word) for word in (*code_or_args, *args)]
    # A file rather than `python -c`, with which soundcard cannot be imported.
    handle, name = tempfile.mkstemp(prefix="snippet-", suffix=".py", dir=desktop.folder)
    with os.fdopen(handle, "w") as snippet:
        snippet.write(code_or_args)
    return [sys.executable, name, *map(str, args)]
