"""The one queue between threads: bounded, with a named policy for overflow, an end mark and counters.

A `Channel` has any number of producers and one consumer. `close()` is the end mark: what was put before it can still be
taken, then `get` raises `Closed`. Nothing here waits without a deadline.
"""

from __future__ import annotations

import enum
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")

# Python's locks raise OverflowError for longer waits (over 49 days on Windows). A day stays clear of it everywhere; a
# caller that wants to wait longer asks again.
WAIT_LIMIT_S = 86_400.0


class Overflow(enum.Enum):
    """What happens to an item when the channel is full."""

    BLOCK = "block"  # the producer waits for room: audio, which is never dropped while anything still moves
    DROP_OLDEST = "drop oldest"  # the oldest item goes: live meters, where only the newest counts
    DROP_NEWEST = "drop newest"  # the new item goes: pictures, where the order of the kept ones must hold


class Closed(Exception):
    """The channel was closed and everything in it was taken (get), or it was closed and takes no more (put)."""


class Empty(Exception):
    """Nothing arrived before the deadline."""


class Channel(Generic[T]):
    """A bounded queue of at most `bound` items whose sizes sum to at most `bound_bytes` (when that is given).

    `size_of` tells the bytes of an item; it is called with the lock held, so it must be quick. An item that is larger
    than `bound_bytes` by itself still gets in, alone: it would otherwise wait for ever.

    Counters, readable by any thread at any time: `put_count` (items taken in), `drop_count` (items lost to the
    overflow policy, or because no room came in time), `peak_count` (the fullest it has been, in items).
    """

    def __init__(
        self,
        name: str,
        bound: int,
        overflow: Overflow,
        bound_bytes: int | None = None,
        size_of: Callable[[T], int] = lambda item: 0,
    ) -> None:
        if bound < 1 or (bound_bytes is not None and bound_bytes < 1):
            raise ValueError("a channel holds at least one item")
        self.name = name
        self.bound = bound
        self.bound_bytes = bound_bytes
        self.overflow = overflow
        self.put_count = 0
        self.drop_count = 0
        self.peak_count = 0
        self._items: deque[tuple[T, int]] = deque()  # with their bytes
        self._size_of = size_of
        self._size_bytes = 0
        self._closed = False
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)

    def __len__(self) -> int:
        return len(self._items)

    @property
    def closed(self) -> bool:
        """True after `close()`, also while items are left to take."""
        return self._closed

    def has_room(self, size_bytes: int = 0) -> bool:
        """Whether an item of that size would get in just now. Holds until the next `put` of another producer."""
        with self._changed:
            return self._has_room(size_bytes)

    def put(self, item: T, timeout_s: float = 5.0) -> bool:
        """Add `item`. True when it is in; False when the policy dropped it, or no room came within `timeout_s`.

        Only `Overflow.BLOCK` waits. Raises `Closed` when the channel is closed, before or while waiting.
        """
        return self.put_all([item], timeout_s) == 1

    def put_all(self, items: Iterable[T], timeout_s: float = 5.0) -> int:
        """Add `items` in their order, each as `put` does, and wake the consumer once. Returns how many are in."""
        added = 0
        with self._changed:
            try:
                for item in items:
                    added += self._put(item, timeout_s)
            finally:
                self._changed.notify_all()
        return added

    def _put(self, item: T, timeout_s: float) -> bool:
        if self._closed:
            raise Closed(self.name)
        size_bytes = 0 if self.bound_bytes is None else self._size_of(item)
        if not self._has_room(size_bytes):
            if self.overflow is Overflow.DROP_NEWEST:
                self.drop_count += 1
                return False
            if self.overflow is Overflow.DROP_OLDEST:
                while not self._has_room(size_bytes):
                    self._take()
                    self.drop_count += 1
            elif not self._await_room(size_bytes, timeout_s):
                self.drop_count += 1
                return False
        self._items.append((item, size_bytes))
        self._size_bytes += size_bytes
        self.put_count += 1
        self.peak_count = max(self.peak_count, len(self._items))
        return True

    def _await_room(self, size_bytes: int, timeout_s: float) -> bool:
        self._changed.notify_all()  # of what was put so far
        deadline_s = time.monotonic() + timeout_s
        while not self._has_room(size_bytes) and not self._closed:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return False
            self._changed.wait(min(left_s, WAIT_LIMIT_S))
        if self._closed:
            raise Closed(self.name)
        return True

    def get(self, timeout_s: float) -> T:
        """Take the oldest item. Raises `Empty` after `timeout_s` (a day at most), `Closed` at the end mark."""
        with self._changed:
            if not self._items and not self._closed:
                self._changed.wait_for(lambda: bool(self._items) or self._closed, min(timeout_s, WAIT_LIMIT_S))
            if self._items:
                item = self._take()
                self._changed.notify_all()
                return item
            if self._closed:
                raise Closed(self.name)
            raise Empty(self.name)

    def drain(self) -> list[T]:
        """Take everything that is there now, without waiting."""
        with self._changed:
            items = [item for item, _ in self._items]
            self._items.clear()
            self._size_bytes = 0
            self._changed.notify_all()
            return items

    def close(self) -> None:
        """Put the end mark. May be called more than once and by any thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _has_room(self, size_bytes: int) -> bool:
        if not self._items:
            return True
        if len(self._items) >= self.bound:
            return False
        return self.bound_bytes is None or self._size_bytes + size_bytes <= self.bound_bytes

    def _take(self) -> T:
        item, size_bytes = self._items.popleft()
        self._size_bytes -= size_bytes
        return item
