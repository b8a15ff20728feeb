"""When frames sounded, from a server's late answers."""

from __future__ import annotations

import random

import numpy as np
import pytest

from capture.clock import frames_to_ns
from capture.sound.stamps import Stamps, believable_ns

RATE = 48_000
MS = 1_000_000
START_NS = 5_000_000 * MS


class Server:
    """Counts `cycle` frames at a time; its clock runs at `rate`. Answers are true for the start of the cycle."""

    def __init__(self, cycle: int, rate: float = RATE, origin_ns: int = START_NS) -> None:
        self.cycle = cycle
        self.rate = rate
        self.origin_ns = origin_ns

    def frame_at(self, at_ns: int) -> int:
        frames = int((at_ns - self.origin_ns) * self.rate / 1e9)
        return frames - frames % self.cycle

    def sounded_ns(self, frame: int) -> float:
        return self.origin_ns + frame * 1e9 / self.rate


def asked(server: Server, stamps: Stamps, from_s: float, to_s: float, every_ms: float = 100) -> None:
    """As the stream asks: now and then, and often while a close look goes on."""
    at_ns = START_NS + int(from_s * 1e9)
    while at_ns < START_NS + int(to_s * 1e9):
        next_ns = at_ns + int(every_ms * MS)
        stamps.learn(at_ns, server.frame_at(at_ns), 0)
        for _ in range(19):
            if stamps.settled:
                break
            at_ns += 4 * MS
            stamps.learn(at_ns, server.frame_at(at_ns), 0)
        at_ns = max(next_ns, at_ns)


@pytest.mark.parametrize("cycle", [1, 256, 1024, 2048])
def test_answers_that_are_late_by_up_to_a_cycle_do_no_harm(cycle: int) -> None:
    server, stamps = Server(cycle), Stamps(RATE)
    asked(server, stamps, 0.001, 2.0)
    assert stamps.settled
    assert stamps.sounded_ns(48_000) == pytest.approx(server.sounded_ns(48_000), abs=4.1 * MS)


def test_the_device_latency_counts() -> None:
    early, late = Stamps(RATE), Stamps(RATE)
    early.learn(START_NS, 480, 0)
    late.learn(START_NS, 480, -30 * MS)
    assert early.sounded_ns(480) == START_NS
    assert late.sounded_ns(480) == START_NS - 30 * MS
    assert late.sounded_ns(960) - late.sounded_ns(480) == 10 * MS


def test_answers_from_before_the_first_frame_are_passed_over() -> None:
    stamps = Stamps(RATE)
    stamps.learn(START_NS, 0, 0)
    assert not stamps.known
    stamps.learn(START_NS + 500 * MS, 480, 0)
    assert stamps.sounded_ns(480) == START_NS + 500 * MS


@pytest.mark.parametrize(("cycle", "error_ms"), [(1, 0.8), (1024, 5)])
def test_a_clock_that_is_off_is_followed(cycle: int, error_ms: float) -> None:
    server, stamps = Server(cycle, rate=RATE * (1 - 300e-6)), Stamps(RATE)
    for second in range(300):
        asked(server, stamps, second + 0.001, second + 1.0)
        frame = server.frame_at(START_NS + (second + 1) * 1_000 * MS)
        assert stamps.sounded_ns(frame) == pytest.approx(server.sounded_ns(frame), abs=error_ms * MS)


def test_a_server_that_stood_still_is_believed_at_once() -> None:
    server, stamps = Server(1024), Stamps(RATE)
    asked(server, stamps, 0.001, 3.0)
    server.origin_ns += 1_000 * MS
    at_ns = START_NS + 4_000 * MS
    stamps.learn(at_ns, server.frame_at(at_ns), 0)
    assert not stamps.settled
    assert stamps.sounded_ns(96_000) == pytest.approx(server.sounded_ns(96_000), abs=22 * MS)


def test_a_close_look_that_finds_nothing_leaves_the_best_that_was_known() -> None:
    server, stamps = Server(1), Stamps(RATE)
    asked(server, stamps, 0.001, 3.0)
    before_ns = stamps.sounded_ns(0)
    stamps.look_closely()
    for number in range(10):
        at_ns = START_NS + 3_000 * MS + number * 4 * MS
        stamps.learn(at_ns, server.frame_at(at_ns - 3 * MS), 0)
    assert stamps.settled
    assert stamps.sounded_ns(0) == pytest.approx(before_ns, abs=0.1 * MS)


@pytest.mark.parametrize("late_ms", [12, 21, 32, 55])
def test_a_small_jump_is_found_by_a_close_look(late_ms: int) -> None:
    server, stamps = Server(512), Stamps(RATE)
    asked(server, stamps, 0.001, 3.0)
    server.origin_ns += late_ms * MS
    asked(server, stamps, 3.0, 3.35)
    assert stamps.sounded_ns(0) == pytest.approx(server.sounded_ns(0), abs=4.1 * MS)


@pytest.mark.parametrize(("old", "new"), [(1024, 512), (512, 1024)])
def test_a_jump_and_a_new_cycle_are_found_at_once_when_told_to_look(old: int, new: int) -> None:
    server, stamps = Server(old), Stamps(RATE, cycle_late=True)
    asked(server, stamps, 0.001, 3.0)
    server.cycle, server.origin_ns = new, server.origin_ns + 8 * MS
    stamps.look_closely()
    assert stamps.cycle_frames == old  # what was known is good enough until then
    asked(server, stamps, 3.0, 3.01)
    assert stamps.settled
    assert stamps.cycle_frames == new
    assert stamps.sounded_ns(new) == pytest.approx(server.sounded_ns(0), abs=4.1 * MS)


def test_a_busy_server_that_answers_late_makes_no_jump() -> None:
    server, stamps = Server(512), Stamps(RATE)
    asked(server, stamps, 0.001, 3.0)
    before_ns = stamps.sounded_ns(0)
    at_ns = START_NS + 3_000 * MS
    for number in range(60):
        at_ns += 4 * MS
        late_ns = 0 if number % 3 == 0 else 40 * MS
        stamps.learn(at_ns, server.frame_at(at_ns - late_ns), 0)
    assert before_ns - 5 * MS < stamps.sounded_ns(0) <= before_ns


@pytest.mark.parametrize("cycle", [256, 512, 1024, 2048])
def test_the_cycle_is_found_out(cycle: int) -> None:
    server, stamps = Server(cycle), Stamps(RATE, cycle_late=True)
    at_ns = START_NS + 100 * MS
    for _ in range(20):
        if not stamps.settled:
            stamps.learn(at_ns, server.frame_at(at_ns), 0)
            at_ns += 4 * MS
    assert stamps.cycle_frames == cycle
    assert stamps.sounded_ns(cycle) == pytest.approx(server.sounded_ns(0), abs=4.1 * MS)


def test_few_answers_far_apart_make_no_cycle() -> None:
    stamps = Stamps(RATE, cycle_late=True)
    for number in (1, 2, 3):
        stamps.learn(START_NS + number * 100 * MS, number * 4_800, 0)
    assert stamps.cycle_frames == 0
    assert stamps.sounded_ns(0) == START_NS


def test_where_there_is_no_cycle_nothing_is_taken_off() -> None:
    dice = random.Random(1)
    stamps = Stamps(RATE, cycle_late=True)
    frame = 4_801
    for number in range(40):
        frame += dice.randrange(4_000, 5_600)
        stamps.learn(START_NS + frames_to_ns(frame, RATE) + number % 3, frame, 0)
    assert stamps.sounded_ns(0) == pytest.approx(START_NS, abs=0.1 * MS)


def test_a_date_that_is_set_between_question_and_answer_is_not_believed() -> None:
    asked_ns, told_ns = START_NS, START_NS + 2 * MS
    assert believable_ns(START_NS + MS, asked_ns, told_ns) == START_NS + MS
    for hour_ns in (-3_600_000 * MS, 3_600_000 * MS):
        assert believable_ns(START_NS + MS + hour_ns, asked_ns, told_ns) == told_ns, "as late as can be, never early"


def test_what_a_server_kept_before_it_ran_over_keeps_its_time() -> None:
    """PulseAudio, after a standstill of the recorder: 11 s are there, then 4 s are missing, and no number tells it."""
    kept, stamps = Server(1), Stamps(RATE)
    asked(kept, stamps, 0.001, 2.0)
    resumed_ns = START_NS + 17_000 * MS
    stamps.stood_still(resumed_ns)
    goes_on = Server(1, origin_ns=START_NS + 4_000 * MS)
    asked(goes_on, stamps, 17.005, 18.0)
    border = goes_on.frame_at(resumed_ns)
    early, late = border - RATE // 5, border + RATE // 5
    assert stamps.sounded_ns(early) == pytest.approx(kept.sounded_ns(early), abs=4.1 * MS)
    assert stamps.sounded_ns(late) == pytest.approx(goes_on.sounded_ns(late), abs=4.1 * MS)
    piece = np.zeros((RATE, 2), np.float32)
    (first, before), (second, after) = stamps.undoubted(border - RATE // 2, piece)
    assert first == border - RATE // 2
    assert first + len(before) == pytest.approx(border - RATE // 10, abs=RATE // 100)
    assert second == pytest.approx(border + RATE // 20, abs=RATE // 100)
    assert second + len(after) == border + RATE // 2


def test_a_standstill_in_which_the_server_kept_everything_moves_nothing() -> None:
    server, stamps = Server(1), Stamps(RATE)
    asked(server, stamps, 0.001, 2.0)
    stamps.stood_still(START_NS + 9_000 * MS)
    asked(server, stamps, 9.005, 10.0)
    border = server.frame_at(START_NS + 9_000 * MS)
    piece = np.zeros((480, 2), np.float32)
    assert [(at, len(part)) for at, part in stamps.undoubted(border - 240, piece)] == [(border - 240, 480)]
    assert stamps.sounded_ns(border - RATE) == pytest.approx(server.sounded_ns(border - RATE), abs=4.1 * MS)
