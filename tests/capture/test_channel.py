"""The queue between threads: bounds, policies, the end mark, deadlines, counters; nothing is lost or doubled."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from capture.channel import Channel, Closed, Empty, Overflow

# Far above what anything here takes; reached only when a test fails.
LIMIT_S = 20.0
POLICIES = list(Overflow)


class InThread:
    """A call in a thread of its own; `outcome` waits for what it returned or raised."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._outcome: object = None
        self._call = call
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._outcome = self._call()
        except Exception as error:  # noqa: BLE001 - handed to the test as a value
            self._outcome = error

    def outcome(self) -> object:
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive(), "still waiting"
        return self._outcome

    @property
    def waiting(self) -> bool:
        return self._thread.is_alive()


def until_waiting(channel: Channel[int], *callers: InThread) -> None:
    """Return when all these threads sleep on the channel's condition."""
    waiters: deque[object] = channel._changed._waiters  # type: ignore[attr-defined]
    deadline_s = time.monotonic() + LIMIT_S
    while True:
        with channel._changed:
            if len(waiters) >= len(callers):
                return
        for caller in callers:
            assert caller.waiting, f"did not wait: {caller.outcome()}"
        assert time.monotonic() < deadline_s, "they do not wait"
        threading.Event().wait(0.001)


# --- one thread -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overflow", POLICIES)
def test_items_come_out_in_the_order_they_went_in(overflow: Overflow) -> None:
    channel: Channel[int] = Channel("test", 5, overflow)
    for item in range(5):
        assert channel.put(item)
    assert len(channel) == 5
    assert [channel.get(0) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert len(channel) == 0
    assert (channel.put_count, channel.drop_count, channel.peak_count) == (5, 0, 5)


@pytest.mark.parametrize("overflow", POLICIES)
def test_several_items_are_put_as_one_after_the_other(overflow: Overflow) -> None:
    channel: Channel[int] = Channel("test", 3, overflow)
    assert channel.put_all([1, 2]) == 2
    assert channel.put_all([]) == 0
    assert channel.put_all([3, 4], 0.01) == (2 if overflow is Overflow.DROP_OLDEST else 1)
    assert channel.drain() == ([2, 3, 4] if overflow is Overflow.DROP_OLDEST else [1, 2, 3])
    assert (channel.put_count, channel.drop_count) == (4 if overflow is Overflow.DROP_OLDEST else 3, 1)


def test_what_was_put_before_there_was_no_room_can_be_taken_at_once() -> None:
    channel: Channel[int] = Channel("test", 1, Overflow.BLOCK)
    putting = threading.Thread(target=channel.put_all, args=[[1, 2, 3]], daemon=True)
    putting.start()
    assert [channel.get(5) for _ in range(3)] == [1, 2, 3]
    putting.join(5)


def test_drop_newest_keeps_what_is_there() -> None:
    channel: Channel[int] = Channel("test", 2, Overflow.DROP_NEWEST)
    assert [channel.put(item) for item in range(4)] == [True, True, False, False]
    assert channel.drain() == [0, 1]
    assert (channel.put_count, channel.drop_count, channel.peak_count) == (2, 2, 2)


def test_drop_oldest_keeps_the_newest() -> None:
    channel: Channel[int] = Channel("test", 2, Overflow.DROP_OLDEST)
    assert [channel.put(item) for item in range(5)] == [True] * 5
    assert channel.drain() == [3, 4]
    assert (channel.put_count, channel.drop_count, channel.peak_count) == (5, 3, 2)


def test_block_gives_up_at_its_deadline_and_counts_the_loss() -> None:
    channel: Channel[int] = Channel("test", 1, Overflow.BLOCK)
    channel.put(1)
    before_s = time.monotonic()
    assert channel.put(2, timeout_s=0.05) is False
    assert time.monotonic() - before_s >= 0.05
    assert channel.drain() == [1]
    assert (channel.put_count, channel.drop_count) == (1, 1)


@pytest.mark.parametrize("overflow", [Overflow.DROP_NEWEST, Overflow.DROP_OLDEST])
def test_only_block_waits(overflow: Overflow) -> None:
    channel: Channel[int] = Channel("test", 1, overflow)
    channel.put(1)
    caller = InThread(lambda: channel.put(2, timeout_s=10 * LIMIT_S))
    assert caller.outcome() is (overflow is Overflow.DROP_OLDEST)


@pytest.mark.parametrize("timeout_s", [-1.0, 0.0, 0.02])
def test_get_from_an_empty_channel_ends_at_its_deadline(timeout_s: float) -> None:
    channel: Channel[int] = Channel("the name", 1, Overflow.BLOCK)
    before_s = time.monotonic()
    with pytest.raises(Empty, match="the name"):
        channel.get(timeout_s)
    assert time.monotonic() - before_s >= timeout_s


@pytest.mark.parametrize("overflow", POLICIES)
def test_the_end_mark_comes_after_what_was_put_before_it(overflow: Overflow) -> None:
    channel: Channel[int] = Channel("the name", 3, overflow)
    channel.put(1)
    channel.put(2)
    closed_before = channel.closed
    channel.close()
    channel.close()
    assert (closed_before, channel.closed) == (False, True)
    with pytest.raises(Closed, match="the name"):
        channel.put(3)
    assert channel.get(0) == 1
    assert channel.get(0) == 2
    for _ in range(2):
        with pytest.raises(Closed, match="the name"):
            channel.get(LIMIT_S)
    assert channel.drain() == []
    assert (channel.put_count, channel.drop_count) == (2, 0)


def test_a_full_channel_that_is_closed_says_closed_and_not_full() -> None:
    channel: Channel[int] = Channel("test", 1, Overflow.DROP_NEWEST)
    channel.put(1)
    channel.close()
    with pytest.raises(Closed):
        channel.put(2)
    assert channel.drop_count == 0


def test_drain_takes_everything_and_leaves_the_end_mark() -> None:
    channel: Channel[int] = Channel("test", 9, Overflow.BLOCK)
    assert channel.drain() == []
    channel.put(1)
    channel.put(2)
    channel.close()
    assert channel.drain() == [1, 2]
    with pytest.raises(Closed):
        channel.get(0)


@pytest.mark.parametrize("bound", [0, -1])
def test_a_channel_without_room_is_refused(bound: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Channel("test", bound, Overflow.BLOCK)
    with pytest.raises(ValueError, match="at least one"):
        Channel("test", 1, Overflow.BLOCK, bound_bytes=bound)


# --- bytes ------------------------------------------------------------------------------------------------------------


def of_bytes(overflow: Overflow) -> Channel[bytes]:
    return Channel("test", 100, overflow, bound_bytes=10, size_of=len)


def test_bytes_bound_drop_newest() -> None:
    channel = of_bytes(Overflow.DROP_NEWEST)
    assert [channel.put(b"x" * size) for size in (6, 5, 4, 1)] == [True, False, True, False]
    assert [len(item) for item in channel.drain()] == [6, 4]
    assert channel.put(b"x" * 10), "drain gave the room back"


def test_bytes_bound_drop_oldest_makes_as_much_room_as_is_needed() -> None:
    channel = of_bytes(Overflow.DROP_OLDEST)
    for size in (3, 3, 3, 7):
        assert channel.put(b"x" * size)
    assert [len(item) for item in channel.drain()] == [3, 7]
    assert channel.drop_count == 2


def test_bytes_bound_block_waits_until_enough_was_taken() -> None:
    channel = of_bytes(Overflow.BLOCK)
    channel.put(b"x" * 4)
    channel.put(b"x" * 4)
    assert channel.put(b"x" * 4, timeout_s=0) is False
    channel.get(0)
    assert channel.put(b"x" * 4, timeout_s=0) is True


@pytest.mark.parametrize("overflow", POLICIES)
def test_an_item_larger_than_the_bound_gets_in_alone(overflow: Overflow) -> None:
    channel = of_bytes(overflow)
    assert channel.put(b"x" * 50, timeout_s=0)
    assert len(channel.get(0)) == 50
    assert channel.put(b"x" * 10, timeout_s=0), "its bytes were given back"


# --- several threads --------------------------------------------------------------------------------------------------


def test_a_waiting_consumer_is_woken_by_an_item() -> None:
    channel: Channel[int] = Channel("test", 1, Overflow.BLOCK)
    consumer = InThread(lambda: channel.get(10 * LIMIT_S))
    until_waiting(channel, consumer)
    channel.put(7)
    assert consumer.outcome() == 7


def test_a_waiting_consumer_is_woken_by_the_end() -> None:
    channel: Channel[int] = Channel("test", 1, Overflow.BLOCK)
    consumer = InThread(lambda: channel.get(10 * LIMIT_S))
    until_waiting(channel, consumer)
    channel.close()
    assert isinstance(consumer.outcome(), Closed)


@pytest.mark.parametrize("take", [lambda c: c.get(0), lambda c: c.drain()], ids=["get", "drain"])
def test_a_waiting_producer_is_woken_by_room(take: Callable[[Channel[int]], object]) -> None:
    channel: Channel[int] = Channel("test", 1, Overflow.BLOCK)
    channel.put(1)
    producer = InThread(lambda: channel.put(2, timeout_s=10 * LIMIT_S))
    until_waiting(channel, producer)
    take(channel)
    assert producer.outcome() is True
    assert channel.drain() == [2]


def test_waiting_producers_are_all_woken_by_the_end_and_nothing_gets_in_behind_it() -> None:
    channel: Channel[int] = Channel("test", 1, Overflow.BLOCK)
    channel.put(1)
    producers = [InThread(lambda: channel.put(2, timeout_s=10 * LIMIT_S)) for _ in range(5)]
    until_waiting(channel, *producers)
    channel.close()
    assert all(isinstance(producer.outcome(), Closed) for producer in producers)
    assert channel.drain() == [1]
    assert (channel.put_count, channel.drop_count) == (1, 0)


@pytest.mark.parametrize("timeout_s", [1e12, float("inf")])
def test_a_very_long_wait_is_a_wait_and_not_an_error(timeout_s: float) -> None:
    channel: Channel[int] = Channel("test", 1, Overflow.BLOCK)
    consumer = InThread(lambda: channel.get(timeout_s))
    until_waiting(channel, consumer)
    channel.put(1)
    assert consumer.outcome() == 1
    channel.put(2)
    producer = InThread(lambda: channel.put(3, timeout_s))
    until_waiting(channel, producer)
    channel.get(0)
    assert producer.outcome() is True


@pytest.mark.parametrize("bound", [1, 3, 50])
@pytest.mark.parametrize("overflow", POLICIES)
def test_many_producers_lose_and_double_nothing(overflow: Overflow, bound: int) -> None:
    producers, each = 6, 400
    channel: Channel[tuple[int, int]] = Channel("test", bound, overflow)
    started = threading.Barrier(producers + 1)
    seen_length = 0

    def produce(number: int) -> None:
        started.wait(LIMIT_S)
        for index in range(each):
            channel.put((number, index), timeout_s=LIMIT_S)

    threads = [InThread(lambda n=number: produce(n)) for number in range(producers)]  # type: ignore[misc]

    def close_behind_them() -> None:
        for thread in threads:
            thread.outcome()
        channel.close()

    closer = InThread(close_behind_them)
    taken: list[tuple[int, int]] = []
    started.wait(LIMIT_S)
    while True:
        seen_length = max(seen_length, len(channel))
        try:
            taken.append(channel.get(LIMIT_S))
        except Closed:
            break
    assert closer.outcome() is None
    assert [thread.outcome() for thread in threads] == [None] * producers
    assert len(set(taken)) == len(taken), "an item came twice"
    for number in range(producers):
        mine = [index for producer, index in taken if producer == number]
        assert mine == sorted(mine), "the order of one producer's items changed"
    total = producers * each
    if overflow is Overflow.BLOCK:
        assert channel.drop_count == 0
        assert len(taken) == channel.put_count == total
    elif overflow is Overflow.DROP_NEWEST:
        assert len(taken) == channel.put_count == total - channel.drop_count
    else:
        assert channel.put_count == total
        assert len(taken) == total - channel.drop_count
        assert max(index for _, index in taken) == each - 1
    assert max(seen_length, channel.peak_count) <= bound


# --- against a model, step by step ------------------------------------------------------------------------------------


class ChannelMachine(RuleBasedStateMachine):
    """Any sequence of steps of one thread, compared with a plain list. Items are numbers; their size is mod 7."""

    @initialize(bound=st.integers(1, 5), overflow=st.sampled_from(POLICIES), bound_bytes=st.none() | st.integers(1, 12))
    def build(self, bound: int, overflow: Overflow, bound_bytes: int | None) -> None:
        self.channel: Channel[int] = Channel("model", bound, overflow, bound_bytes, lambda item: item % 7)
        self.model: deque[int] = deque()
        self.closed = False
        self.next_item = 0
        self.put_count = self.drop_count = self.peak_count = 0

    def fits(self, item: int) -> bool:
        limit = self.channel.bound_bytes
        total_bytes = sum(i % 7 for i in self.model) + item % 7
        return not self.model or (len(self.model) < self.channel.bound and (limit is None or total_bytes <= limit))

    @rule()
    def put(self) -> None:
        item = self.next_item
        self.next_item += 1
        if self.closed:
            with pytest.raises(Closed):
                self.channel.put(item, timeout_s=0)
            return
        if self.channel.overflow is Overflow.DROP_OLDEST:
            while not self.fits(item):
                self.model.popleft()
                self.drop_count += 1
        taken_in = self.fits(item)
        if taken_in:
            self.model.append(item)
            self.put_count += 1
            self.peak_count = max(self.peak_count, len(self.model))
        else:
            self.drop_count += 1
        assert self.channel.put(item, timeout_s=0) is taken_in

    @rule()
    def get(self) -> None:
        if self.model:
            assert self.channel.get(0) == self.model.popleft()
        else:
            with pytest.raises(Closed if self.closed else Empty):
                self.channel.get(0)

    @rule()
    def drain(self) -> None:
        assert self.channel.drain() == list(self.model)
        self.model.clear()

    @precondition(lambda self: self.next_item > 3)
    @rule()
    def close(self) -> None:
        self.channel.close()
        self.closed = True

    @invariant()
    def counters_agree(self) -> None:
        assert len(self.channel) == len(self.model)
        assert self.channel.closed is self.closed
        assert (self.channel.put_count, self.channel.drop_count) == (self.put_count, self.drop_count)
        assert self.channel.peak_count == self.peak_count


ChannelMachine.TestCase.settings = hypothesis_settings(max_examples=60, stateful_step_count=40, deadline=None)
TestChannelAgainstModel = ChannelMachine.TestCase
