"""The mix thread, with a clock that the test moves: what is in the file, when it ends, and what it tells meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from capture.channel import Channel, Overflow
from capture.clock import NS_PER_MS, FakeClock
from capture.errors import OutputError
from capture.model import AudioBlock, AudioFormat, Device, DeviceKind, Notice
from capture.sound.grab import SourceBlock, SourceHole, SourceItem, SourceOpened
from capture.sound.mixer import Mixer, SourceMix
from capture.sound.track import QUIET
from capture.stages.sound import DRAIN_LIMIT_NS, SoundStage
from capture.stages.timing import Timing
from capture.worker import Worker
from tests.helpers.processes import wait_until
from tests.helpers.signals import Samples

RATE_HZ = 48_000
ORIGIN_NS = 1_000 * NS_PER_MS
BLOCK_MS = 50


class Encoder:
    def __init__(self) -> None:
        self.parts: list[Samples] = []
        self.flushed = False
        self.error: Exception | None = None

    def encode(self, samples: Samples) -> list[Any]:
        if self.error:
            raise self.error
        assert not self.flushed
        self.parts.append(samples.copy())
        return [len(samples)]

    def flush(self) -> list[Any]:
        self.flushed = True
        return ["the rest"]

    @property
    def sound(self) -> Samples:
        return np.concatenate(self.parts) if self.parts else np.zeros((0, 2), np.float32)

    @property
    def length_ms(self) -> float:
        return 1000 * sum(map(len, self.parts)) / RATE_HZ


class Case:
    """A stage in its own thread. Times are ms of the recording."""

    def __init__(self, sources: int = 1, separate: bool = False) -> None:
        self.clock = FakeClock(ORIGIN_NS)
        self.timing = Timing(ORIGIN_NS)
        self.encoders = [Encoder() for _ in range(sources if separate else 1)]
        self.items: Channel[SourceItem] = Channel("sound", 400, Overflow.BLOCK)
        self.packets: Channel[Any] = Channel("packets", 10_000, Overflow.BLOCK)
        self.levels: list[tuple[int, dict[str, float]]] = []
        self.opened: list[SourceOpened] = []
        self.notices: list[Notice] = []
        names = [f"source {number}" for number in range(sources)]
        self.mixer = Mixer(ORIGIN_NS, AudioFormat(RATE_HZ, 2), [SourceMix(name) for name in names], separate)
        self.stage = SoundStage(
            self.mixer,
            RATE_HZ,
            self.encoders,  # type: ignore[arg-type]
            self.items,
            self.packets,
            self.timing,
            self.clock,
            lambda at_ns, peaks: self.levels.append((at_ns, peaks)),
            self.opened.append,
            self.notices.append,
            pace_s=0.1,
        )
        self.worker = Worker("mix", lambda stop: self.stage.run(stop, []))

    def play(self, from_ms: int, to_ms: int, index: int = 0, peak: float = 0.5) -> None:
        """Blocks of a constant sound, each as it ends."""
        for start_ms in range(from_ms, to_ms, BLOCK_MS):
            block = np.full((BLOCK_MS * RATE_HZ // 1000, 2), peak, np.float32)
            self.items.put(SourceBlock(index, AudioBlock(ORIGIN_NS + start_ms * NS_PER_MS, block, RATE_HZ)))

    def pass_time_to(self, at_ms: int) -> None:
        """In steps that no thread could take for its having been held up."""
        for step_ms in range(round((self.clock.now_ns() - ORIGIN_NS) / NS_PER_MS), at_ms + 1, 200):
            self.go_to(step_ms)
            wait_until(self.has_told_levels, "a turn of the mix thread", 5)

    def go_to(self, at_ms: int) -> None:
        self.clock.advance(ORIGIN_NS + at_ms * NS_PER_MS - self.clock.now_ns())

    def end(self, at_ms: int) -> None:
        self.timing.end_ns = ORIGIN_NS + at_ms * NS_PER_MS

    def has_told_levels(self) -> bool:
        return bool(self.levels) and self.levels[-1][0] == self.clock.now_ns()

    def await_length(self, at_least_ms: float) -> None:
        wait_until(lambda: self.encoders[0].length_ms >= at_least_ms, f"{at_least_ms} ms", 5, self._length)

    def _length(self) -> str:
        return f"({self.encoders[0].length_ms} ms are there, fault: {self.worker.fault})"


@pytest.fixture
def cases() -> Iterator[list[Case]]:
    """For the cases of a test: their threads end with it."""
    made: list[Case] = []
    yield made
    for case in made:
        case.end(0)
        case.timing.hurry.set()
        case.worker.join(5)
        assert not case.worker.alive


def started(cases: list[Case], **words: Any) -> Case:
    cases.append(Case(**words))
    cases[-1].worker.start()
    return cases[-1]


def test_sound_up_to_the_end_and_not_beyond(cases: list[Case]) -> None:
    case = started(cases)
    case.play(0, 1000)
    case.go_to(1000)
    case.end(777)
    assert case.worker.join(5)
    assert case.encoders[0].length_ms == pytest.approx(777, abs=0.03)
    assert np.all(case.encoders[0].sound == 0.5)
    assert case.encoders[0].flushed
    assert case.packets.drain()[-1] == "the rest"


def test_the_end_waits_for_sound_that_is_on_its_way(cases: list[Case]) -> None:
    case = started(cases)
    case.play(0, 300)
    case.go_to(400)
    case.end(400)
    case.await_length(250)
    assert not case.worker.join(0.3)
    case.play(300, 450)
    assert case.worker.join(5)
    assert case.encoders[0].length_ms == pytest.approx(400, abs=0.03)
    assert np.all(case.encoders[0].sound == 0.5)
    assert not case.mixer.holes


def test_but_not_for_ever(cases: list[Case]) -> None:
    case = started(cases)
    case.play(0, 300)
    case.go_to(400)
    case.end(400)
    assert not case.worker.join(0.3)
    case.go_to(400 + DRAIN_LIMIT_NS // NS_PER_MS)
    assert case.worker.join(5)
    assert case.encoders[0].length_ms == pytest.approx(400, abs=0.03)
    assert np.all(case.encoders[0].sound[: 300 * 48] == 0.5)
    assert not case.encoders[0].sound[300 * 48 :].any()


def test_nor_at_all_when_somebody_is_in_a_hurry(cases: list[Case]) -> None:
    case = started(cases)
    case.play(0, 300)
    case.go_to(400)
    case.end(400)
    assert not case.worker.join(0.3)
    case.timing.hurry.set()
    assert case.worker.join(5)
    assert case.encoders[0].length_ms == pytest.approx(400, abs=0.03)


def test_a_source_that_lags_holds_the_other_up_for_a_while_only(cases: list[Case]) -> None:
    case = started(cases, sources=2)
    case.play(0, 1000, index=0, peak=0.25)
    case.play(0, 200, index=1, peak=0.5)
    case.pass_time_to(1000)
    case.await_length(290)
    sound = case.encoders[0].sound
    assert np.all(sound[: 200 * 48] == 0.75)
    assert np.all(sound[200 * 48 : 290 * 48] == 0.25)
    case.end(1000)
    case.timing.hurry.set()
    assert case.worker.join(5)
    assert [hole.source for hole in case.mixer.holes] == ["source 1"]


def test_each_source_its_own_track(cases: list[Case]) -> None:
    case = started(cases, sources=2, separate=True)
    case.play(0, 500, index=0, peak=0.25)
    case.play(0, 500, index=1, peak=0.5)
    case.go_to(500)
    case.end(500)
    assert case.worker.join(5)
    assert [float(encoder.sound.max()) for encoder in case.encoders] == [0.25, 0.5]
    assert {encoder.length_ms for encoder in case.encoders} == {500}


def test_a_pause_is_in_no_track_and_on_no_meter_of_the_file(cases: list[Case]) -> None:
    case = started(cases)
    case.timing.pauses.pause(ORIGIN_NS + 200 * NS_PER_MS)
    case.timing.pauses.resume(ORIGIN_NS + 600 * NS_PER_MS)
    case.play(0, 200, peak=0.25)
    case.play(200, 600, peak=0.9)
    case.play(600, 800, peak=0.25)
    case.go_to(800)
    case.end(800)
    assert case.worker.join(5)
    assert case.encoders[0].length_ms == pytest.approx(400, abs=0.03)
    assert float(case.encoders[0].sound.max()) == 0.25
    assert case.stage.meter.peak == 0.25


def test_a_hole_has_its_reason_and_what_follows_is_in_its_place(cases: list[Case]) -> None:
    case = started(cases)
    case.play(0, 200)
    case.items.put(SourceHole(0, ORIGIN_NS + 200 * NS_PER_MS, "unplugged"))
    case.play(500, 1500)
    case.go_to(1500)
    case.end(1500)
    assert case.worker.join(5)
    sound = case.encoders[0].sound[:, 0]
    assert [hole.reason for hole in case.mixer.holes] == ["unplugged"]
    silent = np.flatnonzero(sound == 0)
    assert silent[0] == pytest.approx(200 * 48, abs=300)
    assert silent[-1] == pytest.approx(500 * 48, abs=300)


def test_without_any_source_left_silence_goes_on_to_the_end(cases: list[Case]) -> None:
    case = started(cases)
    case.play(0, 200)
    case.items.close()
    case.pass_time_to(3000)
    case.await_length(2000)
    case.end(3000)
    case.timing.hurry.set()
    assert case.worker.join(5)
    assert case.encoders[0].length_ms == pytest.approx(3000, abs=0.03)


def test_levels_are_told_at_the_pace_in_pauses_too(cases: list[Case]) -> None:
    case = started(cases)
    case.timing.pauses.pause(ORIGIN_NS + 500 * NS_PER_MS)
    for until_ms in range(100, 1001, 100):
        case.play(until_ms - 100, until_ms, peak=0.5)
        case.go_to(until_ms)
        wait_until(case.has_told_levels, "the levels of now")
    case.end(1000)
    case.timing.pauses.finish(ORIGIN_NS + 1000 * NS_PER_MS)
    assert case.worker.join(5)
    assert 10 <= len(case.levels) <= 12
    steps = [later - earlier for (earlier, _), (later, _) in itertools.pairwise(case.levels)]
    assert min(steps) >= 100 * NS_PER_MS
    assert case.levels[5][1]["source 0"] == pytest.approx(-6.02, abs=0.01)
    assert case.levels[-1][1]["source 0"] == pytest.approx(-6.02, abs=0.01)


def test_a_source_that_was_opened_again_is_told(cases: list[Case]) -> None:
    case = started(cases)
    device = Device(DeviceKind.SPEAKER, "other", "Other speaker", True, RATE_HZ, 2)
    opened = SourceOpened(0, device, ORIGIN_NS)
    case.items.put(opened)
    wait_until(lambda: case.opened == [opened], "the news")


def test_what_came_before_the_thread_began_is_not_lost(cases: list[Case]) -> None:
    case = Case()
    cases.append(case)
    case.play(0, 500)
    early = case.items.drain()
    case.worker = Worker("mix", lambda stop: case.stage.run(stop, early))
    case.go_to(500)
    case.end(500)
    case.worker.start()
    assert case.worker.join(5)
    assert np.all(case.encoders[0].sound == 0.5)
    assert case.encoders[0].length_ms == 500


def test_a_broken_encoder_is_told(cases: list[Case]) -> None:
    case = started(cases)
    case.encoders[0].error = OutputError("the encoder failed")
    case.play(0, 500)
    case.go_to(500)
    assert case.worker.join(5)
    assert str(case.worker.fault) == "the encoder failed"


def test_a_source_that_stays_away_is_told_while_it_is_and_so_is_its_return(cases: list[Case]) -> None:
    case = started(cases)
    case.play(0, 200)
    case.pass_time_to(200)
    case.items.put(SourceHole(0, ORIGIN_NS + 200 * NS_PER_MS, "the sound server ended"))
    case.pass_time_to(1000)
    assert case.notices == []
    case.pass_time_to(1600)
    assert [notice.text for notice in case.notices] == [
        "source 0: the sound server ended; silence is recorded until it is back"
    ]
    case.pass_time_to(3000)
    case.play(3000, 3200)
    case.pass_time_to(3200)
    wait_until(lambda: len(case.notices) == 2, "word of the return", 5)
    assert case.notices[1].text.startswith("source 0 is recorded again, after 2.")
    assert not any(notice.degrades for notice in case.notices), "the result tells of the hole by itself"
    case.end(3200)
    assert case.worker.join(5)


@pytest.mark.parametrize("playing", [False, True])
def test_a_source_that_is_back_and_idle_is_back(cases: list[Case], playing: bool) -> None:
    case = started(cases)
    case.play(0, 200)
    case.pass_time_to(200)
    case.items.put(SourceHole(0, ORIGIN_NS + 200 * NS_PER_MS, "the sound server ended"))
    case.pass_time_to(1600)
    device = Device(DeviceKind.SPEAKER, "same", "Same speaker", True, RATE_HZ, 2, {"playing": playing})
    case.items.put(SourceOpened(0, device, ORIGIN_NS + 1600 * NS_PER_MS))
    case.pass_time_to(3000)
    assert len(case.notices) == (1 if playing else 2), "when something plays there, it is back once that is heard"
    case.end(3000)
    assert case.worker.join(5)
    ended, quiet = case.mixer.holes[0], case.mixer.holes[1:]
    assert ended.reason == "the sound server ended"
    assert ended.end_ns == ORIGIN_NS + (3000 if playing else 1600) * NS_PER_MS
    assert [hole.reason for hole in quiet] == ([] if playing else [QUIET])
