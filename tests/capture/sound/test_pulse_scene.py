"""Finding in what there is on a sound server what a user named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from capture.errors import UnknownDevice
from capture.model import DeviceKind
from capture.sound.pulse_scene import (
    Endpoint,
    Playback,
    Scene,
    all_devices,
    find_application,
    find_microphone,
    find_speaker,
    stream_rate,
)


def speaker(index: int, speaker_id: str, title: str, rate: int = 48_000) -> Endpoint:
    return Endpoint(index, speaker_id, title, rate, 2, "idle", False, monitor=f"{speaker_id}.monitor")


def source(index: int, source_id: str, title: str, is_monitor: bool = False) -> Endpoint:
    return Endpoint(index, source_id, title, 44_100, 1, "idle", False, is_monitor=is_monitor)


def playback(index: int, name: str, binary: str = "", application_id: str = "", corked: bool = False) -> Playback:
    return Playback(index, 1, corked, name, binary, application_id)


SCENE = Scene(
    server_name="pulseaudio",
    server_version="16.1",
    default_speaker="alsa_output.usb",
    default_microphone="alsa_output.usb.monitor",
    speakers=(
        speaker(0, "alsa_output.pci", "Built-in Audio"),
        speaker(1, "alsa_output.usb", "USB Headset", 44_100),
        speaker(2, "bluez_sink.a", "Headset of Kim"),
    ),
    sources=(
        source(0, "alsa_output.pci.monitor", "Monitor of Built-in Audio", is_monitor=True),
        source(1, "alsa_output.usb.monitor", "Monitor of USB Headset", is_monitor=True),
        source(2, "alsa_input.pci", "Built-in Audio"),
        source(3, "alsa_input.usb", "USB Headset"),
    ),
    playbacks=(
        playback(10, "Firefox", "firefox-bin", "org.mozilla.firefox"),
        playback(11, "Firefox", "firefox-bin", "org.mozilla.firefox", corked=True),
        playback(12, "WhatsApp", "electron"),
        playback(13, "Signal", "electron"),
        playback(14, "", "mpv"),
    ),
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("alsa_output.pci", "alsa_output.pci"),
        ("usb headset", "alsa_output.usb"),
        ("BUILT-IN", "alsa_output.pci"),
        (" Kim ", "bluez_sink.a"),
        ("bluez", "bluez_sink.a"),
    ],
)
def test_a_speaker_is_found_by_id_name_or_part_of_them(name: str, found: str) -> None:
    assert find_speaker(SCENE, name).id == found


def test_an_exact_name_wins_over_a_part() -> None:
    scene = Scene("", "", "", "", (speaker(0, "a", "Desk"), speaker(1, "b", "Desk left")), (), ())
    assert find_speaker(scene, "desk").id == "a"


def test_what_could_be_several_is_refused_with_all_of_them() -> None:
    with pytest.raises(UnknownDevice) as caught:
        find_speaker(SCENE, "headset")
    assert "USB Headset (alsa_output.usb)" in str(caught.value)
    assert "Headset of Kim (bluez_sink.a)" in str(caught.value)
    assert "Built-in" not in str(caught.value)


@pytest.mark.parametrize("name", ["kitchen", "", "  "])
def test_what_is_not_there_is_refused_with_what_is(name: str) -> None:
    with pytest.raises(UnknownDevice) as caught:
        find_speaker(SCENE, name)
    assert "Built-in Audio, USB Headset, Headset of Kim" in caught.value.hint


def test_a_monitor_is_no_microphone() -> None:
    assert find_microphone(SCENE, "usb").id == "alsa_input.usb"
    assert SCENE.standard_microphone().id == "alsa_input.pci"
    with pytest.raises(UnknownDevice, match="no microphone"):
        find_microphone(SCENE, "alsa_output.usb.monitor")
    with pytest.raises(UnknownDevice):
        find_microphone(SCENE, "monitor")


def test_without_any_device_it_says_so() -> None:
    empty = Scene("", "", "", "", (), (), ())
    with pytest.raises(UnknownDevice, match="no speaker"):
        empty.standard_speaker()
    with pytest.raises(UnknownDevice, match="no microphone"):
        empty.standard_microphone()
    with pytest.raises(UnknownDevice) as caught:
        find_speaker(empty, "desk")
    assert caught.value.hint == "There is no speaker at all."
    assert stream_rate(empty, None) == 48_000


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("firefox", "Firefox"),
        ("FIREFOX-BIN", "Firefox"),
        ("org.mozilla.firefox", "Firefox"),
        ("whats", "WhatsApp"),
        ("signal", "Signal"),
        ("mpv", "mpv"),
    ],
)
def test_an_application_is_found_by_name_binary_or_id(name: str, found: str) -> None:
    assert find_application(SCENE, name).title == found


def test_a_binary_that_several_applications_share_is_refused_with_them() -> None:
    with pytest.raises(UnknownDevice, match=r"Signal.*WhatsApp"):
        find_application(SCENE, "electron")


def test_what_is_said_of_several_can_be_typed() -> None:
    """The ids of speakers; of applications their names, since a binary may belong to several."""
    apps = (playback(1, "FooOne", "pacat"), playback(2, "FooTwo", "pacat"))
    scene = Scene("", "", "", "", (speaker(0, "a.1", "Desk"), speaker(1, "b.2", "Desk")), (), apps)
    with pytest.raises(UnknownDevice) as caught:
        find_application(scene, "foo")
    assert str(caught.value) == "'foo' could be more than one application: FooOne, FooTwo"
    assert caught.value.hint == "Give one of them in full, such as: --app FooOne"
    assert find_application(scene, "FooOne").index == 1
    with pytest.raises(UnknownDevice) as caught:
        find_speaker(scene, "desk")
    assert str(caught.value) == "'desk' could be more than one speaker: Desk (a.1), Desk (b.2)"
    assert caught.value.hint == "Give one of them in full, such as: --speaker a.1"
    assert find_speaker(scene, "a.1").index == 0


def test_a_name_that_is_given_in_full_wins_over_another_applications_binary() -> None:
    apps = (playback(1, "Signal", "electron"), playback(2, "electron", "electron"))
    assert find_application(Scene("", "", "", "", (), (), apps), "Electron").index == 2


def test_an_application_that_is_silent_is_refused_with_those_that_play() -> None:
    with pytest.raises(UnknownDevice) as caught:
        find_application(SCENE, "Telegram")
    assert caught.value.hint == "Now playing: Firefox, mpv, Signal, WhatsApp."
    with pytest.raises(UnknownDevice) as caught:
        find_application(Scene("", "", "", "", (), (), ()), "Telegram")
    assert "play something first" in caught.value.hint


def test_devices_have_what_the_interface_promises() -> None:
    devices = all_devices(SCENE)
    kinds = [device.kind for device in devices]
    assert kinds.count(DeviceKind.SPEAKER) == 3
    assert kinds.count(DeviceKind.MICROPHONE) == 2
    assert [d.name for d in devices if d.kind is DeviceKind.APPLICATION] == ["Firefox", "WhatsApp", "Signal", "mpv"]
    headset = next(device for device in devices if device.id == "alsa_output.usb")
    assert headset.is_default
    assert headset.detail == {"monitor": "alsa_output.usb.monitor", "state": "idle", "muted": False, "volume": 1.0}
    assert not any(device.is_default for device in devices if device.kind is DeviceKind.MICROPHONE)
    browser = next(device for device in devices if device.name == "Firefox")
    assert browser.id == "org.mozilla.firefox"
    assert browser.samplerate == 44_100
    assert browser.detail == {
        "playing": True,
        "speaker": "alsa_output.usb",
        "binary": "firefox-bin",
        "application_id": "org.mozilla.firefox",
        "streams": 2,
    }


def test_a_speaker_that_changed_and_looks_the_same_may_have_slept() -> None:
    said = replace(SCENE, changed=frozenset({"alsa_output.usb"}))
    assert said.may_have_slept(SCENE, "alsa_output.usb")
    assert not said.may_have_slept(SCENE, "alsa_output.pci"), "it is another one that changed"
    assert not SCENE.may_have_slept(SCENE, "alsa_output.usb"), "nobody said that it changed"


def test_a_change_that_is_seen_is_no_sleep_unless_it_is_one() -> None:
    def with_usb(**changes: object) -> Scene:
        speakers = tuple(replace(s, **changes) if s.id == "alsa_output.usb" else s for s in SCENE.speakers)  # type: ignore[arg-type]
        return replace(SCENE, speakers=speakers, changed=frozenset({"alsa_output.usb"}))

    assert not with_usb(volume=0.5).may_have_slept(SCENE, "alsa_output.usb")
    assert not with_usb(state="running").may_have_slept(SCENE, "alsa_output.usb")
    assert with_usb(state="suspended").may_have_slept(SCENE, "alsa_output.usb")
    assert not replace(SCENE, speakers=()).may_have_slept(SCENE, "alsa_output.usb")


def test_a_paused_application_plays_nowhere() -> None:
    first, second = SCENE.speakers[:2]
    assert not replace(SCENE, playbacks=(playback(1, "Player", corked=True),)).plays_on(second)
    playing = replace(SCENE, playbacks=(playback(1, "Player"),))
    assert playing.plays_on(second)
    assert not playing.plays_on(first)
