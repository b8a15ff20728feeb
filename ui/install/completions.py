"""What a shell offers while a command is typed, for bash, zsh and fish."""

from __future__ import annotations

from ui.install.tree import Command, Option, program


def bash() -> str:
    """A completion function of bash, as the package bash-completion loads it."""
    own, commands = program()
    names = " ".join(command.name for command in commands)
    lines = [
        "# Completion of loopnote for bash; made by: loopnote install-desktop",
        "_loopnote() {",
        "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}",
        '    if [ "$COMP_CWORD" -eq 1 ]; then',
        f'        mapfile -t COMPREPLY < <(compgen -W {_single(f"{names} {_flags(own)}")} -- "$current")',
        "        return",
        "    fi",
        "    case $command in",
    ]
    for command in commands:
        lines.append(f"        {command.name})")
        lines.append("            case $previous in")
        lines.extend(_bash_value(option) for option in command.options if option.value and not option.may_lack_value)
        lines.append("            esac")
        if command.arguments:
            lines.append("            [[ $current == -* ]] || { compopt -o default; COMPREPLY=(); return; }")
        lines.append(f'            mapfile -t COMPREPLY < <(compgen -W {_single(_flags(command))} -- "$current")')
        lines.append("            ;;")
    return "\n".join([*lines, "    esac", "}", "complete -F _loopnote loopnote", ""])


def _bash_value(option: Option) -> str:
    pattern = "|".join(option.flags)
    if not option.choices:
        return f"                {pattern}) COMPREPLY=(); return ;;"
    words = _single(" ".join(option.choices))
    return f'                {pattern}) mapfile -t COMPREPLY < <(compgen -W {words} -- "$current"); return ;;'


def zsh() -> str:
    """A completion function of zsh, for a folder of its `fpath`."""
    own, commands = program()
    lines = [
        "#compdef loopnote",
        "# Completion of loopnote for zsh; made by: loopnote install-desktop",
        "_loopnote() {",
        "    local context state state_descr line",
        "    typeset -A opt_args",
        "    local -a commands=(",
        *(f"        {_single(f'{command.name}:{command.help}')}" for command in commands),
        "    )",
        f"    _arguments -C {' '.join(_zsh_option(option) for option in own.options)} '1: :->command' '*:: :->rest'",
        "    case $state in",
        "        command) _describe command commands ;;",
        "        rest)",
        "            case $words[1] in",
    ]
    for command in commands:
        arguments = [f"'{'*' if a.repeats else ''}:{a.value.lower()}:_files'" for a in command.arguments]
        specs = [*(_zsh_option(option) for option in command.options), *arguments]
        lines.append(f"                {command.name}) _arguments {' '.join(specs)} ;;")
    return "\n".join([*lines, "            esac", "            ;;", "    esac", "}", '_loopnote "$@"', ""])


def _zsh_option(option: Option) -> str:
    text = option.help.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
    value = ""
    if option.value:
        what = f"({' '.join(option.choices)})" if option.choices else " "
        name = option.value.lower().replace(":", " ")
        value = f"{'::' if option.may_lack_value else ':'}{name}:{what}"
    star = "*" if option.repeats else ""
    return " ".join(_single(f"{star}{flag}[{text}]{value}") for flag in option.flags)


def fish() -> str:
    """Completions of fish."""
    own, commands = program()
    lines = ["# Completion of loopnote for fish; made by: loopnote install-desktop", "complete -c loopnote -f"]
    at_first = "complete -c loopnote -n __fish_use_subcommand -a"
    lines.extend(f"{at_first} {command.name} -d {_fish_quoted(command.help)}" for command in commands)
    lines.extend(_fish_option(option, "__fish_use_subcommand") for option in own.options)
    for command in commands:
        seen = f"'__fish_seen_subcommand_from {command.name}'"
        lines.extend(_fish_option(option, seen) for option in command.options)
        if command.arguments:
            lines.append(f"complete -c loopnote -n {seen} -F")
    return "\n".join([*lines, ""])


def _fish_option(option: Option, condition: str) -> str:
    flags = (f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)
    words = [f"complete -c loopnote -n {condition}", *flags]
    if option.value and not option.may_lack_value:
        words.append("-x")
    if option.choices:
        words.append(f"-a {_fish_quoted(' '.join(option.choices))}")
    words.append(f"-d {_fish_quoted(option.help)}")
    return " ".join(words)


def _flags(command: Command) -> str:
    return " ".join(flag for option in command.options for flag in option.flags)


def _single(text: str) -> str:
    """In single quotes, as bash and zsh read them."""
    return "'" + text.replace("'", "'\\''") + "'"


def _fish_quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
