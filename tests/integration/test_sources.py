"""What is recorded is what was asked for, and as loud as was asked for: applications, speakers, microphones, tracks."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.helpers.analysis import read_sound
from tests.helpers.player import play
from tests.helpers.recording import loopnote, record
from tests.helpers.signals import RATE, Samples, tone
from virtual_desktop import VirtualDesktop

# Who plays which tone: two applications on the default speaker, one on the headphones, and somebody into the headset.
TALK_HZ, MUSIC_HZ, RADIO_HZ, VOICE_HZ = 440, 1_000, 2_500, 700
PEAK = 0.2
PLAYED_DBFS = 20 * math.log10(PEAK)
# Far below what anybody hears beside the wanted sound, and 30 dB above the rounding of 16 bits.
ABSENT_DB = 60.0
LENGTH_S = 1.2


@pytest.fixture(scope="module")
def room(desktop: VirtualDesktop) -> Iterator[VirtualDesktop]:
    """A desktop with two speakers and two microphones, on which four applications sound without end."""
    desktop.load_null_sink("headphones")
    for name in ("headset", "webcam"):
        desktop.load_null_sink(f"{name}_in")
        desktop.load_microphone(name, f"{name}_in")
    desktop.set_default_sink("loopnote_null")
    with contextlib.ExitStack() as stack:
        players = [
            stack.enter_context(
                play(desktop, tone(240, frequency_hz, channels=1, peak=PEAK), name=name, sink=sink, wait=False)
            )
            for name, frequency_hz, sink in (
                ("talk", TALK_HZ, "loopnote_null"),
                ("music", MUSIC_HZ, "loopnote_null"),
                ("radio", RADIO_HZ, "headphones"),
                ("voice", VOICE_HZ, "headset_in"),
            )
        ]
        for player in players:
            player.wait_until_sounds()
        yield desktop


def level_dbfs(samples: Samples, frequency_hz: float) -> float:
    """The peak of the tone of that frequency, exact to 0.01 dB: one bin of a Fourier transform of the middle second."""
    middle = (len(samples) - RATE) // 2
    assert middle >= 0, f"{len(samples) / RATE:.2f} s are too short to be measured"
    second = samples[middle : middle + RATE].mean(axis=1, dtype=np.float64)
    window = np.hanning(RATE)
    turn = np.exp(-2j * np.pi * frequency_hz * np.arange(RATE) / RATE)
    return 20 * math.log10(max(1e-12, 2 * abs(np.sum(second * window * turn)) / window.sum()))


def assert_heard(samples: Samples, gains_db: dict[int, float]) -> None:
    """These tones with their gains, to 0.1 dB, and none of the others."""
    for frequency_hz in (TALK_HZ, MUSIC_HZ, RADIO_HZ, VOICE_HZ):
        found_dbfs = level_dbfs(samples, frequency_hz)
        if frequency_hz in gains_db:
            wanted_dbfs = PLAYED_DBFS + gains_db[frequency_hz]
            assert abs(found_dbfs - wanted_dbfs) < 0.1, f"{frequency_hz} Hz: {found_dbfs:.2f}, not {wanted_dbfs:.2f} dB"
        else:
            assert found_dbfs < PLAYED_DBFS - ABSENT_DB, f"{frequency_hz} Hz: {found_dbfs:.1f} dB of it are in the file"


def recorded(room: VirtualDesktop, file: Path, *options: str) -> dict[str, Any]:
    """Record a little into `file`; returns the result."""
    code, output, said = loopnote(room, "record", file, "--duration", str(LENGTH_S), "--json", *options)
    assert code == 0, said + output
    return json.loads(output)  # type: ignore[no-any-return]


def test_one_application_alone_while_all_stay_audible(room: VirtualDesktop, tmp_path: Path) -> None:
    with record(room, tmp_path / "all.wav") as everything:
        recorded(room, tmp_path / "talk.wav", "--app", "talk")
        everything.stop()
    assert_heard(read_sound(tmp_path / "talk.wav").samples, {TALK_HZ: 0})
    assert_heard(read_sound(tmp_path / "all.wav").samples, {TALK_HZ: 0, MUSIC_HZ: 0})


def test_two_applications_wherever_they_play(room: VirtualDesktop, tmp_path: Path) -> None:
    recorded(room, tmp_path / "two.wav", "--app", "MUSIC", "--app", "radio")
    assert_heard(read_sound(tmp_path / "two.wav").samples, {MUSIC_HZ: 0, RADIO_HZ: 0})


def test_another_speaker_than_the_default_in_mono(room: VirtualDesktop, tmp_path: Path) -> None:
    result = recorded(room, tmp_path / "radio.flac", "--speaker", "headphones", "--channels", "mono")
    sound = read_sound(tmp_path / "radio.flac")
    assert_heard(sound.samples, {RADIO_HZ: 0})
    assert sound.samples.shape[1] == result["audio"]["channels"] == 1


def test_a_named_microphone_is_mixed_in_with_gains(room: VirtualDesktop, tmp_path: Path) -> None:
    room.pactl("set-default-source", "webcam")
    gains = ("--gain", "system=-6", "--gain", "mic=+6")
    result = recorded(room, tmp_path / "mix.wav", *gains, "--mic", "Headset")
    assert_heard(read_sound(tmp_path / "mix.wav").samples, {TALK_HZ: -6, MUSIC_HZ: -6, VOICE_HZ: +6})
    peak_dbfs = 20 * math.log10(PEAK * (2 * 10 ** (-6 / 20) + 10 ** (6 / 20)))
    assert abs(result["audio"]["peak_dbfs"] - peak_dbfs) < 0.5


def test_the_default_microphone_alone(room: VirtualDesktop, tmp_path: Path) -> None:
    room.pactl("set-default-source", "headset")
    recorded(room, tmp_path / "mic.wav", "--no-system", "--mic")
    assert_heard(read_sound(tmp_path / "mic.wav").samples, {VOICE_HZ: 0})


@pytest.mark.parametrize("suffix", ["m4a", "mp4", "mkv"])
def test_each_source_has_a_track_of_its_own_with_its_name(room: VirtualDesktop, tmp_path: Path, suffix: str) -> None:
    screen = () if suffix == "m4a" else ("--screen", "0,0,64x64")
    file = tmp_path / f"tracks.{suffix}"
    recorded(room, file, "--app", "talk", "--app", "music", "--mic", "--tracks", "separate", *screen)
    assert titles(file) == ["talk", "music", "mic"]
    sounds = [read_sound(file, number) for number in range(3)]
    for sound, frequency_hz in zip(sounds, (TALK_HZ, MUSIC_HZ, VOICE_HZ), strict=True):
        assert_heard(sound.samples, {frequency_hz: 0})
    # The tracks keep step: each begins and ends with the others.
    assert len({len(sound.samples) for sound in sounds}) == 1
    assert len({round(sound.start_s, 3) for sound in sounds}) == 1


def test_a_picture_without_sound(room: VirtualDesktop, tmp_path: Path) -> None:
    result = recorded(room, tmp_path / "mute.mp4", "--no-system", "--screen", "0,0,64x64")
    assert result["audio"] is None
    with av.open(str(tmp_path / "mute.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert container.duration is not None
        assert abs(container.duration / av.time_base - LENGTH_S) < 0.05


def titles(file: Path) -> list[str]:
    """Of each sound track, as players show it: Matroska has titles, MP4 calls them handlers' names."""
    key = "title" if file.suffix == ".mkv" else "handler_name"
    with av.open(str(file)) as container:
        return [track.metadata[key] for track in container.streams.audio]
