"""A pytest plugin: a test in real time that failed is taken again, since another program may have disturbed it.

It counts as passed only if it then passes twice, of three times at most. So a fault that shows now and then is not
retried away, a fault that always shows costs three runs, and a busy moment fails nothing. Nothing of it is hidden: the
summary names each such test, and what it said when it failed.
"""

from __future__ import annotations

import pytest
from _pytest.runner import runtestprotocol

TIMES_AGAIN = 3
TIMES_PASSED = 2
MARKER = "real_time"
# What becomes of the outcome "failed" of a try when others outvote it.
DISTURBED = "disturbed"

Reports = list[pytest.TestReport]
_TRIES = pytest.StashKey[list[Reports]]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run the test, again if need be, and report what comes of it."""
    if item.get_closest_marker(MARKER) is None or item.config.getoption("usepdb"):
        return None
    if _TRIES in item.stash:  # one of the tries below
        item.stash[_TRIES].append(runtestprotocol(item, log=False, nextitem=nextitem))
        return True
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    tries = item.stash[_TRIES] = []
    while not _is_decided(tries):
        # By way of the hook, so that each try has a time limit of its own.
        item.ihook.pytest_runtest_protocol(item=item, nextitem=nextitem)
    del item.stash[_TRIES]
    for report in _verdict(tries):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _is_decided(tries: list[Reports]) -> bool:
    """Whether it passed at once, or as often as it must, or can do so no more."""
    if not tries or not _failures(tries[0]):
        return bool(tries)
    passed = sum(not _failures(reports) for reports in tries)
    return passed >= TIMES_PASSED or passed + 1 + TIMES_AGAIN - len(tries) < TIMES_PASSED


def _verdict(tries: list[Reports]) -> Reports:
    """The reports to go by: the last try's if it passed, the first one's if not; with what the others said."""
    if not _failures(tries[-1]):
        failures = [report for reports in tries for report in _failures(reports)]
        for report in failures:
            report.outcome = DISTURBED  # type: ignore[assignment]  # pytest allows others, its types do not
        return [*failures, *tries[-1]]
    for number, reports in enumerate(tries[1:], 1):
        said = "\n".join(_reason(report) for report in _failures(reports)) or "passed"
        _failures(tries[0])[0].sections.append((f"taken again, {number}", said))
    return tries[0]


def _failures(reports: Reports) -> Reports:
    return [report for report in reports if report.failed]


def _reason(report: pytest.TestReport) -> str:
    """What went wrong, in its first line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash is not None else report.longrepr).strip().splitlines()[0]


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Count disturbed tries apart."""
    return (DISTURBED, "D", (DISTURBED.upper(), {"yellow": True})) if report.outcome == DISTURBED else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what was disturbed, and why it was taken again."""
    reports: Reports = terminalreporter.getreports(DISTURBED)
    if reports:
        terminalreporter.section("disturbed, and passed twice when taken again", yellow=True)
        for report in reports:
            terminalreporter.line(f"{report.nodeid} ({report.when}): {_reason(report)}")
