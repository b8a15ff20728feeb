"""What every sound system must do: the same cases on the one in memory, on PulseAudio and on PipeWire."""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from capture.errors import NoSoundServer, SourceLost, UnknownDevice
from capture.model import AudioBlock, Device, DeviceKind
from capture.sound.source import DeviceChange, SoundSource
from tests.capture.sound.benches import Bench, sine, wave_of
from tests.helpers.signals import RATE, Samples, exact_noise

# Generous: the machine may be busy. Nothing waits for it unless something is broken.
DEADLINE_S = 8.0
READ_S = 0.3


@contextmanager
def opened(source: SoundSource) -> Iterator[Device]:
    try:
        yield source.open()
    finally:
        source.close()


def listen(source: SoundSource, until: Callable[[list[AudioBlock]], bool]) -> list[AudioBlock]:
    """Read until `until` says that it is enough."""
    blocks: list[AudioBlock] = []
    deadline_s = time.monotonic() + DEADLINE_S
    while not until(blocks):
        assert time.monotonic() < deadline_s, f"waited in vain; {len(blocks)} blocks came"
        block = source.read(READ_S)
        if block is not None:
            blocks.append(block)
    return blocks


def read_or_open(source: SoundSource) -> AudioBlock | None:
    """Read; open it again when it is lost, as the grabber does."""
    try:
        return source.read(READ_S)
    except SourceLost:
        source.close()
        source.open()
        return None


def listen_for(source: SoundSource, length_s: float) -> list[AudioBlock]:
    return listen(source, lambda blocks: sum(block.frames for block in blocks) >= length_s * RATE)


def sounds(blocks: list[AudioBlock]) -> bool:
    return any(np.abs(block.samples).max() > 0.01 for block in blocks)


def hear(source: SoundSource) -> list[AudioBlock]:
    """Read until there is sound, and half a second more of it."""
    return listen(source, sounds) + listen_for(source, 0.5)


def level(blocks: list[AudioBlock], frequency_hz: float) -> float:
    """Amplitude of a tone in the last blocks, leakage of others kept below 1e-4 by the window."""
    samples = np.concatenate([block.samples for block in blocks])[-int(0.4 * RATE) :, 0]
    window = np.blackman(len(samples))
    phase = np.exp(-2j * np.pi * frequency_hz * np.arange(len(samples)) / RATE)
    return float(2 * abs(np.sum(samples * window * phase)) / np.sum(window))


def hush(source: SoundSource) -> None:
    """Read until there has been only silence for half a second, whether as zeros or as nothing."""
    deadline_s = time.monotonic() + DEADLINE_S
    loud_s = time.monotonic()
    while time.monotonic() < loud_s + 0.5:
        assert time.monotonic() < deadline_s, "there is still sound"
        block = source.read(READ_S)
        if block is not None and sounds([block]):
            loud_s = time.monotonic()


def lost(source: SoundSource) -> str:
    """Read until the source is lost, and say why."""
    with pytest.raises(SourceLost) as caught:
        listen(source, lambda blocks: False)
    return str(caught.value)


def place(samples: Samples, reference: Samples) -> int:
    """The frame of `reference` at which `samples` begin; exactly."""
    at = np.flatnonzero((reference[: -len(samples)] == samples[0]).all(axis=1))
    compared = min(32, len(samples))
    found = [int(i) for i in at if np.array_equal(reference[i : i + compared], samples[:compared])]
    assert found, "these samples were never played"
    return found[0]


def without_leading_silence(blocks: list[AudioBlock]) -> list[tuple[int, Samples]]:
    """(start_ns, samples) from the first frame on that is not digital silence."""
    pieces: list[tuple[int, Samples]] = []
    for block in blocks:
        loud = np.flatnonzero(np.abs(block.samples).max(axis=1) > 0)
        if pieces:
            pieces.append((block.start_ns, block.samples))
        elif len(loud):
            pieces.append((block.start_ns + int(loud[0]) * 1_000_000_000 // RATE, block.samples[loud[0] :]))
    return pieces


# --- streams --------------------------------------------------------------------------------------------------------


def test_open_tells_what_is_listened_to(bench: Bench) -> None:
    source = bench.sound.loopback(None)
    with opened(source) as device:
        assert (device.kind, device.id) == (DeviceKind.SPEAKER, bench.speaker)
        bench.play("Tone", sine(440))
        block = hear(source)[-1]
        assert (block.samplerate, block.samples.shape[1]) == (device.samplerate, 2)
        assert block.samples.dtype == np.float32


def test_what_is_played_arrives_bit_for_bit(bench: Bench) -> None:
    noise = exact_noise(12.0)
    source = bench.sound.loopback(None)
    with opened(source):
        bench.play("Noise", wave_of(noise))
        listen(source, sounds)
        recorded = np.concatenate([block.samples for block in listen_for(source, 2.0)])
        first = place(recorded, noise)
        np.testing.assert_array_equal(recorded, noise[first : first + len(recorded)])


def test_stamps_tell_when_it_sounded(bench: Bench) -> None:
    noise = exact_noise(15.0)
    player = bench.play("Noise", wave_of(noise))
    source = bench.sound.loopback(None)
    with opened(source):
        blocks = listen(source, sounds) + listen_for(source, 2.5)
        origin_ns = player.origin_ns()
        pieces = without_leading_silence(blocks)
        at = place(pieces[0][1], noise)
        errors_ms = []
        for start_ns, samples in pieces:
            errors_ms.append((start_ns - (origin_ns + at * 1e9 / RATE)) / 1e6)
            at += len(samples)
        assert max(map(abs, errors_ms)) < 20, errors_ms
        assert abs(statistics.median(errors_ms)) < 8, errors_ms
        # A few milliseconds back are the server's wavering; the timeline smooths them.
        steps_ms = [(next_ns - ns) / 1e6 - len(s) * 1e3 / RATE for (ns, s), (next_ns, _) in itertools.pairwise(pieces)]
        assert max(map(abs, steps_ms)) < 20, steps_ms


def test_a_sound_that_begins_in_silence_is_in_its_place(bench: Bench) -> None:
    noise = exact_noise(12.0)
    source = bench.sound.loopback(None)
    with opened(source):
        player = bench.play("Noise", wave_of(noise))
        pieces = without_leading_silence(listen(source, sounds) + listen_for(source, 1.0))
        start_ns, samples = pieces[0]
        first = place(samples, noise)
        # PulseAudio's monitors leave out what was already mixed when the sound began, the latency at most.
        assert first < 0.05 * RATE
        assert abs(start_ns - player.origin_ns() - first * 1e9 / RATE) < 20e6


def test_a_suspended_speaker_holds_nobody_up(bench: Bench) -> None:
    source = bench.sound.loopback(None)
    with opened(source):
        # PulseAudio then gives nothing; PipeWire wakes the speaker at once, for whoever listens to it.
        bench.suspend(bench.speaker)
        for _ in range(5):
            begun_s = time.monotonic()
            read_or_open(source)
            assert time.monotonic() - begun_s < READ_S + 1.0
        bench.resume(bench.speaker)
        bench.play("Tone", sine(440))
        hear(source)


def test_what_plays_on_a_speaker_that_was_suspended_is_heard_again(bench: Bench) -> None:
    bench.play("Tone", sine(440))
    source = bench.sound.loopback(None)
    with opened(source):
        hear(source)
        bench.suspend(bench.speaker)
        bench.resume(bench.speaker)
        late_ns = time.monotonic_ns() + 500_000_000
        deadline_s = time.monotonic() + DEADLINE_S
        block = None
        while block is None or block.start_ns < late_ns or not sounds([block]):
            assert time.monotonic() < deadline_s, "it is not heard again"
            block = read_or_open(source)


def test_a_read_waits_no_longer_than_it_was_told(bench: Bench) -> None:
    player = bench.play("Tone", sine(440))
    source = bench.sound.application("Tone")
    with opened(source):
        player.stop()
        hush(source)
        begun_s = time.monotonic()
        assert source.read(READ_S) is None
        assert READ_S - 0.01 <= time.monotonic() - begun_s < READ_S + 1.0


def test_wake_ends_a_waiting_read(bench: Bench) -> None:
    player = bench.play("Tone", sine(440))
    source = bench.sound.application("Tone")
    with opened(source):
        player.stop()
        hush(source)
        threading.Timer(0.2, source.wake).start()
        begun_s = time.monotonic()
        assert source.read(30.0) is None
        assert time.monotonic() - begun_s < 5.0


def test_closing_ends_all_threads_and_may_be_repeated(bench: Bench) -> None:
    source = bench.sound.loopback(None)
    before = set(threading.enumerate())
    for _ in range(5):
        source.open()
        source.read(READ_S)
        source.close()
        source.close()
    deadline_s = time.monotonic() + DEADLINE_S
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline_s:
        for thread in left:
            thread.join(0.1)
    assert not left


# --- following the listener -----------------------------------------------------------------------------------------


def test_a_new_default_speaker_is_followed(bench: Bench) -> None:
    bench.add_speaker("headphones")
    bench.set_default_speaker(bench.speaker)
    source = bench.sound.loopback(None)
    with opened(source) as device:
        assert device.id == bench.speaker
        bench.set_default_speaker("headphones")
        assert "default speaker changed" in lost(source)
        source.close()
        assert source.open().id == "headphones"
        bench.play("Tone", sine(440), "headphones")
        hear(source)
    bench.set_default_speaker(bench.speaker)


def test_a_removed_speaker_is_lost_and_another_takes_its_place(bench: Bench) -> None:
    bench.add_speaker("headphones")
    bench.set_default_speaker("headphones")
    source = bench.sound.loopback(None)
    with opened(source) as device:
        assert device.id == "headphones"
        bench.remove("headphones")
        reason = lost(source)
        assert "headphones" in reason
        assert "removed" in reason or "changed" in reason
        source.close()
        assert source.open().id == bench.speaker


def test_a_named_speaker_is_replaced_while_it_is_away(bench: Bench) -> None:
    bench.add_speaker("headphones")
    bench.set_default_speaker(bench.speaker)
    source = bench.sound.loopback("HEADPHONES")
    with opened(source) as device:
        assert device.id == "headphones"
        bench.remove("headphones")
        assert "headphones" in lost(source)
        source.close()
        replacement = source.open()
        assert replacement.id == bench.speaker
        assert replacement.detail["instead_of"] == "headphones"
        bench.add_speaker("headphones")
        assert "headphones" in lost(source)
        source.close()
        assert source.open().id == "headphones"
        bench.set_default_speaker(bench.speaker)


def test_a_named_speaker_is_kept_when_the_default_changes(bench: Bench) -> None:
    bench.add_speaker("headphones")
    bench.set_default_speaker(bench.speaker)
    source = bench.sound.loopback(bench.speaker)
    with opened(source):
        bench.set_default_speaker("headphones")
        bench.play("Tone", sine(440), bench.speaker)
        hear(source)
    bench.set_default_speaker(bench.speaker)


def test_unknown_speakers_and_microphones_are_refused_with_what_there_is(bench: Bench) -> None:
    bench.add_speaker("desk_left")
    bench.add_speaker("desk_right")
    with pytest.raises(UnknownDevice, match="kitchen"):
        bench.sound.loopback("kitchen")
    with pytest.raises(UnknownDevice, match=r"desk_left.*desk_right|desk_right.*desk_left"):
        bench.sound.loopback("desk")
    with pytest.raises(UnknownDevice, match="kitchen"):
        bench.sound.microphone("kitchen")
    bench.set_default_speaker(bench.speaker)


# --- microphones ----------------------------------------------------------------------------------------------------


def test_no_monitor_is_ever_taken_for_a_microphone(bench: Bench) -> None:
    with pytest.raises(UnknownDevice, match="microphone"):
        bench.sound.microphone("default").open()
    with pytest.raises(UnknownDevice):
        bench.sound.microphone(f"{bench.speaker}.monitor")


def test_a_microphone_gives_what_is_spoken_into_it(bench: Bench) -> None:
    bench.add_microphone("desk_mic")
    bench.set_default_speaker(bench.speaker)
    source = bench.sound.microphone("default")
    with opened(source) as device:
        assert (device.kind, device.id) == (DeviceKind.MICROPHONE, "desk_mic")
        bench.play("Tone", sine(1000), bench.speaker)
        bench.speak("desk_mic", sine(440))
        blocks = hear(source)
        assert level(blocks, 440) > 0.1
        assert level(blocks, 1000) < 1e-3


# --- applications ---------------------------------------------------------------------------------------------------


def test_two_applications_are_recorded_apart(bench: Bench) -> None:
    bench.play("Low", sine(440))
    bench.play("High", sine(1000))
    low, high = bench.sound.application("low"), bench.sound.application("HIGH")
    assert (low.name, high.name) == ("Low", "High")
    with opened(low) as device, opened(high):
        assert device.kind is DeviceKind.APPLICATION
        of_low, of_high = hear(low), hear(high)
    assert level(of_low, 440) > 0.2
    assert level(of_low, 1000) < 1e-3
    assert level(of_high, 1000) > 0.2
    assert level(of_high, 440) < 1e-3


def test_all_streams_of_an_application_are_added_up(bench: Bench) -> None:
    bench.play("Browser", sine(440))
    source = bench.sound.application("browser")
    with opened(source):
        hear(source)
        bench.play("Browser", sine(1000))
        both = listen(source, lambda blocks: bool(blocks) and level(blocks[-10:], 1000) > 0.2)
        both = listen_for(source, 1.0)
        assert level(both, 440) == pytest.approx(0.25, abs=0.01)
        assert level(both, 1000) == pytest.approx(0.25, abs=0.01)


def test_an_application_may_go_and_come_back(bench: Bench) -> None:
    player = bench.play("Player", sine(440))
    bench.play("Other", sine(1000))
    source = bench.sound.application("Player")
    with opened(source):
        hear(source)
        player.stop()
        # What is on its way comes first; then there is silence, not the other application.
        hush(source)
        assert source.read(READ_S) is None
        bench.play("Player", sine(700))
        blocks = hear(source)
        assert level(blocks, 700) > 0.2
        assert level(blocks, 1000) < 1e-3


def test_a_paused_application_is_silent(bench: Bench) -> None:
    player = bench.play("Player", sine(440))
    source = bench.sound.application("Player")
    with opened(source):
        hear(source)
        player.pause()
        hush(source)


def test_an_application_is_followed_to_another_speaker(bench: Bench) -> None:
    bench.add_speaker("headphones")
    bench.set_default_speaker(bench.speaker)
    player = bench.play("Player", sine(440), bench.speaker)
    source = bench.sound.application("Player")
    with opened(source):
        hear(source)
        bench.play("Other", sine(1000), "headphones")
        player.move("headphones")
        listen_for(source, 0.5)
        blocks = hear(source)
        assert level(blocks, 440) > 0.2
        assert level(blocks, 1000) < 1e-3


def test_an_application_that_does_not_play_is_refused(bench: Bench) -> None:
    bench.play("Browser", sine(440))
    with pytest.raises(UnknownDevice, match="Signal") as caught:
        bench.sound.application("Signal")
    assert "Browser" in f"{caught.value} {caught.value.hint}"


# --- the system as a whole ------------------------------------------------------------------------------------------


def test_devices_lists_speakers_microphones_and_applications(bench: Bench) -> None:
    bench.add_microphone("desk_mic")
    bench.set_default_speaker(bench.speaker)
    bench.play("Tone", sine(440), bench.speaker)
    devices = {(device.kind, device.name): device for device in bench.sound.devices()}
    speaker = next(d for d in devices.values() if d.id == bench.speaker)
    assert speaker.kind is DeviceKind.SPEAKER
    assert speaker.is_default
    assert speaker.samplerate == RATE
    assert speaker.detail["monitor"]
    assert speaker.detail["state"] in ("running", "idle", "suspended")
    assert not any("onitor" in d.id for d in devices.values() if d.kind is DeviceKind.MICROPHONE)
    assert any(d.id == "desk_mic" for d in devices.values() if d.kind is DeviceKind.MICROPHONE)
    tone = devices[DeviceKind.APPLICATION, "Tone"]
    assert tone.detail["playing"] is True
    assert tone.detail["speaker"] == bench.speaker


def test_the_watch_tells_of_changes(bench: Bench) -> None:
    seen: list[str] = []
    changed = threading.Condition()

    def note(change: DeviceChange) -> None:
        with changed:
            seen.append(change.what)
            changed.notify_all()

    def told(what: str) -> bool:
        with changed:
            return changed.wait_for(lambda: what in seen, DEADLINE_S)

    watch = bench.sound.watch(note)
    try:
        # The first look has no one before it to differ from; an application that comes is told of after it.
        bench.sound.devices()
        bench.play("First", sine(300))
        assert told("application")
        bench.add_speaker("headphones")
        assert told("speaker")
        seen.clear()
        bench.set_default_speaker("headphones")
        assert told("default")
    finally:
        watch.close()
        watch.close()
    bench.set_default_speaker(bench.speaker)


def test_sounding_finds_the_speakers_that_play(bench: Bench) -> None:
    bench.add_speaker("headphones")
    bench.set_default_speaker(bench.speaker)
    bench.play("Tone", sine(440), "headphones")
    source = bench.sound.loopback("headphones")
    with opened(source):
        hear(source)
    assert [speaker.id for speaker in bench.sound.sounding(0.5)] == ["headphones"]


# --- faults ---------------------------------------------------------------------------------------------------------


def test_a_killed_server_is_lost_and_found_again(own_bench: Bench) -> None:
    source = own_bench.sound.loopback(None)
    with opened(source):
        own_bench.play("Tone", sine(440))
        hear(source)
        own_bench.kill()
        assert "server" in lost(source)
        source.close()
        begun_s = time.monotonic()
        with pytest.raises(NoSoundServer):
            source.open()
        with pytest.raises(NoSoundServer):
            own_bench.sound.devices()
        assert time.monotonic() - begun_s < 4.0
        own_bench.restart()
        source.open()
        own_bench.play("Tone", sine(1000))
        assert level(hear(source), 1000) > 0.2


def test_a_killed_server_ends_an_applications_source(own_bench: Bench) -> None:
    own_bench.play("Player", sine(440))
    source = own_bench.sound.application("Player")
    with opened(source):
        hear(source)
        own_bench.kill()
        assert "server" in lost(source)
        source.close()
        own_bench.restart()
        source.open()
        own_bench.play("Player", sine(700))
        assert level(hear(source), 700) > 0.2


def test_a_frozen_server_holds_nobody_up(own_bench: Bench) -> None:
    source, other = own_bench.sound.loopback(None), own_bench.sound.loopback(None)
    with opened(source), opened(other):
        own_bench.play("Tone", sine(440))
        hear(source)
        own_bench.freeze()
        listen(source, lambda blocks: source.read(READ_S) is None)
        begun_s = time.monotonic()
        assert source.read(READ_S) is None
        assert time.monotonic() - begun_s < READ_S + 1.0
        begun_s = time.monotonic()
        other.close()
        assert time.monotonic() - begun_s < 3.0
        begun_s = time.monotonic()
        with pytest.raises(NoSoundServer, match="stopped answering"):
            other.open()
        with pytest.raises(NoSoundServer, match="stopped answering"):
            own_bench.sound.devices()
        assert time.monotonic() - begun_s < 5.0
        own_bench.thaw()
        hear(source)
        other.open()


def test_what_follows_a_freeze_is_in_its_place(own_bench: Bench) -> None:
    noise = exact_noise(20.0)
    player = own_bench.play("Noise", wave_of(noise))
    source = own_bench.sound.loopback(None)
    with opened(source):
        hear(source)
        own_bench.freeze()
        listen(source, lambda blocks: source.read(READ_S) is None)
        frozen_ns = time.monotonic_ns()
        own_bench.thaw()
        # The server may first give what it should have played meanwhile; what sounds now is what counts.
        after = listen(source, lambda blocks: sounds([b for b in blocks if b.start_ns > frozen_ns]))
        after += listen_for(source, 2.0)
        block = next(b for b in reversed(after) if sounds([b]))
        origin_ns = player.origin_ns()
        first = place(block.samples, noise)
        assert abs(block.start_ns - origin_ns - first * 1e9 / RATE) < 20e6
