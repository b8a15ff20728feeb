"""The manual page, in the language of man(7)."""

from __future__ import annotations

from ui.install.tree import Command, Group, Option, program

_EXAMPLES = (
    ("loopnote", "The application: an icon in the panel that starts and stops with a click."),
    ("loopnote record grandma.opus", "What the computer plays, until Ctrl-C."),
    ("loopnote record --app Firefox --duration 5m", "Only what Firefox plays, for five minutes."),
    ("loopnote record lesson.mp4 --screen all", "The screen and the sound."),
    ("loopnote toggle", "Start, or stop what runs: for a key of the desktop."),
)
_EXIT = (
    ("0", "Done; a recording is saved, and whole."),
    ("3", "Saved, but something is missing or wrong, or nobody took what was printed; it is named."),
    ("1", "Failed; the reason was said."),
    ("2", "The command, or the settings, make no sense."),
)
_FILES = (
    ("~/Music/Loopnote, ~/Videos/Loopnote", "Recordings without a name, unless the settings say otherwise."),
    ("~/.config/loopnote/settings.toml", "What you always want."),
    ("~/.local/state/loopnote", "Notes about unfinished recordings, for recover."),
)


def man_page(version: str) -> str:
    """loopnote(1)."""
    own, commands = program()
    lines = [
        '.\\" Made by: loopnote install-desktop',
        f'.TH LOOPNOTE 1 "" "loopnote {_plain(version)}" "User Commands"',
        ".SH NAME",
        "loopnote \\- records what the computer plays and, when asked, its screen",
        ".SH SYNOPSIS",
        ".B loopnote",
        ".br",
        ".B loopnote",
        ".I COMMAND",
        "[\\fIOPTION\\fR]...",
        ".SH DESCRIPTION",
        _plain(own.description),
        *_options(own.groups),
        ".SH COMMANDS",
    ]
    for command in commands:
        lines += _command(command)
    for title, rows in (("EXIT STATUS", _EXIT), ("EXAMPLES", _EXAMPLES), ("FILES", _FILES)):
        lines.append(f".SH {title}")
        for term, text in rows:
            lines += [".TP", f".B {_plain(term)}", _plain(text)]
    return "\n".join([*lines, ""])


def _command(command: Command) -> list[str]:
    arguments = "".join(f" [\\fI{_plain(one.value)}\\fR]{'...' if one.repeats else ''}" for one in command.arguments)
    lines = [f".SS loopnote {_plain(command.name)} [\\fIOPTION\\fR]...{arguments}", _plain(command.description)]
    lines += _options(command.groups)
    if command.epilog:
        lines += [".PP", _plain(command.epilog)]
    return lines


def _options(groups: tuple[Group, ...]) -> list[str]:
    lines = []
    for group in groups:
        shown = [option for option in group.options if "--help" not in option.flags]
        if shown and group.title not in ("options", "positional arguments"):
            lines += [".PP", f"{_plain(group.title[:1].upper() + group.title[1:])}:"]
        for option in shown:
            lines += [".TP", _term(option), _plain(option.help) or "\\&"]
    return lines


def _term(option: Option) -> str:
    value = "|".join(option.choices) or option.value
    if not option.flags:
        return f"\\fI{_plain(value)}\\fR"
    flags = ", ".join(f"\\fB{_plain(flag)}\\fR" for flag in option.flags)
    if not value:
        return flags
    shown = f"\\fI{_plain(value)}\\fR"
    return f"{flags} [{shown}]" if option.may_lack_value else f"{flags} {shown}"


def _plain(text: str) -> str:
    """Nothing of it is a request or an escape; its hyphens can be copied into a terminal."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("\n", " ")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
