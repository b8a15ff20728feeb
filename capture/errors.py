"""Everything that can go wrong, as one family: each error says what happened (`str(error)`) and what to do (`hint`).

The recorder catches `CaptureError` only; anything else is a bug and ends a worker as a `WorkerFault` (see worker.py).
Cancelling is not an error: it derives from `BaseException`'s other branch, so `except CaptureError` never swallows it.
"""

from __future__ import annotations


class CaptureError(Exception):
    """Base of all errors that a user may see.

    `hint` is one sentence in the imperative: the command, setting or action that mends it. It may be empty only where
    nothing can be done.
    """

    default_hint = ""
    # The field of `RecordingSettings` that asked for what cannot be had; empty where that is not one alone. Whoever put
    # the request together can say where it came from.
    setting = ""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = self.default_hint if hint is None else hint


class SettingsError(CaptureError, ValueError):
    """The request makes no sense (exit code 2): a nonsense number, two options that exclude each other."""


class NoSoundServer(CaptureError):
    """No sound server answers."""

    default_hint = (
        "Start PulseAudio or PipeWire (see: loopnote doctor), or record the screen alone:"
        " --screen all --no-system --no-mic"
    )


class UnknownDevice(CaptureError, LookupError):
    """No device, or more than one, has the name that was asked for."""

    default_hint = "See the exact names with: loopnote devices"


class SourceLost(CaptureError):
    """A source that was open ended: unplugged, its server died, its application closed. The grabber reopens it."""


class ScreenUnavailable(CaptureError):
    """There is no screen that can be read: no display, Wayland, or the server died."""

    setting = "screen"


class UnknownArea(CaptureError, LookupError):
    """The screen, region or window that was asked for is not there."""

    default_hint = "See the screens and windows with: loopnote devices"
    setting = "screen"


class FormatError(SettingsError):
    """The format is unknown or cannot hold what was asked of it."""


class OutputError(CaptureError, OSError):
    """The file could not be created, written or finished."""

    setting = "folder"


class DiskFull(OutputError):
    """There is no room for the recording."""

    default_hint = "Free some space, or choose another folder."
    # Whether what is there and what is on its way can still be saved whole: nearly full is not full.
    can_continue = False


class FileTaken(OutputError):
    """A file of that name exists; it is never overwritten."""

    default_hint = "Choose another name, or move the old file away."


class RecoveryError(CaptureError):
    """A leftover could not be repaired; it stays where it is."""


class WorkerFault(CaptureError):
    """A worker thread ended with an exception that is not one of ours: a bug, named with its thread."""

    default_hint = "The recording up to this moment was kept. Please report this, with the output of: loopnote doctor"
    hint_before = "Please report this, with the output of: loopnote doctor"  # when nothing had been recorded yet


class Cancelled(BaseException):
    """The user called it off. Not an error: nothing is reported and nothing is kept."""
