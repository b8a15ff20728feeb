"""The command line as plain values, read from its parser: what completions and the manual are made of."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from ui.program import build_parser


@dataclass(frozen=True, slots=True)
class Option:
    """`flags` is empty for a positional argument. `value` names what follows, and is empty when nothing does."""

    flags: tuple[str, ...]
    help: str
    value: str = ""
    choices: tuple[str, ...] = ()
    may_lack_value: bool = False
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Options that belong together."""

    title: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """`name` is empty for the program itself. `help` is one line, `description` a sentence or more."""

    name: str
    help: str
    description: str
    groups: tuple[Group, ...]
    epilog: str = ""

    @property
    def options(self) -> list[Option]:
        """Those with flags."""
        return [option for group in self.groups for option in group.options if option.flags]

    @property
    def arguments(self) -> list[Option]:
        """Those without."""
        return [option for group in self.groups for option in group.options if not option.flags]


def program() -> tuple[Command, list[Command]]:
    """The program itself, and its commands."""
    parser = build_parser()
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    helps = {action.dest: action.help or "" for action in commands._choices_actions}
    return _command("", "", parser), [_command(name, helps[name], made) for name, made in commands.choices.items()]


def _command(name: str, text: str, parser: argparse.ArgumentParser) -> Command:
    groups = []
    for group in parser._action_groups:
        options = tuple(
            _option(action) for action in group._group_actions if not isinstance(action, argparse._SubParsersAction)
        )
        if options:
            groups.append(Group(group.title or "", options))
    return Command(name, text, parser.description or "", tuple(groups), parser.epilog or "")


def _option(action: argparse.Action) -> Option:
    takes_value = action.nargs != 0
    value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    return Option(
        tuple(action.option_strings),
        (action.help or "").replace("%%", "%"),
        value if takes_value else "",
        tuple(map(str, action.choices or ())),
        action.nargs in ("?", "*"),
        isinstance(action, argparse._AppendAction) or action.nargs == "*",
    )
