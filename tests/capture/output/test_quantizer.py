"""Text stays sharp, film gets small; and one stream comes out of it that every player can play."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from capture.clock import NS_PER_S
from capture.model import VideoFrame
from capture.output import remux
from capture.output.quantizer import Quantizer, QuantizerRange
from tests.capture.output.making import finish, opened

ALLOWED = QuantizerRange(17, 30, 0.25)
PIXELS = 1_000_000
MUCH = 250_000  # bytes a second: what may be spent
FPS = 30
SIZE = (320, 240)


class Watched:
    """A quantiser that sees pictures of `fps` a second, of as many bytes as asked for; keyframes every 5 s."""

    def __init__(self, allowed: QuantizerRange = ALLOWED) -> None:
        self.quantizer = Quantizer(allowed, PIXELS)
        self.at_ns = 0
        self.changes: list[int] = []

    def show(self, seconds: float, bytes_a_s: float, fps: float = FPS, halves: float = 2.6) -> int:
        """`bytes_a_s`: at the finest quantiser; `halves`: how many steps more halve it."""
        for _ in range(round(seconds * fps)):
            self.at_ns += round(NS_PER_S / fps)
            if self.quantizer.choose(self.at_ns, is_key_due=False):
                self.changes.append(self.quantizer.value)
            else:
                spent = bytes_a_s / fps * 2 ** ((17 - self.quantizer.value) / halves)
                self.quantizer.saw(self.at_ns, round(spent))
        return self.quantizer.value


@pytest.mark.parametrize("fps", [10, 25, 30, 60])
def test_the_more_goes_on_the_coarser_at_once(fps: float) -> None:
    watched = Watched()
    as_thirty = min(fps, 30) / 30  # a film of ten pictures is as coarse as one of thirty

    assert watched.show(10, MUCH / 2 * as_thirty, fps) == 17
    assert watched.show(1, MUCH * 8 * as_thirty, fps) == pytest.approx(17 + 3 * 2.6, abs=1)
    assert len(watched.changes) == 1
    assert watched.show(1, MUCH * 10_000 * as_thirty, fps) == 30


def test_what_comes_to_rest_gets_sharp_within_two_seconds() -> None:
    watched = Watched()
    watched.show(1, MUCH * 12)

    assert watched.show(2, MUCH / 4) == 17
    watched.show(2, MUCH * 12)
    assert watched.show(2, 0, fps=1) == 17


def test_turning_pages_is_not_a_film() -> None:
    watched = Watched()

    for _ in range(20):
        watched.show(0.04, MUCH * 30)  # one long picture ...
        watched.show(0.3, MUCH / 10)  # ... and a little that moves

    assert watched.changes == []


@pytest.mark.parametrize("halves", [2.0, 2.6, 6.0, 50.0])
@pytest.mark.parametrize("bytes_a_s", [MUCH / 3, MUCH, MUCH * 1.5, MUCH * 4, MUCH * 40])
def test_it_settles_whatever_the_picture_does(bytes_a_s: float, halves: float) -> None:
    watched = Watched()
    watched.show(10, bytes_a_s, halves=halves)
    watched.changes.clear()

    watched.show(30, bytes_a_s, halves=halves)

    assert watched.changes == []


def test_little_and_much_by_turns_changes_at_most_once_a_second_or_so() -> None:
    watched = Watched()

    for _ in range(30):
        watched.show(0.5, MUCH * 20)
        watched.show(0.5, MUCH / 20)

    assert len(watched.changes) <= 45


def test_pictures_of_one_instant_are_no_trouble() -> None:
    quantizer = Quantizer(ALLOWED, PIXELS)
    for _ in range(10):
        quantizer.saw(NS_PER_S, 1000)

    assert not quantizer.choose(NS_PER_S, is_key_due=True)


# --- In a file ------------------------------------------------------------------------------------------------------


def _page(number: int) -> NDArray[np.uint8]:
    page = np.full((SIZE[1], SIZE[0], 4), 255, np.uint8)
    for row in range(8):
        cv2.putText(page, f"letters {row} {number}", (8, 28 + row * 28), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (20, 20, 20))
    return page


def _noise(number: int) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(number).integers(0, 256, (SIZE[1] // 4, SIZE[0] // 4, 4), np.uint8)
    return np.asarray(cv2.resize(coarse, SIZE), np.uint8)


def _recorded(tmp_path: Path, name: str, quality: str, shown: list[NDArray[np.uint8]]) -> Path:
    file = opened(tmp_path, name, quality, system=False, size=SIZE, stem=f"{quality}-{name}")
    assert file.video is not None
    for number, bgra in enumerate(shown):
        picture = cv2.cvtColor(bgra, cv2.COLOR_BGRA2YUV_I420)
        for packet in file.video.encode(VideoFrame(0, picture, "i420", *SIZE), number * NS_PER_S // FPS):
            file.write(packet)
    return finish(file)


def _read(path: Path) -> tuple[list[NDArray[np.uint8]], list[int]]:
    """Each picture's luma, and which are keyframes. Raises what the decoder raises for the least damage."""
    lumas: list[NDArray[np.uint8]] = []
    keys: list[int] = []
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.options = {"err_detect": "explode"}
        for frame in container.decode(video=0):
            assert not frame.is_corrupt
            if frame.key_frame:
                keys.append(len(lumas))
            lumas.append(_luma(frame))
    return lumas, keys


def _luma(frame: av.VideoFrame) -> NDArray[np.uint8]:
    return np.asarray(frame.to_ndarray(format="yuv420p")[: SIZE[1]], np.uint8)


def _psnr_db(luma: NDArray[np.uint8], bgra: NDArray[np.uint8]) -> float:
    return cv2.PSNR(luma, cv2.cvtColor(bgra, cv2.COLOR_BGRA2YUV_I420)[: SIZE[1]])


@pytest.mark.parametrize("name", ["mp4", "mkv"])
def test_text_after_a_film_is_as_sharp_as_before_in_one_stream(tmp_path: Path, name: str) -> None:
    shown = [_page(0)] * 30 + [_noise(number) for number in range(30)] + [_page(1)] * 75

    path = _recorded(tmp_path, name, "medium", shown)

    lumas, keys = _read(path)
    assert len(lumas) == len(shown)
    assert len(keys) >= 3  # the beginning, the film, the text
    assert _psnr_db(lumas[59], shown[59]) < 38
    assert _psnr_db(lumas[-1], shown[-1]) == pytest.approx(_psnr_db(lumas[29], shown[29]), abs=1.5)
    assert _psnr_db(lumas[-1], shown[-1]) > 44
    # A player that jumps to any keyframe has the right picture there.
    for key in keys:
        with av.open(str(path)) as container:
            container.seek(round((key / FPS + 0.005) * 1e6))
            first = next(container.decode(video=0))
            assert first.time == pytest.approx(key / FPS, abs=0.002)
            assert np.array_equal(_luma(first), lumas[key])


@pytest.mark.parametrize("shows", ["text", "film"])
def test_a_higher_quality_is_nearer_to_the_screen_and_takes_more(tmp_path: Path, shows: str) -> None:
    shown = [(_page if shows == "text" else _noise)(number // 3) for number in range(60)]
    qualities = ("low", "medium", "high")

    files = [_recorded(tmp_path, "mp4", quality, shown) for quality in qualities]

    sizes = [file.stat().st_size for file in files]
    likenesses = [_psnr_db(_read(file)[0][-1], shown[-1]) for file in files]
    assert sizes == sorted(sizes)
    assert likenesses == sorted(likenesses)
    assert likenesses[2] > likenesses[0] + 2


def test_a_copy_of_such_a_file_holds_the_same(tmp_path: Path) -> None:
    path = _recorded(tmp_path, "mkv", "medium", [_page(0)] * 15 + [_noise(number) for number in range(30)])
    copy = tmp_path / "copy.mp4"
    with av.open(str(path)) as source, av.open(str(copy), "w", format="mp4") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)

    for one, two in zip(_read(path)[0], _read(copy)[0], strict=True):
        assert np.array_equal(one, two)
    assert all(content.errors == 0 for content in remux.inspect(copy, is_copy=True))
