"""Sound on Windows: WASAPI loopback and microphones, through `soundcard`'s mediafoundation backend.

Written from the library's source (0.4.6) and Microsoft's documentation of WASAPI, tested on a fake of the backend, and
not yet tried on a real machine. What is known of it, and what follows:

- There are no time stamps: a block is stamped by its arrival (see arrival.py). How long after its mixing the sound
  leaves the speaker is not told either, so the latency is taken as none: the sound may be early against the screen by
  the speaker's latency, which wired devices have below 30 ms.
- When nothing plays, the system gives nothing, and the library makes up zeros from a clock, up to 40 ms too few.
- Lost data is told by a warning only; it is hooked, and the next block's stamp shows the hole.
- A buffer of one period (the library's default) loses data when a read comes late: half a second is asked for.
- Mono streams return garbage: stereo is recorded, and mixed down later.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from capture.clock import NS_PER_S
from capture.errors import CaptureError, SourceLost
from capture.model import Device, DeviceKind
from capture.sound.soundcard_source import Opening
from capture.sound.soundcard_system import SoundcardSystem, library, no_applications
from capture.sound.source import SoundSource

# What the audio engine mixes at on nearly every machine; it resamples where it does not (AUTOCONVERTPCM).
SAMPLERATE = 48_000
CHANNELS = 2
BUFFER_FRAMES = SAMPLERATE // 2
# What is this quiet is as good as silent: -80 dBFS.
SILENCE = 1e-4


class WindowsSound(SoundcardSystem):
    """Windows' sound. See `SoundSystem`; methods may be called by any thread, and block for at most 2 s."""

    def describe(self) -> dict[str, str]:
        """See `SoundSystem.describe`."""
        self._desk.look()  # raises when there is no answer
        return {
            "server": f"Windows {platform.version()} (WASAPI)",
            "client": library(),
            "tried": "not yet on a real machine",
        }

    def loopback(self, speaker: str | None) -> SoundSource:
        """See `SoundSystem.loopback`."""
        return self._source("system", DeviceKind.SPEAKER, speaker)

    def application(self, name: str) -> SoundSource:
        """Not possible yet: raises `CaptureError`."""
        raise no_applications("Windows")

    def sounding(self, listen_s: float) -> list[Device]:
        """See `SoundSystem.sounding`. All speakers are listened to at once; blocks for `listen_s` and up to 2 s."""
        heard = []
        listening = []
        try:
            for device in self.devices():
                if device.kind is DeviceKind.SPEAKER:
                    source = self._source(device.name, DeviceKind.SPEAKER, device.id)
                    try:
                        source.open()
                    except CaptureError:
                        continue  # unplugged meanwhile, or in another program's exclusive use: nothing to be heard
                    listening.append((device, source))
            end_ns = self._clock.now_ns() + int(listen_s * NS_PER_S)
            for device, source in listening:
                if _sounds(source, end_ns, self._clock.now_ns):
                    heard.append(device)
        finally:
            for _, source in listening:
                source.close()
        return heard

    def opening(self, module: Any, device: Device) -> Opening:
        """See `SoundcardSystem.opening`. The loopback of a speaker has the speaker's id."""
        for microphone in module.all_microphones(include_loopback=device.kind is DeviceKind.SPEAKER):
            if microphone.id == device.id:
                opened = replace(device, samplerate=SAMPLERATE, channels=CHANNELS)
                return Opening(microphone, opened, BUFFER_FRAMES, latency_ns=0, makes_up_silence=True)
        raise SourceLost(f"{device.name} is not there", "Plug it in again, or enable it in the sound settings.")


def _sounds(source: SoundSource, end_ns: int, now_ns: Callable[[], int]) -> bool:
    """Does the open `source` give anything but silence before `end_ns`? What it queued meanwhile is looked at too."""
    while True:
        left_ns = end_ns - now_ns()
        try:
            block = source.read(max(0, left_ns) / NS_PER_S)
        except CaptureError:
            return False
        if block is not None and block.start_ns < end_ns and abs(block.samples).max() > SILENCE:
            return True
        if block.start_ns >= end_ns if block is not None else left_ns <= 0:
            return False
