"""What a sound system must offer: the small interface that PulseAudio/PipeWire, Windows and macOS hide behind.

A `SoundSource` is passive: it is opened, read and closed by one grab thread (see grab.py), which also decides about
opening it again. Only `wake` may be called by another thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from capture.model import AudioBlock, Device


@dataclass(frozen=True, slots=True)
class DeviceChange:
    """Devices, the default, or the playing applications changed. Look at `devices()` again for what there is now."""

    what: str  # "speaker", "microphone", "application", "default", "server lost", "server back"


class SoundSource(Protocol):
    """One stream of sound. `name` is its track's name: "system", "mic", or the application's."""

    name: str

    def open(self) -> Device:
        """Find the device (the default is looked up afresh at each call) and start the stream.

        Returns what is listened to; its `samplerate` and `channels` are those of the blocks to come. Called by the grab
        thread; returns within 2 s or raises `CaptureError` (`NoSoundServer`, `UnknownDevice`, `SourceLost`).
        May be called again after `close`.
        """
        ...

    def read(self, timeout_s: float) -> AudioBlock | None:
        """The next block, stamped with when it sounded; None when none came within `timeout_s` or after `wake`.

        Called by the grab thread. Raises `SourceLost` when the stream has ended, or when the device that it should
        listen to is another now (the default changed): the grabber then closes it and opens it again.
        """
        ...

    def close(self) -> None:
        """End the stream; never raises, may be called twice. Called by the grab thread."""
        ...

    def wake(self) -> None:
        """Make a waiting `read` return soon. Called by any thread; never blocks."""
        ...

    def pace(self, block_s: float) -> None:
        """How long the blocks may be from now on: shorter ones come sooner, and each costs the same work.

        Where the library sets their length, nothing happens. Called by any thread; never blocks.
        """
        ...


class Watch(Protocol):
    """A running watch for device changes, with a thread of its own."""

    def close(self) -> None:
        """End it, within 1 s. Called by any thread but its own."""
        ...


class SoundSystem(Protocol):
    """A computer's sound. Methods may be called by any thread, and block for at most 2 s."""

    def describe(self) -> dict[str, str]:
        """Name and version of the server and of the way to it, for `doctor`."""
        ...

    def devices(self) -> list[Device]:
        """Speakers, microphones (no monitors among them) and the applications that have a playback stream now.

        An application's `detail` has "playing" (bool: not corked) and "speaker" (the id of where it plays); a
        speaker's has "monitor" (the id of its loopback) and "state" ("running", "idle", "suspended").
        Raises `NoSoundServer`.
        """
        ...

    def loopback(self, speaker: str | None) -> SoundSource:
        """What the speaker of that name or id plays; None follows the default. Raises `UnknownDevice`."""
        ...

    def application(self, name: str) -> SoundSource:
        """What one application plays, wherever; it may start, stop and start again. Raises `UnknownDevice`.

        `name` matches an application's name, binary or id, whatever the case. At the time of the call it must be
        playing or at least have a stream; later it may come and go: while it is away, `read` gives None.
        """
        ...

    def microphone(self, name: str) -> SoundSource:
        """A microphone by name or id; "default" follows the default one, never a monitor. Raises `UnknownDevice`."""
        ...

    def watch(self, on_change: Callable[[DeviceChange], None]) -> Watch:
        """Call `on_change` (in the watch's thread) for every change, until the watch is closed."""
        ...

    def sounding(self, listen_s: float) -> list[Device]:
        """The speakers on which something other than silence plays now, found by listening for `listen_s`."""
        ...
