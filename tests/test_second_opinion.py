"""The plugin that takes a disturbed test again: what it believes, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytest_plugins = ["pytester"]

# Tests that pass (.) and fail (x) in the order of their names. At the end, how often their common ground was made.
SUITE = """
import threading
import pytest

calls = {}
grounds = []

def fails(what):
    return next(calls.setdefault(what, iter(what))) == "x"

@pytest.fixture(scope="module")
def ground():
    grounds.append("*")

@pytest.mark.real_time
@pytest.mark.parametrize("what", [".", "x..", "x.x.", "xx..", "xxx", "x.xx", "xx.x"])
def test_in_real_time(ground, what):
    assert not fails(what), "by a busy machine"

@pytest.fixture
def around(request):
    before, after = request.param
    assert not fails(before), "before"
    yield
    assert not fails(after), "after"

@pytest.mark.real_time
@pytest.mark.parametrize("around", [("x.. ", "..  "), ("... ", "x..  ")], indirect=True, ids=["before", "after"])
def test_between(around):
    pass

@pytest.mark.real_time
@pytest.mark.timeout(0.5, method="signal")
def test_with_a_limit():
    threading.Event().wait(60 if fails("xx..  ") else 0.3)

@pytest.mark.parametrize("what", ["x.  "])
def test_not_in_real_time(what):
    assert not fails(what)

def test_the_ground():
    assert grounds == ["*"]
"""
GOOD = ["test_in_real_time[.]", "test_in_real_time[x..]", "test_in_real_time[x.x.]", "test_in_real_time[xx..]"]
GOOD += ["test_between[before]", "test_between[after]", "test_with_a_limit", "test_the_ground"]
BAD = ["test_in_real_time[xxx]", "test_in_real_time[x.xx]", "test_in_real_time[xx.x]", "test_not_in_real_time[x.  ]"]


@pytest.fixture
def run(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini(f"[pytest]\nmarkers = real_time\npythonpath = {ROOT}\n")
    pytester.makeconftest("pytest_plugins = ['tests.second_opinion']")
    pytester.makepyfile(test_them=SUITE)
    return pytester


@pytest.mark.parametrize("workers", [0, 1])
def test_a_test_that_failed_must_pass_twice_of_three_times(run: pytest.Pytester, workers: int) -> None:
    result = run.runpytest_subprocess("-rpf", "-n", str(workers))

    assert result.parseoutcomes() == {"passed": len(GOOD), "failed": len(BAD), "disturbed": 9}
    assert result.ret == 1
    result.stdout.fnmatch_lines_random([f"PASSED test_them.py::{name.replace('[', '[[]')}" for name in GOOD])
    result.stdout.fnmatch_lines_random([f"FAILED test_them.py::{name.replace('[', '[[]')}*" for name in BAD])


def test_what_was_disturbed_is_named_with_the_reason(run: pytest.Pytester) -> None:
    result = run.runpytest_subprocess("-k", "x.x. or between")

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "*disturbed*",
            "test_them.py::test_in_real_time[[]x.x.[]] (call): AssertionError: by a busy machine",
            "test_them.py::test_in_real_time[[]x.x.[]] (call): AssertionError: by a busy machine",
            "test_them.py::test_between[[]before[]] (setup): AssertionError: before",
            "test_them.py::test_between[[]after[]] (teardown): AssertionError: after",
            "*3 passed, *4 disturbed in *",
        ]
    )


def test_a_failure_tells_of_the_other_tries(run: pytest.Pytester) -> None:
    result = run.runpytest_subprocess("-k", "x.xx")

    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["*taken again, 1*", "passed", "*taken again, 2*", "AssertionError: by a busy machine", "*taken again, 3*"]
    )
