"""The recorder on a sound system and a screen in memory: its states, its commands, and what it makes of every fault.

All else is real: threads, channels, encoders, the file.
"""

from __future__ import annotations

import errno
import functools
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from capture.clock import MonotonicClock
from capture.errors import (
    CaptureError,
    DiskFull,
    OutputError,
    SettingsError,
    UnknownArea,
    UnknownDevice,
    WorkerFault,
)
from capture.model import (
    Event,
    Failed,
    Finished,
    Levels,
    State,
    StateChanged,
)
from capture.output import encoders, output_file
from capture.recorder import MOVES
from capture.sound.fake import RATE_HZ
from capture.sound.source import SoundSource
from tests.helpers.analysis import read_pictures, read_sound
from tests.helpers.processes import wait_until
from tests.helpers.studio import PEAK, WHOLE, Studio, hum

RED, BLUE = (0, 0, 255), (255, 0, 0)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Callable[..., Studio]]:
    """Makes studios; whatever still records at the end is discarded, and no thread of it may be left."""
    made: list[Studio] = []

    def make(*args: Any, **settings: Any) -> Studio:
        made.append(Studio(tmp_path, *args, **settings))
        return made[-1]

    before = set(threading.enumerate())
    yield make
    for each in made:
        each.recorder.discard()
    wait_until(lambda: set(threading.enumerate()) <= before, "all threads to end", describe=_threads)


def _threads() -> str:
    return str([thread.name for thread in threading.enumerate()])


def length_s(file: Path) -> float:
    return read_sound(file).duration_s


# --- states and commands ----------------------------------------------------------------------------------------------


def test_the_life_of_a_recording(studio: Callable[..., Studio], tmp_path: Path) -> None:
    room = studio()
    room.recorder.start()
    room.record(0.3)
    room.recorder.pause()
    wait_until(lambda: room.recorder.state is State.PAUSED, "the pause")
    room.recorder.resume()
    wait_until(lambda: room.recorder.state is State.RECORDING, "the end of the pause")
    room.record(0.2)
    result = room.recorder.stop()

    assert room.states == [
        State.STARTING, State.RECORDING, State.PAUSED, State.RECORDING, State.STOPPING, State.IDLE,
    ]  # fmt: skip
    told = [event for event in room.events if not isinstance(event, Levels)]
    assert told[1] == StateChanged(State.RECORDING, tmp_path / "note.wav")
    assert told[-1] == Finished(result)
    # Levels come between the beginning and the end only.
    kinds = [type(event) for event in room.events]
    assert Levels not in kinds[: room.events.index(told[1])]
    assert result.file == tmp_path / "note.wav"
    assert not result.degraded
    assert room.files == ["note.wav"]
    assert abs(length_s(result.file) - result.duration_s) < 2 / RATE_HZ
    assert result.duration_s >= 0.5


def test_the_table_of_states_is_that_of_the_design() -> None:
    active = {State.STARTING, State.RECORDING, State.PAUSED, State.STOPPING}
    assert set(MOVES) == set(State)
    assert {state for state in State if State.FAILED in MOVES[state]} == active
    assert {state: MOVES[state] - {State.FAILED} for state in State} == {
        State.IDLE: {State.STARTING},
        State.STARTING: {State.RECORDING},
        State.RECORDING: {State.PAUSED, State.STOPPING},
        State.PAUSED: {State.RECORDING, State.STOPPING},
        State.STOPPING: {State.IDLE},
        State.FAILED: {State.IDLE},
    }


def test_commands_that_make_no_sense_now_do_nothing(studio: Callable[..., Studio]) -> None:
    room = studio()
    room.recorder.start()
    room.recorder.resume()
    room.record(0.2)
    room.recorder.pause()
    room.recorder.pause()
    wait_until(lambda: room.recorder.state is State.PAUSED, "the pause")
    with pytest.raises(RuntimeError):
        room.recorder.begin()
    assert room.recorder.state is State.PAUSED
    result = room.recorder.stop()
    assert room.states == [State.STARTING, State.RECORDING, State.PAUSED, State.STOPPING, State.IDLE]
    assert not result.degraded
    assert length_s(result.file) < 2.0


def test_commands_before_the_beginning_do_nothing(studio: Callable[..., Studio]) -> None:
    room = studio()
    room.recorder.pause()
    room.recorder.resume()
    room.recorder.request_stop()
    room.recorder.discard()
    with pytest.raises(CaptureError):
        room.recorder.stop()
    assert room.events == []
    room.recorder.start()
    room.record(0.2)
    assert room.recorder.state is State.RECORDING
    assert room.recorder.stop().duration_s >= 0.2


def test_commands_after_the_end_do_nothing_and_hold_nobody_up(studio: Callable[..., Studio]) -> None:
    room = studio()
    room.recorder.start()
    room.record(0.1)
    result = room.recorder.stop()
    told = len(room.events)
    began_s = time.monotonic()
    for _ in range(100):  # more than any queue of commands holds
        room.recorder.pause()
        room.recorder.resume()
        room.recorder.request_stop()
    room.recorder.discard()
    assert time.monotonic() - began_s < 5
    assert room.recorder.stop() == result
    assert len(room.events) == told
    assert room.recorder.state is State.IDLE
    assert room.files == ["note.wav"]


def test_a_stop_before_the_first_sample_leaves_no_file(studio: Callable[..., Studio]) -> None:
    room = studio()
    room.recorder.begin()
    room.recorder.request_stop()
    with pytest.raises(CaptureError, match="stopped before it began"):
        room.await_end()
    assert room.states == [State.STARTING, State.FAILED]
    assert room.files == []


def test_it_ends_by_itself_after_the_duration_to_the_sample(studio: Callable[..., Studio]) -> None:
    room = studio(duration_s=0.5)
    room.recorder.start()
    result = room.await_end()
    assert result.duration_s == 0.5
    assert len(read_sound(result.file).samples) == RATE_HZ // 2


def test_pauses_do_not_count_towards_the_duration(studio: Callable[..., Studio]) -> None:
    room = studio(duration_s=0.6)
    room.recorder.start()
    room.record(0.2)
    room.recorder.pause()
    wait_until(lambda: room.recorder.state is State.PAUSED, "the pause")
    paused_s = time.monotonic()
    wait_until(lambda: time.monotonic() > paused_s + 0.8, "longer than what is left to pass")
    assert room.recorder.state is State.PAUSED
    room.recorder.resume()
    assert room.await_end().duration_s == 0.6


def test_stop_while_paused_adds_nothing(studio: Callable[..., Studio]) -> None:
    room = studio("note.mp4", screen="all")
    room.desktop.fill(WHOLE, BLUE)
    room.recorder.start()
    room.record(0.3)
    began_s = time.monotonic()
    room.recorder.pause()
    wait_until(lambda: room.recorder.state is State.PAUSED, "the pause")
    room.desktop.fill(WHOLE, RED)  # what is not to be seen: that is why somebody pauses
    wait_until(lambda: time.monotonic() > began_s + 0.5, "some time to pass in the pause")
    result = room.recorder.stop()
    assert result.duration_s < 0.5
    assert abs(length_s(result.file) - result.duration_s) < 0.03
    brightness = [int(luma.mean()) for _, luma in read_pictures(result.file)]
    assert max(brightness) - min(brightness) < 10, brightness


def test_what_the_screen_shows_after_the_pause_is_there_at_once(studio: Callable[..., Studio]) -> None:
    room = studio("note.mkv", screen="all")
    room.desktop.fill(WHOLE, BLUE)
    room.recorder.start()
    began_s = time.monotonic()
    room.record(0.3)
    paused_at_s = time.monotonic() - began_s
    room.recorder.pause()
    wait_until(lambda: room.recorder.state is State.PAUSED, "the pause")
    grabs = room.desktop.grabs
    room.desktop.fill(WHOLE, RED)
    wait_until(lambda: room.desktop.grabs > grabs + 2, "the screen to be looked at")
    room.recorder.resume()
    room.record(0.5)
    result = room.recorder.stop()
    red_s = [at_s for at_s, luma in read_pictures(result.file) if luma.mean() > 60]
    assert red_s
    assert abs(red_s[0] - paused_at_s) < 0.03


def test_discard_leaves_nothing(studio: Callable[..., Studio], tmp_path: Path) -> None:
    room = studio("gone.mp4", screen="all")
    room.recorder.start()
    room.record(0.2)
    room.recorder.discard()
    assert room.files == []
    assert room.recorder.ended
    assert room.states[-2:] == [State.STOPPING, State.IDLE]
    assert not any(isinstance(event, Finished | Failed) for event in room.events)
    with pytest.raises(CaptureError, match="discarded"):
        room.recorder.wait(1)


def test_discard_while_paused_leaves_nothing(studio: Callable[..., Studio]) -> None:
    room = studio()
    room.recorder.start()
    room.recorder.pause()
    wait_until(lambda: room.recorder.state is State.PAUSED, "the pause")
    room.recorder.discard()
    assert room.files == []


def test_a_listener_that_fails_harms_nothing(studio: Callable[..., Studio]) -> None:
    room = studio()

    def fail(event: Event) -> None:
        raise ValueError("a fault of the ui")

    room.listener = fail
    room.recorder.start()
    room.record(0.2)
    assert not room.recorder.stop().degraded


def test_a_listener_may_give_commands(studio: Callable[..., Studio]) -> None:
    room = studio()

    def stop_at_once(event: Event) -> None:
        if isinstance(event, StateChanged) and event.state is State.RECORDING:
            room.recorder.request_stop()

    room.listener = stop_at_once
    room.recorder.begin()
    assert room.await_end().duration_s < 0.2


def test_two_recordings_at_once(studio: Callable[..., Studio]) -> None:
    one, other = studio("one.flac"), studio("other.opus", mic="default")
    for room in (one, other):
        room.recorder.start()
    for room in (one, other):
        room.record(0.3)
        assert not room.recorder.stop().degraded
    assert one.files == ["one.flac", "other.opus"]


def test_a_name_that_another_recording_is_using_is_refused(studio: Callable[..., Studio], tmp_path: Path) -> None:
    first, second = studio("same.wav"), studio("same.wav")
    first.recorder.start()
    with pytest.raises(OutputError, match=r"same\.wav"):
        second.recorder.start()
    assert second.recorder.state is State.FAILED
    first.record(0.2)
    assert not first.recorder.stop().degraded
    assert first.files == ["same.wav"]


# --- it does not begin ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"speaker": "Nowhere"}, UnknownDevice),
        ({"apps": ("Nobody",)}, UnknownDevice),
        ({"mic": "Nowhere"}, UnknownDevice),
        ({"file": "note.mp4", "screen": "0,0,640x480"}, UnknownArea),
        ({"file": "note.mp4", "screen": "window:Nothing"}, UnknownArea),
        ({"file": "note.mp4"}, SettingsError),
    ],
    ids=str,
)
def test_what_cannot_be_recorded_is_said_and_leaves_nothing(
    studio: Callable[..., Studio], tmp_path: Path, settings: dict[str, Any], error: type[CaptureError]
) -> None:
    file = settings.pop("file", "note.wav")
    room = studio(file, **settings)
    with pytest.raises(error) as caught:
        room.recorder.start()
    assert caught.value.hint
    assert room.states == [State.STARTING, State.FAILED]
    assert room.events[-1] == Failed(caught.value)
    assert room.files == []
    with pytest.raises(error):
        room.recorder.stop()


def test_what_is_not_there_tells_which_setting_asked_for_it(studio: Callable[..., Studio]) -> None:
    for setting, value in (("speaker", "Nowhere"), ("apps", ("Player", "Nobody")), ("mic", "Nowhere")):
        room = studio(**{setting: value})
        with pytest.raises(UnknownDevice) as caught:
            room.recorder.start()
        assert caught.value.setting == setting


def test_a_bug_before_the_beginning_claims_no_recording_that_was_kept(
    studio: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    room = studio()
    monkeypatch.setattr(room.sound, "loopback", lambda name: 1 / 0)
    with pytest.raises(WorkerFault, match="ZeroDivisionError") as caught:
        room.recorder.start()
    assert "kept" not in caught.value.hint
    assert "report" in caught.value.hint
    assert room.files == []


def test_no_sound_server_is_said_at_once(studio: Callable[..., Studio]) -> None:
    room = studio()
    room.sound.kill()
    with pytest.raises(CaptureError, match="no sound server answers"):
        room.recorder.start()
    assert room.files == []


@pytest.mark.parametrize(
    "asked", [{}, {"speaker": "Fake speaker"}, {"apps": ("player",)}, {"system": False, "mic": "Fake microphone"}]
)
def test_with_a_screen_the_recording_begins_without_sound_and_says_so(
    studio: Callable[..., Studio], asked: dict[str, Any]
) -> None:
    room = studio("note.mp4", screen="all", **asked)
    room.sound.kill()
    room.recorder.start()
    assert any("no sound" in notice.text for notice in room.notices)
    room.sound.restart()
    room.sound.play("Player", hum, endpoint="fake_mic" if "mic" in asked else None)
    wait_until(lambda: last_peak_dbfs(room) > -20, "sound to be heard")
    result = room.recorder.stop()
    assert result.audio is not None
    name = "player" if "apps" in asked else "mic" if "mic" in asked else "system"
    assert [(gap.at_s, gap.reason) for gap in result.audio.gaps[:1]] == [(0.0, f"{name}: no sound server answers")]
    # An application may have its sound open a moment after the server.
    assert len(result.degraded) == 1 or ("apps" in asked and "is no application" in result.degraded[1])
    assert np.abs(read_sound(result.file).samples).max() > PEAK / 2


def test_what_a_late_sound_server_does_not_know_names_the_silence(studio: Callable[..., Studio]) -> None:
    room = studio("note.mp4", screen="all", apps=("Nobody", "Player"), tracks="separate")
    room.sound.kill()
    room.recorder.start()
    room.sound.restart()
    room.sound.play("Player", hum)
    wait_until(lambda: last_peak_dbfs(room) > -20, "sound to be heard")
    result = room.recorder.stop()
    assert result.audio is not None
    reasons = [gap.reason for gap in result.audio.gaps if gap.reason.startswith("Nobody")]
    assert [reason.split(" is no ")[0] for reason in reasons] == ["Nobody: no sound server answers", "Nobody: 'Nobody'"]


def test_two_names_of_one_application_are_told_apart_by_a_late_sound_server(studio: Callable[..., Studio]) -> None:
    room = studio("note.mp4", screen="all", apps=("play", "layer"))
    room.sound.kill()
    room.recorder.start()
    room.sound.play("Player", hum)
    room.sound.restart()
    wait_until(lambda: last_peak_dbfs(room) > -20, "sound to be heard")
    result = room.recorder.stop()
    assert sum("both mean the application Player" in line for line in result.degraded) == 1
    assert np.abs(read_sound(result.file).samples).max() < 1.5 * PEAK


def last_peak_dbfs(room: Studio) -> float:
    levels = [event for event in room.events if isinstance(event, Levels)]
    return max(levels[-1].peaks_dbfs.values()) if levels else -math.inf


def test_a_sound_server_that_is_just_starting_is_waited_for(studio: Callable[..., Studio]) -> None:
    room = studio(speaker="Fake speaker")  # which has to be looked up there
    room.sound.kill()
    room.recorder.begin()
    starting = threading.Timer(0.5, room.sound.restart)
    starting.start()
    wait_until(lambda: room.recorder.state is State.RECORDING, "the beginning", 5)
    starting.join(5)
    room.record(0.2)
    assert room.recorder.stop().file.exists()


def test_the_time_that_the_computer_slept_is_told(
    studio: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept_ns = 0
    monkeypatch.setattr(MonotonicClock, "asleep_ns", lambda clock: slept_ns)
    room = studio()
    room.recorder.start()
    room.record(0.5)
    slept_ns = 3600 * 10**9
    wait_until(lambda: any("slept" in notice.text for notice in room.notices), "the news", 5)
    result = room.recorder.stop()
    (told,) = result.degraded
    assert told.startswith("the computer slept for 3600.0 s at 0.")
    assert result.duration_s < 5


def test_an_application_that_is_named_twice_is_refused(studio: Callable[..., Studio]) -> None:
    room = studio(apps=("Player", "play"))
    with pytest.raises(SettingsError, match="Player"):
        room.recorder.start()


def test_an_application_may_be_called_as_a_microphone_is(studio: Callable[..., Studio]) -> None:
    room = studio("note.m4a", apps=("mic",), mic="default", tracks="separate", gains_db={"mic": -20.0})
    room.sound.play("mic", hum)
    room.recorder.start()
    room.record(0.5)
    result = room.recorder.stop()
    assert abs(np.abs(read_sound(result.file, 0).samples).max() - PEAK) < 0.05
    assert np.abs(read_sound(result.file, 1).samples).max() < 0.01


# --- faults -----------------------------------------------------------------------------------------------------------


class Broken:
    """Stands for a method, and fails from its n-th call on, until it is mended."""

    def __init__(self, method: Callable[..., Any], first: int, error: Exception) -> None:
        self._method = method
        self._left = first
        self._error = error

    def __call__(self, *args: Any, **words: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise self._error
        return self._method(*args, **words)


def break_source(room: Studio, kind: str, after: int, error: Exception) -> None:
    """A source whose read fails after some blocks: with no `CaptureError`, that is a bug in it."""
    make = getattr(room.sound, kind)

    def broken(*args: Any) -> SoundSource:
        source: SoundSource = make(*args)
        source.read = Broken(source.read, after, error)  # type: ignore[method-assign]
        return source

    setattr(room.sound, kind, broken)


def test_one_source_of_two_breaks_and_the_other_goes_on(studio: Callable[..., Studio]) -> None:
    room = studio("note.m4a", mic="default", tracks="separate")
    room.sound.play("Somebody", hum, "fake_mic")
    break_source(room, "loopback", 6, RuntimeError("driver fault"))
    room.recorder.start()
    wait_until(lambda: any("driver fault" in notice.text for notice in room.notices), "the fault to be told")
    room.record(0.5)
    assert room.recorder.state is State.RECORDING
    result = room.recorder.stop()
    assert any("grab-system" in text and "driver fault" in text for text in result.degraded)
    system, mic = (read_sound(result.file, number).samples for number in (0, 1))
    assert len(mic) == len(system)
    assert np.abs(mic[-RATE_HZ // 4 : -2000]).max() > PEAK / 2
    assert np.abs(system[-RATE_HZ // 4 : -2000]).max() < 0.01


def test_the_only_source_breaks_and_is_waited_for(studio: Callable[..., Studio]) -> None:
    room = studio()
    break_source(room, "loopback", 8, RuntimeError("driver fault"))
    room.recorder.start()
    wait_until(lambda: any("driver fault" in notice.text for notice in room.notices), "the fault to be told")
    room.record(0.5)
    assert room.recorder.state is State.RECORDING
    result = room.recorder.stop()
    assert any("driver fault" in text for text in result.degraded)
    assert abs(length_s(result.file) - result.duration_s) < 2 / RATE_HZ
    assert np.abs(read_sound(result.file).samples).max() > PEAK / 2


def test_a_broken_sound_encoder_ends_the_recording_with_a_good_file(
    studio: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    room = studio("note.mkv", screen="all")
    broken = Broken(encoders.AudioEncoder.encode, 8, OutputError("the opus encoder failed", "Try another."))
    monkeypatch.setattr(encoders.AudioEncoder, "encode", lambda *args: broken(*args))
    room.recorder.begin()
    result = room.await_end()
    assert any("encoder failed" in text for text in result.degraded)
    assert length_s(result.file) > 0.1
    assert list(read_pictures(result.file))


def test_a_broken_mixer_ends_the_recording_with_a_good_file(
    studio: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    from capture.sound.mixer import Mixer

    room = studio()
    broken = Broken(Mixer.mix, 10, ZeroDivisionError("a bug"))
    monkeypatch.setattr(Mixer, "mix", lambda *args, **words: broken(*args, **words))
    room.recorder.begin()
    result = room.await_end()
    assert any("mix" in text and "a bug" in text for text in result.degraded)
    assert length_s(result.file) > 0.1


def test_a_broken_video_encoder_leaves_the_sound_whole(
    studio: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    room = studio("note.mp4", screen="all")
    broken = Broken(encoders.VideoEncoder.encode, 1, OutputError("the libx264 encoder failed"))
    monkeypatch.setattr(encoders.VideoEncoder, "encode", lambda *args: broken(*args))
    room.recorder.start()
    room.desktop.fill(WHOLE, RED)
    wait_until(lambda: any("encoder failed" in notice.text for notice in room.notices), "the fault to be told")
    wait_until(lambda: "'screen'" not in _threads(), "the screen to be left alone, since nobody takes its pictures")
    room.record(0.3)
    result = room.recorder.stop()
    assert any("encoder failed" in text for text in result.degraded)
    assert abs(length_s(result.file) - result.duration_s) < 0.03


@pytest.mark.parametrize("stage", ["screen", "video"])
def test_a_picture_alone_that_breaks_ends_the_recording(
    studio: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    room = studio("note.mp4", screen="all", system=False)
    if stage == "screen":
        room.desktop.before_grab = Broken(lambda number: room.desktop.fill(WHOLE, (number % 250,) * 3), 9, BUG)
    else:
        broken = Broken(encoders.VideoEncoder.encode, 2, BUG)
        monkeypatch.setattr(encoders.VideoEncoder, "encode", lambda *args: broken(*args))
        room.desktop.before_grab = lambda number: room.desktop.fill(WHOLE, (number % 250,) * 3)
    room.recorder.begin()
    result = room.await_end()
    assert any("a bug" in text for text in result.degraded)
    assert list(read_pictures(result.file))


BUG = ZeroDivisionError("a bug")


def test_a_screen_thread_that_breaks_leaves_the_sound_whole(studio: Callable[..., Studio]) -> None:
    room = studio("note.mkv", screen="all")
    room.desktop.before_grab = Broken(lambda number: room.desktop.fill(WHOLE, (number % 250,) * 3), 5, BUG)
    room.recorder.start()
    wait_until(lambda: any("a bug" in notice.text for notice in room.notices), "the fault to be told")
    room.record(0.4)
    result = room.recorder.stop()
    assert any("the screen thread failed" in text for text in result.degraded)
    assert abs(length_s(result.file) - result.duration_s) < 0.03
    # Its last picture stands until the end.
    assert abs(list(read_pictures(result.file))[-1][0] - result.duration_s) < 0.05


def test_a_screen_that_goes_and_comes_back_is_a_remark(studio: Callable[..., Studio]) -> None:
    room = studio("note.mkv", screen="all")
    room.recorder.start()
    room.record(0.2)
    room.desktop.lose("the server has gone")
    wait_until(lambda: any("cannot be recorded" in notice.text for notice in room.notices), "the loss to be told")
    room.desktop.fill(WHOLE, RED)
    room.desktop.restore()
    wait_until(lambda: any("recorded again" in notice.text for notice in room.notices), "the return to be told")
    room.record(0.3)
    result = room.recorder.stop()
    assert any("the server has gone" in text for text in result.degraded)
    assert list(read_pictures(result.file))[-1][1].mean() > 60


def test_a_screen_that_does_not_answer_holds_up_no_end(studio: Callable[..., Studio]) -> None:
    room = studio("note.mp4", screen="all")
    answer = threading.Event()
    try:
        room.recorder.start()
        room.record(0.3)
        room.desktop.before_grab = lambda number: assert_that(answer.wait(30))
        grabs = room.desktop.grabs
        wait_until(lambda: room.desktop.grabs > grabs, "the screen to hang")
        began_s = time.monotonic()
        result = room.recorder.stop()
        assert time.monotonic() - began_s < 5
        assert any("gave no picture" in text for text in result.degraded)
        assert abs(length_s(result.file) - result.duration_s) < 0.03
    finally:
        answer.set()


def assert_that(condition: bool) -> None:
    assert condition


def failing_disk(after_bytes: int, error: OSError, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes so much and then refuses every write."""
    left = after_bytes

    def write(descriptor: int, data: bytes | memoryview) -> int:
        nonlocal left
        left -= len(data)
        if left < 0:
            raise error
        return os.write(descriptor, data)

    monkeypatch.setattr(output_file, "OutputFile", functools.partial(output_file.OutputFile, write=write))


@pytest.mark.parametrize("suffix", ["wav", "opus", "m4a", "mp4", "mkv", "webm"])
def test_a_disk_that_fails_leaves_a_good_file_up_to_there(
    studio: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    with_screen = suffix in ("mp4", "mkv", "webm")
    room = studio(f"note.{suffix}", screen="all" if with_screen else None)
    if with_screen:
        room.desktop.before_grab = lambda number: room.desktop.fill(WHOLE, (number % 250,) * 3)
    failing_disk(100_000 if suffix == "wav" else 12_000, OSError(errno.EIO, "Input/output error"), monkeypatch)
    room.recorder.begin()
    result = room.await_end()
    assert any("Input/output error" in text for text in result.degraded), result.degraded
    assert length_s(result.file) > 0.1
    assert room.files == [result.file.name]


def test_a_disk_that_refuses_the_end_alone_leaves_a_file_of_the_length_that_is_told(
    studio: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    room = studio("note.mp4", screen="all")
    closing = threading.Event()

    def write(descriptor: int, data: bytes | memoryview) -> int:
        if closing.is_set():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.write(descriptor, data)

    def close(file: output_file.OutputFile) -> Path:
        closing.set()
        return finish(file)

    finish = output_file.OutputFile.close
    monkeypatch.setattr(output_file.OutputFile, "close", close)
    monkeypatch.setattr(output_file, "OutputFile", functools.partial(output_file.OutputFile, write=write))
    room.recorder.start()
    room.record(1.2)
    result = room.recorder.stop()
    assert any("the end of the file could not be written" in text for text in result.degraded)
    assert abs(length_s(result.file) - result.duration_s) < 0.03


def test_a_full_disk_is_named_as_such(studio: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch) -> None:
    room = studio()
    failing_disk(60_000, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), monkeypatch)
    room.recorder.begin()
    result = room.await_end()
    assert any("No space left on device" in text for text in result.degraded)
    hints = [notice.hint for notice in room.notices if "No space" in notice.text]
    assert hints == [DiskFull.default_hint]
    assert length_s(result.file) > 0.05


def test_a_nearly_full_disk_ends_the_recording_whole(
    studio: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    room = studio()
    room.recorder.start()
    room.record(0.2)
    monkeypatch.setattr(output_file, "_free_bytes", lambda folder: 1_000_000)
    result = room.await_end()
    assert any("nearly full" in text for text in result.degraded)
    assert abs(length_s(result.file) - result.duration_s) < 2 / RATE_HZ
    assert room.files == ["note.wav"]


def test_a_bug_of_the_recorder_itself_still_finishes_the_file(
    studio: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    from capture.session import Session

    room = studio()
    monkeypatch.setattr(Session, "pause", Broken(Session.pause, 0, BUG))
    room.recorder.start()
    room.record(0.3)
    room.recorder.pause()
    result = room.await_end()
    assert any("a bug" in text for text in result.degraded)
    assert length_s(result.file) > 0.3


def test_pictures_that_came_before_the_recording_are_not_counted(studio: Callable[..., Studio]) -> None:
    room = studio("note.mkv", screen="all", fps=50.0, mic="default")
    # No first block comes from a silent microphone, so that the beginning takes its time, while pictures come.
    room.sound.suspend("fake_mic")
    room.recorder.start()
    room.record(0.5)
    result = room.recorder.stop()
    assert result.video is not None
    most = result.duration_s * 50 + 2
    assert result.video.captured + result.video.dropped <= most
    assert result.video.unchanged <= result.video.captured
