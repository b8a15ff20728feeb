"""The running application makes one recording at a time, whoever asks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from capture.errors import CaptureError, NoSoundServer
from capture.model import Event, Failed, Finished, State
from capture.recorder import Recorder
from capture.settings import RecordingSettings
from capture.sound.fake import FakeSound
from tests.helpers.processes import wait_until
from tests.helpers.studio import hum
from ui.instance import Instance


class Desk:
    """An instance whose recorders hear a fake computer; what it tells and is asked to do."""

    def __init__(self, folder: Path) -> None:
        self.sound = FakeSound()
        self.sound.play("Player", hum)
        self.events: list[Event] = []
        self.asked: list[str] = []
        self.settings = RecordingSettings(folder=folder, format="wav")
        self.instance = Instance(
            lambda: self.settings,
            self.events.append,
            lambda: self.asked.append("show"),
            lambda: self.asked.append("quit"),
            self._make,
        )

    def _make(self, settings: RecordingSettings, on_event: Callable[[Event], None]) -> Recorder:
        return Recorder(settings, on_event, None, self.sound)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.instance.close()


def test_one_recording_after_the_other(desk: Desk) -> None:
    assert desk.instance.answer("status").state == "idle"
    files = set()
    for _ in range(2):
        begun = desk.instance.answer("start")
        assert (begun.state, begun.exit_code) == ("recording", 0)
        stopped = desk.instance.answer("stop")
        assert stopped.state == "idle"
        assert stopped.result is not None
        assert stopped.file == begun.file
        files.add(stopped.file)
        assert desk.instance.state is State.IDLE
    assert len(files) == 2
    assert sum(isinstance(event, Finished) for event in desk.events) == 2


def test_toggle_starts_and_stops(desk: Desk) -> None:
    assert desk.instance.answer("toggle").state == "recording"
    assert desk.instance.answer("pause").state == "paused"
    assert desk.instance.answer("resume").state == "recording"
    assert desk.instance.answer("toggle").result is not None


def test_a_second_start_is_refused_and_spoils_nothing(desk: Desk) -> None:
    begun = desk.instance.answer("start")
    refused = desk.instance.answer("start")
    assert (refused.state, refused.file, refused.exit_code) == ("recording", begun.file, 1)
    assert refused.error == "something is being recorded already"
    with pytest.raises(CaptureError):
        desk.instance.begin()
    assert desk.instance.answer("stop").result is not None


@pytest.mark.parametrize("command", ["stop", "pause", "resume"])
def test_nothing_to_obey_on(desk: Desk, command: str) -> None:
    refused = desk.instance.answer(command)
    assert (refused.state, refused.error, refused.exit_code) == ("idle", "nothing is being recorded", 1)


def test_why_nothing_begins_is_said_to_the_asker_and_the_ui(desk: Desk) -> None:
    desk.sound.kill()
    refused = desk.instance.answer("start")
    assert (refused.state, refused.exit_code, refused.hint) == ("idle", 1, NoSoundServer.default_hint)
    assert isinstance(desk.events[-1], Failed)
    assert desk.instance.state is State.IDLE


def test_quit_saves_what_runs(desk: Desk) -> None:
    desk.instance.answer("start")
    answer = desk.instance.answer("quit")
    assert answer.result is not None
    assert Path(str(answer.file)).exists()
    assert desk.asked == ["quit"]


def test_after_the_end_nothing_begins(desk: Desk) -> None:
    file = desk.instance.answer("start").file
    desk.instance.close()
    assert Path(str(file)).exists()
    assert desk.instance.answer("start").error == "Loopnote is about to end"


def test_many_who_ask_at_once_get_one_recording(desk: Desk) -> None:
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(desk.instance.answer("start"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(answer.exit_code for answer in answers) == [0, 1, 1, 1, 1, 1]
    wait_until(lambda: desk.instance.state is State.RECORDING, "the recording", 5)
    assert len([event for event in desk.events if isinstance(event, Finished)]) == 0
