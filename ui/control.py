"""How a running Loopnote is reached by other programs of the same user: a private socket, one line of JSON each way.

    loopnote toggle ── {"command": "toggle"} ──▶ [control] ── handle("toggle") ──▶ whoever owns the recorder
                    ◀── {"state": "recording", "file": ..., ...} ──

Standard library only, and little of it: a keyboard shortcut that starts `loopnote toggle` should be felt at once.
Where there are no Unix sockets (Windows), it is a socket of this computer alone, and a secret in a private file that
every question must hold.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Questions that wait for an answer at the same time. Each has a thread, and a stop may take a second.
QUESTIONS_MOST = 8
# A line is a few hundred bytes; whoever sends more sends nonsense.
LINE_MOST_BYTES = 64 * 1024
# A question is sent at once after connecting.
QUESTION_S = 2.0
# How often the server looks whether it should end.
LOOK_S = 0.5
END_S = 2.0
# `stop` closes a file; this is longer than every deadline of a recorder's end.
ANSWER_S = 90.0
_HAS_UNIX = hasattr(socket, "AF_UNIX")
_SESSIONS = "/run/user"


class AlreadyRunning(Exception):
    """Another instance of the same user listens already."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the running instance says. `state`: idle, starting, recording, paused or stopping.

    `result` is what `record --json` prints, after a recording has ended; `error` and `hint` are for people.
    """

    state: str
    file: str | None = None
    duration_s: float = 0.0
    result: dict[str, Any] | None = None
    error: str = ""
    hint: str = ""
    exit_code: int = 0


def socket_path() -> Path:
    """Where the instance of this user listens: in the session's runtime folder, which is private and goes with it.

    A program that a clock or another service starts knows of no session, but must reach the same instance: systemd's
    place is looked at by its name. Where there is none, the folder for Loopnote's own state is private as well (and the
    folder for temporary files is not).
    """
    session = os.environ.get("XDG_RUNTIME_DIR") or (f"{_SESSIONS}/{os.getuid()}" if _HAS_UNIX else "")
    if session and Path(session).is_dir() and os.access(session, os.W_OK):
        return Path(session) / "loopnote" / "control"
    import platformdirs

    return platformdirs.user_state_path("loopnote", appauthor=False) / "control"


class ControlServer:
    """Listens, and answers each question by `handle(command)`, called by a thread of the question's own.

    Made in the thread that owns the instance; `close` may be called by any thread, and twice. Raises `AlreadyRunning`,
    and OSError where there can be no socket.
    """

    def __init__(self, handle: Callable[[str], Answer], path: Path | None = None) -> None:
        self.path = path or socket_path()
        self._handle = handle
        self._closed = threading.Event()
        self._room = threading.BoundedSemaphore(QUESTIONS_MOST)
        self._secret = ""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.path.parent.stat().st_mode & 0o077 and os.name != "nt":
            self.path.parent.chmod(0o700)
        # The lock, and not the socket's file, says who is the instance: it goes with the process, however that ends.
        self._lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(self._lock)
            self._listening = self._listen()
        except BaseException:
            os.close(self._lock)
            raise
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no more; the socket's file goes. What is being answered is answered yet, for 2 s at most."""
        if self._closed.is_set():
            return
        self._closed.set()
        with contextlib.suppress(OSError, ValueError):
            _connect(self.path)[0].close()  # wakes the thread
        self._thread.join(LOOK_S + 0.5)
        self._listening.close()
        deadline_s = time.monotonic() + END_S
        for _ in range(QUESTIONS_MOST):
            self._room.acquire(timeout=max(0.0, deadline_s - time.monotonic()))
        self.path.unlink(missing_ok=True)
        os.close(self._lock)

    def _listen(self) -> socket.socket:
        self.path.unlink(missing_ok=True)  # of an instance that was killed
        if _HAS_UNIX:
            listening = socket.socket(socket.AF_UNIX)
            old_mask = os.umask(0o177)
            try:
                listening.bind(str(self.path))
            finally:
                os.umask(old_mask)
        else:
            listening = socket.create_server(("127.0.0.1", 0))
            self._secret = secrets.token_hex(16)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                json.dump({"port": listening.getsockname()[1], "secret": self._secret}, file)
        listening.listen(QUESTIONS_MOST)
        listening.settimeout(LOOK_S)
        return listening

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = self._listening.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            if self._closed.is_set():
                connection.close()
                return
            if not self._room.acquire(timeout=QUESTION_S):
                connection.close()
                continue
            threading.Thread(target=self._serve, args=(connection,), name="control-answer", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, contextlib.suppress(OSError, ValueError):
                connection.settimeout(QUESTION_S)
                if not _is_same_user(connection):
                    return
                question = json.loads(_read_line(connection))
                if not isinstance(question, dict) or not self._knows_secret(question):
                    return
                answer = self._handle(str(question.get("command", "")))
                connection.sendall(json.dumps(asdict(answer)).encode() + b"\n")
        finally:
            self._room.release()

    def _knows_secret(self, question: dict[str, Any]) -> bool:
        return hmac.compare_digest(str(question.get("secret", "")).encode(), self._secret.encode())


def ask(command: str, path: Path | None = None, timeout_s: float = ANSWER_S) -> Answer | None:
    """Put a question to the running instance; None when there is none. Blocks up to `timeout_s`.

    Raises OSError (a TimeoutError among them) when it does not answer.
    """
    path = path or socket_path()
    try:
        connection, secret = _connect(path)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        return None
    with connection:
        connection.settimeout(timeout_s)
        line = b""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(json.dumps({"command": command, "secret": secret}).encode() + b"\n")
            line = _read_line(connection)
    if not line:
        raise ConnectionResetError("the connection was closed without an answer")
    return Answer(**json.loads(line))


def _connect(path: Path) -> tuple[socket.socket, str]:
    if _HAS_UNIX:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(QUESTION_S)
            connection.connect(str(path))
        except BaseException:
            connection.close()
            raise
        return connection, ""
    place = json.loads(path.read_text(encoding="ascii"))
    return socket.create_connection(("127.0.0.1", int(place["port"])), QUESTION_S), str(place["secret"])


def _read_line(connection: socket.socket) -> bytes:
    line = b""
    while not line.endswith(b"\n") and len(line) < LINE_MOST_BYTES:
        piece = connection.recv(4096)
        if not piece:
            break
        line += piece
    return line


def _is_same_user(connection: socket.socket) -> bool:
    """The kernel's word on who is at the other end. Elsewhere the private folder, or the secret, sees to that."""
    if sys.platform != "linux" or connection.family != socket.AF_UNIX:
        return True
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return bool(struct.unpack("3i", credentials)[1] == os.getuid())


def _lock(descriptor: int) -> None:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise AlreadyRunning from error
