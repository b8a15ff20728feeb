"""Resampling into place: the resamplers' measured numbers, no click, four hours of a clock that is off."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import numpy as np
import pytest

from capture.model import AudioFormat
from capture.sound.drift import DriftStage
from capture.sound.mixer import Mixer, SourceMix
from capture.sound.resample import FixedRate, VariableRate
from capture.sound.timeline import Timeline
from tests.helpers.simulated_source import (
    JITTERS,
    ORIGIN_NS,
    PIPEWIRE_S,
    Samples,
    Seconds,
    SimulatedSource,
    lateness_s,
    low_and_high,
    roughness,
    steady,
    warming,
)

RATE = 48_000


def tone(frequency_hz: float, frames: int, peak: float = 0.5, samplerate: int = RATE) -> Samples:
    values = peak * np.sin(2.0 * np.pi * frequency_hz * np.arange(frames) / samplerate)
    return values.astype(np.float32)[:, None]


def in_blocks(samples: Samples, push: Callable[[Samples], Samples], block: int = 2400) -> Samples:
    return np.concatenate([push(samples[at : at + block]) for at in range(0, len(samples), block)])


def centre(samples: Samples, around: int, reach: int = 4000) -> float:
    """The centre of an impulse, whatever filter it went through: where the low frequencies' phase says it is."""
    piece = samples[around - reach : around + reach, 0].astype(np.float64)
    turn = np.exp(-2j * np.pi * 500.0 / RATE * np.arange(-reach, reach))
    return around - float(np.angle(np.sum(piece * turn))) * RATE / (2.0 * np.pi * 500.0)


# --- the library, as it was measured ---


@pytest.mark.parametrize("ratio", [0.999, 1.0, 1.0003])
def test_the_variable_resampler_looks_ahead_and_is_late_as_written(ratio: float) -> None:
    """resample.py builds on these numbers of libsoxr; a new version of it may have others."""
    resampler = VariableRate(1)
    impulse = np.zeros((RATE, 1), np.float32)
    impulse[20_000] = 1.0
    given = in_blocks(impulse, lambda block: resampler.push(block, ratio))
    held_back = RATE - ratio * len(given)
    assert resampler.lookahead - 0.5 < held_back < resampler.lookahead + 1.5
    at = centre(given, round(20_000 / ratio))
    assert at * ratio == pytest.approx(20_000 + resampler.delay, abs=0.01)


@pytest.mark.parametrize("rates", [(44_100, 48_000), (48_000, 44_100), (16_000, 48_000), (96_000, 48_000)])
def test_a_fixed_conversion_shifts_nothing_and_loses_nothing(rates: tuple[int, int]) -> None:
    rate_in, rate_out = rates
    resampler = FixedRate(rate_in, rate_out, 1)
    frames = rate_in + 77
    impulse = np.zeros((frames, 1), np.float32)
    impulse[rate_in // 2] = 1.0
    given = in_blocks(impulse, resampler.push)
    pending = resampler.pending
    rest = resampler.flush()
    whole = np.concatenate([given, rest])
    assert len(rest) == pending
    assert resampler.pending == 0
    assert len(whole) == int(frames * rate_out / rate_in + 0.5)
    assert abs(int(np.argmax(np.abs(whole))) - rate_out // 2) <= 1


# --- one segment ---


def engaged_stage(rate: float = 0.0) -> tuple[DriftStage, Timeline]:
    """A stage whose timeline has begun at 0 s and is sure of the rate."""
    timeline = Timeline()
    for number in range(3):
        timeline.add(number * 0.05, 0.05)
    timeline.clock.rate = rate
    return DriftStage(RATE, 1, timeline), timeline


def test_left_alone_the_arrays_are_the_same() -> None:
    stage, _ = engaged_stage()
    stage.begin(100, 0.0)
    block = tone(1000.0, 2400)
    assert stage.push(block) is block
    assert stage.next_frame == 2500
    assert stage.pending == 0
    assert len(stage.flush()) == 0


@pytest.mark.parametrize("block", [97, 480, 2400, 9600])
@pytest.mark.parametrize("frequency_hz", [60.0, 997.0, 9000.0])
def test_engaging_does_not_click(frequency_hz: float, block: int) -> None:
    stage, timeline = engaged_stage(rate=-300e-6)
    stage.begin(0, 0.0)
    sound = tone(frequency_hz, 2 * RATE)
    first = in_blocks(sound[: RATE // 2], stage.push, block)
    timeline.drift.engaged = True
    rest = in_blocks(sound[RATE // 2 :], stage.push, block)
    whole = np.concatenate([first, rest, stage.flush()])[:, 0]
    assert stage.next_frame == len(whole)
    # The end is cut off where the resampler knows nothing of what follows. High tones shift by 0.2 frames, smoothly.
    rough = roughness(whole[:-480], frequency_hz, RATE)
    assert rough.max() < 10 ** ((-60 if frequency_hz < 1000 else -40) / 20)
    assert np.array_equal(first, sound[: len(first)])


@pytest.mark.parametrize("history", [0, 100, 24_000])
def test_a_resampled_impulse_is_in_its_place(history: int) -> None:
    """Whether the segment begins resampled, or is resampled from some frame on."""
    stage, timeline = engaged_stage()
    sound = np.zeros((RATE, 1), np.float32)
    sound[30_000] = 1.0
    timeline.drift.engaged = not history
    stage.begin(500, 0.0)
    head = in_blocks(sound[:history], stage.push) if history else sound[:0]
    timeline.drift.engaged = True
    # The place it is told to be at is where it is put already: nothing pulls it.
    timeline._begin_s = 500 / RATE
    whole = np.concatenate([head, in_blocks(sound[history:], stage.push), stage.flush()])
    assert len(whole) == pytest.approx(RATE, abs=1)
    assert centre(whole, 30_000) == pytest.approx(30_000, abs=0.5)


def test_what_is_pending_comes_out_at_the_end() -> None:
    stage, timeline = engaged_stage()
    timeline.drift.engaged = True
    stage.begin(0, 0.0)
    given = in_blocks(tone(100.0, 24_000), stage.push)
    pending = stage.pending
    assert 200 < pending < 300
    assert len(stage.flush()) == pytest.approx(pending, abs=1)
    assert len(given) + pending == pytest.approx(24_000, abs=2)


# --- hours, with a resampler that only counts ---


class Counting:
    """Behaves as VariableRate does, its steps of 2e-8 in the ratio included, but makes no samples."""

    lookahead = 240
    delay = 1.614

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._fed = 0
        self._used = 0.0

    @property
    def held_back(self) -> float:
        """Frames that went in and have not come out."""
        return self._fed - self._used + self.delay

    def push(self, samples: Samples, ratio: float) -> Samples:
        self._fed += len(samples)
        ratio = round(ratio / 2e-8) * 2e-8
        count = max(0, int((self._fed - self.lookahead - self._used) / ratio))
        self._used += count * ratio
        return np.broadcast_to(np.float32(0.0), (count, self._channels))

    def flush(self) -> Samples:
        return np.zeros((0, self._channels), np.float32)


class Hours:
    """A long recording of one source, of which only the frames are counted."""

    def __init__(self, clock: Callable[[Seconds], Seconds], jitter_s: float, hours: float, seed: int = 1) -> None:
        block = 4800
        starts = np.arange(0, round(hours * 3600 * RATE), block)
        stamps_s = clock(starts / RATE) + np.random.default_rng(seed).uniform(-jitter_s, jitter_s, len(starts))
        silence = np.broadcast_to(np.float32(0.0), (block, 1))
        made: list[Counting] = []

        def make(channels: int) -> Counting:
            made.append(Counting(channels))
            return made[-1]

        timeline = Timeline()
        stage = DriftStage(RATE, 1, timeline, make)
        rows: list[tuple[float, float]] = []
        self.engaged_s = np.inf
        self.breaks = 0
        for start, stamp_s in zip(starts.tolist(), stamps_s.tolist(), strict=True):
            step = timeline.add(stamp_s, block / RATE)
            if step.begin_s is not None:
                stage.begin(round(step.begin_s * RATE), 0.0)
            for _ in range(step.take):
                stage.push(silence)
            if made:
                self.engaged_s = min(self.engaged_s, start / RATE)
            held_back = made[-1].held_back if made else 0.0
            if timeline.begun:
                rows.append((start + block - held_back, stage.next_frame))
        self.breaks = timeline.breaks
        own, placed = np.array(rows).T
        true_s = clock(own / RATE)
        self.at_s: Seconds = true_s
        self.error_s: Seconds = placed / RATE - true_s
        # How fast sound goes by in the recording, against how fast it went by; over two seconds.
        span = round(2.0 * RATE / block)
        self.pitch_at_s: Seconds = true_s[span:]
        pace = (true_s[span:] - true_s[:-span]) / (placed[span:] - placed[:-span]) * RATE
        self.pitch_ppm: Seconds = (pace - 1.0) * 1e6

    def settled(self, after_s: float = 120.0) -> tuple[float, float]:
        """The largest error (s) and pitch error (ppm) from `after_s` after it was engaged."""
        errors = np.abs(self.error_s[self.at_s > self.engaged_s + after_s])
        pitches = np.abs(self.pitch_ppm[self.pitch_at_s > self.engaged_s + after_s])
        return float(errors.max()), float(pitches.max())


@pytest.mark.parametrize("jitter", JITTERS)
@pytest.mark.parametrize("ppm", [300.0, -300.0])
def test_four_hours_of_300_ppm_end_in_place(ppm: float, jitter: str) -> None:
    run = Hours(steady(ppm), JITTERS[jitter], hours=4.0)
    error_s, pitch_ppm = run.settled()
    assert run.engaged_s < 60.0
    assert run.breaks == 0
    assert abs(run.error_s[-1]) < 0.005
    assert error_s < 0.005
    assert pitch_ppm < 50.0
    assert np.abs(run.error_s).max() < 0.020  # on the way, too, nobody sees it


@pytest.mark.parametrize("jitter", JITTERS)
def test_a_clock_that_warms_up_is_followed(jitter: str) -> None:
    """60 ppm off, swinging by 25 ppm within 40 minutes: the fan comes on and goes off."""
    run = Hours(warming(60.0, 25.0, 2400.0), JITTERS[jitter], hours=2.0)
    error_s, pitch_ppm = run.settled()
    assert error_s < 0.005
    assert pitch_ppm < 50.0


@pytest.mark.parametrize("ppm", [1000.0, -1000.0])
def test_a_clock_that_is_far_off_does_not_fall_apart(ppm: float) -> None:
    run = Hours(steady(ppm), PIPEWIRE_S, hours=0.5)
    error_s, pitch_ppm = run.settled(180.0)
    assert run.breaks == 0
    assert np.abs(run.error_s).max() < 0.045  # on the way; BT.1359's limit of what viewers notice
    assert error_s < 0.005
    assert pitch_ppm < 50.0


@pytest.mark.parametrize("ppm", [10.0, -50.0])
def test_a_good_clock_is_left_alone_for_minutes_and_then_kept_in_place(ppm: float) -> None:
    run = Hours(steady(ppm), PIPEWIRE_S, hours=1.0)
    assert run.engaged_s > 60.0
    assert run.settled(0.0)[0] < 0.016
    assert run.settled()[0] < 0.005


# --- the whole way, with the real resampler ---


def recorded(source: SimulatedSource, end_s: float, samplerate: int = RATE) -> tuple[Samples, Mixer]:
    mixer = Mixer(ORIGIN_NS, AudioFormat(samplerate, source.channels), [SourceMix("system")])
    parts = []
    for true_s, block in source.blocks(end_s):
        mixer.add(0, block)
        parts += mixer.mix(ORIGIN_NS + round((true_s + 0.02) * 1e9)) or []
    assert mixer.tracks[0].timeline.drift.engaged
    parts += chain(*mixer.finish(ORIGIN_NS + round(end_s * 1e9)))
    return np.concatenate(parts), mixer


def check_tones(source: SimulatedSource, minutes: float, settled_s: float, samplerate: int) -> None:
    """Low tone left, high tone right: in place at the end, no click anywhere, no pitch error once settled."""
    low_hz, high_hz = 40.0, 997.0 if samplerate > 8000 else 97.0
    source.signal = low_and_high(low_hz, high_hz)
    sound, mixer = recorded(source, minutes * 60.0, samplerate)
    assert mixer.holes == []
    assert mixer.dropped == []
    settled = round(settled_s * 10)
    late_s = lateness_s(sound[:, 0], low_hz, samplerate)
    assert np.abs(late_s[settled:]).max() < 0.005
    assert np.abs(late_s[-10:]).max() < 0.005
    high_late_s = lateness_s(sound[:, 1], high_hz, samplerate, every_s=0.5)
    pitch_ppm = np.diff(high_late_s[:: 2 * 2]) / 2.0 * 1e6
    assert np.abs(pitch_ppm[settled // 20 :]).max() < 50.0
    # The last 30 ms are as the resampler knows nothing of what follows.
    assert roughness(sound[: -samplerate // 30, 1], high_hz, samplerate).max() < 10 ** (-60 / 20)


@pytest.mark.parametrize(("ppm", "jitter"), [(300.0, "pipewire"), (-300.0, "pulse")])
def test_five_minutes_of_300_ppm_sound_right(ppm: float, jitter: str) -> None:
    source = SimulatedSource(low_and_high(40.0, 997.0), steady(ppm), jitter_s=JITTERS[jitter])
    check_tones(source, 5.0, 160.0, RATE)


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("jitter", JITTERS)
@pytest.mark.parametrize("ppm", [300.0, -300.0])
def test_four_hours_of_300_ppm_sound_right(ppm: float, jitter: str) -> None:
    """As above for the length that was promised, at a sample rate at which that is quick."""
    source = SimulatedSource(
        low_and_high(40.0, 97.0), steady(ppm), samplerate=2000, block_s=0.1, jitter_s=JITTERS[jitter]
    )
    check_tones(source, 240.0, 200.0, 2000)


@pytest.mark.parametrize("rate_in", [44_100, 96_000, 32_000])
def test_other_sample_rates_drift_too(rate_in: int) -> None:
    source = SimulatedSource(low_and_high(40.0, 997.0), steady(200.0), samplerate=rate_in, jitter_s=0.00005)
    check_tones(source, 2.5, 120.0, RATE)
