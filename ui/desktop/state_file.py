"""What the application remembers by itself from one start to the next: small, and lost without harm.

What the user sets deliberately stands in settings.toml and is another matter (capture/settings.py).
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from capture.replacing import replace_file

log = logging.getLogger(__name__)


def state_folder() -> Path:
    """The platform's own place for such things (XDG_STATE_HOME on Linux)."""
    from platformdirs import user_state_path

    return user_state_path("loopnote", appauthor=False)


def read(path: Path) -> dict[str, Any]:
    """What was written there; nothing where there is no file, or a broken one. Never raises."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        log.info("%s is not used: %s", path, error)
        return {}
    return found if isinstance(found, dict) else {}


def write(path: Path, content: dict[str, Any]) -> None:
    """Replace the file in one step, private to the user. Never raises: it is no reason to stop anything."""
    try:
        replace_file(path, json.dumps(content, ensure_ascii=False).encode())
    except (OSError, ValueError) as error:
        log.warning("%s cannot be written: %s", path, error)
