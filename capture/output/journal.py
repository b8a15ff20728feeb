"""Where recordings in progress lie, so that `recover` finds them in any folder after a crash.

One small file a recording, in the state folder: no file is shared, so nothing needs a lock, and a broken one harms
nobody else. It is a help, never a condition: when the state folder cannot be written, recording goes on.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)

_FOLDER = "recordings"


def note(part: Path, final: Path) -> None:
    """Remember that `part` is being recorded and shall become `final`. Never fails."""
    try:
        entry = _entry(part)
        entry.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = entry.with_suffix(f".{os.getpid()}.new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            # JSON escapes what UTF-8 cannot hold (a file name may be any bytes).
            process = {"pid": os.getpid(), "started": _started(os.getpid())}
            json.dump({"part": str(part), "final": str(final), **process}, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(entry)
    except Exception as error:
        log.warning("the place of %s could not be noted: %s", part, error, exc_info=True)


def forget(part: Path) -> None:
    """The recording of `part` is over. Never fails."""
    try:
        _entry(part).unlink(missing_ok=True)
    except Exception as error:
        log.warning("the note about %s could not be removed: %s", part, error, exc_info=True)


def is_written(part: Path) -> bool:
    """Whether the process that noted `part` still runs: for file systems that have no locks to tell."""
    try:
        table = json.loads(_entry(part).read_text(encoding="utf-8"))
        return bool(table["started"]) and _started(int(table["pid"])) == table["started"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def noted() -> Iterator[tuple[Path, Path]]:
    """(part, final) of every recording noted and not forgotten; entries that cannot be read are passed over."""
    try:
        entries = sorted((_state_folder() / _FOLDER).glob("*.json"))
    except OSError:
        return
    for entry in entries:
        try:
            table = json.loads(entry.read_text(encoding="utf-8"))
            yield Path(table["part"]), Path(table["final"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s cannot be read: %s", entry, error)


def _started(pid: int) -> str:
    """When a process was started (Linux): tells it from a later one of its number. Empty: there is none, or unknown."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _entry(part: Path) -> Path:
    name = hashlib.sha256(os.fsencode(part)).hexdigest()[:32]
    return _state_folder() / _FOLDER / f"{name}.json"


def _state_folder() -> Path:
    import platformdirs

    return platformdirs.user_state_path("loopnote", appauthor=False)
