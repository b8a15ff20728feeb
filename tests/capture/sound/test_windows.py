"""Sound on Windows, on a stand-in for the library: its faults on demand."""

from __future__ import annotations

import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from capture.clock import NS_PER_MS, NS_PER_S, FakeClock
from capture.errors import CaptureError, NoSoundServer, SourceLost, UnknownDevice
from capture.model import AudioBlock, Device, DeviceKind
from capture.sound import soundcard_desk, soundcard_source
from capture.sound.soundcard_desk import Desk
from capture.sound.source import DeviceChange, SoundSource
from capture.sound.windows import BUFFER_FRAMES, WindowsSound
from tests.helpers.fake_soundcard import PACKET_FRAMES, FakeDevice, FakeSoundcard, read_until_lost

if TYPE_CHECKING:
    from capture.model import Samples

WAIT_S = 5.0  # the deadline of a wait for another thread; no test counts on how soon it comes
MS = NS_PER_MS


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSoundcard]:
    library = FakeSoundcard("windows")
    library.speakers = [FakeDevice("{0.0.0}.{a}", "Speakers (Realtek)"), FakeDevice("{0.0.0}.{b}", "Headphones (USB)")]
    library.microphones = [FakeDevice("{0.0.1}.{c}", "Microphone (Realtek)", channels=1)]
    library.default_speaker = library.speakers[0]
    library.default_microphone = library.microphones[0]
    library.install(monkeypatch)
    yield library
    library.release()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(now_ns=1000 * NS_PER_S)


@pytest.fixture
def sound(library: FakeSoundcard, clock: FakeClock) -> Iterator[WindowsSound]:
    desk = Desk()
    yield WindowsSound(desk, clock)
    library.release()
    desk.close()


@pytest.fixture
def opened(sound: WindowsSound) -> Iterator[Callable[[SoundSource], SoundSource]]:
    """Opens a source, and closes it at the end."""
    sources: list[SoundSource] = []

    def open_one(source: SoundSource) -> SoundSource:
        sources.append(source)
        source.open()
        return source

    yield open_one
    for source in sources:
        source.close()


def packet(value: float, frames: int = PACKET_FRAMES) -> Samples:
    return np.full((frames, 2), value, np.float32)


def next_block(source: SoundSource) -> AudioBlock:
    block = source.read(WAIT_S)
    assert block is not None
    return block


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread brings about."""
    deadline_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.005)


# --- devices ---


def test_devices_are_listed_with_their_ids_and_defaults(sound: WindowsSound) -> None:
    devices = sound.devices()

    assert [(device.kind, device.id, device.name, device.is_default) for device in devices] == [
        (DeviceKind.SPEAKER, "{0.0.0}.{a}", "Speakers (Realtek)", True),
        (DeviceKind.SPEAKER, "{0.0.0}.{b}", "Headphones (USB)", False),
        (DeviceKind.MICROPHONE, "{0.0.1}.{c}", "Microphone (Realtek)", True),
    ]
    assert devices[1].detail["monitor"] == "{0.0.0}.{b}"


def test_a_device_with_properties_that_cannot_be_read_hides_no_other(
    sound: WindowsSound, library: FakeSoundcard
) -> None:
    library.speakers[0].broken_properties = {"name", "channels"}

    assert [(device.name, device.channels) for device in sound.devices()] == [
        ("{0.0.0}.{a}", 0),
        ("Headphones (USB)", 2),
        ("Microphone (Realtek)", 1),
    ]


def test_no_default_is_no_error_in_the_list(sound: WindowsSound, library: FakeSoundcard) -> None:
    library.default_speaker = None

    assert not any(device.is_default for device in sound.devices() if device.kind is DeviceKind.SPEAKER)


@pytest.mark.parametrize("wanted", ["{0.0.0}.{B}", "headphones (usb)", "USB", "{b}"])
def test_a_speaker_is_found_by_id_name_or_a_part_of_it(sound: WindowsSound, wanted: str) -> None:
    source = sound.loopback(wanted)

    assert source.open().id == "{0.0.0}.{b}"
    source.close()


def test_a_whole_name_is_meant_even_when_it_is_a_part_of_another(sound: WindowsSound, library: FakeSoundcard) -> None:
    library.speakers.append(FakeDevice("{0.0.0}.{e}", "Headphones (USB) 2"))
    source = sound.loopback("headphones (usb)")

    assert source.open().id == "{0.0.0}.{b}"
    source.close()


def test_an_ambiguous_name_is_refused_and_the_choices_named(sound: WindowsSound, library: FakeSoundcard) -> None:
    library.speakers.append(FakeDevice("{0.0.0}.{d}", "Headphones (USB)"))

    with pytest.raises(UnknownDevice, match=r"\{b\}.*\{d\}"):
        sound.loopback("Headphones (USB)")


@pytest.mark.parametrize("find", ["loopback", "microphone"])
def test_an_unknown_name_is_refused_and_the_known_ones_named(sound: WindowsSound, find: str) -> None:
    for name in ("Nope", ""):
        with pytest.raises(UnknownDevice, match=f"is called '{name}'") as caught:
            getattr(sound, find)(name)
        assert "Realtek" in caught.value.hint


def test_one_application_alone_is_refused_with_a_hint(sound: WindowsSound) -> None:
    with pytest.raises(CaptureError, match="application") as caught:
        sound.application("WhatsApp")

    assert "--app" in caught.value.hint


# --- the library and its thread ---


def test_all_questions_come_from_one_thread_that_lives_on(sound: WindowsSound, library: FakeSoundcard) -> None:
    sound.devices()
    other = threading.Thread(target=sound.devices)
    other.start()
    other.join(WAIT_S)
    sound.describe()

    assert library.threads == {"soundcard"}
    assert any(thread.name == "soundcard" for thread in threading.enumerate())


def test_the_library_is_imported_by_that_thread_and_not_by_the_caller(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "soundcard").mkdir()
    (tmp_path / "soundcard" / "__init__.py").write_text("import threading\nthread = threading.current_thread().name\n")
    monkeypatch.delitem(sys.modules, "soundcard", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    desk = Desk()

    assert desk.call(lambda module: module.thread) == "soundcard"
    desk.close()
    monkeypatch.delitem(sys.modules, "soundcard")


def test_a_library_that_cannot_be_loaded_is_no_sound_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soundcard", None)
    desk = Desk()

    with pytest.raises(NoSoundServer, match="soundcard") as caught:
        WindowsSound(desk).devices()

    assert "--no-system" in caught.value.hint
    desk.close()


def test_a_failing_listing_is_no_sound_server(sound: WindowsSound, library: FakeSoundcard) -> None:
    library.error = AssertionError()

    with pytest.raises(NoSoundServer, match="AssertionError"):
        sound.devices()


def test_a_hanging_library_is_given_up_and_its_questions_stay_few(
    monkeypatch: pytest.MonkeyPatch, library: FakeSoundcard
) -> None:
    monkeypatch.setattr(soundcard_desk, "QUESTIONS_BOUND", 2)
    library.hang()
    desk = Desk()

    with pytest.raises(NoSoundServer, match=r"within 0\.1 s"):
        desk.call(lambda module: module.all_speakers(), 0.1)
    for _ in range(10):
        with pytest.raises(NoSoundServer):
            desk.call(lambda module: module.all_speakers(), 0.01)

    assert len(desk._questions) <= 2
    library.release()
    desk.close()


def test_describe_names_the_way_and_that_it_is_untried(sound: WindowsSound) -> None:
    described = sound.describe()

    assert "WASAPI" in described["server"]
    assert "soundcard 0.4.6" in described["client"]
    assert "not yet" in described["tried"]


# --- streams ---


def test_the_loopback_of_the_default_speaker_is_opened_in_stereo_with_a_long_buffer(
    sound: WindowsSound, library: FakeSoundcard, opened: Callable[[SoundSource], SoundSource]
) -> None:
    source = sound.loopback(None)
    device = source.open()
    library.speakers[0].give(packet(0.25))
    block = next_block(source)
    source.close()

    assert (source.name, device.id, device.kind) == ("system", "{0.0.0}.{a}", DeviceKind.SPEAKER)
    assert (device.samplerate, device.channels) == (48_000, 2)
    assert library.speakers[0].opened_with == [{"samplerate": 48_000, "channels": 2, "blocksize": BUFFER_FRAMES}]
    assert 0.2 <= BUFFER_FRAMES / 48_000 <= 1.0
    assert block.samples.shape == (PACKET_FRAMES, 2)
    assert block.samples.dtype == np.float32
    assert np.all(block.samples == 0.25)


def test_a_mono_microphone_is_recorded_in_stereo_since_mono_gives_rubbish(
    sound: WindowsSound, library: FakeSoundcard, opened: Callable[[SoundSource], SoundSource]
) -> None:
    source = opened(sound.microphone("default"))
    library.microphones[0].give(packet(0.5))

    assert source.name == "mic"
    assert np.all(next_block(source).samples == 0.5)


def test_a_block_is_stamped_with_its_arrival_less_its_length(
    sound: WindowsSound, library: FakeSoundcard, clock: FakeClock, opened: Callable[[SoundSource], SoundSource]
) -> None:
    source = opened(sound.loopback(None))
    clock.advance(10 * MS)
    library.speakers[0].give(packet(0.1))

    block = next_block(source)

    assert block.start_ns == 1000 * NS_PER_S
    assert block.end_ns == clock.now_ns()


def test_lost_sound_shows_as_a_hole_and_its_warning_reaches_nobody(
    sound: WindowsSound, library: FakeSoundcard, clock: FakeClock, opened: Callable[[SoundSource], SoundSource]
) -> None:
    source = opened(sound.loopback(None))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clock.advance(10 * MS)
        library.speakers[0].give(packet(0.1))
        first = next_block(source)
        clock.advance(310 * MS)
        library.speakers[0].give(packet(0.2), lost_before=True)
        second = next_block(source)
        clock.advance(10 * MS)
        library.speakers[0].give(packet(0.3))
        third = next_block(source)

    assert caught == []
    assert second.start_ns - first.end_ns == 300 * MS
    assert third.start_ns == second.end_ns


def test_a_late_read_is_no_hole(
    sound: WindowsSound, library: FakeSoundcard, clock: FakeClock, opened: Callable[[SoundSource], SoundSource]
) -> None:
    source = opened(sound.loopback(None))
    clock.advance(10 * MS)
    library.speakers[0].give(packet(0.1))
    first = next_block(source)
    clock.advance(100 * MS)
    library.speakers[0].give(packet(0.2))

    assert next_block(source).start_ns == first.end_ns


@pytest.mark.parametrize("told", [False, True], ids=["not told as a loss", "told as a loss"])
def test_silence_that_the_library_forgot_before_sound_came_again_is_put_back(
    sound: WindowsSound,
    library: FakeSoundcard,
    clock: FakeClock,
    told: bool,
    opened: Callable[[SoundSource], SoundSource],
) -> None:
    source = opened(sound.loopback(None))
    clock.advance(40 * MS)
    library.speakers[0].give(packet(0.0, frames=1920))  # made up: four periods
    silence = next_block(source)
    clock.advance(35 * MS)  # 25 ms more than the packet is long: the library forgets the idle time since its zeros
    library.speakers[0].give(packet(0.5), lost_before=told)
    again = next_block(source)
    clock.advance(10 * MS)
    library.speakers[0].give(packet(0.5))

    assert again.start_ns == silence.end_ns
    assert again.frames == 35 * 48
    assert not again.samples[: 25 * 48].any()
    assert np.all(again.samples[25 * 48 :] == 0.5)
    assert next_block(source).start_ns == again.end_ns


def test_more_missing_than_the_library_forgets_is_a_hole(
    sound: WindowsSound, library: FakeSoundcard, clock: FakeClock, opened: Callable[[SoundSource], SoundSource]
) -> None:
    source = opened(sound.loopback(None))
    clock.advance(40 * MS)
    library.speakers[0].give(packet(0.0, frames=1920))
    silence = next_block(source)
    clock.advance(510 * MS)
    library.speakers[0].give(packet(0.5))
    again = next_block(source)

    assert again.frames == PACKET_FRAMES
    assert again.start_ns - silence.end_ns == 500 * MS


def test_silence_goes_on_when_nothing_plays(
    sound: WindowsSound, library: FakeSoundcard, opened: Callable[[SoundSource], SoundSource]
) -> None:
    library.speakers[0].makes_up_zeros = True
    source = opened(sound.loopback(None))

    block = next_block(source)

    assert not block.samples.any()
    assert block.frames >= 1920


def test_other_warnings_of_the_library_are_passed_on(library: FakeSoundcard, sound: WindowsSound) -> None:
    source = sound.loopback(None)
    source.open()
    source.close()
    module: Any = sys.modules["soundcard.mediafoundation"]

    with pytest.warns(RuntimeWarning, match="something else"):
        module.warnings.warn("something else", RuntimeWarning)
    assert module.warnings.simplefilter is warnings.simplefilter


# --- deadlines, wake, close ---


def test_a_read_ends_at_its_deadline_though_the_library_waits_on(
    sound: WindowsSound, library: FakeSoundcard, opened: Callable[[SoundSource], SoundSource]
) -> None:
    library.speakers[0].hangs = True
    source = opened(sound.loopback(None))

    assert source.read(0.01) is None
    assert source.read(0.0) is None


def test_wake_ends_a_waiting_read_and_the_sound_goes_on(
    sound: WindowsSound, library: FakeSoundcard, opened: Callable[[SoundSource], SoundSource]
) -> None:
    source = opened(sound.loopback(None))
    woken: list[AudioBlock | None] = []
    reader = threading.Thread(target=lambda: woken.append(source.read(60.0)))
    reader.start()

    source.wake()
    reader.join(WAIT_S)

    assert not reader.is_alive()
    assert woken == [None]
    library.speakers[0].give(packet(0.5))
    assert next_block(source).samples[0, 0] == 0.5


def test_wake_before_open_and_after_close_does_nothing(sound: WindowsSound) -> None:
    source = sound.loopback(None)
    source.wake()
    source.open()
    source.close()
    source.wake()
    source.close()


def test_a_closed_source_ends_its_stream_and_opens_again(sound: WindowsSound, library: FakeSoundcard) -> None:
    library.speakers[0].makes_up_zeros = True
    source = sound.loopback(None)
    for _ in range(2):
        source.open()
        next_block(source)
        assert library.speakers[0].recording_count == 1
        source.close()
        assert library.speakers[0].recording_count == 0
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith(("read-", "sound-watch"))]


def test_reading_a_source_that_is_not_open_is_refused(sound: WindowsSound) -> None:
    with pytest.raises(SourceLost, match="not open"):
        sound.loopback(None).read(0.0)


def test_streams_that_hang_in_the_driver_do_not_pile_up_and_bar_no_other_device(
    sound: WindowsSound, library: FakeSoundcard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soundcard_source, "CLOSE_S", 0.01)
    monkeypatch.setattr(soundcard_source, "HANGING_BOUND", 2)
    library.speakers[0].hangs = True
    source = sound.loopback(None)
    source.open()
    source.close()
    library.default_speaker = library.speakers[1]
    assert source.open().id == "{0.0.0}.{b}"

    library.default_speaker = library.speakers[0]
    source.open()
    source.close()
    with pytest.raises(SourceLost, match="hangs"):
        source.open()
    assert len(library.speakers[0].opened_with) == 2

    library.speakers[0].release()
    until(lambda: library.speakers[0].recording_count == 0)
    library.default_speaker = library.speakers[1]
    source.open()
    source.close()


def test_a_reader_that_lags_far_behind_loses_sound_but_no_memory(
    sound: WindowsSound,
    library: FakeSoundcard,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    opened: Callable[[SoundSource], SoundSource],
) -> None:
    monkeypatch.setattr(soundcard_source, "BLOCKS_BOUND", 3)
    source = opened(sound.loopback(None))
    blocks = source._stream._blocks  # type: ignore[attr-defined]
    for value in range(1, 8):
        clock.advance(10 * MS)
        library.speakers[0].give(packet(value))
        until(lambda value=value: blocks.put_count + blocks.drop_count == value)  # type: ignore[misc]

    kept = [next_block(source) for _ in range(3)]
    clock.advance(10 * MS)
    library.speakers[0].give(packet(8))
    after = next_block(source)

    assert [block.samples[0, 0] for block in [*kept, after]] == [1, 2, 3, 8]
    assert after.start_ns - kept[-1].end_ns == 40 * MS


# --- losses ---


def test_a_stream_that_cannot_start_is_lost_with_the_systems_reason(
    sound: WindowsSound, library: FakeSoundcard
) -> None:
    library.speakers[0].start_error = RuntimeError("Error 0x8889000a")  # AUDCLNT_E_DEVICE_IN_USE

    with pytest.raises(SourceLost, match=r"Speakers \(Realtek\).*another program.*0x8889000a") as caught:
        sound.loopback(None).open()

    assert caught.value.hint


def test_a_driver_may_take_its_time_to_start(sound: WindowsSound, library: FakeSoundcard) -> None:
    library.speakers[0].may_start.clear()
    source = sound.loopback(None)
    opened: list[Device] = []
    opener = threading.Thread(target=lambda: opened.append(source.open()))
    opener.start()
    until(lambda: bool(library.speakers[0].opened_with))

    library.speakers[0].may_start.set()
    opener.join(WAIT_S)

    assert [device.id for device in opened] == ["{0.0.0}.{a}"]
    source.close()


def test_a_driver_that_does_not_start_is_given_up(
    sound: WindowsSound, library: FakeSoundcard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soundcard_source, "OPEN_S", 0.3)
    library.speakers[0].may_start.clear()
    source = sound.loopback(None)

    with pytest.raises(SourceLost, match="did not start"):
        source.open()

    library.speakers[0].may_start.set()
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "read-system"])
    assert library.speakers[0].recording_count == 0


def test_no_speaker_at_all_is_told_at_open(sound: WindowsSound, library: FakeSoundcard) -> None:
    library.default_speaker = None
    source = sound.loopback(None)

    with pytest.raises(UnknownDevice, match="no speaker") as caught:
        source.open()

    assert "Plug in" in caught.value.hint


@pytest.mark.parametrize("error", [RuntimeError("Error 0x88890004"), ValueError("cannot reshape"), TypeError("None")])
def test_any_exception_while_recording_means_that_the_device_is_lost(
    sound: WindowsSound, library: FakeSoundcard, error: Exception, opened: Callable[[SoundSource], SoundSource]
) -> None:
    source = opened(sound.loopback(None))
    library.speakers[0].give(packet(0.5))
    library.speakers[0].fail(error)

    assert next_block(source).samples[0, 0] == 0.5
    assert str(error).removeprefix("Error ") in str(read_until_lost(source))
    assert library.speakers[0].recording_count == 0


def test_a_device_that_falls_silent_without_a_word_is_lost(
    sound: WindowsSound, clock: FakeClock, opened: Callable[[SoundSource], SoundSource]
) -> None:
    source = opened(sound.loopback(None))
    clock.advance(1900 * MS)
    assert source.read(0.0) is None
    clock.advance(200 * MS)

    with pytest.raises(SourceLost, match="no sound any more"):
        source.read(0.0)


def test_a_device_that_gives_sound_is_not_lost_however_long_it_runs(
    sound: WindowsSound, library: FakeSoundcard, clock: FakeClock, opened: Callable[[SoundSource], SoundSource]
) -> None:
    source = opened(sound.loopback(None))
    for _ in range(4):
        clock.advance(1500 * MS)
        library.speakers[0].give(packet(0.1))
        next_block(source)
        assert source.read(0.0) is None


def test_for_an_unplugged_speaker_the_default_stands_in_until_it_is_back(
    sound: WindowsSound, library: FakeSoundcard, opened: Callable[[SoundSource], SoundSource]
) -> None:
    source = opened(sound.loopback("USB"))
    unplugged = library.speakers.pop(1)
    unplugged.makes_up_zeros = True  # the library makes up what the device no longer gives

    assert "Headphones (USB) was removed" in str(read_until_lost(source))
    device = source.open()
    assert (device.id, device.detail["instead_of"]) == ("{0.0.0}.{a}", "Headphones (USB)")

    library.speakers.append(FakeDevice("{0.0.0}.{n}", "HDMI"))
    library.default_speaker = library.speakers[1]
    assert "the default speaker changed" in str(read_until_lost(source))
    assert source.open().id == "{0.0.0}.{n}"

    library.speakers.append(unplugged)
    assert "Headphones (USB) is back" in str(read_until_lost(source))
    assert source.open().id == "{0.0.0}.{b}"


def test_nothing_stands_in_for_an_unplugged_microphone(
    sound: WindowsSound, library: FakeSoundcard, opened: Callable[[SoundSource], SoundSource]
) -> None:
    library.microphones.append(FakeDevice("{0.0.1}.{m}", "Webcam"))
    source = opened(sound.microphone("Webcam"))
    library.microphones.pop()

    assert "Webcam was removed" in str(read_until_lost(source))
    with pytest.raises(UnknownDevice, match="Webcam is not connected"):
        source.open()


def test_a_device_that_is_plugged_in_anew_is_known_by_its_name(sound: WindowsSound, library: FakeSoundcard) -> None:
    source = sound.loopback("USB")
    library.speakers[1] = FakeDevice("{0.0.0}.{new}", "Headphones (USB)")

    assert source.open().id == "{0.0.0}.{new}"
    source.close()


def test_a_changed_default_ends_the_stream_and_the_next_open_takes_the_new_one(
    sound: WindowsSound, library: FakeSoundcard, opened: Callable[[SoundSource], SoundSource]
) -> None:
    source = opened(sound.loopback(None))
    library.default_speaker = library.speakers[1]

    assert "the default speaker changed" in str(read_until_lost(source))
    assert source.open().id == "{0.0.0}.{b}"


def test_a_named_speaker_is_kept_when_the_default_changes(
    sound: WindowsSound, library: FakeSoundcard, opened: Callable[[SoundSource], SoundSource]
) -> None:
    changes: list[DeviceChange] = []
    watch = sound.watch(changes.append)
    source = opened(sound.loopback("Realtek"))
    until(lambda: bool(library.threads))
    library.default_speaker = library.speakers[1]
    until(lambda: DeviceChange("default") in changes)
    watch.close()
    library.speakers[0].give(packet(0.5))

    assert next_block(source).samples[0, 0] == 0.5


def test_a_device_that_was_plugged_in_a_moment_ago_is_not_taken_for_removed(
    sound: WindowsSound, library: FakeSoundcard, clock: FakeClock, opened: Callable[[SoundSource], SoundSource]
) -> None:
    sound.describe()  # looks; and the clock stands still, so that look stays young
    library.speakers.append(FakeDevice("{0.0.0}.{n}", "HDMI"))
    source = opened(sound.loopback("HDMI"))
    until(lambda: sound._desk._looked is not None and "{0.0.0}.{n}" in sound._desk._looked[1].speakers)
    library.speakers[-1].give(packet(0.5))

    assert next_block(source).samples[0, 0] == 0.5


def test_what_came_before_a_loss_is_given_first(
    sound: WindowsSound, library: FakeSoundcard, opened: Callable[[SoundSource], SoundSource]
) -> None:
    source = opened(sound.loopback(None))
    for value in (0.1, 0.2, 0.3):
        library.speakers[0].give(packet(value))
    until(lambda: not library.speakers[0]._packets)
    library.speakers[0].fail(RuntimeError("gone"))
    until(lambda: library.speakers[0].recording_count == 0)

    values = [float(next_block(source).samples[0, 0]) for _ in range(3)]

    assert values == pytest.approx([0.1, 0.2, 0.3])
    read_until_lost(source)


# --- watching and listening ---


def test_the_watch_tells_every_kind_of_change_once(sound: WindowsSound, library: FakeSoundcard) -> None:
    changes: list[str] = []
    watch = sound.watch(lambda change: changes.append(change.what))
    looked = sound._desk
    until(lambda: looked._looked is not None)

    library.speakers.append(FakeDevice("{0.0.0}.{x}", "Monitor"))
    until(lambda: changes == ["speaker"])
    library.default_speaker = library.speakers[-1]
    until(lambda: changes == ["speaker", "default"])
    library.microphones.append(FakeDevice("{0.0.1}.{y}", "Headset"))
    until(lambda: changes == ["speaker", "default", "microphone"])
    library.error = RuntimeError("the audio service stopped")
    until(lambda: changes[3:] == ["server lost"])
    library.error = None
    until(lambda: changes[3:] == ["server lost", "server back"])
    watch.close()
    library.speakers.pop()
    sound.devices()

    assert len(changes) == 5
    assert not [thread for thread in threading.enumerate() if thread.name == "sound-watch"]


def test_many_watches_ask_the_system_no_more_often_than_one(library: FakeSoundcard) -> None:
    clock = FakeClock()
    desk = Desk(clock)
    looks = [desk.look() for _ in range(3)]
    library.default_speaker = library.speakers[1]
    looks.append(desk.look())
    clock.advance(200 * MS)
    looks.append(desk.look())
    desk.close()

    assert [look.default_speaker for look in looks] == ["{0.0.0}.{a}"] * 4 + ["{0.0.0}.{b}"]


def test_the_speakers_on_which_something_plays_are_found(library: FakeSoundcard) -> None:
    desk = Desk()
    sound = WindowsSound(desk)
    library.speakers[0].makes_up_zeros = True
    library.speakers.append(FakeDevice("{0.0.0}.{busy}", "In exclusive use"))
    library.speakers[2].start_error = RuntimeError("Error 0x8889000a")
    library.speakers[1].give(packet(0.0))
    library.speakers[1].give(packet(0.01))

    heard: list[Device] = sound.sounding(0.1)
    library.release()
    desk.close()

    assert [device.name for device in heard] == ["Headphones (USB)"]
