"""Sound on macOS: microphones, and virtual loopback devices, through `soundcard`'s coreaudio backend.

Written from the library's source (0.4.6) and Apple's documentation of Core Audio, tested on a fake of the backend, and
not yet tried on a real machine. What is known of it, and what follows:

- The library has no loopback there. A virtual device (BlackHole and its like) gives at its input what is played to
  it: when such a device is the default speaker, or is named, it is the loopback. Any other speaker is refused; its own
  input (a headset's microphone, say) must never be taken for it.
- Without the user's permission for the microphone, macOS gives silence and no error; `describe` says so.
- `record` waits for ever when a device goes away: the watch for devices, and a deadline, find that.
- An input stream runs at the device's own rate, and the library resamples it in pieces of 512 frames: the device's own
  rate is asked for, and nothing is resampled.
"""

from __future__ import annotations

import platform
import sys
from dataclasses import replace
from typing import Any

from capture.clock import NS_PER_S
from capture.errors import CaptureError, SourceLost
from capture.model import Device, DeviceKind
from capture.sound.soundcard_desk import attribute
from capture.sound.soundcard_source import Opening
from capture.sound.soundcard_system import SoundcardSystem, default, library, listed, match, no_applications
from capture.sound.source import SoundSource

# Devices whose input is what is played to them, by a part of their names.
VIRTUAL_DEVICES = ("blackhole", "soundflower", "vb-cable", "loopback audio")
NO_LOOPBACK_HINT = (
    "Install a virtual sound device such as BlackHole, make it (or a multi-output device with it) the output in the "
    "sound settings, and record with: --speaker BlackHole"
)
PERMISSION = "without it macOS gives only silence: System Settings > Privacy & Security > Microphone"
FALLBACK_SAMPLERATE = 48_000

# Core Audio's AudioHardware.h: kAudioDevicePropertyLatency and kAudioDevicePropertySafetyOffset, in frames.
LATENCY_PROPERTY = int.from_bytes(b"ltnc", "big")
SAFETY_OFFSET_PROPERTY = int.from_bytes(b"saft", "big")
NOMINAL_SAMPLERATE_PROPERTY = int.from_bytes(b"nsrt", "big")
SCOPE_GLOBAL = int.from_bytes(b"glob", "big")
SCOPE_INPUT = int.from_bytes(b"inpt", "big")


class MacSound(SoundcardSystem):
    """macOS' sound. See `SoundSystem`; methods may be called by any thread, and block for at most 2 s."""

    def describe(self) -> dict[str, str]:
        """See `SoundSystem.describe`."""
        self._desk.look()  # raises when there is no answer
        return {
            "server": f"macOS {platform.mac_ver()[0]} (Core Audio)",
            "client": library(),
            "permission": PERMISSION,
            "tried": "not yet on a real machine",
        }

    def loopback(self, speaker: str | None) -> SoundSource:
        """See `SoundSystem.loopback`: for virtual devices only, else `CaptureError`. None: when the default is one."""

        def meant(module: Any) -> Device:
            speakers = listed(module, DeviceKind.SPEAKER)
            return (
                default(module, DeviceKind.SPEAKER) if speaker is None else match(speakers, speaker, DeviceKind.SPEAKER)
            )

        device = self._desk.call(meant)
        if not is_virtual(device):
            raise CaptureError(f"macOS does not let what {device.name} plays be recorded", NO_LOOPBACK_HINT)
        return self._source("system", DeviceKind.SPEAKER, speaker)

    def application(self, name: str) -> SoundSource:
        """Not possible yet: raises `CaptureError`."""
        raise no_applications("macOS")

    def sounding(self, listen_s: float) -> list[Device]:
        """See `SoundSystem.sounding`: none, since speakers cannot be listened to. Does not block."""
        return []

    def opening(self, module: Any, device: Device) -> Opening:
        """See `SoundcardSystem.opening`. A virtual device is an input and an output under one id."""
        if device.kind is DeviceKind.SPEAKER and not is_virtual(device):
            raise SourceLost(f"macOS does not let what {device.name} plays be recorded", NO_LOOPBACK_HINT)
        for microphone in module.all_microphones():
            if str(microphone.id) == device.id:
                samplerate = _samplerate(microphone)
                channels = min(2, max(1, attribute(lambda: int(microphone.channels), 1)))  # noqa: B023 - called at once
                opened = replace(device, samplerate=samplerate, channels=channels)
                return Opening(microphone, opened, None, _latency_ns(microphone, samplerate), makes_up_silence=False)
        raise SourceLost(f"{device.name} is not there", "Plug it in again, or choose another in the sound settings.")


def is_virtual(device: Device) -> bool:
    """Is what is played to this device given back at its input?"""
    return any(part in device.name.casefold() for part in VIRTUAL_DEVICES)


def _property(microphone: Any, selector: int, scope: int, ctype: str, otherwise: float) -> float:
    """A number that Core Audio knows of a device, through the library's own helper."""

    def ask() -> float:
        helper = vars(sys.modules[type(microphone).__module__])["_CoreAudio"]
        return float(helper.get_property(microphone.id, selector, ctype, scope)[0])

    return attribute(ask, otherwise)


def _samplerate(microphone: Any) -> int:
    return round(_property(microphone, NOMINAL_SAMPLERATE_PROPERTY, SCOPE_GLOBAL, "Float64", FALLBACK_SAMPLERATE))


def _latency_ns(microphone: Any, samplerate: int) -> int:
    frames = sum(
        _property(microphone, selector, SCOPE_INPUT, "UInt32", 0)
        for selector in (LATENCY_PROPERTY, SAFETY_OFFSET_PROPERTY)
    )
    return round(frames * NS_PER_S / samplerate)
