"""What processes use, as the kernel counts it: CPU time to the nanosecond, memory. Linux."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

# A process's own clock, as clock_getcpuclockid(3) makes it: CPUCLOCK_SCHED of the process, threads that ended included.
# /proc/PID/stat has the same sum in steps of 10 ms only, which is a tenth of what a light recorder uses in 10 s.
_CPUCLOCK_SCHED = 2


def cpu_s(pids: Iterable[int]) -> float:
    """Seconds of CPU that these processes, and all their descendants that live, have used so far."""
    total_s = 0.0
    for pid in family(pids):
        try:
            total_s += time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)
        except OSError:
            continue  # it has just ended
    return total_s


def busy_s() -> float:
    """Seconds of CPU that everything on this computer has used since it started, all cores together."""
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split(maxsplit=8)[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def family(pids: Iterable[int]) -> list[int]:
    """These processes and all their descendants."""
    found = list(pids)
    for pid in found:  # grows while it is walked
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found += [int(child) for child in path.read_text().split()]
            except OSError:
                continue
    return list(dict.fromkeys(found))


def peak_mb(pids: Iterable[int]) -> float:
    """The most memory (10^6 bytes, resident) that each of these and their descendants has had, added up."""
    return sum(_status_kb(pid, "VmHWM") for pid in family(pids)) * 1024 / 1e6


def resident_mb(pids: Iterable[int]) -> float:
    """The memory (10^6 bytes, resident) that these and their descendants have now."""
    return sum(_status_kb(pid, "VmRSS") for pid in family(pids)) * 1024 / 1e6


def threads_cpu_s(pid: int) -> dict[str, float]:
    """Seconds of CPU of each thread of a process that lives, by name; threads of one name are added up."""
    used: dict[str, float] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
            used[name] = used.get(name, 0.0) + int((task / "schedstat").read_text().split()[0]) / 1e9
        except OSError:
            continue
    return used


def wakeups(pid: int) -> int:
    """How often threads of this process went to sleep by themselves, which is how often they were woken."""
    count = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        count += int(text.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
    return count


def _status_kb(pid: int, key: str) -> int:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return int(text.partition(f"\n{key}:")[2].split()[0]) if f"\n{key}:" in text else 0
