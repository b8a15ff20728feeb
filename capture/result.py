"""What became of a recording, in words and numbers: the honest result."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from capture.clock import NS_PER_S
from capture.lapses import WHY_HELD_UP
from capture.model import AudioResult, Gap, RecordingResult, VideoResult

if TYPE_CHECKING:
    from capture.screen.troubles import Trouble
    from capture.session import Session
    from capture.stages.timing import Timing

# Pictures that were due but lost, as a share of those due, from which on the result is no longer called whole: below
# it nobody sees it (a picture in two hundred).
DROPPED_SHARE_LIMIT = 0.005
# In a short recording that would be the first one; nobody sees a tenth of a second either.
DROPPED_LEAST_S = 0.1
# More gaps than these are told as a sum: nobody reads a thousand lines, and all of them are in the result's `gaps`.
GAPS_TOLD = 20


def summarise(session: Session, file: Path) -> RecordingResult:
    """The result of a session that has ended with `file`. The recorder's thread."""
    audio = _audio(session)
    video = _video(session)
    degraded = [str(fault.error) for fault in list(session.faults)] + session.output.remarks
    degraded += session.mixer.remarks() if audio is not None else []
    degraded += [notice.text for notice in session.notices]
    if audio is not None:
        degraded += gaps_in_words(audio.gaps)
        clipped_frames = session.sound_stage.meter.clipped_frames
        # What arrives beyond full scale was so before us (a server's resampler overshoots by a hair); ours is what
        # comes of adding sources up and of making them louder.
        if clipped_frames and session.sources.is_made_louder:
            degraded.append(f"the sound was louder than full scale in {clipped_frames} samples, and was clipped")
    if session.lost_packets:
        degraded.append(
            f"{session.lost_packets} packets of sound or picture were lost: the disk stood still for too long"
        )
    if video is not None and session.plan.video is not None:
        due = video.captured + video.dropped
        if video.dropped > max(DROPPED_SHARE_LIMIT * due, DROPPED_LEAST_S * session.plan.video.fps):
            degraded.append(f"{video.dropped} of {due} pictures were lost: the computer was too slow")
        degraded += gaps_in_words(video.gaps, "a picture that stands")
        degraded += _screen_remarks(session)
    return RecordingResult(
        file=file,
        duration_s=session.file_s,
        started_at=session.started_at.isoformat(timespec="milliseconds"),
        audio=audio,
        video=video,
        degraded=tuple(dict.fromkeys(degraded)),
    )


def _audio(session: Session) -> AudioResult | None:
    if not session.has_sound:
        return None
    meter = session.sound_stage.meter
    return AudioResult(
        samplerate=session.plan.samplerate,
        channels=session.channels,
        peak_dbfs=None if math.isinf(meter.peak_dbfs) else meter.peak_dbfs,
        silent=meter.silent,
        gaps=tuple(_gaps(session)),
    )


def _gaps(session: Session) -> Iterator[Gap]:
    """Holes of the signal as places in the file; what lay in a pause, or outside the recording, is no gap."""
    from capture.sound.track import NO_SOUND, NOT_BEGUN, QUIET

    timing = session.timing
    end_ns = timing.end_ns
    assert end_ns is not None
    for hole in session.mixer.holes:
        # An idle speaker gives nothing at all until something plays, and an application gives nothing between two
        # sounds. That silence is the truth. A speaker that has begun, however, never leaves off by itself.
        # Unless it is known to have been playing when the recording began, or could not even be opened.
        if hole.reason == NOT_BEGUN and hole.source not in session.sources.owed:
            continue
        if hole.reason == QUIET or (hole.reason == NO_SOUND and hole.source in session.sources.application_names):
            continue
        start_ns = timing.recorded_ns(hole.start_ns)
        length_ns = timing.recorded_ns(min(hole.end_ns, end_ns)) - start_ns
        reason = hole.reason
        if reason == NO_SOUND and timing.was_held_up(hole.start_ns, hole.end_ns):
            reason = f"Loopnote was held up: {WHY_HELD_UP}"
        if length_ns > 0:
            yield Gap(start_ns / NS_PER_S, length_ns / NS_PER_S, f"{hole.source}: {reason}")


def gaps_in_words(gaps: Sequence[Gap], what: str = "silence") -> list[str]:
    """A line for each of the first `GAPS_TOLD`, and one for all the others together; `what` stands in their place."""
    lines = [f"{_length(gap.length_s)} of {what} at {gap.at_s:.2f} s, {gap.reason}" for gap in gaps[:GAPS_TOLD]]
    others = gaps[GAPS_TOLD:]
    if others:
        lines.append(f"{len(others)} more gaps, {sum(gap.length_s for gap in others):.2f} s altogether")
    return lines


def _length(length_s: float) -> str:
    """Such as 2.10 s, or 4 ms: what is short is not nothing."""
    return f"{length_s:.2f} s" if length_s >= 0.01 else f"{max(1, round(1000 * length_s))} ms"


def _video(session: Session) -> VideoResult | None:
    grabber = session.grabber
    if grabber is None:
        return None
    width, height = grabber.size
    counts = session.pictures.so_far()
    return VideoResult(
        width=width,
        height=height,
        captured=counts.captured,
        encoded=session.video_stage.encoded_count,
        unchanged=counts.unchanged,
        dropped=counts.dropped,
        gaps=tuple(screen_gaps([trouble for trouble in grabber.troubles if trouble.kind == "away"], session.timing)),
    )


def _screen_remarks(session: Session) -> list[str]:
    """What else was recorded than was asked for, with its place and length."""
    grabber = session.grabber
    assert grabber is not None
    gaps = list(screen_gaps([trouble for trouble in grabber.troubles if trouble.kind != "away"], session.timing))
    lines = [f"for {gap.length_s:.2f} s from {gap.at_s:.2f} s on, {gap.reason}" for gap in gaps[:GAPS_TOLD]]
    others = len(gaps[GAPS_TOLD:]) + grabber.untold_troubles
    return [*lines, f"{others} more changes of the screen"] if others else lines


def screen_gaps(troubles: Sequence[Trouble], timing: Timing) -> Iterator[Gap]:
    """Troubles of the screen as places in the ended recording; what lay in a pause, or outside of it, is none."""
    assert timing.end_ns is not None
    for trouble in troubles:
        at_ns = timing.recorded_ns(trouble.start_ns)
        until_ns = timing.end_ns if trouble.end_ns is None else min(trouble.end_ns, timing.end_ns)
        length_ns = timing.recorded_ns(until_ns) - at_ns
        if length_ns > 0:
            yield Gap(at_ns / NS_PER_S, length_ns / NS_PER_S, f"screen: {trouble.text}")
