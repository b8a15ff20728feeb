"""The date that a program is shown."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.date import Date

CODE = "import time; print(time.time_ns(), time.monotonic_ns(), round(time.time()), flush=True); time.sleep(0.01)"


@pytest.mark.parametrize("off_s", [0.0, 3600.0, -86_400.0, 0.4, -0.4])
def test_the_date_is_another_and_the_monotonic_clock_is_not(tmp_path: Path, off_s: float) -> None:
    date = Date(tmp_path)
    date.set(off_s)
    said = subprocess.run(
        [sys.executable, "-c", CODE], env={**os.environ, **date.env}, capture_output=True, text=True, timeout=30,
        check=True,
    ).stdout  # fmt: skip
    date_ns, monotonic_ns, date_s = map(int, said.split())
    passed_s = (time.monotonic_ns() - monotonic_ns) / 1e9
    assert 0 <= passed_s < 10
    assert date_ns / 1e9 + passed_s - time.time() == pytest.approx(off_s, abs=0.05)
    assert abs(date_s - date_ns / 1e9) <= 1


def test_it_changes_while_the_program_runs(tmp_path: Path) -> None:
    date = Date(tmp_path)
    code = "import sys, time\nfor _ in sys.stdin: print(time.time(), flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, **date.env}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    ) as program:  # fmt: skip
        assert program.stdin is not None
        assert program.stdout is not None
        for off_s in (1000.0, -1000.0):
            date.set(off_s)
            program.stdin.write("\n")
            program.stdin.flush()
            assert float(program.stdout.readline()) - time.time() == pytest.approx(off_s, abs=1.0)
        program.stdin.close()
