"""A disk that refuses: stands in for os.write."""

from __future__ import annotations

import os
import time

# As it is now: somebody may put this disk in its place.
_write = os.write
_PAGE_BYTES = 4096


class FailingDisk:
    """Fails at the `n`-th call, having written half of it (whole pages, as the system does), and ever after or once.

    `failed_ns` is when it failed for the first time (0: not yet), on the monotonic clock.
    """

    def __init__(self, n: int, code: int, recovers: bool) -> None:
        self.calls = 0
        self.failed = 0
        self.failed_ns = 0
        self.n = n
        self._code = code
        self._recovers = recovers

    def __call__(self, descriptor: int, data: bytes | memoryview) -> int:
        self.calls += 1
        half = data[: len(data) // 2 // _PAGE_BYTES * _PAGE_BYTES]
        if self.calls == self.n and half:
            self.n += 1  # what is left of it
            return _write(descriptor, half)
        if self.calls == self.n or (self.calls > self.n and not self._recovers):
            self.failed += 1
            self.failed_ns = self.failed_ns or time.monotonic_ns()
            raise OSError(self._code, os.strerror(self._code))
        return _write(descriptor, data)
