"""Reading recorded files: time stamps honoured, holes seen, flashes and beeps paired, numbers read."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from tests.helpers.analysis import Sound, find_beeps, find_flashes, pair, read_pictures, read_sound
from tests.helpers.counter import BLOCK_PX, WIDTH_PX, read_counter, white_blocks
from tests.helpers.media import write_pictures, write_sound
from tests.helpers.signals import RATE, Samples, beep, exact_noise, numbered


def beeping(*at_s: float, length_s: float = 4, peak: float = 0.7) -> Samples:
    samples = np.zeros((round(length_s * RATE), 2), np.float32)
    for start in at_s:
        first = round(start * RATE)
        samples[first : first + len(beep())] = beep(peak=peak)
    return samples


def gray(value: int) -> NDArray[np.uint8]:
    return np.full((90, 160), value, np.uint8)


def counter_picture(number: int) -> NDArray[np.uint8]:
    picture = np.zeros((BLOCK_PX * 2, WIDTH_PX), np.uint8)
    for block in white_blocks(number):
        picture[:BLOCK_PX, block * BLOCK_PX : (block + 1) * BLOCK_PX] = 255
    return picture


def write_wav_with_times(path: Path, blocks: list[tuple[float, Samples]]) -> Path:
    """PCM in Matroska, each block with the time given: holes and overlaps as wanted."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="stereo")
        stream.time_base = Fraction(1, RATE)
        for at_s, samples in blocks:
            values = np.rint(samples * 32768).astype(np.int16).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(values, format="s16", layout="stereo")
            frame.sample_rate = RATE
            frame.pts = round(at_s * RATE)
            container.mux(stream.encode(frame))
    return path


def test_a_hole_is_filled_with_silence_and_listed(tmp_path: Path) -> None:
    noise = exact_noise(1)
    path = write_wav_with_times(tmp_path / "a.mkv", [(0, noise[:24_000]), (0.75, noise[24_000:])])
    sound = read_sound(path)
    assert [(hole.at_s, hole.length_s) for hole in sound.holes] == [pytest.approx((0.5, 0.25), abs=0.002)]
    assert len(sound.samples) == pytest.approx(1.25 * RATE, abs=100)
    assert np.array_equal(sound.samples[:24_000], noise[:24_000])
    assert not sound.samples[24_000:35_000].any()
    assert np.array_equal(sound.samples[-24_000:], noise[24_000:])


def test_an_overlap_is_listed_once_as_a_negative_hole(tmp_path: Path) -> None:
    noise = exact_noise(1.5)
    blocks = [(0, noise[:24_000]), (0.4, noise[24_000:48_000]), (0.9, noise[48_000:])]
    sound = read_sound(write_wav_with_times(tmp_path / "a.mkv", blocks))
    assert [hole.length_s for hole in sound.holes] == [pytest.approx(-0.1, abs=0.002)]


def test_sound_without_holes_has_none(tmp_path: Path) -> None:
    noise = exact_noise(1)
    blocks = [(at / RATE, noise[at : at + 1000]) for at in range(0, RATE, 1000)]
    sound = read_sound(write_wav_with_times(tmp_path / "a.mkv", blocks))
    assert sound.holes == ()
    assert np.array_equal(sound.samples, noise)


def test_a_codecs_lead_in_is_left_out_as_players_do(tmp_path: Path) -> None:
    samples = numbered(1)
    for suffix in ("opus", "m4a"):
        sound = read_sound(write_sound(tmp_path / f"a.{suffix}", samples))
        assert sound.start_s == 0
        assert sound.duration_s == pytest.approx(1, abs=0.022)


@pytest.mark.parametrize("bits", ["s16", "s32", "flt"])
def test_full_scale_is_one_whatever_the_sample_format(tmp_path: Path, bits: str) -> None:
    codec = {"s16": "pcm_s16le", "s32": "pcm_s24le", "flt": "pcm_f32le"}[bits]
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream(codec, rate=RATE, layout="mono")
        assert isinstance(stream, AudioStream)
        values = np.array([[0.5, -1.0, 0.25, 0.0]], np.float32)
        if bits != "flt":
            scale = 1 << (15 if bits == "s16" else 31)
            values = (values.astype(np.float64) * scale).astype(np.int16 if bits == "s16" else np.int32)
        frame = av.AudioFrame.from_ndarray(values, format=bits, layout="mono")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert read_sound(tmp_path / "a.wav").samples[:, 0].tolist() == [0.5, -1.0, 0.25, 0.0]


def test_a_file_without_sound_fails_the_test_plainly(tmp_path: Path) -> None:
    path = write_pictures(tmp_path / "a.mkv", [(0, gray(0))])
    with pytest.raises(AssertionError, match="no audio stream"):
        read_sound(path)


def test_flashes_are_timed_by_the_first_white_picture(tmp_path: Path) -> None:
    white = [1.0, 1.1, 2.5]
    times = [0.0, 0.5, 1.0, 1.1, 1.2, 2.0, 2.5, 2.6]
    path = write_pictures(tmp_path / "a.mkv", [(at, gray(235 if at in white else 16)) for at in times])
    assert find_flashes(read_pictures(path)) == [pytest.approx(1.0, abs=0.002), pytest.approx(2.5, abs=0.002)]


def test_a_recording_that_begins_white_has_no_flash_there() -> None:
    assert find_flashes([(0.0, gray(255)), (0.1, gray(0)), (0.2, gray(255))]) == [0.2]


@pytest.mark.parametrize("peak", [0.7, 0.02])
def test_beeps_are_found_to_a_tenth_of_a_millisecond(peak: float) -> None:
    at_s = [0.25, 1.0001, 3.5]
    assert find_beeps(Sound(beeping(*at_s, peak=peak), RATE, 0)) == pytest.approx(at_s, abs=0.0001)


@pytest.mark.parametrize("suffix", ["opus", "m4a"])
def test_beeps_are_found_in_coded_sound(tmp_path: Path, suffix: str) -> None:
    at_s = [0.25, 1.0001, 3.5]
    sound = read_sound(write_sound(tmp_path / f"a.{suffix}", beeping(*at_s)))
    assert find_beeps(sound) == pytest.approx(at_s, abs=0.0005)


def test_no_beep_is_found_in_silence_or_other_sound() -> None:
    assert find_beeps(Sound(np.zeros((RATE, 2), np.float32), RATE, 0)) == []
    assert find_beeps(Sound(numbered(2), RATE, 0)) == []
    assert find_beeps(Sound(exact_noise(1), RATE, 0)) == []


def test_a_late_start_of_the_track_counts() -> None:
    assert find_beeps(Sound(beeping(0.25), RATE, start_s=0.5)) == pytest.approx([0.75], abs=0.0001)


def test_pairs_have_a_sign_and_the_lonely_are_counted() -> None:
    sync = pair([1.0, 2.0, 3.0, 9.0], [1.01, 1.98, 3.02, 5.0, 7.0])
    assert sync.offsets_s == [pytest.approx(0.01), pytest.approx(-0.02), pytest.approx(0.02)]
    assert sync.median_s == pytest.approx(0.01)
    assert (sync.lonely_flashes, sync.lonely_beeps) == (1, 2)


@pytest.mark.parametrize("number", [0, 1, 88, 4711, 65_535])
def test_a_number_is_read_back_after_coding(tmp_path: Path, number: int) -> None:
    path = write_pictures(tmp_path / "a.mp4", [(0, counter_picture(number))])
    [(_, luma)] = list(read_pictures(path))
    assert read_counter(luma) == number


def test_a_number_is_read_back_at_half_the_size_and_elsewhere() -> None:
    picture = np.pad(counter_picture(4711), ((10, 0), (20, 0)))
    assert read_counter(picture, 20, 10) == 4711
    assert read_counter(picture[::2, ::2], 10, 5, scale=0.5) == 4711


def test_no_number_is_read_from_other_pictures() -> None:
    assert read_counter(gray(0).repeat(8, axis=1)) is None
    assert read_counter(gray(255).repeat(8, axis=1)) is None
    half = counter_picture(4711)
    half[:, 10 * BLOCK_PX : 11 * BLOCK_PX] = 128
    assert read_counter(half) is None
    flipped = counter_picture(4711)
    flipped[:, 10 * BLOCK_PX : 11 * BLOCK_PX] ^= 255
    assert read_counter(flipped) is None
