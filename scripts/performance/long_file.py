"""A file of hours, made in seconds: the packets of one second, again and again with later times."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import av
import numpy as np

from capture.clock import NS_PER_S
from capture.model import VideoFrame
from capture.output.formats import plan
from capture.output.names import choose_place
from capture.output.output_file import OutputFile
from capture.settings import RecordingSettings

_RATE_HZ = 48_000
_FPS = 30
_SIZE = (640, 360)


def closing_ms(name: str, hours: float) -> float:
    """Milliseconds that `OutputFile.close` takes after `hours` of sound (and a picture that changes 30 times a second,
    in the formats that have one)."""
    with tempfile.TemporaryDirectory(prefix="loopnote-long-") as folder:
        screen = "all" if name in ("mp4", "mkv", "webm") else None
        settings = RecordingSettings(file=Path(folder) / f"long.{name}", screen=screen)
        form = plan(settings, _RATE_HZ)
        wall = datetime.now().astimezone()
        place = choose_place(settings, form.suffix, "video" if screen else "audio", "Long", wall)
        output = OutputFile(place, form, [""], _SIZE if screen else None, {})
        output.open()
        for packet in _packets(output, round(hours * 3600)):
            output.write(packet)
        output.tick(0)
        began_s = time.monotonic()
        output.close()
        return (time.monotonic() - began_s) * 1000


def _packets(output: OutputFile, seconds: int) -> Iterator[Any]:
    """The packets of all these seconds, in the order in which a recording gives them."""
    random = np.random.default_rng(3)
    packets: list[Any] = list(output.audio[0].encode(random.normal(0, 0.1, (_RATE_HZ, 2)).astype(np.float32)))
    if output.video is not None:
        for number in range(_FPS):
            at_ns = number * NS_PER_S // _FPS
            for packet in output.video.encode(_picture(random), at_ns):
                packet.duration = round(1 / _FPS / packet.time_base)
                packets.append(packet)
    packets.sort(key=lambda packet: packet.pts * packet.time_base)
    data = [bytes(packet) for packet in packets]
    next_ticks = dict.fromkeys((packet.stream_index for packet in packets), 0)
    for _ in range(seconds):
        for content, original in zip(data, packets, strict=True):
            packet = av.Packet(content)
            packet.stream, packet.time_base = original.stream, original.time_base
            packet.is_keyframe, packet.duration = original.is_keyframe, original.duration
            packet.pts = packet.dts = next_ticks[original.stream_index]
            next_ticks[original.stream_index] += original.duration
            yield packet


def _picture(random: np.random.Generator) -> VideoFrame:
    width, height = _SIZE
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    planes[:height] = random.integers(0, 255, (height // 8, width // 8), np.uint8).repeat(8, 0).repeat(8, 1)
    return VideoFrame(0, planes, "i420", width, height)
