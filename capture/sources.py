"""The sound sources of one recording and their grab threads: chosen, opened together, and ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import partial

from capture.bounds import SOUND_BOUND, SOUND_BOUND_BYTES
from capture.channel import Channel, Closed, Empty, Overflow
from capture.clock import NS_PER_S, Clock
from capture.errors import CaptureError, NoSoundServer, SettingsError, SourceLost, UnknownDevice, WorkerFault
from capture.model import Device, DeviceKind, Notice
from capture.settings import RecordingSettings
from capture.sound.grab import SourceBlock, SourceGone, SourceItem, SourceOpened, grab
from capture.sound.late import LateSource
from capture.sound.source import SoundSource, SoundSystem
from capture.worker import Worker

# The sources have this long to open; then the recording fails (or, with a screen, begins without them).
OPEN_LIMIT_S = 4.0
# And this long to give their first block after that. A suspended speaker gives none: silence is then the truth.
FIRST_BLOCK_LIMIT_S = 0.4
# Unless something is playing there, or it is a microphone, which always hears something. PulseAudio renders up to 2 s
# ahead for a player that asks for no short latency, and who begins to listen meanwhile gets nothing until that is used
# up; a headset on Bluetooth takes a second to change to its microphone. The recording truly begins only then.
PLAYING_LIMIT_S = 2.5
# A sound server that does not answer is given this long, from the first attempt.
SERVER_PATIENCE_S = 1.5
END_LIMIT_S = 3.0
# How often sound is worked off, and `Levels` are told. What was not worked off goes with a kill -9, and with a device
# that is unplugged: at 0.29 s, 0.03 to 0.14 s were missing then. (PipeWire tells the time once a cycle, mostly of
# 21.3 ms: a multiple of that would meet each cycle at the same point, and learn less.)
PACE_S = 0.1
# How often sound is collected once the end is known.
END_PACE_S = 0.02
# What a microphone's track is called; all others are what the computer plays.
SYSTEM, MICROPHONE = "system", "mic"


class Sources:
    """Called by the recorder's thread. `items` carries what the sources give to whoever mixes it."""

    def __init__(self, settings: RecordingSettings, clock: Clock, on_fault: Callable[[CaptureError], None]) -> None:
        self.items: Channel[SourceItem] = Channel("sound", SOUND_BOUND, Overflow.BLOCK, SOUND_BOUND_BYTES, _bytes_of)
        # What was given before anybody mixed.
        self.early: list[SourceItem] = []
        # The sources that should have given sound from the beginning: silence there is a gap.
        self.owed: set[str] = set()
        # Those that were not there when the recording began, by their numbers, with the reason.
        self.missing: dict[int, str] = {}
        self._settings = settings
        self._clock = clock
        self._on_fault = on_fault
        self.names: list[str] = []  # of the tracks; each is different
        self._sources: list[SoundSource] = []
        self._askers: list[str] = []  # of each source: the field of the settings that asks for it
        self._meant: dict[int, str] = {}  # of the sources that are applications: which they are, as far as it is known
        self._meant_lock = threading.Lock()
        self._workers: list[Worker] = []
        self._devices: dict[int, Device] = {}
        self._turns: dict[int, int] = {}

    @property
    def application_names(self) -> list[str]:
        """The names of the sources that are applications."""
        return [name for name in self.names if name != MICROPHONE] if self._settings.apps else []

    @property
    def speaker_names(self) -> list[str]:
        """The names of the sources that are speakers."""
        return [name for name in self.names if name != MICROPHONE] if not self._settings.apps else []

    @property
    def title(self) -> str:
        """What is recorded, in a few words, for the file's name."""
        if self._settings.apps:
            return ", ".join(self.application_names)
        if self._settings.screen is not None:
            return "Screen"
        return "System audio" if self._settings.system else "Microphone"

    @property
    def track_names(self) -> list[str]:
        """Of the file's sound tracks; the only one needs no name."""
        if not self._settings.has_sound:
            return []
        return self.names if self._settings.tracks == "separate" else [""]

    @property
    def is_made_louder(self) -> bool:
        """Whether the sum of the sources, or a gain, may be louder than what was played."""
        added_up = len(self.names) > 1 and self._settings.tracks == "mixed"
        return added_up or any(gain_db > 0 for gain_db in self._settings.gains_db.values())

    @property
    def has_speaker(self) -> bool:
        """Whether a speaker is recorded (whose silence is worth a word; a microphone's and an application's is not)."""
        return self._settings.system and not self._settings.apps

    @property
    def alive(self) -> bool:
        """Whether any source still works."""
        return any(worker.alive for worker in self._workers)

    @property
    def samplerate(self) -> int | None:
        """That of the first source (Hz), when it is known."""
        return self._devices[0].samplerate if 0 in self._devices else None

    def gain_db(self, name: str) -> float:
        return self._settings.gains_db.get("mic" if name == MICROPHONE else "system", 0.0)

    @property
    def device_names(self) -> list[str]:
        """The devices that are recorded, as people call them."""
        return [device.name for device in self._devices.values()]

    def note_opened(self, index: int, device: Device, at_s: float) -> Notice | None:
        """A source was opened again, at that place of the file; returns what is to be said of it. Mix thread.

        Another device is always said: even where the two leave no silence between them, what the new one played before
        it was listened to is missing.
        """
        before = self._devices.get(index)
        self._devices[index] = device
        if before is None or before.id == device.id:
            return None
        if "instead_of" in device.detail:
            away = device.detail["instead_of"]
            text = f"from {at_s:.2f} s on, {device.name} is recorded, because the speaker {away} is away"
        else:
            text = f"from {at_s:.2f} s on, {device.name} is recorded instead of {before.name}"
        return Notice(text, degrades=True)

    def open(self, sound: SoundSystem) -> CaptureError | None:
        """Start the grab threads and wait until each source is open, or one of them cannot be: then returns why.

        The attempts go on in that case; end them with `stop` when the recording shall not begin.
        Raises `CaptureError` for what is not there at all, such as an unknown name.
        """
        self._sources = list(self._chosen(sound))
        for index, source in enumerate(self._sources):
            source.pace(PACE_S)
            self._workers.append(Worker(f"grab-{source.name}", self._body(source, index), on_fault=self._on_fault))
        for worker in self._workers:
            worker.start()
        error = self._await_open()
        self.names = self._track_names()
        return error

    def _await_open(self) -> CaptureError | None:
        deadline_ns = self._clock.now_ns() + int(OPEN_LIMIT_S * NS_PER_S)
        patience_ns = self._clock.now_ns() + int(SERVER_PATIENCE_S * NS_PER_S)
        trouble: CaptureError | None = None
        while len(self._devices) < len(self._sources):
            item = self._next_item(deadline_ns)
            if item is None and trouble is not None:
                self.missing = {i: str(trouble) for i in range(len(self._sources)) if i not in self._devices}
                return trouble
            if item is None:
                missing = ", ".join(s.name for i, s in enumerate(self._sources) if i not in self._devices)
                return SourceLost(f"no answer from the sound server about: {missing}", "See: loopnote doctor")
            if isinstance(item, SourceGone):
                if isinstance(item.error, UnknownDevice):
                    item.error.setting = self._askers[item.index]
                if item.for_good or not isinstance(item.error, NoSoundServer):
                    return item.error
                # It may be just starting, or busy: the grab thread goes on trying.
                trouble = item.error
                deadline_ns = min(deadline_ns, patience_ns)
            elif isinstance(item, SourceOpened):
                self._devices[item.index] = item.device
            else:
                self.early.append(item)
        return None

    def _chosen(self, sound: SoundSystem) -> Iterable[SoundSource]:
        settings = self._settings
        if settings.apps:
            yield from (self._asked_for("apps", partial(sound.application, name), name) for name in settings.apps)
        elif settings.system:
            yield self._asked_for("speaker", partial(sound.loopback, settings.speaker), SYSTEM)
        if settings.mic is not None:
            yield self._asked_for("mic", partial(sound.microphone, settings.mic), MICROPHONE)

    def _asked_for(self, setting: str, make: Callable[[], SoundSource], name: str) -> SoundSource:
        """One more source, for which that field of the settings asks.

        What is named is looked up by the server. When that does not answer, the grab thread asks it again and again,
        and until then it is called `name`.
        """
        index = len(self._askers)
        self._askers.append(setting)

        def find() -> SoundSource:
            source = make()
            self._mean(index, source.name)
            return source

        try:
            return find()
        except NoSoundServer:
            self._mean(index, name)
            return LateSource(name, find)
        except UnknownDevice as error:
            error.setting = setting
            raise

    def _mean(self, index: int, name: str) -> None:
        """Raises `SettingsError` when another source is that application, too. Any thread."""
        if self._askers[index] != "apps":
            return
        with self._meant_lock:
            for other, meant in self._meant.items():
                if other != index and meant == name:
                    both = f"{self._settings.apps[other]!r} and {self._settings.apps[index]!r}"
                    raise SettingsError(f"{both} both mean the application {name}", "Name it once.")
            self._meant[index] = name

    def _track_names(self) -> list[str]:
        """What is called the same would be one source to the mixer, its meters and its holes."""
        names = [source.name for source in self._sources]
        for number in range(len(self._settings.apps)):
            if names[number] == MICROPHONE:
                names[number] = f"{MICROPHONE} (application)"
        return names

    def await_first_blocks(self, sound: SoundSystem) -> None:
        """Wait until each open source has given sound: for longer where something plays than where nothing does.

        Raises `CaptureError` when one fails for good: better no beginning than half of a recording.
        """
        waiting = set(self._devices) - {item.index for item in self.early if isinstance(item, SourceBlock)}
        began_ns = self._clock.now_ns()
        deadline_ns = began_ns + int(FIRST_BLOCK_LIMIT_S * NS_PER_S)
        while waiting:
            item = self._next_item(deadline_ns)
            if item is None:
                self.owed = {self.names[index] for index in waiting if self._plays(sound, self._devices[index])}
                patience_ns = began_ns + int(PLAYING_LIMIT_S * NS_PER_S)
                if not self.owed or deadline_ns == patience_ns:
                    break
                deadline_ns = patience_ns
                continue
            if isinstance(item, SourceGone) and item.for_good:
                raise item.error
            if isinstance(item, SourceBlock):
                waiting.discard(item.index)
            self.early.append(item)

    @staticmethod
    def _plays(sound: SoundSystem, listened: Device) -> bool:
        """Whether an application plays on that speaker (or is that application) just now; a microphone always hears."""
        if listened.kind is DeviceKind.MICROPHONE:
            return True
        try:
            apps = [device for device in sound.devices() if device.kind is DeviceKind.APPLICATION]
        except CaptureError:
            return False
        return any(app.detail.get("playing") and listened.id in (app.id, app.detail.get("speaker")) for app in apps)

    def _next_item(self, deadline_ns: int) -> SourceItem | None:
        left_s = (deadline_ns - self._clock.now_ns()) / NS_PER_S
        try:
            return self.items.get(max(0.0, left_s))
        except (Empty, Closed):
            return None

    def hasten(self) -> None:
        """The end is known, and waits for the sound up to it: what arrives shall come at once. Never blocks."""
        for source in self._sources:
            source.pace(END_PACE_S)

    def stop(self) -> None:
        """End the grab threads. May be called at any point, and twice."""
        self.items.close()
        for worker in self._workers:
            worker.stop()
        for source in self._sources:
            source.wake()
        deadline_ns = self._clock.now_ns() + int(END_LIMIT_S * NS_PER_S)
        for worker in self._workers:
            if not worker.join(max(0.0, (deadline_ns - self._clock.now_ns()) / NS_PER_S)):
                self._on_fault(WorkerFault(f"the {worker.name} thread did not end"))

    def turns(self) -> dict[str, int]:
        """How many turns each thread that still works has made, by its name."""
        return {worker.name: self._turns[index] for index, worker in enumerate(self._workers) if worker.alive}

    def _body(self, source: SoundSource, index: int) -> Callable[[threading.Event], None]:
        self._turns[index] = 0

        def turn() -> None:
            self._turns[index] += 1

        return lambda stop: grab(source, index, self.items, self._clock, stop, turn, self._on_fault)


def _bytes_of(item: SourceItem) -> int:
    return item.block.samples.nbytes if isinstance(item, SourceBlock) else 0
