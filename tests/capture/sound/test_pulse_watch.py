"""The watch over the sound devices, with a connection that fails on demand: whatever is raised, it goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from capture.errors import NoSoundServer
from capture.sound import pulse_watch
from capture.sound.pulse_scene import Scene
from capture.sound.pulse_watch import Watcher
from tests.helpers.processes import wait_until

SCENE = Scene("server", "1", "sink", "source", (), (), ())
ERRORS = [RuntimeError("injected"), MemoryError("injected"), SystemExit("injected"), KeyboardInterrupt("injected")]


class Line:
    """Makes the watch's connections. `fail_at` names the calls that raise `error`, each as often as it is in it."""

    def __init__(self) -> None:
        self.fail_at: list[str] = []
        self.error: BaseException = ERRORS[0]
        self.connections = 0

    def come_by(self, call: str) -> None:
        if call in self.fail_at:
            self.fail_at.remove(call)
            raise self.error

    def connect(self, timeout_s: float) -> Connection:
        self.come_by("connect")
        self.connections += 1
        return Connection(self)


class Connection:
    """In the place of `pulse_client.Client`."""

    def __init__(self, line: Line) -> None:
        self.event_seen = False
        self._line = line
        self._changed = threading.Event()

    def subscribe(self, timeout_s: float) -> None:
        self._line.come_by("subscribe")

    def scene(self, timeout_s: float) -> Scene:
        self._line.come_by("scene")
        return SCENE

    def wait(self, timeout_s: float) -> None:
        self._line.come_by("wait")
        self._changed.wait(timeout_s)
        self._changed.clear()

    def interrupt(self) -> None:
        self._changed.set()

    def close(self) -> None:
        pass


class Room:
    """A watch with one listener."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.watcher = Watcher()
        self.heard: list[Scene | None] = []
        self.heard_again = threading.Event()

    def listener(self, scene: Scene | None) -> None:
        self.line.come_by("listener")
        self.heard.append(scene)
        self.heard_again.set()

    def begin(self) -> None:
        self.watcher.listen(self.listener)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setattr(pulse_watch, "_RETRY_S", 0.02)
    monkeypatch.setattr(pulse_watch, "_AILING_S", 0.1)
    line = Line()
    monkeypatch.setattr(pulse_watch, "connect", line.connect)
    room = Room(line)
    yield room
    room.watcher.leave(room.listener)
    assert "sound-watch" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("call", ["connect", "subscribe", "scene", "wait", "listener"])
def test_what_fails_once_is_tried_again(room: Room, call: str, error: BaseException) -> None:
    room.line.error = error
    room.line.fail_at = [call]
    room.begin()
    wait_until(lambda: not room.line.fail_at and room.heard[-1:] == [SCENE], "the devices to be told")
    assert room.watcher.fresh(5.0) == SCENE
    assert room.watcher.ailing() == ""


def test_a_failure_that_lasts_is_named_and_so_is_its_end(room: Room) -> None:
    room.begin()
    assert room.watcher.fresh(5.0) == SCENE
    room.line.fail_at = ["scene"] * 10_000
    with pytest.raises(NoSoundServer, match=r"the watch over the sound devices failed: RuntimeError: injected"):
        room.watcher.fresh(5.0)
    wait_until(room.watcher.ailing, "the failure to be told")
    assert "RuntimeError: injected" in room.watcher.ailing()
    room.line.fail_at = []
    wait_until(lambda: not room.watcher.ailing(), "it to be well again")
    assert room.watcher.fresh(5.0) == SCENE


def test_it_has_turns_while_somebody_listens(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse_watch, "_QUIET_S", 0.02)
    assert room.watcher.turns() == {}
    room.begin()
    first = room.watcher.turns()["sound-watch"]
    wait_until(lambda: room.watcher.turns()["sound-watch"] > first + 3, "some turns")
    room.watcher.leave(room.listener)
    assert room.watcher.turns() == {}


def test_without_a_thread_to_be_had_the_next_listener_tries_again(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(Exception, match="the sound-watch thread could not be started"):
            room.begin()
    room.begin()
    assert room.watcher.fresh(5.0) == SCENE
