"""The command line: `loopnote COMMAND`. Each command's own imports wait until it is run, so that help comes at once."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

from capture.errors import CaptureError, SettingsError
from ui.arguments import add_record_arguments, join_values
from ui.text import (
    EXIT_FAILED,
    EXIT_SAVED,
    EXIT_USAGE,
    OutputGone,
    complain,
    finish_output,
    prepare_streams,
    say,
    settle_streams,
)

log = logging.getLogger(__name__)

REPORT = "Please report it, with what is printed with LOOPNOTE_DEBUG=1 before the command."

# What can be said to a running recording from outside.
REMOTE = {
    "status": "say what is being recorded just now",
    "start": "start recording in the running application",
    "pause": "pause the running recording",
    "resume": "go on after a pause",
    "stop": "stop the running recording, and save it",
    "toggle": "start, or stop what runs: for a keyboard shortcut",
    "quit": "end the application; what runs is saved",
}


class Parser(argparse.ArgumentParser):
    """One clear line for wrong usage, not the whole synopsis."""

    def error(self, message: str) -> NoReturn:
        complain(message, f"See: {self.prog} --help")
        raise SystemExit(EXIT_USAGE)


def build_parser() -> Parser:
    parser = Parser(
        prog="loopnote",
        description="Records what the computer plays and, when asked, its screen, into a file that cannot be lost. "
        "Without a command: the application in the panel.",
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.set_defaults(remote=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    add_record_arguments(
        commands.add_parser(
            "record",
            help="record until Ctrl-C",
            description="Record until Ctrl-C, or for --duration. Without options: what the default speaker plays.",
            epilog="Exit: 0 saved whole, 3 saved but something is missing (it is named), 1 failed, 2 wrong usage.",
        )
    )
    for name, text in (
        ("devices", "list speakers, microphones, applications now playing, screens and windows"),
        ("doctor", "check what works here, and say how to mend what does not"),
        ("recover", "finish the recordings that a crash left behind"),
    ):
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        command.add_argument("--json", action="store_true", help="print one JSON object on standard output")
        if name == "recover":
            command.add_argument("folder", nargs="*", help="look here too, beside the usual places")
    text = "put the menu entry, the icon, the manual and the shells' completions in place"
    install = commands.add_parser("install-desktop", help=text, description=text[0].upper() + text[1:] + ".")
    install.add_argument("--autostart", action="store_true", help="start Loopnote at log-in, too")
    install.add_argument("--remove", action="store_true", help="take all of that away again")
    for name, text in REMOTE.items():
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        command.add_argument("--json", action="store_true", help="print one JSON object on standard output")
        command.set_defaults(remote=True)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code. Raises `CaptureError` for what a user should read."""
    parser = build_parser()
    args = parser.parse_args(join_values(arguments))
    if args.version:
        say(f"loopnote {version()}\n")
        return EXIT_SAVED
    if args.remote:
        from ui.remote_command import remote

        return remote(args.command, args.json)
    if args.command == "record":
        from ui.record_command import record

        return record(args)
    if args.command == "devices":
        from ui.listings import devices

        return devices(args.json)
    if args.command == "doctor":
        from ui.listings import doctor

        return doctor(args.json)
    if args.command == "recover":
        from ui.recover_command import recover

        return recover(args.folder, args.json)
    if args.command == "install-desktop":
        from ui.install.command import install_desktop

        return install_desktop(args.remove, args.autostart)
    from ui.desktop import run as run_application

    return run_application()


def program(arguments: Sequence[str]) -> int:
    """Run to the end; returns the exit code. No traceback reaches a user, unless LOOPNOTE_DEBUG is set."""
    prepare_streams()
    debug = bool(os.environ.get("LOOPNOTE_DEBUG"))
    if debug:
        logging.basicConfig(level=logging.DEBUG, format="%(relativeCreated)d ms %(threadName)s %(name)s: %(message)s")
    elif not logging.getLogger().hasHandlers():
        # Without any handler Python would print warnings and tracebacks of the log to the terminal.
        logging.getLogger().addHandler(logging.NullHandler())
    _log_tracebacks()
    try:
        try:
            code = run(arguments)
        except SystemExit as leaving:  # argparse: after --help, or on wrong usage
            code = leaving.code if isinstance(leaving.code, int) else EXIT_SAVED
        finish_output()
        return code
    except CaptureError as error:
        complain(str(error), error.hint)
        return EXIT_USAGE if isinstance(error, SettingsError) else EXIT_FAILED
    except KeyboardInterrupt:
        return 130  # by custom 128 + SIGINT
    except OutputGone as gone:
        if not isinstance(gone.__cause__, BrokenPipeError):
            complain(f"the output could not be written: {gone.__cause__}", "Send it to another place.")
        return EXIT_FAILED
    except Exception as error:
        if debug:
            raise
        complain(f"an error inside Loopnote: {type(error).__name__}: {error}", REPORT)
        return EXIT_FAILED
    finally:
        settle_streams()


def _log_tracebacks() -> None:
    """What a thread or a callback lets out goes to the log: Python would print it."""

    def thread_failed(args: threading.ExceptHookArgs) -> None:
        log.debug("a thread failed", exc_info=args.exc_value)
        complain(f"an error inside Loopnote: {args.exc_type.__name__}: {args.exc_value}", REPORT)

    def callback_failed(args: sys.UnraisableHookArgs) -> None:
        log.debug("%s: %r", args.err_msg or "ignored", args.object, exc_info=args.exc_value)

    threading.excepthook = thread_failed
    sys.unraisablehook = callback_failed


def version() -> str:
    """The installed version, in words where none is installed."""
    from importlib import metadata

    try:
        return metadata.version("loopnote")
    except metadata.PackageNotFoundError:
        return "(run from its folder, not installed)"
