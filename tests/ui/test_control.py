"""The socket by which a running instance is reached: private, quick, one owner, no hanging."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.processes import wait_until
from ui import control
from ui.control import AlreadyRunning, Answer, ControlServer, ask


def echo(command: str) -> Answer:
    return Answer("recording", file=f"/notes/{command}.opus", duration_s=1.5)


@pytest.fixture(params=["unix", "secret"])
def path(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Both ways: the Unix socket, and that of systems without one."""
    monkeypatch.setattr(control, "_HAS_UNIX", request.param == "unix")
    return tmp_path / "run" / "control"


@pytest.fixture
def server(path: Path) -> Iterator[ControlServer]:
    server = ControlServer(echo, path)
    yield server
    server.close()


def test_its_place_is_private_also_without_a_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(control, "_SESSIONS", str(tmp_path / "run"))
    assert control.socket_path() == tmp_path / "state" / "loopnote" / "control"

    # A clock's program finds the instance of the session all the same.
    own = tmp_path / "run" / str(os.getuid())
    own.mkdir(parents=True)
    assert control.socket_path() == own / "loopnote" / "control"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(own))
    assert control.socket_path() == own / "loopnote" / "control"


def test_a_question_is_answered(server: ControlServer) -> None:
    assert ask("status", server.path) == Answer("recording", "/notes/status.opus", 1.5)
    assert ask("stop", server.path) == Answer("recording", "/notes/stop.opus", 1.5)


def test_without_an_instance_there_is_no_answer(path: Path) -> None:
    assert ask("status", path) is None


def test_socket_and_folder_are_private(server: ControlServer) -> None:
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.path.parent.stat().st_mode) == 0o700


def test_there_is_one_instance(server: ControlServer) -> None:
    with pytest.raises(AlreadyRunning):
        ControlServer(echo, server.path)
    assert ask("status", server.path) is not None


def test_after_the_end_the_next_may_listen(path: Path) -> None:
    first = ControlServer(echo, path)
    first.close()
    first.close()
    assert not path.exists()
    assert ask("status", path) is None
    second = ControlServer(lambda command: Answer("idle"), path)
    assert ask("status", path) == Answer("idle")
    second.close()


def test_what_a_killed_instance_left_is_no_hindrance(tmp_path: Path) -> None:
    path = tmp_path / "control"
    code = (
        "import sys, threading; from pathlib import Path; from ui.control import Answer, ControlServer\n"
        "server = ControlServer(lambda command: Answer('idle'), Path(sys.argv[1]))\n"
        "print(flush=True); threading.Event().wait(60)"
    )
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen([sys.executable, "-c", code, path], cwd=root, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert ask("status", path) == Answer("idle")
        process.kill()
    assert path.exists()
    assert ask("status", path) is None
    server = ControlServer(echo, path)
    assert ask("status", path) is not None
    server.close()


def test_another_user_is_not_answered(server: ControlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_is_same_user", lambda connection: False)
    with pytest.raises(OSError, match="without an answer"):
        ask("status", server.path)


def test_the_kernel_says_who_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ControlServer(echo, tmp_path / "control")
    uid = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    with pytest.raises(OSError, match="without an answer"):
        ask("status", server.path)
    server.close()


def test_who_does_not_know_the_secret_is_not_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "_HAS_UNIX", False)
    server = ControlServer(echo, tmp_path / "control")
    place = json.loads(server.path.read_text())
    server.path.write_text(json.dumps(place | {"secret": "guessed"}))
    with pytest.raises(OSError, match="without an answer"):
        ask("status", server.path)
    server.close()


@pytest.mark.parametrize("sent", [b"", b"no json\n", b"[1, 2]\n", b"\xff\xfe\n", b"7\n"])
def test_nonsense_ends_that_connection_only(tmp_path: Path, sent: bytes) -> None:
    server = ControlServer(echo, tmp_path / "control")
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.settimeout(5)
        stranger.connect(str(server.path))
        stranger.sendall(sent)
        stranger.shutdown(socket.SHUT_WR)
        assert stranger.recv(100) == b""
    assert ask("status", server.path) is not None
    server.close()


def test_a_question_that_takes_long_holds_up_no_other(path: Path) -> None:
    go_on = threading.Event()

    def slow(command: str) -> Answer:
        if command == "stop":
            go_on.wait(10)
        return Answer("stopping")

    server = ControlServer(slow, path)
    answers: list[Answer | None] = []
    asking = threading.Thread(target=lambda: answers.append(ask("stop", path)))
    asking.start()
    assert ask("status", path, timeout_s=5) == Answer("stopping")
    assert not answers
    go_on.set()
    asking.join(10)
    assert answers == [Answer("stopping")]
    server.close()


def test_who_says_nothing_is_hung_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "QUESTION_S", 0.2)
    server = ControlServer(echo, tmp_path / "control")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.settimeout(5)
        silent.connect(str(server.path))
        assert silent.recv(100) == b""
    server.close()
    wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("control")], "the end of all threads")
