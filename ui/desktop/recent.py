"""The last recordings, so that they can be played, shown, copied and deleted from the menu. No Qt here."""

from __future__ import annotations

from pathlib import Path

from ui.desktop import state_file

SHOWN_MOST = 8


class Recent:
    """The newest first. Main thread only."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or state_file.state_folder() / "recent.json"
        found = state_file.read(self._path).get("files", [])
        self._files = [Path(name) for name in found if isinstance(name, str)] if isinstance(found, list) else []

    def files(self) -> list[Path]:
        """Those that still lie where they were saved."""
        return [file for file in self._files if _exists(file)]

    def add(self, file: Path) -> None:
        """One more was saved, or is back."""
        self._files = [file, *(other for other in self._files if other != file)][:SHOWN_MOST]
        state_file.write(self._path, {"files": [str(one) for one in self._files]})


def _exists(file: Path) -> bool:
    try:
        return file.exists()
    except (OSError, ValueError):
        return False
