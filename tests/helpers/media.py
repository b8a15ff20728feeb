"""Media files made for a test, with PyAV alone."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from tests.helpers.signals import RATE, Samples

_CODECS = {"wav": "pcm_s16le", "flac": "flac", "mp3": "libmp3lame", "m4a": "aac", "opus": "libopus"}


def write_sound(path: Path, samples: Samples, samplerate: int = RATE, bit_rate: int = 96_000) -> Path:
    """Encode float32 (frames, 1 or 2 channels) as the suffix says."""
    layout = "mono" if samples.shape[1] == 1 else "stereo"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(_CODECS[path.suffix[1:]], rate=samplerate, layout=layout)
        assert isinstance(stream, AudioStream)
        stream.bit_rate = bit_rate
        stream.codec_context.open()
        whole = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout=layout)
        whole.sample_rate = samplerate
        whole.pts = 0
        frame_size = stream.codec_context.frame_size or 1024
        resampler = av.AudioResampler(stream.codec_context.format, layout, samplerate, frame_size=frame_size)
        for frame in [*resampler.resample(whole), *resampler.resample(None), None]:
            container.mux(stream.encode(frame))
    return path


def write_pictures(path: Path, pictures: Iterable[tuple[float, NDArray[np.uint8]]]) -> Path:
    """Encode (time in seconds, luma of shape (height, width)) as H.264 in whatever container the suffix says."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=60)
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 90_000)
        for at_s, luma in pictures:
            if not stream.codec_context.is_open:
                stream.height, stream.width = luma.shape
            frame = av.VideoFrame.from_ndarray(luma, format="gray").reformat(format="yuv420p")
            frame.pts = round(at_s * 90_000)
            frame.time_base = stream.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
