"""How much disk an hour of a recording takes, before it is made."""

from __future__ import annotations

from capture.output.formats import FormatPlan

HOUR_S = 3600
# What FLAC and ALAC leave of exact sound: speech with pauses, to loud music.
_EXACT_SHARES = (0.25, 0.7)
_EXACT_CODECS = ("flac", "alac")


def hour_bytes(plan: FormatPlan) -> tuple[int, int] | None:
    """The least and the most that an hour usually takes; None for pictures, whose size is that of what moves."""
    if plan.video is not None:
        return None
    audio = plan.audio
    if audio is None:
        return 0, 0
    if audio.bitrate:
        size = audio.bitrate * HOUR_S // 8
        return size, size
    exact = audio.samplerate * audio.channels * (audio.bits // 8) * HOUR_S
    if audio.codec in _EXACT_CODECS:
        return round(exact * _EXACT_SHARES[0]), round(exact * _EXACT_SHARES[1])
    return exact, exact
