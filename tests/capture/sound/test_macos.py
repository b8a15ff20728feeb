"""Sound on macOS, on a stand-in for the library: no loopback but virtual devices, waits without end."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from capture.clock import NS_PER_MS, NS_PER_S, FakeClock
from capture.errors import CaptureError, SourceLost
from capture.model import DeviceKind
from capture.sound.macos import LATENCY_PROPERTY, NOMINAL_SAMPLERATE_PROPERTY, SAFETY_OFFSET_PROPERTY, MacSound
from capture.sound.soundcard_desk import Desk
from tests.helpers.fake_soundcard import FakeDevice, FakeSoundcard, read_until_lost

WAIT_S = 5.0


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSoundcard]:
    library = FakeSoundcard("macos")
    speakers = FakeDevice(41, "MacBook Pro Speakers")
    blackhole = FakeDevice(52, "BlackHole 2ch")
    headset = FakeDevice(63, "USB Headset", channels=1)
    microphone = FakeDevice(74, "MacBook Pro Microphone", channels=1)
    library.speakers = [speakers, blackhole, headset]
    library.microphones = [microphone, blackhole, headset]
    library.default_speaker = speakers
    library.default_microphone = microphone
    library.install(monkeypatch)
    yield library
    library.release()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(now_ns=1000 * NS_PER_S)


@pytest.fixture
def sound(library: FakeSoundcard, clock: FakeClock) -> Iterator[MacSound]:
    desk = Desk()
    yield MacSound(desk, clock)
    library.release()
    desk.close()


def test_what_an_ordinary_speaker_plays_is_refused_with_the_way_out(sound: MacSound) -> None:
    for speaker in (None, "MacBook Pro Speakers"):
        with pytest.raises(CaptureError, match="MacBook Pro Speakers") as caught:
            sound.loopback(speaker)
        assert "BlackHole" in caught.value.hint


def test_a_headsets_microphone_is_never_taken_for_what_it_plays(sound: MacSound) -> None:
    with pytest.raises(CaptureError, match="USB Headset"):
        sound.loopback("USB Headset")


def test_a_virtual_device_is_the_loopback_when_named(sound: MacSound, library: FakeSoundcard) -> None:
    source = sound.loopback("blackhole")
    device = source.open()
    library.speakers[1].give(np.full((512, 2), 0.5, np.float32))
    block = source.read(WAIT_S)
    source.close()

    assert (source.name, device.id, device.kind, device.channels) == ("system", "52", DeviceKind.SPEAKER, 2)
    assert block is not None
    assert np.all(block.samples == 0.5)


def test_a_virtual_device_is_the_loopback_when_it_is_the_default(sound: MacSound, library: FakeSoundcard) -> None:
    library.default_speaker = library.speakers[1]
    source = sound.loopback(None)

    assert source.open().id == "52"

    library.default_speaker = library.speakers[0]
    assert "the default speaker changed" in str(read_until_lost(source))
    with pytest.raises(SourceLost, match="macOS does not let") as caught:
        source.open()
    assert "BlackHole" in caught.value.hint


def test_one_application_alone_is_refused(sound: MacSound) -> None:
    with pytest.raises(CaptureError, match="macOS"):
        sound.application("WhatsApp")


def test_a_microphone_is_opened_at_its_own_rate_and_channels(sound: MacSound, library: FakeSoundcard) -> None:
    library.microphones[0].properties = {NOMINAL_SAMPLERATE_PROPERTY: 44_100.0}
    source = sound.microphone("default")
    device = source.open()
    source.close()

    assert (source.name, device.samplerate, device.channels) == ("mic", 44_100, 1)
    assert library.microphones[0].opened_with == [{"samplerate": 44_100, "channels": 1, "blocksize": None}]


def test_a_block_is_stamped_with_its_arrival_less_its_length_and_the_devices_latency(
    sound: MacSound, library: FakeSoundcard, clock: FakeClock
) -> None:
    library.microphones[0].properties = {LATENCY_PROPERTY: 96, SAFETY_OFFSET_PROPERTY: 48}
    source = sound.microphone("MacBook Pro Microphone")
    source.open()
    clock.advance(20 * NS_PER_MS)
    library.microphones[0].give(np.ones((480, 1), np.float32))
    block = source.read(WAIT_S)
    source.close()

    assert block is not None
    assert block.samplerate == 48_000  # Core Audio did not tell it
    assert clock.now_ns() - block.start_ns == (10 + 3) * NS_PER_MS


def test_large_blocks_of_silence_are_as_good_as_any_others(
    sound: MacSound, library: FakeSoundcard, clock: FakeClock
) -> None:
    source = sound.microphone("default")
    source.open()
    blocks = []
    for late_ms, value in ((0, 0.0), (30, 0.5)):
        clock.advance((100 + late_ms) * NS_PER_MS)
        library.microphones[0].give(np.full((4800, 1), value, np.float32))
        blocks.append(source.read(WAIT_S))
    source.close()

    assert blocks[0] is not None
    assert blocks[1] is not None
    assert blocks[1].frames == 4800
    assert blocks[1].start_ns == blocks[0].end_ns


def test_a_wait_without_end_in_the_library_ends_when_the_source_is_closed(
    sound: MacSound, library: FakeSoundcard
) -> None:
    source = sound.microphone("default")
    source.open()
    assert source.read(0.01) is None

    source.close()

    assert library.microphones[0].recording_count == 0
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("read-")]


def test_an_unplugged_microphone_is_lost_though_the_library_waits_on(sound: MacSound, library: FakeSoundcard) -> None:
    source = sound.microphone("USB Headset")
    source.open()
    library.microphones.pop()
    library.speakers.pop()

    assert "USB Headset was removed" in str(read_until_lost(source))
    source.close()


def test_describe_says_where_the_permission_is_given(sound: MacSound) -> None:
    assert "Privacy & Security > Microphone" in sound.describe()["permission"]


def test_no_speaker_can_be_listened_to(sound: MacSound) -> None:
    assert sound.sounding(0.1) == []
