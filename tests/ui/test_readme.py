"""What the README promises is what there is: its commands are understood, its examples real, no option left out."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest

from capture.model import AudioResult, Gap, RecordingResult, VideoResult
from capture.output.formats import SUFFIXES
from capture.settings import Defaults, RecordingSettings, load
from ui.arguments import join_values, typed
from ui.program import build_parser
from ui.request import request_of

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


COMMANDS = [line.split("  #")[0].strip() for block in blocks("sh") for line in block.splitlines() if line.strip()]
OF_LOOPNOTE = [line for line in COMMANDS if line.startswith("loopnote ")]


def test_there_are_examples() -> None:
    assert len(OF_LOOPNOTE) >= 10
    assert {line.split()[0] for line in COMMANDS} >= {"scripts/demo", "scripts/test", "pipx", "uv"}


@pytest.mark.parametrize("line", [line for line in OF_LOOPNOTE if not line.endswith("--help")])
def test_every_example_is_understood(line: str) -> None:
    args = build_parser().parse_args(join_values(shlex.split(line)[1:]))
    if args.command == "record":
        request_of(typed(args), Defaults())


@pytest.mark.parametrize("script", [line.split()[0] for line in COMMANDS if line.startswith("scripts/")])
def test_every_script_is_there(script: str) -> None:
    assert (ROOT / script).stat().st_mode & 0o111


def test_every_option_is_explained() -> None:
    parser = build_parser()
    commands = next(action for action in parser._actions if action.dest == "command").choices
    assert commands is not None
    assert all(f"loopnote {command}" in README for command in commands)
    options = {text for action in commands["record"]._actions for text in action.option_strings}  # type: ignore[index]
    assert {option for option in options - {"-h"} if option not in README} == set()


def test_every_format_is_in_the_table() -> None:
    assert [suffix for suffixes in SUFFIXES.values() for suffix in suffixes if f"`{suffix}`" not in README] == []


def test_the_settings_example_is_one(tmp_path: Path) -> None:
    (example,) = blocks("toml")
    path = tmp_path / "settings.toml"
    path.write_text(example)
    defaults = load(path)
    assert defaults.values
    request_of({}, defaults)


def test_every_setting_is_named() -> None:
    kept = {f.name for f in fields(RecordingSettings)} - {"file", "duration_s"}
    assert {name for name in kept if f"`{name}`" not in README} == set()


def test_the_json_example_has_the_very_keys_of_a_result() -> None:
    (example,) = blocks("json")
    shown = json.loads(example)
    gap = Gap(1.0, 2.0, "reason")
    real = RecordingResult(
        Path("x"), 1.0, "then", AudioResult(1, 1, 0.0, False, (gap,)), VideoResult(1, 1, 1, 1, 1, 1)
    ).to_json()
    assert shown.keys() == real.keys()
    assert shown["audio"].keys() == real["audio"].keys()
    assert shown["audio"]["gaps"][0].keys() == real["audio"]["gaps"][0].keys()
    assert shown["video"].keys() == real["video"].keys()


def test_links_within_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("#").strip()).lower().replace(" ", "-")
        for line in README.splitlines()
        if line.startswith("#")
    }
    assert {target for target in re.findall(r"\]\(#([^)]+)\)", README) if target not in headings} == set()


def test_the_python_example_is_python() -> None:
    (example,) = blocks("python")
    compile(example, "README.md", "exec")
