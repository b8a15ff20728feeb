"""The rules of the house that a machine can check. Each is also shown something that breaks it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# From top to bottom. A room may import from its own and from rooms further down; rooms side by side (in one line) know
# nothing of each other. A module belongs to the room with the longest name that begins its own.
LAYERS: tuple[dict[str, tuple[str, ...]], ...] = (
    {"ui": ("ui",)},
    {
        "recorder": ("capture", "capture.recorder"),
        "doctor": ("capture.doctor", "capture.remedies"),
        "notes": ("capture.notes",),
    },
    {
        "session": (
            "capture.bounds",
            "capture.lapses",
            "capture.session",
            "capture.result",
            "capture.silence",
            "capture.sources",
            "capture.stages",
        )
    },
    {"output": ("capture.output",), "sound": ("capture.sound",), "screen": ("capture.screen",)},
    {"threads": ("capture.channel", "capture.worker", "capture.pauses", "capture.standstill")},
    {
        "values": (
            "capture.model",
            "capture.errors",
            "capture.clock",
            "capture.settings",
            "capture.settings_file",
            "capture.replacing",
        )
    },
)

HEAVY = ("numpy", "av", "cv2", "soundcard", "PyQt5", "mss", "pulsectl", "Xlib", "soxr")
LINES_MOST = 400
# Calls that wait for ever when they are given nothing.
WAITS = {"wait": 0, "join": 0, "get": 0, "result": 0, "communicate": 0, "wait_for": 1}
CHILDREN = ("run", "call", "check_call", "check_output")


def python_files(*folders: str) -> list[Path]:
    """The Python files in these folders, scripts without a suffix included."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
    return [path for path in found if path.suffix == ".py" or (not path.suffix and is_python_script(path))]


def is_python_script(path: Path) -> bool:
    return path.read_bytes().startswith(b"#!") and b"python" in path.read_bytes().splitlines()[0]


def module_name(path: Path) -> str:
    """`capture.sound.source` for capture/sound/source.py."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()


def imported(tree: ast.AST, module: str = "") -> Iterator[tuple[int, str]]:
    """Every module that the code imports, wherever in the file, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*package, *([node.module] if node.module else [])])
            for alias in node.names:
                # `from capture import Recorder` takes a name, `from capture.output import names` takes a module.
                whole = f"{base}.{alias.name}"
                yield node.lineno, whole if base.split(".")[0] in ("capture", "ui") and is_module(whole) else base


def room_of(module: str) -> tuple[int, str] | None:
    """The layer, counted from the top, and the room of a module; None when it has no room."""
    best = max(
        (
            (len(prefix), depth, room)
            for depth, layer in enumerate(LAYERS)
            for room, prefixes in layer.items()
            for prefix in prefixes
            if module == prefix or (module.startswith(prefix + ".") and prefix != "capture")
        ),
        default=None,
    )
    return None if best is None else best[1:]


def calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str, str]]:
    """Every call, with what it is called on ("" for a plain name) and the function's own name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                owner = node.func.value
                yield node, owner.id if isinstance(owner, ast.Name) else "?", node.func.attr
            elif isinstance(node.func, ast.Name):
                yield node, "", node.func.id


# --- The rules: each gives its complaints about one file --------------------------------------------------------------


def arrows(tree: ast.AST, module: str) -> Iterator[str]:
    """Imports point down only."""
    here = room_of(module)
    if here is None:
        yield f"{module} has no room: give it one in LAYERS, and in the drawing in capture/__init__.py"
        return
    for line, name in imported(tree, module):
        there = room_of(name) if name.split(".")[0] in ("capture", "ui") else None
        if there is not None and there != here and there[0] <= here[0]:
            yield f"line {line}: {here[1]} imports {there[1]} ({name})"


def no_qt(tree: ast.AST, module: str) -> Iterator[str]:
    """The engine works without a desktop toolkit."""
    for line, name in imported(tree, module):
        if name.split(".")[0].startswith(("PyQt", "PySide", "sip", "qtpy")):
            yield f"line {line}: imports {name}"


def no_sleep(tree: ast.AST, module: str) -> Iterator[str]:
    """Waiting is for a condition, with a deadline: a test that cannot be told of it may look again and again."""
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.While | ast.For)]
    looking = {id(call) for loop in loops for call, _, _ in calls(loop)} if module.startswith("tests") else set()
    for call, owner, name in calls(tree):
        if name == "sleep" and owner in ("time", "") and id(call) not in looking:
            yield f"line {call.lineno}: sleeps"


def no_print(tree: ast.AST, module: str) -> Iterator[str]:
    """What the engine has to say it says by events and errors."""
    for call, owner, name in calls(tree):
        if name == "print" and not owner:
            yield f"line {call.lineno}: prints"


def deadlines(tree: ast.AST, module: str) -> Iterator[str]:
    """No wait without a deadline, and no child process either."""
    for call, owner, name in calls(tree):
        given = len(call.args) + len(call.keywords)
        if owner and name in WAITS and given <= WAITS[name]:
            yield f"line {call.lineno}: {name}() may wait for ever"
        if owner == "subprocess" and name in CHILDREN and not any(word.arg == "timeout" for word in call.keywords):
            yield f"line {call.lineno}: subprocess.{name} without a timeout"


def docstrings(tree: ast.AST, module: str) -> Iterator[str]:
    """Whatever other files may use says what it is."""
    assert isinstance(tree, ast.Module)
    if tree.body and not ast.get_docstring(tree):
        yield "the module has no docstring"
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield f"line {node.lineno}: {node.name} has no docstring"


Rule = Callable[[ast.AST, str], Iterator[str]]
RULES: dict[str, tuple[Rule, tuple[str, ...], str]] = {
    # rule, where it holds, what it must complain about
    "arrows point down": (arrows, ("capture", "ui"), "from capture.recorder import Recorder"),
    "no Qt in the engine": (no_qt, ("capture",), "def f():\n    from PyQt5.QtCore import QObject"),
    "no sleeping": (no_sleep, ("capture", "ui", "tests"), "import time\ntime.sleep(1)"),
    "no printing": (no_print, ("capture",), "print('here')"),
    "deadlines": (deadlines, ("capture", "ui"), "thread.join()"),
    "docstrings": (docstrings, ("capture",), '"""Doc."""\ndef public(): pass'),
}


@pytest.mark.parametrize("name", RULES)
def test_the_rule_holds(name: str) -> None:
    rule, folders, _ = RULES[name]
    complaints = [
        f"{path.relative_to(ROOT)} {complaint}"
        for path in python_files(*folders)
        # Helpers of the tests are programs of their own, which keep time by sleeping.
        if not (rule is no_sleep and "helpers" in path.parts)
        for complaint in rule(ast.parse(path.read_text()), module_name(path))
    ]

    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("name", RULES)
def test_the_rule_sees_what_breaks_it(name: str) -> None:
    rule, _, broken = RULES[name]

    assert list(rule(ast.parse(broken), "capture.sound.made_up"))


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("capture.sound.x", "from capture.screen import areas"),
        ("capture.screen.x", "from capture import output"),
        ("capture.output.x", "if 1:\n    import capture.sound.source"),
        ("capture.stages.x", "from capture.recorder import Recorder"),
        ("capture.stages.x", "from capture import Recorder"),
        ("capture.channel", "from capture.sound.source import SoundSource"),
        ("capture.model", "from capture.worker import Worker"),
        ("capture.notes.x", "from capture.recorder import Recorder"),
        ("capture.recorder", "import ui.cli"),
        ("capture.sound.x", "from ..screen import source"),
        ("capture.unheard_of", "import os"),
    ],
)
def test_an_arrow_that_points_up_or_aside_is_seen(module: str, code: str) -> None:
    assert list(arrows(ast.parse(code), module))


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("ui.cli", "from capture import Recorder\nimport capture.sound.source"),
        ("capture.recorder", "from capture.session import Session"),
        ("capture.session", "from capture.sound.grab import grab\nfrom capture.output import names"),
        ("capture.sound.x", "from capture.sound.source import SoundSource\nfrom .track import Track"),
        ("capture.sound.x", "from capture.channel import Channel\nimport numpy"),
    ],
)
def test_an_arrow_that_points_down_is_allowed(module: str, code: str) -> None:
    assert list(arrows(ast.parse(code), module)) == []


@pytest.mark.parametrize(
    "code",
    [
        "event.wait()",
        "queue.get()",
        "process.communicate()",
        "future.result()",
        "condition.wait_for(ready)",
        "subprocess.run(['x'])",
    ],
)
def test_a_wait_without_a_deadline_is_seen(code: str) -> None:
    assert list(deadlines(ast.parse(code), "capture.x"))


def test_what_only_looks_like_a_wait_is_allowed() -> None:
    code = "','.join(words)\ntable.get(key)\nthread.join(1.0)\nwait()\nsubprocess.run(['x'], timeout=5)"

    assert list(deadlines(ast.parse(code), "capture.x")) == []


def test_a_test_may_look_for_a_condition_again_and_again_but_not_sleep() -> None:
    look = ast.parse("while not happened():\n    time.sleep(0.01)")

    assert list(no_sleep(look, "tests.capture.x")) == []
    assert list(no_sleep(look, "capture.x"))
    assert list(no_sleep(ast.parse("time.sleep(1)"), "tests.capture.x"))


def test_files_have_one_job() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in python_files("capture", "ui", "scripts")}

    assert len(lengths) > 20
    assert {str(path.relative_to(ROOT)): lines for path, lines in lengths.items() if lines > LINES_MOST} == {}


@pytest.mark.parametrize("module", ["capture", "ui.program", "capture.sound.windows", "capture.sound.macos"])
@pytest.mark.parametrize("flag", ["-S", "-s"], ids=["bare machine", "full machine"])
def test_importing_loads_nothing_heavy(module: str, flag: str) -> None:
    assert heavy_after_import(module, flag) == []


def test_a_heavy_import_is_seen(tmp_path: Path) -> None:
    (tmp_path / "made_up.py").write_text("import numpy\n")

    assert "numpy" in heavy_after_import("made_up", "-s", tmp_path)


def heavy_after_import(module: str, flag: str, folder: Path = ROOT) -> list[str]:
    """What of HEAVY a fresh Python has loaded after `import module`; with -S it has no installed packages at all."""
    code = (
        f"import sys; sys.path.insert(0, {str(folder)!r}); import {module}; "
        f"sys.stdout.write(' '.join(name for name in {HEAVY!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, flag, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()
