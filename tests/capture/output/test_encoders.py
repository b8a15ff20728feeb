"""What goes in comes out: exactly where the format promises it, in its place and whole everywhere."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import numpy as np
import pytest

from capture.clock import NS_PER_S
from capture.model import VideoFrame
from tests.capture.output.making import EVERY, SCREEN, SIZE, SOUND, Shown, feed, finish, opened, picture, record
from tests.helpers.analysis import read_pictures, read_sound
from tests.helpers.signals import best_place, exact_noise, numbered

# Frames that a codec may add at the end; the others are exact. AAC's last frame cannot be cut by every reader.
ONE_FRAME = {"m4a": 1024, "mp4": 1024}


@pytest.mark.parametrize("rate", [44_100, 48_000, 192_000])
@pytest.mark.parametrize(
    ("name", "quality"), [("wav", "medium"), ("flac", "medium"), ("wav", "high"), ("flac", "high")]
)
def test_sixteen_bits_come_back_exactly(tmp_path: Path, name: str, quality: str, rate: int) -> None:
    sound = exact_noise(1.234, rate)
    file = opened(tmp_path, name, quality, rate=rate)
    # Blocks of all sizes, down to a single frame.
    edges = [0, 1, 2, 441, 442, 5_000, 5_003, 20_000, len(sound)]
    for start, end in itertools.pairwise(edges):
        for packet in file.audio[0].encode(sound[start:end]):
            file.write(packet)

    result = read_sound(finish(file))

    assert result.samplerate == rate
    assert np.array_equal(result.samples, sound)


@pytest.mark.parametrize(
    ("name", "quality"), [("wav", "high"), ("flac", "high"), ("m4a", "lossless"), ("mkv", "lossless")]
)
def test_twentyfour_bits_come_back_exactly(tmp_path: Path, name: str, quality: str) -> None:
    values = np.random.default_rng(3).integers(-(2**23), 2**23 - 1, size=(30_000, 2), endpoint=True)
    sound = (values / 2**23).astype(np.float32)

    pictures = [Shown(0.0, 50)] if name == "mkv" else []
    result = read_sound(record(tmp_path, name, quality, sound, pictures))

    assert np.array_equal(result.samples[: len(sound)], sound)


def test_what_is_too_loud_is_clipped_and_never_wraps_round(tmp_path: Path) -> None:
    sound = np.array([[1.0, -1.0], [1.5, -1.5], [100.0, -100.0]] * 1000, np.float32)

    samples = read_sound(record(tmp_path, "wav", "medium", sound)).samples

    assert np.array_equal(samples, np.tile(np.array([32767 / 32768, -1.0], np.float32), (3000, 1)))


@pytest.mark.parametrize("name", ["wav", "opus", "m4a"])
def test_not_a_number_spoils_nothing_after_it(tmp_path: Path, name: str) -> None:
    sound = numbered(1.0)
    sound[1000:1010] = np.nan
    sound[1010] = np.inf

    samples = read_sound(record(tmp_path, name, "medium", sound)).samples

    assert np.isfinite(samples).all()
    assert best_place(samples[24_000:36_000], sound[24_000:]).offset == 0


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("name", "quality"), EVERY)
def test_nothing_is_cut_and_everything_is_in_its_place(tmp_path: Path, name: str, quality: str, channels: int) -> None:
    length = 2 * 48_000 + 317  # no multiple of any codec's frame
    sound = numbered(length / 48_000, channels=channels)
    pictures = [Shown(0.0, 50), Shown(length / 48_000, 50)]

    result = read_sound(record(tmp_path, name, quality, sound, pictures, channels=channels))

    assert result.samples.shape[1] == channels
    assert result.holes == ()
    assert length <= len(result.samples) <= length + ONE_FRAME.get(name, 0)
    # MP3's container counts from the first byte; what is before the first sample is skipped by every player.
    assert result.start_s == pytest.approx(0.0, abs=0.001) or name == "mp3"
    for start, stop in ((0, 12_000), (40_000, 52_000), (length - 12_000, length)):
        assert best_place(result.samples[start:stop], sound).offset == pytest.approx(start, abs=1)


def test_a_recording_of_nothing_is_a_file_all_the_same(tmp_path: Path) -> None:
    for name, quality in SOUND:
        path = finish(opened(tmp_path, name, quality, stem=f"{name}-{quality}"))

        assert len(read_sound(path).samples) > 0


def test_sound_of_another_shape_is_refused(tmp_path: Path) -> None:
    file = opened(tmp_path, "wav")

    with pytest.raises(ValueError, match="expected"):
        file.audio[0].encode(np.zeros((10, 1), np.float32))
    file.abort()


@pytest.mark.parametrize("name", ["m4a", "mp4", "mkv", "webm"])
def test_separate_tracks_are_apart_and_have_their_titles(tmp_path: Path, name: str) -> None:
    sounds = [numbered(1.0, seed=seed) for seed in (1, 2)]
    file = opened(tmp_path, name, tracks=("System audio", "Microphone"))
    for encoder, sound in zip(file.audio, sounds, strict=True):
        for packet in encoder.encode(sound):
            file.write(packet)
    if file.video is not None:
        for packet in file.video.encode(picture(file.plan, 50), 0):
            file.write(packet)

    path = finish(file)

    with av.open(str(path)) as container:
        titles = [
            stream.metadata.get("title", stream.metadata.get("handler_name")) for stream in container.streams.audio
        ]
    assert titles == ["System audio", "Microphone"]
    for index, sound in enumerate(sounds):
        place = best_place(read_sound(path, index).samples[12_000:24_000], sound)
        assert place.offset == pytest.approx(12_000, abs=1)
        assert place.similarity > 0.7


@pytest.mark.parametrize("size", [(160, 120), (160, 122), (162, 126), (2, 2), (1366, 768), (130, 98)])
@pytest.mark.parametrize(("name", "quality"), SCREEN)
def test_the_whole_picture_is_kept(tmp_path: Path, name: str, quality: str, size: tuple[int, int]) -> None:
    width, height = size
    file = opened(tmp_path, name, quality, size=size, system=False)
    assert file.plan.video is not None
    luma = np.linspace(20, 230, height).astype(np.uint8)[:, None].repeat(width, 1)
    if file.plan.video.pixel_format == "bgra":
        shown = VideoFrame(0, np.dstack([luma] * 4), "bgra", width, height)
    else:
        chroma = np.full((height // 2, width), 128, np.uint8)
        shown = VideoFrame(0, np.vstack([luma, chroma]), "i420", width, height)
    for at_s in (0, 1):
        assert file.video is not None
        for packet in file.video.encode(shown, at_s * NS_PER_S):
            file.write(packet)

    with av.open(str(finish(file))) as container:
        decoded = next(container.decode(video=0))

    if quality == "lossless":
        assert np.array_equal(decoded.to_ndarray(format="bgr24"), shown.picture[:, :, :3])
    else:
        planes = decoded.to_ndarray(format="yuv420p").astype(int)
        assert planes.shape == shown.picture.shape
        assert np.abs(planes[:height] - luma).max() <= 12
        assert np.abs(planes[height:] - 128).max() <= 6


def test_the_three_planes_are_not_mixed_up(tmp_path: Path) -> None:
    file = opened(tmp_path, "mp4", "high", system=False)
    width, height = SIZE
    planes = np.full((height * 3 // 2, width), 100, np.uint8)
    flat = planes.reshape(-1)
    flat[width * height :] = 60
    flat[width * height * 5 // 4 :] = 200
    assert file.video is not None
    for packet in file.video.encode(VideoFrame(0, planes, "i420", width, height), 0):
        file.write(packet)

    with av.open(str(finish(file))) as container:
        decoded = next(container.decode(video=0)).to_ndarray(format="yuv420p").reshape(-1)

    ends = (0, width * height, width * height * 5 // 4, width * height * 3 // 2)
    means = [decoded[start:end].mean() for start, end in itertools.pairwise(ends)]
    assert means == pytest.approx([100, 60, 200], abs=3)


@pytest.mark.parametrize(("name", "quality"), SCREEN)
def test_each_picture_keeps_its_own_time(tmp_path: Path, name: str, quality: str) -> None:
    """Also where a fragment ends between two pictures far apart, which FFmpeg's muxer by itself gets wrong."""
    times = [0.0, 0.0167, 0.05, 0.61, 0.627, 1.613, 2.313, 2.4, 3.4, 3.401, 3.9]
    greys = [30, 200] * 6

    path = record(tmp_path, name, quality, numbered(4.0), [Shown(t, g) for t, g in zip(times, greys, strict=False)])

    changes = []
    before = None
    for at_s, luma in read_pictures(path):
        grey = luma.mean() > 115
        if grey != before:
            changes.append(at_s)
        before = grey
    assert changes == pytest.approx(times, abs=0.0001 if name == "mp4" else 0.001)


def test_pictures_of_one_instant_follow_one_another(tmp_path: Path) -> None:
    file = opened(tmp_path, "mp4", system=False)
    assert file.video is not None
    for at_ns in (0, 0, 0, 1, NS_PER_S, NS_PER_S - 1):
        for packet in file.video.encode(picture(file.plan, 100), at_ns):
            file.write(packet)

    times = [at_s for at_s, _ in read_pictures(finish(file))]

    assert times == sorted(set(times))
    assert len(times) == 6


@pytest.mark.parametrize(("name", "quality"), SCREEN)
@pytest.mark.parametrize(("fps", "seconds", "interval_s"), [(6, 24, 8.0), (1, 75, 25.0)])
def test_a_player_can_jump_and_a_still_screen_takes_few_bytes_for_it(
    tmp_path: Path, fps: int, seconds: int, interval_s: float, name: str, quality: str
) -> None:
    """Every eight seconds; where little happens, every 25 pictures."""
    file = opened(tmp_path, name, quality, system=False)
    for i in range(seconds * fps):
        assert file.video is not None
        for packet in file.video.encode(picture(file.plan, i), i * NS_PER_S // fps):
            file.write(packet)

    with av.open(str(finish(file))) as container:
        keys = [float(p.pts * p.time_base) for p in container.demux(video=0) if p.pts is not None and p.is_keyframe]

    assert np.diff(keys) == pytest.approx(interval_s, abs=0.1)
    assert len(keys) == seconds / interval_s


def test_the_stream_says_which_colours_it_has(tmp_path: Path) -> None:
    path = record(tmp_path, "mp4", "medium", numbered(0.5), [Shown(0.0, 50)])

    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_range, context.color_primaries) == (6, 1, 1)


def test_a_picture_of_another_size_or_layout_is_refused(tmp_path: Path) -> None:
    file = opened(tmp_path, "mp4")
    assert file.video is not None

    with pytest.raises(ValueError, match="expected i420"):
        file.video.encode(picture(file.plan, 1, (64, 64)), 0)
    file.abort()


@pytest.mark.parametrize(("name", "quality"), SCREEN)
def test_feeding_in_odd_blocks_changes_nothing(tmp_path: Path, name: str, quality: str) -> None:
    sound = numbered(1.0)
    file = opened(tmp_path, name, quality)
    feed(file, sound[:20_001], [Shown(0.0, 10)])
    feed(file, sound[20_001:])

    assert best_place(read_sound(finish(file)).samples, sound).offset == pytest.approx(0, abs=1)
