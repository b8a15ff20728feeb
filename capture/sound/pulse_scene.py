"""What there is on a sound server at one moment, as plain values, and finding in it what a user named. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from capture.errors import UnknownDevice
from capture.model import Device, DeviceKind

# What blocks of every source have: stereo. The server mixes other layouts to it.
CHANNELS = 2
# When no device says better.
USUAL_RATE_HZ = 48_000

# PulseAudio leaves out of a monitor what it had already mixed when a new sound began, up to the latency that its
# streams, or the new one, ask for: the beginning of each sound is missing by this much at most (parec at 10, 20, 25, 30
# and 200 ms loses up to 9, 20, 25, 30 and 64 ms; of a player that asks for 20 ms always 5). Less costs wake-ups: a
# listener adds 7.5 ms of CPU a second to the server at 20 ms, 4.6 at 25, 3.7 from 30 on.
_PULSEAUDIO_FRAGMENT_S = 0.025
# PipeWire loses nothing. This asks for the cycle that it has by itself, 1024 frames at 48 kHz: a shorter one would make
# its whole graph turn faster, and stumble more; with a longer one the cycle would change whenever something begins to
# play, and the first stamps with it.
_PIPEWIRE_FRAGMENT_S = 0.0214

# What chooses each kind of thing on the command line.
_OPTIONS = {"speaker": "--speaker", "microphone": "--mic", "application": "--app"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A speaker ("sink") or a recording device ("source")."""

    index: int
    id: str
    title: str
    samplerate: int  # Hz
    channels: int
    state: str  # "running", "idle", "suspended", or "" when the server says something else
    muted: bool
    monitor: str = ""  # of a speaker: the id of the source that gives what it plays
    is_monitor: bool = False  # of a source: it gives what a speaker plays
    is_hardware: bool = False
    volume: float = 1.0  # as the mixer shows it: 1 is 100 %


@dataclass(frozen=True, slots=True)
class Playback:
    """One application's stream to a speaker (a "sink-input"). An application may have several: browser tabs."""

    index: int
    speaker: int  # the speaker's index
    corked: bool
    name: str
    binary: str
    application_id: str

    @property
    def identity(self) -> str:
        """What its streams have in common, and those of other applications have not."""
        return (self.name or self.binary or self.application_id).casefold()

    @property
    def title(self) -> str:
        return self.name or self.binary or self.application_id


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that the sound server has at one moment."""

    server_name: str
    server_version: str
    default_speaker: str  # id; may name none that exists
    default_microphone: str  # the same; may be a monitor
    speakers: tuple[Endpoint, ...]
    sources: tuple[Endpoint, ...]  # microphones and monitors
    playbacks: tuple[Playback, ...]
    # Ids of the speakers of which the server said, since the scene before, that something about them changed.
    changed: frozenset[str] = frozenset()

    @property
    def on_pipewire(self) -> bool:
        return "PipeWire" in self.server_name

    @property
    def fragment_s(self) -> float:
        """The latency to ask of the server for a record stream."""
        return _PIPEWIRE_FRAGMENT_S if self.on_pipewire else _PULSEAUDIO_FRAGMENT_S

    @property
    def microphones(self) -> tuple[Endpoint, ...]:
        return tuple(source for source in self.sources if not source.is_monitor)

    def speaker(self, speaker_id: str) -> Endpoint | None:
        return next((speaker for speaker in self.speakers if speaker.id == speaker_id), None)

    def speaker_at(self, index: int) -> Endpoint | None:
        return next((speaker for speaker in self.speakers if speaker.index == index), None)

    def microphone(self, microphone_id: str) -> Endpoint | None:
        return next((source for source in self.microphones if source.id == microphone_id), None)

    def plays_on(self, speaker: Endpoint) -> bool:
        """Whether an application plays something there."""
        return any(not stream.corked for stream in self.playbacks if stream.speaker == speaker.index)

    def standard_speaker(self) -> Endpoint:
        """The default speaker. Raises `UnknownDevice` when the computer has none."""
        found = self.speaker(self.default_speaker)
        if found is None:
            raise UnknownDevice("there is no speaker whose sound could be recorded", "Connect or enable one.")
        return found

    def standard_microphone(self) -> Endpoint:
        """The default microphone; when the default is a speaker's monitor, the first real one. Else `UnknownDevice`."""
        found = self.microphone(self.default_microphone) or next(iter(self.microphones), None)
        if found is None:
            raise UnknownDevice("there is no microphone", "Connect or enable one, or record without it: --no-mic.")
        return found

    def may_have_slept(self, before: Scene, speaker_id: str) -> bool:
        """Whether that speaker may have been suspended since `before`: it changed, and yet looks the same.

        PipeWire says that a speaker changed when its volume did, or when it is suspended; who listens to it wakes it so
        soon that it is rarely seen asleep.
        """
        old, new = before.speaker(speaker_id), self.speaker(speaker_id)
        if old is None or new is None or speaker_id not in self.changed:
            return False
        return new.state == "suspended" or new == old

    def streams_of(self, identity: str) -> tuple[Playback, ...]:
        return tuple(playback for playback in self.playbacks if playback.identity == identity)


def find_speaker(scene: Scene, name: str) -> Endpoint:
    """The speaker whose id or name is `name`, or the only one that has it in either. Raises `UnknownDevice`."""
    return _find(scene.speakers, name, _endpoint_names, lambda speaker: speaker.title, "speaker")


def find_microphone(scene: Scene, name: str) -> Endpoint:
    """As `find_speaker`; a speaker's monitor is no microphone, even when its exact id is given."""
    if any(name == source.id for source in scene.sources if source.is_monitor):
        raise UnknownDevice(
            f"{name!r} is no microphone but gives what a speaker plays",
            "That is recorded without --mic; see --speaker.",
        )
    return _find(scene.microphones, name, _endpoint_names, lambda mic: mic.title, "microphone")


def find_application(scene: Scene, name: str) -> Playback:
    """A stream of the application that `name` means: its name, binary or id, in any case. Raises `UnknownDevice`."""
    applications = {playback.identity: playback for playback in reversed(scene.playbacks)}
    by_title = sorted(applications.values(), key=lambda playback: playback.identity)

    def names(one: Playback) -> list[str]:
        of_all = scene.streams_of(one.identity)
        others = {text for stream in of_all for text in (stream.name, stream.binary, stream.application_id) if text}
        return [one.title, *others]

    try:
        return _find(by_title, name, names, lambda playback: playback.title, "application")
    except UnknownDevice as error:
        if str(error).startswith("no "):
            playing = ", ".join(playback.title for playback in by_title)
            raise UnknownDevice(
                f"no application {name!r} has sound open",
                f"Now playing: {playing}." if playing else "Let it play something first; no application does now.",
            ) from None
        raise


def _endpoint_names(endpoint: Endpoint) -> tuple[str, str]:
    return endpoint.id, endpoint.title


def _find(
    things: Sequence[T], name: str, names: Callable[[T], Sequence[str]], title: Callable[[T], str], kind: str
) -> T:
    """`names` gives first the one that no other thing of its kind has."""
    wanted = name.casefold().strip()
    itself = [thing for thing in things if wanted == names(thing)[0].casefold()]
    exact = [thing for thing in things if any(wanted == text.casefold() for text in names(thing))]
    # An empty name is part of every other.
    partly = [thing for thing in things if wanted and any(wanted in text.casefold() for text in names(thing))]
    found = itself or exact or partly
    if len(found) == 1:
        return found[0]
    if found:
        told = ((title(thing), names(thing)[0]) for thing in found)
        listed = ", ".join(text if text == own else f"{text} ({own})" for text, own in told)
        raise UnknownDevice(
            f"{name!r} could be more than one {kind}: {listed}",
            f"Give one of them in full, such as: {_OPTIONS[kind]} {shlex.quote(names(found[0])[0])}",
        )
    there = ", ".join(title(thing) for thing in things)
    raise UnknownDevice(
        f"no {kind} is called {name!r}", f"There are: {there}." if there else f"There is no {kind} at all."
    )


# --- as devices -------------------------------------------------------------------------------------------------------


def speaker_device(scene: Scene, speaker: Endpoint, **detail: object) -> Device:
    """`muted` and `volume` matter: what a speaker without a mixer of its own plays is recorded as loud as it is set."""
    monitor = next((source for source in scene.sources if source.id == speaker.monitor), None)
    return Device(
        DeviceKind.SPEAKER,
        speaker.id,
        speaker.title,
        speaker.id == scene.default_speaker,
        speaker.samplerate,
        speaker.channels,
        {
            "monitor": speaker.monitor,
            "state": speaker.state,
            "muted": speaker.muted or (monitor is not None and monitor.muted),
            "volume": speaker.volume,
            **detail,
        },
    )


def microphone_device(scene: Scene, source: Endpoint, **detail: object) -> Device:
    """A microphone as people see it."""
    return Device(
        DeviceKind.MICROPHONE,
        source.id,
        source.title,
        source.id == scene.default_microphone,
        source.samplerate,
        source.channels,
        {"state": source.state, "muted": source.muted, "volume": source.volume, **detail},
    )


def application_device(scene: Scene, identity: str, title: str, samplerate: int, channels: int) -> Device:
    """An application as people see it, with the format in which it is recorded."""
    streams = scene.streams_of(identity)
    speaker = scene.speaker_at(streams[0].speaker) if streams else None
    return Device(
        DeviceKind.APPLICATION,
        next((s.application_id or s.binary for s in streams if s.application_id or s.binary), identity),
        title,
        False,
        samplerate,
        channels,
        {
            "playing": any(not stream.corked for stream in streams),
            "speaker": speaker.id if speaker else "",
            "binary": next((stream.binary for stream in streams if stream.binary), ""),
            "application_id": next((stream.application_id for stream in streams if stream.application_id), ""),
            "streams": len(streams),
        },
    )


def all_devices(scene: Scene) -> list[Device]:
    """Speakers, microphones and applications with a stream, in the server's order."""
    devices = [speaker_device(scene, speaker) for speaker in scene.speakers]
    devices += [microphone_device(scene, source) for source in scene.microphones]
    for identity in dict.fromkeys(playback.identity for playback in scene.playbacks):
        first = scene.streams_of(identity)[0]
        devices.append(application_device(scene, identity, first.title, stream_rate(scene, first), CHANNELS))
    return devices


def stream_rate(scene: Scene, playback: Playback | None) -> int:
    """The rate of the speaker that an application plays on, in Hz; of the default one while it does not play."""
    speaker = scene.speaker_at(playback.speaker) if playback else scene.speaker(scene.default_speaker)
    return speaker.samplerate if speaker else USUAL_RATE_HZ
