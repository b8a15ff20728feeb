"""What each format is made of: container, codecs, bit rates, and the settings that keep a file playable at any moment.

Pure: nothing is opened and no heavy library is imported. `plan` turns a request into a `FormatPlan`, or says in one
line why it cannot be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from capture.errors import FormatError
from capture.output.quantizer import QuantizerRange
from capture.settings import SCREEN_FORMATS, SOUND_FORMATS, RecordingSettings

Quality = Literal["low", "medium", "high", "lossless"]

# Suffixes that people use for the same thing. The first of a format is the one that a new file gets.
SUFFIXES = {
    "opus": (".opus", ".ogg", ".oga"),
    "flac": (".flac",),
    "wav": (".wav",),
    "m4a": (".m4a",),
    "mp3": (".mp3",),
    "mp4": (".mp4", ".m4v"),
    "mkv": (".mkv",),
    "webm": (".webm",),
}
_MUXERS = {
    "opus": "ogg",
    "flac": "flac",
    "wav": "wav",
    "m4a": "ipod",  # FFmpeg's name for MP4 with Apple's brand "M4A ", by which players know that it is sound
    "mp3": "mp3",
    "mp4": "mp4",
    "mkv": "matroska",
    "webm": "webm",
}
# A player of the others plays the first track only, or refuses.
_FORMATS_WITH_TRACKS = ("m4a", "mp4", "mkv", "webm")

# The longest that a packet waits in memory before it is in the file. Together with a codec's own delay (FLAC's frame is
# the longest, 0.1 s) this is what a kill -9 can take away; the recorder's own buffers come on top, and 1 s is promised.
FRAGMENT_LENGTH_S = 0.2
# How long the muxer may hold sound back so that pictures of the same time come before it. A still screen gives one
# picture a second, and without a limit the sound would wait for it.
INTERLEAVE_WAIT_S = 0.1

# Bit/s for (mono, stereo). Opus: the ranges that RFC 6716 section 2.1.1 calls the sweet spots for speech and music.
_OPUS_BITRATES = {"low": (24_000, 32_000), "medium": (48_000, 96_000), "high": (96_000, 160_000)}
_AAC_BITRATES = {"low": (64_000, 96_000), "medium": (96_000, 160_000), "high": (160_000, 256_000)}
_MP3_BITRATES = {"low": (64_000, 96_000), "medium": (96_000, 192_000), "high": (192_000, 320_000)}
# Less work than the encoders' own choice, at the same bit rate: AAC and MP3 half, Opus three quarters. Measured on
# speech and music: AAC comes out nearer to what went in than with "twoloop", MP3 the same, Opus the same within 0.1 dB
# (noise to mask ratio; from 6 down it is up to 2 dB worse). At its low rates Opus may code speech in another way, where
# effort counts for more; there it makes its own choice.
_AAC = {"aac_coder": "fast"}
_MP3 = {"compression_level": "7"}
_OPUS = {"compression_level": "7"}
_OPUS_RATE_HZ = 48_000
# What the codecs' tables hold (ISO 14496-3 table 1.18; ISO 11172-3 and 13818-3 2.4.2.3, 2.5 extension left out).
_AAC_RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000)
_MP3_RATES_HZ = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_PCM_RANGE_HZ = (8_000, 192_000)

# "zerolatency" because x264 otherwise keeps each picture until the next one comes, which on a still screen is a second.
# Blocks of 4x4 are what "ultrafast" leaves out and letters need: scrolling text takes 16 % less at a likeness that is
# 0.5 dB better, for no more work. "stitchable": encoders with different quantisers write one stream (see encoders.py).
# Tried and left: CABAC (film takes 21 % less, for 17 % more work), 8x8 transforms (the same, no better), subme 1 (24 %
# less and 1 dB better, for 25 % more), 8x8 partitions (36 % more work), no fast skip (35 % more for text).
_H264 = {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1", "partitions": "i4x4"}
# Higher is coarser. "medium" is nowhere less like the screen than what others make with ultrafast at crf 23: text wants
# 17 for that, film that fills the screen 26, and where 500 kB a second go at 1080p it begins to be film.
_H264_MEDIUM = QuantizerRange(17, 30, 0.24)
_H264_COARSER = {"low": 6, "medium": 0, "high": -3}
# Smoothing the blocks' edges makes film 0.7 dB better and 10 % smaller for 7 % more work; two steps of the quantiser
# are worth as much and save 20 %. Where the quantiser is fine there is nothing to smooth, and the work is saved.
_SMOOTH_FROM = 21
# VP8 and not VP9, which is far too slow for this: scrolling text at 1080p takes 50 ms of CPU a picture with VP9 at its
# fastest, 9 ms with VP8, at a better likeness (measured: 42 dB against 45). The bit rate is only a limit; crf decides.
_VP8 = {"deadline": "realtime", "cpu-used": "16", "lag-in-frames": "0", "static-thresh": "1000", "b": "40M"}
_VP8_Q = {"low": 32, "medium": 20, "high": 10}


@dataclass(frozen=True, slots=True)
class AudioPlan:
    """How sound is encoded. `bits` is 16 or 24 for the exact formats and 0 for the others."""

    codec: str
    samplerate: int  # Hz: what the encoder must be fed with
    channels: int
    sample_format: str  # FFmpeg's name: "flt", "fltp", "s16", "s32", "s16p", "s32p"
    bits: int = 0
    bitrate: int = 0  # bit/s; 0: the codec's own business
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """How pictures are encoded. `pixel_format` is what `VideoEncoder` must be fed with."""

    codec: str
    pixel_format: Literal["bgra", "i420"]
    encoder_pixel_format: str  # FFmpeg's name
    fps: float  # the rate at which pictures come at most; each has its own time
    options: Mapping[str, str] = field(default_factory=dict)
    quantizers: QuantizerRange | None = None  # None: one for all pictures, or the codec's own business

    def options_at(self, quantizer: int) -> dict[str, str]:
        """The options for one of `quantizers`. An encoder with others goes on with the stream, from a keyframe on."""
        smooth = int(quantizer >= _SMOOTH_FROM)
        return {**self.options, "qp": str(quantizer), "x264-params": f"stitchable=1:no-deblock={1 - smooth}"}


@dataclass(frozen=True, slots=True)
class FormatPlan:
    """A container and what goes into it. `audio` or `video` is None where there is none of it."""

    name: str  # "opus", ..., "webm": the word of --format
    container: str  # FFmpeg's name of the muxer
    suffix: str  # with its dot
    audio: AudioPlan | None
    video: VideoPlan | None
    muxer_options: Mapping[str, str] = field(default_factory=dict)

    @property
    def samplerate(self) -> int:
        """Hz: the rate that the mix must have; that of Opus where there is no sound."""
        return self.audio.samplerate if self.audio else _OPUS_RATE_HZ


def plan(settings: RecordingSettings, audio_rate_hz: int = _OPUS_RATE_HZ) -> FormatPlan:
    """Choose the format: from FILE's suffix, else from --format, else Ogg Opus or MP4 (FLAC or MKV when lossless).

    A suffix that is none of ours is part of the name when --format is given, and else refused. `audio_rate_hz` is the
    device's own rate: the exact formats keep it, the others take the nearest that they can hold without losing
    anything. Raises `FormatError`. Any thread; never blocks.
    """
    name = _format_name(settings)
    with_screen = settings.screen is not None
    if with_screen and name in SOUND_FORMATS:
        raise FormatError(
            f"{name} holds sound only, and the screen was asked for",
            f"Choose one of: {', '.join(SCREEN_FORMATS)}; or the sound only: --no-screen.",
        )
    if not with_screen and name in SCREEN_FORMATS:
        raise FormatError(
            f"{name} is a format for the screen, and only sound was asked for",
            f"Add --screen, or choose one of: {', '.join(SOUND_FORMATS)}.",
        )
    if settings.tracks == "separate" and name not in _FORMATS_WITH_TRACKS:
        raise FormatError(
            f"{name} holds one sound track, and separate tracks were asked for",
            "Choose m4a, or with the screen mp4, mkv or webm; or mix them: --tracks mixed.",
        )
    audio = _audio_plan(name, settings.quality, settings.channels, audio_rate_hz) if settings.has_sound else None
    video = _video_plan(name, settings.quality, settings.fps) if with_screen else None
    suffix = SUFFIXES[name][0]
    if settings.file is not None and settings.file.suffix.lower() in SUFFIXES[name]:
        suffix = settings.file.suffix
    return FormatPlan(name, _MUXERS[name], suffix, audio, video, muxer_options(name))


def format_of_suffix(suffix: str) -> str | None:
    """The format's name for a suffix such as ".ogg", in any case; None when it is not one of ours."""
    return next((name for name, suffixes in SUFFIXES.items() if suffix.lower() in suffixes), None)


def muxer_of(name: str) -> str:
    """FFmpeg's name of the muxer for a format's name."""
    return _MUXERS[name]


def muxer_options(name: str, *, recording: bool = True) -> dict[str, str]:
    """FFmpeg's options for a container: with `recording` for a file playable at any moment, else for an ordinary."""
    options: dict[str, str] = {}
    if recording:
        # Each packet goes to the file as it comes. Without it low-bitrate files lose everything on kill -9.
        options["flush_packets"] = "1"
        options["max_interleave_delta"] = str(round(INTERLEAVE_WAIT_S * 1e6))
    if name == "opus":
        options["page_duration"] = str(round(FRAGMENT_LENGTH_S * 1e6))
    elif name in ("m4a", "mp4"):
        # An edit list says where the sound begins behind AAC's 1024 samples of priming. Without it every player starts
        # sound and picture 21 ms late, and the lengths are wrong by as much.
        options["use_editlist"] = "1"
        if recording:
            # Fragments while it is being recorded, one ordinary index when it is closed, at once however long it is.
            # The header waits for the first fragment (0.4 s), because only then the edit list is known to it; without
            # the wait, what a kill leaves loses most of the first fragment, or starts the sound 21 ms late.
            options["movflags"] = "+hybrid_fragmented+delay_moov"
            options["frag_duration"] = str(round(FRAGMENT_LENGTH_S * 1e6))
    elif name in ("mkv", "webm"):
        if recording:
            options["cluster_time_limit"] = str(round(FRAGMENT_LENGTH_S * 1e3))
    elif name == "wav":
        options["rf64"] = "auto"  # beyond 4 GiB; the header keeps the place for it
    return options


def _format_name(settings: RecordingSettings) -> str:
    asked = settings.format
    suffix = settings.file.suffix if settings.file is not None else ""
    if suffix:
        named = format_of_suffix(suffix)
        if named is None and asked is not None:
            return asked  # the dot is part of the name, as in "talk.v2"
        if named is None:
            raise FormatError(
                f"the suffix {suffix} of {settings.file} is no format that is known",
                f"Choose one of: {', '.join(s[0] for s in SUFFIXES.values())}; or say which with --format.",
            )
        if asked is not None and asked != named:
            raise FormatError(
                f"--format {asked} and the suffix of {settings.file} do not agree",
                "Leave out --format, or name the file to suit it.",
            )
        return named
    if asked is not None:
        return asked
    lossless = settings.quality == "lossless"
    if settings.screen is not None:
        return "mkv" if lossless else "mp4"
    if settings.tracks == "separate":
        return "m4a"
    return "flac" if lossless else "opus"


def _audio_plan(name: str, quality: Quality, channels: int, rate_hz: int) -> AudioPlan:
    lossless = quality == "lossless"
    # 16 bits are what the sources have, nearly always; 24 keep what a mix or a gain makes finer than that.
    bits = 24 if quality in ("high", "lossless") else 16
    integers = "s32" if bits == 24 else "s16"
    if name == "wav":
        return AudioPlan(f"pcm_s{bits}le", _within(rate_hz, name), channels, integers, bits)
    if name == "flac" or (name == "mkv" and lossless):
        # Level 5 is the encoder's own choice and costs under 1 % of a core.
        return AudioPlan("flac", _within(rate_hz, name), channels, integers, bits)
    if lossless and name in ("m4a", "mp4"):
        return AudioPlan("alac", _within(rate_hz, name), channels, "s32p", 24)
    if lossless:
        raise FormatError(
            f"{name} cannot keep sound without loss",
            "Choose flac or wav for sound, mkv or mp4 with the screen; or another --quality.",
        )
    index = channels - 1
    if name in ("m4a", "mp4"):
        rate_hz = _nearest(rate_hz, _AAC_RATES_HZ)
        return AudioPlan("aac", rate_hz, channels, "fltp", bitrate=_AAC_BITRATES[quality][index], options=_AAC)
    if name == "mp3":
        rate_hz = _nearest(rate_hz, _MP3_RATES_HZ)
        return AudioPlan("libmp3lame", rate_hz, channels, "fltp", bitrate=_MP3_BITRATES[quality][index], options=_MP3)
    options = {} if quality == "low" else _OPUS
    return AudioPlan("libopus", _OPUS_RATE_HZ, channels, "flt", bitrate=_OPUS_BITRATES[quality][index], options=options)


def _video_plan(name: str, quality: Quality, fps: float) -> VideoPlan:
    if name == "webm":
        if quality == "lossless":
            raise FormatError("webm cannot keep the picture without loss", "Choose mkv or mp4, or another --quality.")
        return VideoPlan("libvpx", "i420", "yuv420p", fps, _VP8 | {"crf": str(_VP8_Q[quality])})
    if quality == "lossless":
        # RGB as it is on the screen: with I420 three quarters of the colour would be gone before the encoder sees it.
        return VideoPlan("libx264rgb", "bgra", "bgr0", fps, _H264 | {"qp": "0"})
    quantizers = _H264_MEDIUM.coarser(_H264_COARSER[quality])
    return VideoPlan("libx264", "i420", "yuv420p", fps, _H264, quantizers)


def _within(rate_hz: int, name: str) -> int:
    low_hz, high_hz = _PCM_RANGE_HZ
    if rate_hz <= 0:
        raise FormatError(f"{name}: a rate of {rate_hz} Hz cannot be recorded")
    return min(max(rate_hz, low_hz), high_hz)


def _nearest(rate_hz: int, allowed_hz: tuple[int, ...]) -> int:
    """The lowest allowed rate that holds all of the sound; the highest there is when none does."""
    if rate_hz <= 0:
        raise FormatError(f"a rate of {rate_hz} Hz cannot be recorded")
    return next((allowed for allowed in allowed_hz if allowed >= rate_hz), allowed_hz[-1])
