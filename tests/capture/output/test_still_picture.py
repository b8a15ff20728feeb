"""The last picture is encoded again when the screen stands still, and never when another one is on its way."""

from __future__ import annotations

import threading
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from av.packet import Packet

from capture.clock import NS_PER_S
from capture.output.output_file import OutputFile
from capture.output.picture_times import PictureTimes
from capture.output.still_picture import StillPicture
from tests.capture.output.making import feed, finish, opened, picture, played_s, still
from tests.helpers.analysis import read_pictures
from tests.helpers.signals import Samples, numbered

PICTURES, SOUND = 0, 1


Streams = list[Any]


def packet(stream: Any, at_s: float) -> Packet[Any]:
    """A packet that holds nothing but its time."""
    made: Packet[Any] = av.Packet(b"x")
    made.stream = stream
    made.time_base = Fraction(1, 1000)
    made.pts = made.dts = round(at_s * 1000)
    return made


@pytest.fixture
def streams(tmp_path: Path) -> Streams:
    container = av.open(str(tmp_path / "x.mkv"), "w")
    return [container.add_stream("libx264"), container.add_stream("aac")]


class Encoder:
    """Gives a packet when asked, unless one is on its way."""

    def __init__(self, stream: Any) -> None:
        self.asked: list[tuple[float, int]] = []
        self.busy = False
        self._stream = stream

    def repeat(self, pts_ns: int, written: int) -> list[Packet[Any]]:
        self.asked.append((pts_ns / NS_PER_S, written))
        return [] if self.busy else [packet(self._stream, pts_ns / NS_PER_S)]


def run(
    streams: Streams,
    encoder: Encoder,
    always: bool,
    pictures_s: list[float],
    end_s: float,
) -> list[float]:
    """Pass on sound every 20 ms and the pictures; returns the times of all the pictures that came out."""
    pacing = StillPicture(encoder, PICTURES, always)
    waiting = list(pictures_s)
    out: list[Packet[Any]] = []
    for i in range(round(end_s / 0.02)):
        while waiting and waiting[0] <= i * 0.02:
            out += pacing.pass_on(packet(streams[PICTURES], waiting.pop(0)))
        out += pacing.pass_on(packet(streams[SOUND], i * 0.02))
    return [each.pts / 1000 for each in out if each.stream_index == PICTURES and each.pts is not None]


def test_a_still_picture_comes_again_once(streams: Streams) -> None:
    encoder = Encoder(streams[PICTURES])

    times = run(streams, encoder, False, [0.0, 1.0], 2.0)

    assert len(times) == 4
    assert times == sorted(times)
    assert times[1] < 0.3
    assert [written for _, written in encoder.asked] == [1, 3]


def test_a_still_picture_comes_again_and_again(streams: Streams) -> None:
    times = run(streams, Encoder(streams[PICTURES]), True, [0.0], 3.0)

    gaps = [b - a for a, b in pairwise(times)]
    assert max(gaps) < 0.3
    assert min(gaps) > 0.05
    assert times[-1] > 2.6


def test_a_moving_picture_never_does(streams: Streams) -> None:
    encoder = Encoder(streams[PICTURES])

    run(streams, encoder, True, [i / 10 for i in range(30)], 3.0)

    assert encoder.asked == []


def test_pictures_that_come_late_but_steadily_are_not_doubled(
    streams: Streams,
) -> None:
    """An encoder that is behind would only be further behind."""
    encoder = Encoder(streams[PICTURES])
    pacing = StillPicture(encoder, PICTURES, always=True)
    for i in range(100):
        pacing.pass_on(packet(streams[SOUND], i * 0.05))
        pacing.pass_on(packet(streams[PICTURES], max(0.0, i * 0.05 - 1.0)))

    assert encoder.asked == []


def test_nothing_is_repeated_before_there_is_a_picture(streams: Streams) -> None:
    encoder = Encoder(streams[PICTURES])

    run(streams, encoder, True, [], 2.0)

    assert encoder.asked == []


def test_the_encoder_repeats_only_when_nothing_is_on_its_way(tmp_path: Path) -> None:
    file = opened(tmp_path, "webm")
    assert file.video is not None
    assert file.video.repeat(0, 0) == []  # there is no picture yet
    file.video.encode(picture(file.plan, 50), 0)
    file.video.encode(picture(file.plan, 60), NS_PER_S)

    assert file.video.repeat(2 * NS_PER_S, 1) == []
    (again,) = file.video.repeat(2 * NS_PER_S, 2)
    assert again.pts is not None
    assert again.pts * again.time_base == 2
    assert file.video.repeat(3 * NS_PER_S, 2) == []
    assert len(file.video.repeat(3 * NS_PER_S, 3)) == 1
    file.abort()


def test_an_encoder_that_hangs_keeps_nobody_from_closing_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write thread asks for a repeated picture while the encode thread stands still in the one before."""
    file = opened(tmp_path, "mp4")
    assert file.video is not None
    hangs, end = threading.Event(), threading.Event()

    def hang(*args: object) -> list[Packet[Any]]:
        hangs.set()
        end.wait(30)
        return []

    file.video.encode(picture(file.plan, 50), 0)
    monkeypatch.setattr(file.video, "_encode", hang)
    encoding = threading.Thread(target=file.video.encode, args=(picture(file.plan, 60), NS_PER_S), daemon=True)
    encoding.start()
    assert hangs.wait(5)
    given: list[list[Packet[Any]]] = []
    video = file.video
    asking = threading.Thread(target=lambda: given.append(video.repeat(2 * NS_PER_S, 1)), daemon=True)
    asking.start()
    asking.join(5)
    told = list(given)
    end.set()
    encoding.join(5)
    assert told == [[]]
    file.abort()


@pytest.mark.parametrize(("name", "quality"), [("mp4", "medium"), ("mp4", "lossless"), ("webm", "medium")])
def test_the_last_change_is_in_the_file_soon(tmp_path: Path, name: str, quality: str) -> None:
    """A change, and then a still: half a second later a kill may come."""
    file = opened(tmp_path, name, quality)
    sound = numbered(3.0)
    feed(file, sound[:96_000], still(1.0))
    assert file.video is not None
    for each in file.video.encode(picture(file.plan, 200), round(2.01 * NS_PER_S)):
        file.write(each)
    feed_sound_only(file, sound[96_000:])

    greys = [luma.mean() for _, luma in read_pictures(file.place.part)]

    assert greys[-1] > 150
    assert played_s(file.place.part) > 2.4
    finish(file)


def feed_sound_only(file: OutputFile, sound: Samples) -> None:
    for start in range(0, 48_000, 480):
        for each in file.audio[0].encode(sound[start : start + 480]):
            file.write(each)


def test_a_pictures_length_is_the_time_to_the_next(streams: Streams) -> None:
    times = PictureTimes(PICTURES, fps=25.0)
    sound = packet(streams[SOUND], 0.1)

    assert times.pass_on(packet(streams[PICTURES], 0.0)) == []
    assert times.pass_on(sound) == [sound]
    (first,) = times.pass_on(packet(streams[PICTURES], 0.7))
    (last,) = times.end()

    assert (first.pts, first.duration) == (0, 700)
    assert (last.pts, last.duration) == (700, 40)
    assert times.end() == []
