"""Loopnote's engine: what the computer plays, and its screen, into a file that cannot be lost.

How data flows, and in which thread:

    [grab-system]                  [mix]
    speakers - AudioBlock ==> timeline > resample > mix > meter > pauses > audio encoder ==> [write]
    [grab-mic]                                                                               muxer > .x.part.mp4 > x.mp4
    mic ------ AudioBlock ==> (the same)                                                      ^
    [screen]                                              [encode-video]                      |
    screen -> compare > convert - VideoFrame ============> pauses > video encoder ============/

    ->  a call in the same thread        ==>  a Channel: bounded, its overflow policy named
    [x] a thread                         [recorder] is one more: it takes commands from the ui and faults from the
                                         workers, owns the state, and alone decides what a fault means

One way: a stage knows the next stage at most. Pictures are compared and converted before they are queued (not after, as
one might draw it), because a queued I420 picture takes 3 MB at 1080p where BGRA takes 8.

Rooms: `sound/`, `screen/` (sources, and what makes one signal of them), `output/` (formats, encoders, the file,
recovery), `notes/` (what a recording becomes). Arrows point down only: ui -> recorder -> session -> sound, screen,
output -> channel, worker -> model, errors, clock. Importing `capture` loads none of the heavy libraries; they come
when a recording starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from capture.errors import CaptureError
from capture.model import RecordingResult, State
from capture.settings import RecordingSettings

if TYPE_CHECKING:
    from capture.recorder import Recorder

__all__ = ["CaptureError", "Recorder", "RecordingResult", "RecordingSettings", "State"]


def __getattr__(name: str) -> object:
    if name == "Recorder":
        from capture.recorder import Recorder

        return Recorder
    raise AttributeError(f"module 'capture' has no attribute {name!r}")
