"""What the sound systems of Windows and macOS have in common when `soundcard` is the way to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from capture.clock import Clock, MonotonicClock
from capture.errors import CaptureError, UnknownDevice
from capture.model import Device, DeviceKind
from capture.sound.soundcard_desk import Desk, DeviceWatch, Look, attribute, shared_desk
from capture.sound.soundcard_source import Opening, SoundcardSource, Target
from capture.sound.source import DeviceChange, SoundSource, Watch

LISTING = {DeviceKind.SPEAKER: "all_speakers", DeviceKind.MICROPHONE: "all_microphones"}
DEFAULT = {DeviceKind.SPEAKER: "default_speaker", DeviceKind.MICROPHONE: "default_microphone"}


class SoundcardSystem:
    """The shared half of a `SoundSystem`. Methods may be called by any thread, and block for at most 2 s.

    The other half says how a stream is opened: `opening(soundcard, device)`, in the desk's thread.
    """

    def __init__(self, desk: Desk | None = None, clock: Clock | None = None) -> None:
        self._desk = desk or shared_desk()
        self._clock = clock or MonotonicClock()

    def opening(self, module: Any, device: Device) -> Opening:
        """How to listen to `device` (to what a speaker plays). Raises `SourceLost` when it is not there any more."""
        raise NotImplementedError

    def devices(self) -> list[Device]:
        """See `SoundSystem.devices`. The library does not know applications, so there are none in the list."""
        return self._desk.call(
            lambda module: listed(module, DeviceKind.SPEAKER) + listed(module, DeviceKind.MICROPHONE)
        )

    def microphone(self, name: str) -> SoundSource:
        """See `SoundSystem.microphone`."""
        wanted = None if name.casefold() == "default" else name
        return self._source("mic", DeviceKind.MICROPHONE, wanted)

    def watch(self, on_change: Callable[[DeviceChange], None]) -> Watch:
        """See `SoundSystem.watch`. Changes are found by looking, every `LOOK_INTERVAL_S`."""
        return DeviceWatch(self._desk, _Differences(on_change).see)

    def _source(self, track: str, kind: DeviceKind, wanted: str | None) -> SoundcardSource:
        """A source for the device of that name or id; None follows the default. Raises `UnknownDevice`."""
        # A name is looked up once, now: later only that device is meant, even when another gets a like name.
        named = None if wanted is None else self._desk.call(lambda module: match(listed(module, kind), wanted, kind))

        def find(module: Any) -> Opening:
            device = default(module, kind) if named is None else present(module, kind, named)
            return self.opening(module, device)

        return SoundcardSource(track, Target(kind, find, named), self._desk, self._clock)


def listed(module: Any, kind: DeviceKind) -> list[Device]:
    """Desk thread: the devices of that kind, in the system's order."""
    default_id = attribute(lambda: str(getattr(module, DEFAULT[kind])().id), None)
    devices = []
    for found in getattr(module, LISTING[kind])():
        device_id = str(found.id)
        detail = {"monitor": device_id, "state": "unknown"} if kind is DeviceKind.SPEAKER else {}
        devices.append(
            Device(
                kind=kind,
                id=device_id,
                name=attribute(lambda found=found: str(found.name), device_id),  # type: ignore[misc]
                is_default=device_id == default_id,
                channels=attribute(lambda found=found: int(found.channels), 0),  # type: ignore[misc]
                detail=detail,
            )
        )
    return devices


def default(module: Any, kind: DeviceKind) -> Device:
    """Desk thread: the default device of now. Raises `UnknownDevice` when there is none."""
    for device in listed(module, kind):
        if device.is_default:
            return device
    raise UnknownDevice(f"there is no {kind.value}", f"Plug in a {kind.value}, or enable one in the sound settings.")


def present(module: Any, kind: DeviceKind, named: Device) -> Device:
    """Desk thread: the device `named`, found again by its id, or by its name when it was plugged in anew.

    For a speaker that is away the default one stands in, since what played on the one then plays on the other. Nothing
    stands in for a microphone. Raises `UnknownDevice`.
    """
    devices = listed(module, kind)
    for device in devices:
        if device.id == named.id:
            return device
    namesakes = [device for device in devices if device.name == named.name]
    if len(namesakes) == 1:
        return namesakes[0]
    if kind is DeviceKind.MICROPHONE:
        raise UnknownDevice(f"the microphone {named.name} is not connected", "Connect it again.")
    device = default(module, kind)
    return replace(device, detail={**device.detail, "instead_of": named.name})


def match(devices: list[Device], wanted: str, kind: DeviceKind) -> Device:
    """The device whose id or name is `wanted`, or the only one that has it in its id or name; whatever the case.

    Raises `UnknownDevice`.
    """
    folded = wanted.casefold().strip()
    exact = [device for device in devices if folded in (device.id.casefold(), device.name.casefold())]
    # An empty name is part of every other.
    partly = [d for d in devices if folded and (folded in d.id.casefold() or folded in d.name.casefold())]
    found = exact or partly
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(f"{device.name} ({device.id})" for device in found)
        text = f"{wanted!r} could be more than one {kind.value}: {ids}"
        raise UnknownDevice(text, "Give more of the name, or the exact id.")
    there = ", ".join(device.name for device in devices)
    raise UnknownDevice(
        f"no {kind.value} is called {wanted!r}",
        f"There are: {there}." if there else f"There is no {kind.value} at all.",
    )


def library() -> str:
    """The library and its version, for `describe`."""
    try:
        return f"soundcard {version('soundcard')}"
    except PackageNotFoundError:  # a bundled program carries no such records
        return "soundcard (version unknown)"


def no_applications(system: str) -> CaptureError:
    """One application's sound cannot be had through the library."""
    return CaptureError(
        f"Loopnote cannot yet record one application alone on {system}",
        "Leave out --app, and let nothing else play meanwhile.",
    )


class _Differences:
    """Turns looks at the devices into changes. One thread."""

    def __init__(self, on_change: Callable[[DeviceChange], None]) -> None:
        self._on_change = on_change
        self._known: Look | None = None
        self._answers = True

    def see(self, look: Look | None) -> None:
        """Tell what changed since the last look; the first one tells nothing."""
        if look is None:
            if self._answers:
                self._on_change(DeviceChange("server lost"))
            self._answers = False
            return
        if not self._answers:
            self._answers = True
            self._on_change(DeviceChange("server back"))
        known, self._known = self._known, look
        if known is None:
            return
        if look.speakers != known.speakers:
            self._on_change(DeviceChange("speaker"))
        if look.microphones != known.microphones:
            self._on_change(DeviceChange("microphone"))
        if (look.default_speaker, look.default_microphone) != (known.default_speaker, known.default_microphone):
            self._on_change(DeviceChange("default"))
