"""PulseAudio and PipeWire beyond the contract: no server, late loading, deadlines, nothing left behind."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from capture.clock import NS_PER_MS, NS_PER_S
from capture.errors import CaptureError, NoSoundServer, SourceLost
from capture.model import AudioBlock
from capture.sound import pulse_link, pulse_watch
from capture.sound.pulse import PulseSound
from capture.sound.pulse_watch import Watcher, ask
from capture.sound.source import SoundSource
from tests.capture.sound.benches import PulseBench, sine
from tests.capture.sound.conftest import point_at
from tests.helpers.children import run_in
from tests.helpers.pulse_stream import PlaybackStream
from tests.helpers.signals import RATE
from virtual_desktop import VirtualDesktop

if TYPE_CHECKING:
    from capture.sound.pulse_stream import RecordStream

DEADLINE_S = 8.0


@pytest.fixture
def no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/nobody")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.mark.usefixtures("no_server")
def test_without_a_server_everything_says_so_at_once() -> None:
    sound = PulseSound()
    begun_s = time.monotonic()
    source, microphone = sound.loopback(None), sound.microphone("default")
    for attempt in (
        sound.describe,
        sound.devices,
        source.open,
        microphone.open,
        lambda: sound.loopback("desk"),
        lambda: sound.application("player"),
        lambda: sound.microphone("desk"),
        lambda: sound.sounding(0.1),
    ):
        with pytest.raises(NoSoundServer) as caught:
            attempt()
        assert "loopnote doctor" in caught.value.hint
    assert time.monotonic() - begun_s < 4.0
    source.close()


@pytest.mark.usefixtures("no_server")
def test_the_watch_waits_for_a_server_and_ends() -> None:
    before = set(threading.enumerate())
    watch = PulseSound().watch(lambda change: None)
    watch.close()
    assert set(threading.enumerate()) == before


def test_the_libraries_are_loaded_late(own_desktop: VirtualDesktop) -> None:
    run_in(
        own_desktop,
        """
import sys
import capture.sound.system
import capture.sound.grab
assert not {"numpy", "soundcard", "pulsectl", "cffi"} & set(sys.modules)
sound = capture.sound.system.sound_system()
assert not {"soundcard", "pulsectl"} & set(sys.modules)
sound.devices()
assert "soundcard" not in sys.modules
sound.loopback(None).open()
assert "soundcard" in sys.modules
""",
    )


def test_a_program_given_on_the_command_line_can_record(own_desktop: VirtualDesktop) -> None:
    # soundcard itself cannot be imported there.
    program = "from capture.sound.pulse import PulseSound; s = PulseSound().loopback(None); s.open(); s.close()"
    done = run_in(own_desktop, ["python3", "-c", program], check=False, env={"PATH": _path_with_this_python()})
    assert (done.returncode, done.stderr) == (0, "")


def test_it_names_itself_to_the_server(own_desktop: VirtualDesktop) -> None:
    source = PulseSound().loopback(None)
    source.open()
    try:
        assert 'application.name = "Loopnote"' in own_desktop.pactl("list", "source-outputs")
    finally:
        source.close()
    assert "Loopnote" not in own_desktop.pactl("list", "clients")


def test_describe_names_server_and_libraries(own_desktop: VirtualDesktop) -> None:
    described = PulseSound().describe()
    assert described["server"].startswith("PulseAudio")
    assert ("PipeWire" in described["server"]) == (own_desktop.sound == "pipewire")
    assert "soundcard 0.4.6" in described["client"]


def test_opening_many_times_leaves_nothing_open(own_desktop: VirtualDesktop) -> None:
    sound = PulseSound()

    def once() -> None:
        for source in (sound.loopback(None), sound.application("Tone")):
            source.open()
            source.read(0.1)
            source.close()
        sound.devices()

    player = PulseBench(own_desktop).play("Tone", sine(440))
    threads = _kernel_threads()
    once()
    files = _open_files()
    for _ in range(15):
        once()
    assert _open_files() == files
    assert _kernel_threads() == threads
    assert own_desktop.pactl("list", "short", "source-outputs").strip() == ""
    player.stop()


def test_a_process_ends_while_the_server_is_frozen(own_desktop: VirtualDesktop) -> None:
    # soundcard's own clean-up at exit waits for the server without end.
    program = """
import os, signal, sys
from capture.sound.pulse import PulseSound
source = PulseSound().loopback(None)
source.open()
source.read(1.0)
for pid in sys.argv[1:]:
    os.kill(int(pid), signal.SIGSTOP)
"""
    try:
        done = run_in(own_desktop, program, args=[str(pid) for pid in own_desktop.sound_pids], timeout_s=20)
        assert done.stderr == ""
    finally:
        own_desktop.thaw_sound()


def test_a_server_that_answers_nothing_is_told_from_one_that_is_away(own_desktop: VirtualDesktop) -> None:
    own_desktop.freeze_sound()
    try:
        with pytest.raises(NoSoundServer, match="stopped answering"):
            ask(0.3)
    finally:
        own_desktop.thaw_sound()
    ask(DEADLINE_S)
    own_desktop.stop_sound()
    with pytest.raises(NoSoundServer, match="no sound server"):
        ask(DEADLINE_S)


def test_loading_may_take_as_long_as_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy computer; what does nothing is given up soon."""
    monkeypatch.setattr(pulse_link, "_STILL_S", 0.3)
    end = threading.Event()

    def work() -> None:
        until_s = time.thread_time() + 0.8
        while time.thread_time() < until_s:
            pass

    took_s = []
    for body in (work, lambda: end.wait(10)):
        thread = threading.Thread(target=body, daemon=True)
        began_s = time.monotonic()
        thread.start()
        pulse_link._await(thread)
        took_s.append((thread.is_alive(), time.monotonic() - began_s))
    end.set()
    assert took_s[0][0] is False
    assert took_s[1][0] is True
    assert took_s[1][1] < 5


def test_a_stream_that_a_frozen_server_never_gives_ends_in_time(own_desktop: VirtualDesktop) -> None:
    sound = PulseSound()
    source = sound.loopback(None)
    source.open()
    source.close()
    speaker = own_desktop.pactl("get-default-sink").strip()
    held = sound.loopback(None)
    held.open()  # so that the connection is there already, and only the stream is missing
    own_desktop.freeze_sound()
    begun_s = time.monotonic()
    try:
        with pytest.raises(CaptureError, match="stopped answering"):
            pulse_link.open_stream(f"{speaker}.monitor", 48_000, 2, 0.05, lambda: None)
        assert time.monotonic() - begun_s < 3.0
    finally:
        own_desktop.thaw_sound()
    # What the server now answers to the stream that was given up must find nobody.
    with contextlib.suppress(SourceLost):  # PipeWire, thawed, may say that the speaker changed
        assert held.read(DEADLINE_S) is not None
    held.close()


def test_the_watch_survives_a_frozen_server(own_desktop: VirtualDesktop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse_watch, "ANSWER_S", 0.3)
    watcher = Watcher()

    def listener(scene: object) -> None:
        pass

    watcher.listen(listener)
    try:
        watcher.fresh(DEADLINE_S)
        own_desktop.freeze_sound()
        with pytest.raises(NoSoundServer, match="stopped answering"):
            watcher.fresh(DEADLINE_S)
        own_desktop.thaw_sound()
        deadline_s = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline_s:
            try:
                assert watcher.fresh(1.0).speakers
                break
            except NoSoundServer:
                continue
        else:
            pytest.fail("the watch did not come back")
    finally:
        own_desktop.thaw_sound()
        watcher.leave(listener)


def test_an_interrupt_before_a_wait_ends_it_at_once(own_desktop: VirtualDesktop) -> None:
    # It comes from another thread, which cannot know whether the wait has begun.
    client = pulse_watch.connect(DEADLINE_S)
    try:
        client.interrupt()
        begun_s = time.monotonic()
        client.wait(DEADLINE_S)
        assert time.monotonic() - begun_s < DEADLINE_S / 2
        begun_s = time.monotonic()
        client.wait(0.1)
        assert time.monotonic() - begun_s >= 0.1, "it ends one wait, not all"
    finally:
        client.close()


def test_the_watch_ends_at_once_whenever_it_is_left(own_desktop: VirtualDesktop) -> None:
    watcher = Watcher()

    def listener(scene: object) -> None:
        pass

    for _ in range(50):
        watcher.listen(listener)
        watcher.fresh(DEADLINE_S)
        begun_s = time.monotonic()
        watcher.leave(listener)
        assert time.monotonic() - begun_s < 0.5


def test_speakers_of_different_rates_are_told_apart(own_desktop: VirtualDesktop) -> None:
    own_desktop.load_null_sink("compact_disc", rate=44_100)
    rates = {device.id: device.samplerate for device in PulseSound().devices()}
    assert rates.pop("compact_disc") == 44_100
    assert set(rates.values()) == {48_000}


def test_a_stream_is_never_moved_to_another_device(own_desktop: VirtualDesktop) -> None:
    # Both servers would move it, in silence, to what is the default then: it might be a microphone.
    if own_desktop.sound == "pulse":
        own_desktop.pactl("load-module", "module-rescue-streams")
    module = own_desktop.load_null_sink("headphones")
    ask(DEADLINE_S)
    ended = threading.Event()
    stream = pulse_link.open_stream("headphones.monitor", 48_000, 2, 0.05, ended.set)
    try:
        ended.clear()  # becoming ready set it too
        own_desktop.unload(module)
        assert ended.wait(DEADLINE_S)
        with pytest.raises(SourceLost):
            stream.take()
    finally:
        pulse_link.close_stream(stream)


def test_the_end_of_an_applications_sound_is_kept(own_desktop: VirtualDesktop) -> None:
    """Though nobody collected it before the application closed its stream."""
    ended = threading.Event()
    with PlaybackStream(sine(440), name="Tone") as player:
        player.go_on()
        speaker = own_desktop.pactl("get-default-sink").strip()
        stream = pulse_link.open_stream(f"{speaker}.monitor", RATE, 2, 0.02, ended.set, sink_input=player.sink_input)
        try:
            assert_given(stream, 1)
            ended.clear()
            assert not ended.wait(0.5), "time to collect nothing"
            player.close()
            assert ended.wait(DEADLINE_S)
            assert_given(stream, 0.4 * RATE)
            with pytest.raises(SourceLost):
                stream.take()
        finally:
            pulse_link.close_stream(stream)


def assert_given(stream: RecordStream, frames: float) -> None:
    """So many frames come in one collection, before long."""
    deadline_s = time.monotonic() + DEADLINE_S
    while sum(len(samples) for _, samples in stream.take()) < frames:
        assert time.monotonic() < deadline_s, "too little came"
        time.sleep(0.005)


def test_a_muted_speaker_or_monitor_is_told(own_desktop: VirtualDesktop) -> None:
    # What it plays is then recorded as silence, by any recorder.
    speaker = own_desktop.pactl("get-default-sink").strip()

    def muted() -> bool:
        return bool(next(device for device in PulseSound().devices() if device.id == speaker).detail["muted"])

    assert not muted()
    for kind, name in (("sink", speaker), ("source", f"{speaker}.monitor")):
        own_desktop.pactl(f"set-{kind}-mute", name, "1")
        assert muted()
        own_desktop.pactl(f"set-{kind}-mute", name, "0")
        assert not muted()


def test_streams_look_closely_when_something_begins_to_play(
    pipewire_desktop: VirtualDesktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # PipeWire changes its cycle then. Where nothing jumps, only this makes them look.
    point_at(pipewire_desktop, monkeypatch)
    bench = PulseBench(pipewire_desktop)
    source = bench.sound.loopback(None)
    source.open()
    try:
        assert source.read(DEADLINE_S) is not None
        looks = threading.Event()
        stream = source._stream  # type: ignore[attr-defined]
        monkeypatch.setattr(stream, "stir", looks.set)
        bench.play("Tone", sine(440))
        assert looks.wait(DEADLINE_S)
    finally:
        source.close()
        bench.close()


def test_blocks_are_long_in_calm_times_only(own_desktop: VirtualDesktop) -> None:
    with _listening_to_a_tone(own_desktop) as source:
        source.pace(0.3)
        _await_block(source, longer_s=0.25)
        source.pace(0.02)
        _await_block(source, longer_s=0.0)
        lengths_s = [_next_block(source).frames / RATE for _ in range(10)]
        assert sum(lengths_s) < 10 * 0.1
        source.pace(0.3)
        _await_block(source, longer_s=0.25)
        source._stream.stir()  # type: ignore[attr-defined]
        _await_block(source, longer_s=0.0)
        assert _next_block(source).frames / RATE < 0.2


def _await_block(source: SoundSource, longer_s: float) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while _next_block(source).frames / RATE <= longer_s:
        assert time.monotonic() < deadline_s


@contextlib.contextmanager
def _listening_to_a_tone(desktop: VirtualDesktop) -> Iterator[SoundSource]:
    bench = PulseBench(desktop)
    bench.play("Tone", sine(440))
    source = bench.sound.loopback(None)
    source.open()
    try:
        yield source
    finally:
        source.close()
        bench.close()


def _expect_blocks_in_their_places(source: SoundSource, before: AudioBlock) -> None:
    for _ in range(40):
        block = _next_block(source)
        assert abs(block.start_ns - before.end_ns) < 20 * NS_PER_MS, "each follows the one before"
        before = block
    assert abs(before.end_ns - time.monotonic_ns()) < 200 * NS_PER_MS


def test_a_date_that_is_set_disturbs_no_stamp(own_desktop: VirtualDesktop, monkeypatch: pytest.MonkeyPatch) -> None:
    # The server's answers bear the time of day. Here it is another one each time that we look at it.
    dates_ns = itertools.cycle([3600 * NS_PER_S, -86_400 * NS_PER_S, 0, 150 * NS_PER_MS, -150 * NS_PER_MS])
    changing = SimpleNamespace(
        time_ns=lambda: time.time_ns() + next(dates_ns), monotonic_ns=time.monotonic_ns, monotonic=time.monotonic
    )
    with _listening_to_a_tone(own_desktop) as source:
        first = _next_block(source)
        monkeypatch.setattr(sys.modules["capture.sound.pulse_stream"], "time", changing)
        _expect_blocks_in_their_places(source, first)


def test_a_server_that_lost_count_is_not_believed(own_desktop: VirtualDesktop, monkeypatch: pytest.MonkeyPatch) -> None:
    """PipeWire after a standstill: it sends on what it has, but has not counted all of it."""
    with _listening_to_a_tone(own_desktop) as source:
        counted = [_next_block(source) for _ in range(30)]
        stream_module: Any = sys.modules["capture.sound.pulse_stream"]
        monkeypatch.setattr(stream_module, "_extra", _Miscounting(stream_module._extra, stream_module._ffi))
        _expect_blocks_in_their_places(source, counted[-1])


class _Miscounting:
    """libpulse, with half a second of stereo at 48 kHz that the server forgot to count."""

    def __init__(self, libpulse: Any, ffi: Any) -> None:
        self._libpulse = libpulse
        self._ffi = ffi
        self._told: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._libpulse, name)

    def pa_stream_get_timing_info(self, stream: Any) -> Any:
        info = self._ffi.new("pa_timing_info *", self._libpulse.pa_stream_get_timing_info(stream)[0])
        info.write_index -= 24_000 * 8
        self._told.append(info)  # it lives no longer than Python holds it
        return info


def _next_block(source: SoundSource) -> AudioBlock:
    block = source.read(DEADLINE_S)
    assert block is not None
    return block


def test_volume_changes_disturb_nobody(own_desktop: VirtualDesktop) -> None:
    bench = PulseBench(own_desktop)
    source = bench.sound.loopback(None)
    source.open()
    try:
        bench.play("Tone", sine(440))
        deadline_s = time.monotonic() + DEADLINE_S
        while (block := source.read(0.3)) is None or not block.samples.any():
            assert time.monotonic() < deadline_s
        for percent in range(50, 100, 10):
            own_desktop.pactl("set-sink-volume", bench.speaker, f"{percent}%")
            assert source.read(1.0) is not None
    finally:
        source.close()
        bench.close()


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _kernel_threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _path_with_this_python() -> str:
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"
