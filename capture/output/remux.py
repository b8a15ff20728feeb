"""Copies the packets of one file into a new one without touching them, and tells whether two files hold the same."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capture.output.formats import muxer_of, muxer_options

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.packet import Packet

log = logging.getLogger(__name__)

# FLAC's STREAMINFO (RFC 9639 section 8.2): behind "fLaC" and a block header of 4 bytes each; 10 bytes of block and
# frame sizes; then 20 bits of sample rate, 3 of channels, 5 of bits, 36 of the number of samples; then the MD5 of the
# samples.
_FLAC_RATE_TO_COUNT_AT, _FLAC_MD5_AT = 18, 26

# How much of a file's end is looked at for its length: more than lies between two pictures that can be sought.
_NEAR_S = 15.0


@dataclass(slots=True)
class StreamContent:
    """What one stream holds: how much, and a hash of all of it."""

    kind: str  # "audio" or "video"
    packets: int = 0
    payload: Any = field(default_factory=hashlib.sha256)  # of the packets' bytes, in order
    frames: int = 0  # decoded sound: samples a channel; decoded pictures
    samples: Any = field(default_factory=hashlib.md5)  # of the decoded sound
    errors: int = 0  # packets that could not be decoded
    damaged: int = 0  # packets that cannot be copied: cut off, without a time, or (of sound) not decodable
    end_s: float = 0.0
    # Which packets of sound could not be decoded, in order: torn by the crash, or never brought to the disk.
    spoilt: list[int] = field(default_factory=list)

    def key(self) -> tuple[object, ...]:
        """Equal for two streams that hold the same."""
        return (*self.packets_key(), self.frames, self.samples.digest())

    def packets_key(self) -> tuple[object, ...]:
        """Equal for two streams that hold the same packets, whatever a decoder makes of them."""
        return (self.kind, self.packets, self.payload.digest())

    def take(self, packet: Packet[Any], is_copy: bool) -> None:
        """Count one packet."""
        if self.kind == "audio" or is_copy:
            before = self.errors
            self.decode(packet.decode)
            if self.errors > before and self.kind == "audio" and not is_copy:
                self.spoilt.append(self.packets + len(self.spoilt))
                self.damaged += 1
                return
        self.packets += 1
        self.payload.update(bytes(packet))
        if packet.pts is not None:
            self.end_s = max(self.end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))

    def decode(self, decode: Callable[[], Any]) -> None:
        """Count what `decode` gives."""
        import av

        try:
            frames = decode()
        except av.FFmpegError:
            self.errors += 1
            return
        for frame in frames:
            if self.kind == "video":
                self.frames += 1
            else:
                self.frames += frame.samples
                self.samples.update(frame.to_ndarray().tobytes())


def inspect(
    path: Path, is_copy: bool, on_progress: Callable[[float], None] = lambda read_s: None
) -> list[StreamContent]:
    """Read the whole file and decode it. Raises av.FFmpegError or OSError.

    Of a copy all is counted. Of an original, what cannot be copied is left out; pictures are not decoded, as that takes
    the time and what is in them is compared byte by byte. `on_progress` is called with the seconds that were read, now
    and then.
    """
    import av

    def damaged(index: int) -> None:
        contents[index].damaged += 1

    with av.open(str(path)) as container:
        contents = [StreamContent(stream.type) for stream in container.streams]
        for picture_stream in container.streams.video:
            picture_stream.thread_type = "AUTO"
        for packet in whole_packets(container, damaged):
            content = contents[packet.stream_index]
            content.take(packet, is_copy)
            if content.packets % 500 == 0:
                on_progress(content.end_s)
        for stream, content in zip(container.streams, contents, strict=True):
            if content.kind == "audio" or is_copy:
                # What the decoder still has.
                context: Any = stream.codec_context
                content.decode(context.decode)
    return contents


def end_s(path: Path, near_s: float) -> float:
    """Where a file that was broken off ends, at about `near_s` or before: its sound or, without any, its pictures.

    Of both, the sound: it may be missing at the end while the last picture stands on (in MP4, for up to a second).
    Reads no more of the file than it needs. Raises av.FFmpegError or OSError.
    """
    import av

    with av.open(str(path)) as container:
        for from_s in (near_s - _NEAR_S, 0.0):
            with contextlib.suppress(av.FFmpegError):  # not every broken-off file can be sought in; then it is at 0
                container.seek(round(max(0.0, from_s) * av.time_base))
            ends_s = {"audio": 0.0, "video": 0.0}
            for packet in whole_packets(container):
                if packet.pts is not None:
                    end_s = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                    ends_s[packet.stream.type] = max(ends_s[packet.stream.type], end_s)
            if last_s := ends_s["audio"] or ends_s["video"]:
                return last_s
    return 0.0


def whole_packets(container: Any, on_damaged: Callable[[int], None] = lambda index: None) -> Iterator[Packet[Any]]:
    """The packets that can be copied. Ends where the file ends, be it in the middle of something.

    `on_damaged` hears the stream's index for each packet that is left out: torn, where the container knows a packet's
    length, or without a time.
    """
    import av

    try:
        for packet in container.demux():
            if not packet.size:
                continue  # marks the end
            if packet.pts is None or packet.is_corrupt:
                on_damaged(packet.stream_index)
                continue
            # In the order in which they are shown, as all of ours are encoded. FFmpeg may not know that: of a short
            # H.264 stream in Matroska it gives no decoding times at all.
            packet.dts = packet.pts
            yield packet
    except av.FFmpegError as error:
        log.info("%s: reading ended with: %s", container.name, error.strerror)


def copy(source: Path, target: Any, name: str, spoilt: Sequence[Sequence[int]]) -> None:
    """Write `source`'s packets into `target` (an open, empty, seekable binary file) as an ordinary file of format
    `name`.

    `spoilt` says for each stream which of its packets to leave out. Raises av.FFmpegError or OSError.
    """
    import av

    options = muxer_options(name, recording=False)
    with (
        av.open(str(source)) as old,
        av.open(target, "w", format=muxer_of(name), container_options=options) as new,
    ):
        new.metadata.update(_kept_tags(old.metadata))
        streams = {}
        for stream in old.streams:
            made = new.add_stream_from_template(stream, opaque=True)
            made.metadata.update(_kept_tags(stream.metadata))
            streams[stream.index] = made
        left_out = [set(numbers) for numbers in spoilt]
        seen = [0] * len(left_out)
        for packet in whole_packets(old):
            index = packet.stream_index
            seen[index] += 1
            if seen[index] - 1 not in left_out[index]:
                packet.stream = streams[index]
                new.mux(packet)


def _kept_tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key.lower() not in _MADE_BY_MUXER}


# Written by the muxer itself, from what is true of the new file.
_MADE_BY_MUXER = {
    "encoder",
    "major_brand",
    "minor_version",
    "compatible_brands",
    "duration",
    "vendor_id",
    "handler_name",
}


def complete_flac_header(path: Path) -> None:
    """Put the number of samples and their MD5 into the header of a FLAC file that was written before they were known.

    Raises av.FFmpegError or OSError.
    """
    import numpy as np

    with path.open("r+b") as file:
        file.seek(_FLAC_RATE_TO_COUNT_AT)
        (packed,) = struct.unpack(">Q", file.read(8))
        bits = (packed >> 36 & 31) + 1
        samples, md5 = 0, hashlib.md5()
        for frame in _sound(path):
            samples += frame.samples
            # MD5 is of the samples interleaved, little-endian, each in as few bytes as its bits need; FFmpeg gives 16
            # bits as they are, and 24 as the upper ones of 32.
            data = frame.to_ndarray().astype(f"<i{2 if bits <= 16 else 4}", copy=False)
            if bits > 16:
                data = data.view(np.uint8).reshape(-1, 4)[:, 1:]
            md5.update(data.tobytes())
        if samples < 1 << 36:
            file.seek(_FLAC_RATE_TO_COUNT_AT)
            file.write(struct.pack(">Q", packed & ~((1 << 36) - 1) | samples))
        file.seek(_FLAC_MD5_AT)
        file.write(md5.digest())


def _sound(path: Path) -> Iterator[AudioFrame]:
    """What can be decoded of a file that holds nothing but sound."""
    import av

    with av.open(str(path)) as container:
        for packet in container.demux(audio=0):
            with contextlib.suppress(av.FFmpegError):
                yield from packet.decode()
