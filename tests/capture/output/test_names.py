"""Names that every file system takes, and that never stand for somebody else's file."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.errors import FileTaken, OutputError
from capture.output import names
from capture.output.names import Place, choose_place
from capture.settings import RecordingSettings

WALL = datetime(2026, 11, 22, 19, 4, 9).astimezone()


def placed(folder: Path, source: str = "System audio", **settings: object) -> Place:
    chosen = RecordingSettings(folder=folder, **settings)  # type: ignore[arg-type]
    return choose_place(chosen, ".opus", "audio", source, WALL)


def test_a_made_name_tells_when_and_what(tmp_path: Path) -> None:
    place = placed(tmp_path)

    assert place.final == tmp_path / "2026-11-22 19.04.09 System audio.opus"
    assert place.part == tmp_path / ".2026-11-22 19.04.09 System audio.part.opus"
    assert not place.named


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("{source}, {date}", "System audio, 2026-11-22"),
        ("notes/{time}", "notes 19.04.09"),
        ("Interview", "Interview"),
        ("...", "Recording"),
    ],
)
def test_names_by_the_users_pattern(tmp_path: Path, pattern: str, name: str) -> None:
    assert placed(tmp_path, names=pattern).final == tmp_path / f"{name}.opus"


def test_names_that_are_taken_are_numbered(tmp_path: Path) -> None:
    first = placed(tmp_path)
    first.final.touch()
    second = placed(tmp_path)
    second.part.touch()
    third = placed(tmp_path)

    assert second.final.name == "2026-11-22 19.04.09 System audio (2).opus"
    assert third.final.name == "2026-11-22 19.04.09 System audio (3).opus"
    assert third.part.name == ".2026-11-22 19.04.09 System audio (3).part.opus"


def test_a_link_that_leads_nowhere_is_taken_too(tmp_path: Path) -> None:
    placed(tmp_path).final.symlink_to(tmp_path / "nowhere")

    assert placed(tmp_path).final.name.endswith(" (2).opus")


def test_the_users_file_is_taken_as_it_is(tmp_path: Path) -> None:
    assert placed(tmp_path, file=tmp_path / "a.opus").final == tmp_path / "a.opus"
    assert placed(tmp_path, file=tmp_path / "a.OPUS").final == tmp_path / "a.OPUS"
    assert placed(tmp_path, file=tmp_path / "a").final == tmp_path / "a.opus"
    assert placed(tmp_path, file=tmp_path / "a").named
    assert placed(tmp_path, file=tmp_path / "a.v2").final == tmp_path / "a.v2.opus"


def test_a_relative_file_lies_where_the_command_was_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()

    assert placed(tmp_path, file=Path("sub/a.opus")).final == tmp_path / "sub/a.opus"


def test_a_file_that_exists_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.opus").touch()
    (tmp_path / "b.opus").mkdir()
    (tmp_path / "c.opus").symlink_to(tmp_path / "nowhere")

    for name, says in (("a", "exists"), ("b", "is a folder"), ("c", "exists")):
        with pytest.raises(FileTaken, match=says) as caught:
            placed(tmp_path, file=tmp_path / f"{name}.opus")
        assert caught.value.hint


def test_a_folder_that_is_not_there_is_refused_when_the_user_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder, says in (("missing/deep", "there is no such folder"), ("file", "is no folder")):
        with pytest.raises(OutputError, match=says) as caught:
            placed(tmp_path, file=tmp_path / folder / "a.opus")
        assert caught.value.hint
    assert placed(tmp_path / "missing").final.parent == tmp_path / "missing", "the settings' folder is made"


def test_a_leftover_of_the_same_name_does_not_stop_a_new_recording(tmp_path: Path) -> None:
    (tmp_path / ".a.part.opus").touch()

    place = placed(tmp_path, file=tmp_path / "a.opus")

    assert place.final.name == "a.opus"
    assert place.part.name == ".a (2).part.opus"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a/b\\c:d*e?f", "a b c d e f"),
        ("..", "Recording"),
        ("", "Recording"),
        ("  spaces   within ", "spaces within"),
        ("ends with a dot.", "ends with a dot"),
        ("con", "_con"),
        ("LPT1.note", "_LPT1.note"),
        ("console", "console"),
        ("Käse \N{CHEESE WEDGE}", "Käse \N{CHEESE WEDGE}"),
        ("gpj.\N{RIGHT-TO-LEFT OVERRIDE}evil", "gpj. evil"),
        ("line\nbreak\0", "line break"),
        ("\udc80surrogate", "surrogate"),
    ],
)
def test_safe_names(name: str, safe: str) -> None:
    assert names.safe_name(name) == safe


@given(st.text(st.characters(codec=None), max_size=200))
def test_a_safe_name_is_safe_whatever_it_is_made_of(name: str) -> None:
    safe = names.safe_name(name)

    assert safe
    assert len(safe.encode()) <= 81
    assert not re.search(r'[<>:"/\\|?*\x00-\x1f]', safe)
    assert safe == safe.strip(" .")
    assert names.safe_name(safe) == safe


def test_a_long_source_name_still_makes_a_file(tmp_path: Path) -> None:
    place = placed(tmp_path, source="\N{CHEESE WEDGE}" * 300)
    place.part.touch()
    place.part.rename(place.final)

    assert place.final.exists()


def test_a_long_name_of_the_users_still_has_a_part_file(tmp_path: Path) -> None:
    place = placed(tmp_path, file=tmp_path / ("x" * 250 + ".opus"))
    place.part.touch()
    place.part.rename(place.final)

    assert place.final.exists()


@pytest.mark.parametrize("name", ["x" * 260, "x" * 260 + ".opus", "x" * 253 + ".opus", "\N{CHEESE WEDGE}" * 64])
def test_a_name_that_no_file_system_takes_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="is too long") as caught:
        placed(tmp_path, file=tmp_path / name)
    assert caught.value.hint


def test_a_folder_whose_name_is_too_long_is_refused_in_the_systems_words(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="name too long") as caught:
        placed(tmp_path, file=tmp_path / ("x" * 260) / "a.opus")
    assert caught.value.hint


@pytest.mark.parametrize("stem", ["b\udcff", "b\udcff" * 100])
def test_a_name_that_is_no_unicode_is_a_name_too(tmp_path: Path, stem: str) -> None:
    """On Linux a name is any bytes; those that are no UTF-8 stand as surrogates in Python's texts."""
    place = placed(tmp_path, file=tmp_path / f"{stem}.opus")
    place.part.touch()
    place.part.rename(place.final)

    assert os.fsencode(place.final.name) == stem.encode("utf-8", "surrogateescape") + b".opus"


def test_a_folder_into_which_nobody_may_look_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a fault on demand, since root may look everywhere."""

    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refuse)
    monkeypatch.setattr(Path, "lstat", refuse)
    with pytest.raises(OutputError, match="Permission denied") as caught:
        placed(tmp_path, file=tmp_path / "a.opus")
    assert caught.value.hint


def test_a_part_files_name_tells_the_final_one() -> None:
    final = Path("/m/2026-11-22 19.04.09 x.part 2.opus")

    assert names.final_of(names.part_of(final)) == final
    assert names.final_of(names.numbered(names.part_of(final), 2)) == names.numbered(final, 2)
    assert names.final_of(Path("/m/.note.opus")) is None
    assert names.final_of(Path("/m/note.part.opus")) is None


def test_the_default_folders_are_the_desktops_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("XDG_MUSIC_DIR", "XDG_VIDEOS_DIR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "user-dirs.dirs").write_text('XDG_MUSIC_DIR="$HOME/Musik"\n')

    assert names.default_folder("audio") == tmp_path / "Musik" / "Loopnote"
    assert names.default_folder("video") == tmp_path / "Videos" / "Loopnote"
    place = choose_place(RecordingSettings(), ".opus", "audio", "x", WALL)
    assert place.folder_is_ours
    assert place.final.parent == tmp_path / "Musik" / "Loopnote"
