"""The command `loopnote install-desktop`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from capture.errors import CaptureError
from ui.install import completions, entries
from ui.install.manual import man_page
from ui.install.placing import Placed, Report
from ui.program import version
from ui.text import EXIT_DEGRADED, EXIT_SAVED, printable, say


def install_desktop(remove: bool, autostart: bool, environ: Mapping[str, str] = os.environ) -> int:
    """Put everything in place, or take it away. Exit: 0, or 3 when somebody else's file is in the way of one."""
    if not sys.platform.startswith("linux"):
        raise CaptureError(
            "these files are for desktops on Linux; this system has no use for them", "Start Loopnote with: loopnote"
        )
    homes = Homes(environ)
    placed = Placed.load(homes.state / "loopnote" / "installed.json")
    wanted = homes.files(autostart or remove)
    report = placed.remove(wanted) if remove else placed.place(wanted)
    _tell(report, homes, remove)
    return EXIT_DEGRADED if report.foreign else EXIT_SAVED


class Homes:
    """The user's folders (XDG Base Directory Specification)."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        def folder(name: str, default: str) -> Path:
            # By the specification a path that is not absolute counts as none.
            given = environ.get(name, "")
            return Path(given) if given.startswith("/") else Path(environ.get("HOME") or Path.home()) / default

        self.data = folder("XDG_DATA_HOME", ".local/share")
        self.config = folder("XDG_CONFIG_HOME", ".config")
        self.state = folder("XDG_STATE_HOME", ".local/state")

    @property
    def zsh(self) -> Path:
        return self.data / "zsh" / "site-functions"

    def files(self, autostart: bool) -> dict[Path, str]:
        """All that is to be placed: path, content."""
        command = entries.program_path()
        data, config = self.data, self.config
        found = {
            data / "applications" / f"{entries.APP_ID}.desktop": entries.menu_entry(command),
            data / "icons/hicolor/scalable/apps" / f"{entries.APP_ID}.svg": entries.icon(),
            data / "metainfo" / f"{entries.APP_ID}.metainfo.xml": entries.metainfo(),
            data / "man/man1/loopnote.1": man_page(version()),
            data / "bash-completion/completions/loopnote": completions.bash(),
            self.zsh / "_loopnote": completions.zsh(),
            config / "fish/completions/loopnote.fish": completions.fish(),
        }
        if autostart:
            found[config / "autostart" / f"{entries.APP_ID}.desktop"] = entries.autostart_entry(command)
        return found


def _tell(report: Report, homes: Homes, remove: bool) -> None:
    rows = {
        "wrote": report.written,
        "has already": report.same,
        "removed": report.removed,
        "left as it is, for it is not Loopnote's": report.foreign,
    }
    for words, paths in rows.items():
        for path in paths:
            say(f"{words}: {printable(str(path))}\n")
    if not any(rows.values()):
        say("nothing to remove\n")
    if report.written and not remove:
        say(f"for zsh, add this line to ~/.zshrc before compinit:  fpath=({printable(str(homes.zsh))} $fpath)\n")
        say("take it all away again with: loopnote install-desktop --remove\n")
