"""`loopnote install-desktop`: what it puts in place is sound by its readers' own judgement, and goes again."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ui.children import ROOT, environment
from ui.install import entries
from ui.install.tree import program
from ui.program import REMOTE

ID = entries.APP_ID
FILES = {
    f"data/applications/{ID}.desktop",
    f"data/icons/hicolor/scalable/apps/{ID}.svg",
    f"data/metainfo/{ID}.metainfo.xml",
    "data/man/man1/loopnote.1",
    "data/bash-completion/completions/loopnote",
    "data/zsh/site-functions/_loopnote",
    "config/fish/completions/loopnote.fish",
}
AUTOSTART = f"config/autostart/{ID}.desktop"
NOTES = "state/loopnote/installed.json"


class Home:
    """A user's folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._homes = {f"XDG_{name.upper()}_HOME": str(folder / name) for name in ("data", "config", "state")}

    def loopnote(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ui.cli", "install-desktop", *words]
        env = environment(self.folder, **self._homes)
        return subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False
        )

    def install(self, *words: str) -> str:
        done = self.loopnote(*words)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    @property
    def files(self) -> set[str]:
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)) for path in found if "__pycache__" not in path.parts}

    def tool(self, *words: str | Path) -> str:
        """A program's output; it must not fail."""
        env = {**environment(self.folder, **self._homes), "HOME": str(self.folder)}
        done = subprocess.run(
            list(map(str, words)), env=env, capture_output=True, text=True, timeout=60, check=False, cwd=self.folder
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_all_is_put_in_place_and_told(home: Home) -> None:
    said = home.install()
    assert home.files == FILES | {NOTES}
    for file in FILES:
        assert f"wrote: {home.folder / file}\n" in said
    assert "--remove" in said


def test_twice_is_fine(home: Home) -> None:
    home.install()
    said = home.install()
    assert "wrote" not in said
    assert said.count("has already: ") == len(FILES)
    assert home.files == FILES | {NOTES}


def test_it_starts_at_log_in_only_when_asked_to(home: Home) -> None:
    home.install()
    assert AUTOSTART not in home.files
    home.install("--autostart")
    assert AUTOSTART in home.files
    home.install("--remove")
    assert home.files == set()


def test_all_is_taken_away_to_the_last_folder(home: Home) -> None:
    kept = home.folder / "data" / "applications" / "other.desktop"
    kept.parent.mkdir(parents=True)
    kept.write_text("another program's\n")
    before = {*home.folder.rglob("*")}
    home.install("--autostart")
    said = home.install("--remove")
    state = {home.folder / "state", home.folder / "state" / "loopnote"}  # where recordings have their notes, too
    assert {*home.folder.rglob("*")} - state == before
    assert said.count("removed: ") == len(FILES) + 1
    assert home.install("--remove") == "nothing to remove\n"


def test_what_is_somebody_elses_is_neither_overwritten_nor_removed(home: Home) -> None:
    foreign = home.folder / "data/bash-completion/completions/loopnote"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("# my own\n")
    done = home.loopnote()
    assert done.returncode == 3
    assert f"left as it is, for it is not Loopnote's: {foreign}\n" in done.stdout
    assert home.loopnote("--remove").returncode == 3
    assert foreign.read_text() == "# my own\n"
    assert home.files == {"data/bash-completion/completions/loopnote"}


def test_what_somebody_changed_stays(home: Home) -> None:
    home.install()
    changed = home.folder / f"data/applications/{ID}.desktop"
    changed.write_text(changed.read_text().replace("Name=Loopnote", "Name=My recorder"))
    assert home.loopnote().returncode == 3
    assert home.loopnote("--remove").returncode == 3
    assert "Name=My recorder" in changed.read_text()


def test_a_link_is_not_followed(home: Home) -> None:
    target = home.folder / "mine"
    target.write_text("mine\n")
    link = home.folder / "data/man/man1/loopnote.1"
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    assert home.loopnote().returncode == 3
    assert target.read_text() == "mine\n"
    assert link.is_symlink()


def test_an_older_version_of_its_own_is_replaced(home: Home) -> None:
    home.install()
    entry = home.folder / f"data/applications/{ID}.desktop"
    entry.write_text("older\n")
    notes = home.folder / NOTES
    told = json.loads(notes.read_text())
    told["files"][str(entry)] = hashlib.sha256(b"older\n").hexdigest()
    notes.write_text(json.dumps(told))
    assert f"wrote: {entry}\n" in home.install()
    assert "Name=Loopnote" in entry.read_text()


@pytest.mark.parametrize("notes", [None, "{", '{"files": 5}'])
def test_without_its_notes_it_knows_its_own_files(home: Home, notes: str | None) -> None:
    home.install()
    path = home.folder / NOTES
    if notes is None:
        path.unlink()
    else:
        path.write_text(notes)
    home.install("--remove")
    assert home.files == set()


def test_what_cannot_be_written_is_said(home: Home) -> None:
    (home.folder / "data").write_text("a file, where a folder should be\n")
    done = home.loopnote()
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "loopnote: " in done.stderr


# --- By the judgement of those who read them --------------------------------------------------------------------------


def test_the_entries_are_sound(home: Home) -> None:
    home.install("--autostart")
    menu, autostart = home.folder / f"data/applications/{ID}.desktop", home.folder / AUTOSTART
    assert home.tool("desktop-file-validate", menu, autostart) == ""
    lines = menu.read_text().splitlines()
    started = next(line.removeprefix("TryExec=") for line in lines if line.startswith("TryExec="))
    assert Path(started).exists()
    assert f"Icon={ID}" in lines


def test_the_catalogue_page_is_sound(home: Home) -> None:
    home.install()
    home.tool("appstreamcli", "validate", "--no-net", home.folder / f"data/metainfo/{ID}.metainfo.xml")


def test_the_manual_can_be_read_and_lacks_nothing(home: Home) -> None:
    home.install()
    page = home.folder / "data/man/man1/loopnote.1"
    text = home.tool("env", "MANWIDTH=120", "LC_ALL=C.UTF-8", "man", "--warnings", "-l", page)
    assert "warning" not in text
    own, commands = program()
    for command in commands:
        assert f"loopnote {command.name} " in text
    for option in [*own.options, *(option for command in commands for option in command.options)]:
        assert all(flag in text for flag in option.flags if flag not in ("-h", "--help"))
    assert "such as mic=+6" in text


def test_bash_completes(home: Home) -> None:
    home.install()
    file = home.folder / "data/bash-completion/completions/loopnote"

    def offers(*words: str) -> list[str]:
        typed = " ".join(f"'{word}'" for word in words)
        code = (
            f"source {file}; COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _loopnote 2>/dev/null; "
            "printf '%s\\n' \"${COMPREPLY[@]}\""
        )
        return home.tool("bash", "--norc", "-c", code).split()

    assert offers("loopnote", "re") == ["record", "recover", "resume"]
    assert offers("loopnote", "record", "--qual") == ["--quality"]
    assert offers("loopnote", "record", "--quality", "l") == ["low", "lossless"]
    assert offers("loopnote", "record", "--speaker", "") == []
    assert offers("loopnote", "install-desktop", "--") == ["--help", "--autostart", "--remove"]


def test_fish_completes(home: Home) -> None:
    home.install()

    def offers(line: str) -> list[str]:
        told = home.tool(
            "fish", "--no-config", "-c", f"source config/fish/completions/loopnote.fish; complete -C '{line}'"
        )
        return [word.split("\t")[0] for word in told.splitlines()]

    assert set(offers("loopnote re")) >= {"record", "recover", "resume"}
    assert offers("loopnote record --qual") == ["--quality"]
    assert set(offers("loopnote record --quality ")) == {"low", "medium", "high", "lossless"}


def test_zsh_completes(home: Home) -> None:
    """In a terminal of its own, for only there zsh completes."""
    home.install()
    typed = """
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1=; fpath=(data/zsh/site-functions $fpath); autoload -U compinit; compinit -u -D; print RE""ADY'
zpty -r shell line '*READY*'
zpty -w -n shell $'loopnote record --qual\\t'
zpty -r shell line '*--quality*' && print found
zpty -d shell
"""
    assert home.tool("zsh", "-f", "-c", typed).strip().endswith("found")
    home.tool("zsh", "-n", home.folder / "data/zsh/site-functions/_loopnote")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_is_completed(home: Home, shell: str) -> None:
    home.install()
    file = next(path for path in FILES if shell in path)
    text = (home.folder / file).read_text()
    assert [
        name for name in (*REMOTE, "record", "devices", "doctor", "recover", "install-desktop") if name not in text
    ] == []


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (["/usr/bin/loopnote"], "/usr/bin/loopnote"),
        (["/home/anna/my tools/loopnote", "toggle"], '"/home/anna/my tools/loopnote" toggle'),
        (["/opt/100%/loopnote"], "/opt/100%%/loopnote"),
        (['/opt/a"b/loopnote'], '"/opt/a\\\\"b/loopnote"'),
        (["/opt/$HOME/loopnote"], '"/opt/\\\\$HOME/loopnote"'),
    ],
)
def test_odd_paths_are_quoted_for_desktops(command: list[str], line: str) -> None:
    assert entries.exec_line(command) == line
