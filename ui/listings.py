"""`loopnote devices` and `loopnote doctor`: what there is, and what works."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import Any

from capture.errors import CaptureError
from capture.model import Device, DeviceKind
from ui.text import complain, print_json, printable, say

HEADINGS = {
    DeviceKind.SPEAKER: "Speakers (what they play can be recorded: --speaker NAME)",
    DeviceKind.MICROPHONE: "Microphones (--mic NAME)",
    DeviceKind.APPLICATION: "Applications with sound (--app NAME)",
    DeviceKind.SCREEN: "Screens (--screen NUMBER)",
    DeviceKind.WINDOW: "Windows (--screen window:TITLE)",
}
# What chooses one by its id; screens have their numbers, and applications no two the same name.
BY_ID = {
    DeviceKind.SPEAKER: "--speaker ",
    DeviceKind.MICROPHONE: "--mic ",
    DeviceKind.WINDOW: "--screen window:",
}


def devices(as_json: bool) -> int:
    """List them. Exit code 1 when neither sound nor screen can be asked."""
    found: list[Device] = []
    troubles: list[CaptureError] = []
    for ask in (_sound_devices, _screen_devices):
        try:
            found += ask()
        except CaptureError as error:
            troubles.append(error)
    if as_json:
        groups: dict[str, Any] = {f"{kind.value}s": [_plain(d) for d in found if d.kind is kind] for kind in DeviceKind}
        groups["errors"] = [{"text": str(trouble), "hint": trouble.hint} for trouble in troubles]
        print_json(groups)
    else:
        for kind, heading in HEADINGS.items():
            _print_group(heading, [device for device in found if device.kind is kind])
        for trouble in troubles:
            complain(str(trouble), trouble.hint)
    return 1 if len(troubles) == 2 else 0


def _sound_devices() -> list[Device]:
    from capture.sound.system import sound_system

    return sound_system().devices()


def _screen_devices() -> list[Device]:
    from capture.screen.system import screen_system

    screen = screen_system()
    return [*screen.screens(), *screen.windows()]


def _print_group(heading: str, group: list[Device]) -> None:
    say(f"{heading}\n")
    names = Counter(device.name.casefold() for device in group)
    for number, device in enumerate(group, 1):
        mark = "*" if device.is_default else " "
        label = f"{number}  {device.name}" if device.kind is DeviceKind.SCREEN else device.name
        repeats = names[device.name.casefold()] > 1
        say(f"  {mark} {printable(label + _remarks(device, repeats))}\n")
    if not group:
        say("    none\n")
    say("\n")


def _remarks(device: Device, repeats: bool) -> str:
    """`repeats`: another has the same name, so that only the id tells them apart."""
    remarks = []
    if repeats and device.kind in BY_ID:
        remarks.append(BY_ID[device.kind] + shlex.quote(device.id))
    if device.samplerate:
        remarks.append(f"{device.samplerate} Hz, {device.channels} channels")
    if "state" in device.detail:
        remarks.append(str(device.detail["state"]))
    if device.detail.get("muted"):
        remarks.append("muted")
    if "playing" in device.detail:
        remarks.append("playing" if device.detail["playing"] else "paused")
    if "area" in device.detail:
        left, top, width, height = device.detail["area"]
        remarks.append(f"{width}x{height} at {left},{top}")
    return f"   ({'; '.join(remarks)})" if remarks else ""


def _plain(device: Device) -> dict[str, Any]:
    return {
        "id": device.id,
        "name": device.name,
        "default": device.is_default,
        "samplerate": device.samplerate or None,
        "channels": device.channels or None,
        **device.detail,
    }


def doctor(as_json: bool) -> int:
    """Examine everything. Exit code 1 when something that a recording needs does not work."""
    from capture.doctor import examine

    checks = examine()
    if as_json:
        plain = [{"name": c.name, "ok": c.ok, "text": c.text, "remedy": c.remedy} for c in checks]
        print_json({"checks": plain})
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            mark = {True: "ok ", False: "NO ", None: " - "}[check.ok]
            say(f"{mark} {check.name:<{width}}  {printable(check.text)}\n")
            if check.remedy and check.ok is not True:
                say(f"    {'':<{width}}  -> {printable(check.remedy)}\n")
    return 1 if any(check.ok is False for check in checks) else 0
