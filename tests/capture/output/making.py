"""Makes recordings as the recorder does: sound and pictures in time order, in small steps."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from capture.clock import NS_PER_S
from capture.model import VideoFrame
from capture.output.formats import FormatPlan, plan
from capture.output.names import choose_place
from capture.output.output_file import OutputFile
from capture.output.part_file import WriteFunction
from capture.settings import SCREEN_FORMATS, SOUND_FORMATS, RecordingSettings
from tests.helpers.signals import RATE, Samples

SIZE = (160, 122)  # the height is even, and no multiple of 4
STEP_S = 0.01
# (format, quality) of everything that can be recorded.
SOUND = [(name, "medium") for name in SOUND_FORMATS] + [("wav", "high"), ("flac", "high"), ("m4a", "lossless")]
SCREEN = [(name, "medium") for name in SCREEN_FORMATS] + [("mp4", "lossless"), ("mkv", "lossless")]
EVERY = SOUND + SCREEN


@dataclass(frozen=True)
class Shown:
    """A picture of one grey, on the screen from `at_s` on."""

    at_s: float
    grey: int


def settings(folder: Path, name: str, quality: str = "medium", stem: str = "note", **more: Any) -> RecordingSettings:
    """The settings for a recording in the format `name`."""
    screen = "all" if name in SCREEN_FORMATS else None
    return RecordingSettings(file=folder / f"{stem}.{name}", quality=quality, screen=screen, **more)  # type: ignore[arg-type]


def opened(
    folder: Path,
    name: str,
    quality: str = "medium",
    *,
    rate: int = RATE,
    tracks: Iterable[str] = ("mix",),
    size: tuple[int, int] = SIZE,
    write: WriteFunction = os.write,
    reserve_bytes: int = 0,
    **more: Any,
) -> OutputFile:
    """A file that is ready to be written to."""
    chosen = settings(folder, name, quality, **more)
    format_plan = plan(chosen, rate)
    wall = datetime.now().astimezone()
    place = choose_place(chosen, format_plan.suffix, "video" if format_plan.video else "audio", "Test", wall)
    tags = {"title": "A title", "date": "2026-11-22"}
    video_size = size if format_plan.video else None
    file = OutputFile(place, format_plan, list(tracks), video_size, tags, reserve_bytes=reserve_bytes, write=write)
    file.open()
    return file


def picture(format_plan: FormatPlan, grey: int, size: tuple[int, int] = SIZE) -> VideoFrame:
    """A picture of one grey, in the layout that the plan asks for."""
    assert format_plan.video is not None
    width, height = size
    if format_plan.video.pixel_format == "bgra":
        return VideoFrame(0, np.full((height, width, 4), grey, np.uint8), "bgra", width, height)
    planes: NDArray[np.uint8] = np.full((height * 3 // 2, width), grey, np.uint8)
    planes[height:] = 128
    return VideoFrame(0, planes, "i420", width, height)


def moving(duration_s: float, fps: float = 30.0) -> list[Shown]:
    """A picture that changes all the time."""
    return [Shown(i / fps, 30 + i * 7 % 200) for i in range(int(duration_s * fps))]


def still(duration_s: float) -> list[Shown]:
    """A picture that does not change, as the grabber gives it: once a second."""
    return [Shown(float(second), 90) for second in range(int(duration_s) + 1)]


def feed(
    file: OutputFile,
    sound: Samples,
    pictures: Iterable[Shown] = (),
    after_step: Callable[[float], None] = lambda at_s: None,
) -> None:
    """Encode and write everything in steps of 10 ms; `after_step` hears how much sound is in the file's hands.

    Pictures go only where there is a track for them.
    """
    rate = file.plan.samplerate
    step = round(rate * STEP_S)
    waiting = sorted(pictures, key=lambda shown: shown.at_s) if file.video is not None else []
    for start in range(0, len(sound), step):
        now_s = min(start + step, len(sound)) / rate
        while waiting and waiting[0].at_s < now_s:
            shown = waiting.pop(0)
            assert file.video is not None
            for packet in file.video.encode(picture(file.plan, shown.grey), round(shown.at_s * NS_PER_S)):
                file.write(packet)
        for encoder in file.audio:
            for packet in encoder.encode(sound[start : start + step]):
                file.write(packet)
        file.tick(round(now_s * NS_PER_S))
        after_step(now_s)
    if file.video is not None:
        for shown in waiting:
            for packet in file.video.encode(picture(file.plan, shown.grey), round(shown.at_s * NS_PER_S)):
                file.write(packet)


def finish(file: OutputFile) -> Path:
    """Flush the encoders and close the file."""
    packets = [packet for encoder in file.audio for packet in encoder.flush()]
    packets += file.video.flush() if file.video else []
    for packet in packets:
        file.write(packet)
    return file.close()


def record(folder: Path, name: str, quality: str, sound: Samples, pictures: Iterable[Shown] = (), **more: Any) -> Path:
    """A whole recording."""
    file = opened(folder, name, quality, **more)
    feed(file, sound, pictures)
    return finish(file)


def heard(path: Path) -> tuple[Samples, float]:
    """The first sound track as far as it plays, and the second at which that ends, as a forgiving player takes it.

    Nothing and 0.0 when the file cannot even be opened.
    """
    blocks: list[Samples] = [np.zeros((0, 2), np.float32)]
    end_s = 0.0
    with contextlib.suppress(av.FFmpegError, IndexError), av.open(str(path)) as container:
        for decoded in container.decode(container.streams.audio[0]):
            start_s = end_s if decoded.time is None else decoded.time  # none: after damage
            end_s = start_s + decoded.samples / decoded.sample_rate
            values = decoded.to_ndarray()
            values = values.T if decoded.format.is_planar else values.reshape(decoded.samples, -1)
            scale = 1.0 if values.dtype.kind == "f" else float(1 << (values.dtype.itemsize * 8 - 1))
            blocks.append((values / scale).astype(np.float32))
    return np.concatenate(blocks), end_s


def played_s(path: Path) -> float:
    """How far the first sound track of a file plays, in seconds; 0.0 when nothing in it can be opened."""
    return heard(path)[1]
