"""`loopnote status`, `start`, `stop`, `toggle` and the like: asks the running instance, and tells what it said."""

from __future__ import annotations

from ui.control import Answer, ask
from ui.text import (
    EXIT_DEGRADED,
    EXIT_FAILED,
    READ_IT,
    OutputGone,
    clock_in_words,
    complain,
    finish_output,
    print_json,
    printable,
    say,
    settle_streams,
)

_NOT_THERE = Answer("idle", error="Loopnote is not running", hint="Start it with: loopnote", exit_code=1)
_NOTHING = Answer("idle", error="nothing is being recorded", hint="Start with: loopnote record", exit_code=1)
# What is said when no instance runs.
_NONE_RUNS = {"status": Answer("idle"), "start": _NOT_THERE, "toggle": _NOT_THERE, "quit": _NOT_THERE}


def remote(command: str, as_json: bool) -> int:
    """Ask, and tell; returns the exit code, which is that of `record` after a stop."""
    try:
        answer = ask(command)
    except (OSError, ValueError, TypeError) as error:
        complain(
            f"the running Loopnote does not answer: {error}", "Look whether it hangs; end it, then: loopnote recover"
        )
        return EXIT_FAILED
    if answer is None:
        answer = _NONE_RUNS.get(command, _NOTHING)
    try:
        _tell(answer, as_json)
    except OutputGone as gone:
        if answer.result is None:
            raise
        complain(f"the recording is saved, but its result could not be written: {gone.__cause__}", READ_IT)
        settle_streams()
        return EXIT_DEGRADED
    if answer.error:
        complain(answer.error, answer.hint)
    return answer.exit_code


def _tell(answer: Answer, as_json: bool) -> None:
    if as_json:
        now = {"state": answer.state, "file": answer.file, "duration_s": answer.duration_s}
        print_json(answer.result if answer.result is not None else now)
    elif not answer.error:
        say(_in_words(answer))
        finish_output()


def _in_words(answer: Answer) -> str:
    file = printable(answer.file or "")
    if answer.result is not None:
        lines = [f"saved {file}", *(f"  not whole: {printable(text)}" for text in answer.result["degraded"])]
        return "\n".join(lines) + "\n"
    if answer.file is None:
        return f"{answer.state}\n"
    return f"{answer.state} {clock_in_words(answer.duration_s)} {file}\n"
