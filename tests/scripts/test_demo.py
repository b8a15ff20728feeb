"""The demonstration: where it records to, and how it ends when nothing can be recorded."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.children import run_in
from virtual_desktop import VirtualDesktop

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """scripts/demo in a folder of its own, with a Python there that says what it was called with."""
    folder = tmp_path / "the copy"
    (folder / "scripts").mkdir(parents=True)
    (folder / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "demo", folder / "scripts" / "demo")
    for path, body in (("scripts/setup", "exit 0"), (".venv/bin/python", 'printf \'%s|\' "$PWD" "$@"; echo')):
        (folder / path).write_text(f"#!/bin/sh\n{body}\n")
        (folder / path).chmod(0o755)
    return folder


def last_call(copy: Path, *words: str, cwd: Path) -> list[str]:
    done = subprocess.run(
        [str(copy / "scripts" / "demo"), *words], cwd=cwd, capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout.splitlines()[-1].split("|")[:-1]


def test_a_file_lies_where_the_demonstration_was_called(copy: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    folder, script, *file = last_call(copy, "rel.mp4", cwd=elsewhere)
    assert (folder, script) == (str(copy), "scripts/demo_note.py")
    assert file == [str(elsewhere / "rel.mp4")]
    assert last_call(copy, "/tmp/whole.mp4", cwd=elsewhere)[2:] == ["/tmp/whole.mp4"]
    assert last_call(copy, cwd=elsewhere)[2:] == []


def test_help_is_help_and_no_file(copy: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(copy / "scripts" / "demo"), "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True
    )
    assert "scripts/demo [FILE]" in done.stdout
    assert "demo_note" not in done.stdout


def test_a_recorder_that_fails_ends_the_demonstration_at_once(desktop: VirtualDesktop) -> None:
    began_s = time.monotonic()
    command = [sys.executable, str(ROOT / "scripts" / "demo_note.py"), "/proc/nowhere/note.mp4"]
    done = run_in(desktop, command, timeout_s=110, check=False, cwd=ROOT)
    assert done.returncode == 1
    assert "/proc/nowhere" in done.stdout
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began_s < 40, "less than it waits for a recorder that says nothing"
