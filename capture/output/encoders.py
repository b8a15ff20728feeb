"""Samples and pictures in, packets out. Exact where the format is; no copies where that is safe.

Every encoder belongs to one thread at a time (the mix thread, the encode-video thread); the codec works with the GIL
released. `av` is imported lazily, so that the formats can be looked at on a machine without it.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from capture.errors import OutputError
from capture.output.formats import AudioPlan, FormatPlan, VideoPlan
from capture.output.quantizer import Quantizer

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream
    from av.packet import Packet
    from av.video.stream import VideoStream

    from capture.model import Samples, VideoFrame

# Ticks a second of the pictures' times: MPEG's own 90 kHz, which is 11 us, and divides by 24, 25, 30, 50 and 60.
VIDEO_TICKS_HZ = 90_000
# A player can only jump to a keyframe, and decodes what lies between: so much time and so many pictures. On a still
# screen, with one picture a second, nearly the whole file would be keyframes otherwise, and with five seconds a third
# of it where a small region changes. Eight are what x264 has at 30 pictures a second.
KEYFRAME_INTERVAL_NS = 8_000_000_000
KEYFRAME_INTERVAL_PICTURES = 25
# Above this many pixels a second one thread of x264 at ultrafast may not keep up (measured: 5 to 9 ms for 1080p).
_ONE_THREAD_PIXELS_PER_S = 1920 * 1080 * 60
# How FFmpeg numbers what H.273 lists: BT.601's matrix is what OpenCV's BGR to I420 computes, in limited range; the
# primaries and the curve are the screen's, sRGB.
_MATRIX_BT601, _MATRIX_RGB, _PRIMARIES_BT709, _CURVE_SRGB, _LIMITED, _FULL = 6, 0, 1, 13, 1, 2


class AudioEncoder:
    """One sound track. Feed it gap-free sound from the recording's first sample on; times follow from the count."""

    def __init__(self, plan: FormatPlan, stream: AudioStream) -> None:
        assert plan.audio is not None
        self._plan: AudioPlan = plan.audio
        self._stream = stream
        self._frames = 0

    @property
    def frames(self) -> int:
        """How many frames were taken so far."""
        return self._frames

    def encode(self, samples: Samples) -> list[Packet[Any]]:
        """Encode float32 sound of shape (frames, channels), any number of frames; full scale +-1, clipped beyond.

        Returns the packets that are ready (often none: a codec works in frames of its own length). Mix thread; blocks
        only for the work. Raises `OutputError`.
        """
        import av
        import numpy as np

        if samples.ndim != 2 or samples.shape[1] != self._plan.channels:
            raise ValueError(f"expected (frames, {self._plan.channels}), got {samples.shape}")
        if not len(samples):
            return []
        # Not-a-number from a broken driver would spoil an encoder's state for good.
        clean = samples if np.isfinite(samples).all() else np.nan_to_num(samples, posinf=1.0, neginf=-1.0)
        data = _quantise(clean, self._plan)
        planar = self._plan.sample_format.endswith("p")
        array = np.ascontiguousarray(data.T) if planar else np.ascontiguousarray(data).reshape(1, -1)
        layout = "mono" if self._plan.channels == 1 else "stereo"
        frame = av.AudioFrame.from_ndarray(array, format=self._plan.sample_format, layout=layout)
        frame.sample_rate = self._plan.samplerate
        frame.time_base = self._stream.codec_context.time_base
        frame.pts = self._frames
        self._frames += len(samples)
        return _guarded(self._stream, frame)

    def flush(self) -> list[Packet[Any]]:
        """The packets that were still in the codec. Nothing may be encoded after it."""
        if not self._frames:
            # Some codecs' last words need a first: a tenth of a second of silence keeps the file readable.
            import numpy as np

            first = self.encode(np.zeros((self._plan.samplerate // 10, self._plan.channels), np.float32))
            return first + _guarded(self._stream, None)
        return _guarded(self._stream, None)


class VideoEncoder:
    """The picture track: each picture has its own time (variable frame rate)."""

    def __init__(self, plan: FormatPlan, stream: VideoStream, size: tuple[int, int]) -> None:
        assert plan.video is not None
        self._plan: VideoPlan = plan.video
        self._stream = stream
        self._size = size
        self._context: Any = None  # of the encoder that is at work
        allowed = self._plan.quantizers
        self._quantizer = Quantizer(allowed, size[0] * size[1]) if allowed is not None else None
        self._last_ticks = -1
        self._last: VideoFrame | None = None
        self._keyframe_ns = 0
        self._since_keyframe = 0  # pictures
        self.given = 0  # packets that came out so far
        # The write thread may ask for the last picture once more.
        self._lock = threading.Lock()

    def encode(self, frame: VideoFrame, pts_ns: int) -> list[Packet[Any]]:
        """Encode one picture, shown from `pts_ns` of the recording on. Times must grow; equal ones are moved by 11 us.

        The picture must not change any more. Returns the packets that are ready: this picture's, nothing is held back.
        Encode-video thread; blocks only for the work. Raises `OutputError`.
        """
        if (frame.width, frame.height) != self._size or frame.pixel_format != self._plan.pixel_format:
            raise ValueError(
                f"expected {self._plan.pixel_format} {self._size}, got {frame.pixel_format} {frame.width, frame.height}"
            )
        with self._lock:
            self._last = frame
            return self._encode(frame, pts_ns)

    def repeat(self, pts_ns: int, written: int) -> list[Packet[Any]]:
        """Encode the last picture once more; nothing when another one is on its way to the file.

        `written` is how many packets of this track the writer has had: packets must be written in the order in which
        they were encoded. Write thread; waits for nobody: a picture that is being encoded is on its way, and should
        its encoder hang, the file must be closed all the same. Raises `OutputError`.
        """
        if not self._lock.acquire(blocking=False):
            return []
        try:
            if self._last is None or self.given != written:
                return []
            return self._encode(self._last, pts_ns)
        finally:
            self._lock.release()

    def _encode(self, frame: VideoFrame, pts_ns: int) -> list[Packet[Any]]:
        from av.video.frame import PictureType

        picture = _as_i420(frame) if frame.pixel_format == "i420" else _as_bgr0(frame)
        ticks = max((pts_ns * VIDEO_TICKS_HZ + 500_000_000) // 1_000_000_000, self._last_ticks + 1)
        self._last_ticks = ticks
        picture.pts = ticks
        picture.time_base = self._stream.codec_context.time_base
        is_key = self._is_key_due(pts_ns)
        is_key = self._choose_encoder(pts_ns, is_key) or is_key
        if is_key:
            self._keyframe_ns, self._since_keyframe = pts_ns, 0
            picture.pict_type = PictureType.I
        packets = self._packets(picture)
        self._since_keyframe += 1
        if self._quantizer is not None and not is_key:
            self._quantizer.saw(pts_ns, sum(packet.size for packet in packets))
        self.given += len(packets)
        return packets

    def _is_key_due(self, pts_ns: int) -> bool:
        if self._since_keyframe == 0:
            return True  # the first picture of all
        long_ago = pts_ns - self._keyframe_ns >= KEYFRAME_INTERVAL_NS
        return long_ago and self._since_keyframe >= KEYFRAME_INTERVAL_PICTURES

    def _choose_encoder(self, pts_ns: int, is_key_due: bool) -> bool:
        """Returns whether the picture at `pts_ns` goes to another encoder than the one before."""
        if self._quantizer is None:
            self._context = self._stream.codec_context
            return False
        is_other = self._quantizer.choose(pts_ns, is_key_due)
        if is_other or self._context is None:
            self._context = None  # gone before the next takes its memory
            self._context = self._opened(self._quantizer.value)
        return is_other

    def _opened(self, quantizer: int) -> Any:
        """x264 takes another constant quantiser only when it is opened, which costs 2 to 7 ms and 6 MB.

        The stream's own context has made the header and is given no picture, as it would keep another 15 MB for good.
        """
        import av

        own = self._stream.codec_context
        context: Any = av.CodecContext.create(self._plan.codec, "w")
        context.framerate, context.flags = own.framerate, own.flags
        context.options = self._plan.options_at(quantizer)
        _set_up(context, self._plan, self._size)
        try:
            context.open()
        except av.FFmpegError as error:
            raise OutputError(f"the {context.name} encoder could not be opened: {error.strerror}") from error
        if context.extradata != own.extradata:
            raise OutputError(f"the {context.name} encoder cannot go on with its own stream")
        return context

    def _packets(self, picture: Any) -> list[Packet[Any]]:
        packets = _guarded(self._context, picture)
        for packet in packets:
            packet.stream = self._stream
        return packets

    def flush(self) -> list[Packet[Any]]:
        """The packets that were still in the codec. Nothing may be encoded after it."""
        with self._lock:
            self._last = None
            return self._packets(None) if self._last_ticks >= 0 else []


def add_audio_stream(container: av.container.OutputContainer, plan: AudioPlan, title: str) -> AudioStream:
    """A sound stream with the plan's codec and settings, not yet open."""
    stream: Any = container.add_stream(plan.codec, rate=plan.samplerate, options=dict(plan.options))
    context = stream.codec_context
    context.layout = "mono" if plan.channels == 1 else "stereo"
    context.format = plan.sample_format
    if plan.bitrate:
        context.bit_rate = plan.bitrate
    if title:
        stream.metadata["title"] = title
        if container.format.name in ("mp4", "ipod"):
            # There a track's title is its handler's name: FFmpeg writes no other into M4A, and players read no other.
            stream.metadata["handler_name"] = title
    return stream  # type: ignore[no-any-return]


def add_video_stream(container: av.container.OutputContainer, plan: VideoPlan, size: tuple[int, int]) -> VideoStream:
    """A picture stream with the plan's codec and settings, not yet open. `size` is (width, height)."""
    from fractions import Fraction

    rate = Fraction(plan.fps).limit_denominator(1001)
    options = plan.options_at(plan.quantizers.finest) if plan.quantizers is not None else dict(plan.options)
    stream: Any = container.add_stream(plan.codec, rate=rate, options=options)
    _set_up(stream.codec_context, plan, size)
    return stream  # type: ignore[no-any-return]


def _set_up(context: Any, plan: VideoPlan, size: tuple[int, int]) -> None:
    from fractions import Fraction

    context.width, context.height = size
    context.pix_fmt = plan.encoder_pixel_format
    context.time_base = Fraction(1, VIDEO_TICKS_HZ)
    # Never by count: `VideoEncoder` asks for keyframes by time.
    context.gop_size = 100_000
    context.max_b_frames = 0
    rgb = plan.pixel_format == "bgra"
    context.colorspace = _MATRIX_RGB if rgb else _MATRIX_BT601
    context.color_range = _FULL if rgb else _LIMITED
    context.color_primaries, context.color_trc = _PRIMARIES_BT709, _CURVE_SRGB
    many = size[0] * size[1] * plan.fps > _ONE_THREAD_PIXELS_PER_S
    if plan.codec.startswith("libx264"):
        # One thread costs the least work. Where it is too slow, slices share one picture; threads a picture each would
        # hold pictures back, on a still screen for seconds.
        context.thread_count = min(4, os.cpu_count() or 1) if many else 1
    else:
        # More threads cost VP8 several times the work (measured: 37 ms against 9 for scrolling text).
        context.thread_count = 1


def _quantise(samples: Samples, plan: AudioPlan) -> Any:
    """Samples as the codec takes them. Whole numbers by rounding, without dither: what came from 16 bits goes back
    exactly.

    A sample of n bits is k / 2^(n-1); float32 holds that exactly up to 24 bits, so k comes back unchanged.
    """
    import numpy as np

    if not plan.bits:
        return samples
    full = float(2 ** (plan.bits - 1))
    whole = np.clip(np.rint(samples * np.float32(full)), -full, full - 1)
    if plan.bits == 16:
        return whole.astype(np.int16)
    # FFmpeg's 24 bits are the upper ones of 32.
    return whole.astype(np.int32) << 8


def _as_i420(frame: VideoFrame) -> Any:
    import av
    import numpy as np

    width, height = frame.width, frame.height
    if height % 4 == 0 and frame.picture.flags.c_contiguous:
        return av.VideoFrame.from_numpy_buffer(frame.picture, format="yuv420p")
    # PyAV takes the array's rows for the planes', and a chroma plane of height/2 rows of width/2 is height/4 of the
    # array's: with an odd half height it drops the last rows. So these sizes are copied, plane by plane.
    picture: Any = av.VideoFrame(width, height, "yuv420p")
    flat = np.ascontiguousarray(frame.picture).reshape(-1)
    start = 0
    for plane, (rows, columns) in zip(
        picture.planes, ((height, width), (height // 2, width // 2), (height // 2, width // 2)), strict=True
    ):
        target = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        target[:rows, :columns] = flat[start : start + rows * columns].reshape(rows, columns)
        start += rows * columns
    return picture


def _as_bgr0(frame: VideoFrame) -> Any:
    import av
    import numpy as np

    # The encoder takes "bgr0" only, which is the same bytes; PyAV's wrapping knows only "bgra". So they are copied.
    picture: Any = av.VideoFrame(frame.width, frame.height, "bgr0")
    plane = picture.planes[0]
    target = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    target[: frame.height, : frame.width * 4] = frame.picture.reshape(frame.height, -1)
    return picture


def _guarded(encoder: Any, frame: Any) -> list[Packet[Any]]:
    """`encoder` is a stream or a codec context."""
    import av

    try:
        packets: list[Packet[Any]] = encoder.encode(frame)
    except av.FFmpegError as error:
        raise OutputError(f"the {encoder.name} encoder failed: {error.strerror}") from error
    return [packet for packet in packets if packet.size or packet.has_sidedata("new_extradata")]
