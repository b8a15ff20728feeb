"""Records the same scenes with Loopnote and with other recorders, and prints what each costs and keeps.

    .venv/bin/python scripts/bench.py                       # all scenes at 1080p30: about 25 minutes
    .venv/bin/python scripts/bench.py --quick               # one short round of each: 4 minutes
    .venv/bin/python scripts/bench.py --scene film --format 4k30 --rounds 5
    .venv/bin/python scripts/bench.py --show FILE           # print what an earlier run measured
    .venv/bin/python scripts/bench.py --limits              # start-up, stop and memory, without the others

It needs a quiet computer, and what `scripts/setup bench` installs. Compare figures of one run only. CPU is in seconds
a recorded minute, without start and end: the recorder's own, what it adds to the X server's and to the sound server's,
and the whole of it; then Loopnote's whole beside the better of the others in the same round, and in brackets what it
may be. `begin` is the time from the start of the process to the first of the recording, and `CPU s` what it took until
then. `others` are the cores that were busy with something else meanwhile; rounds with more than 0.1 are left out if any
round is without.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from performance import limits, recorders, report, rounds, scenes  # noqa: E402 - they need the path
from virtual_desktop import DesktopError  # noqa: E402

_RECORDERS = list(recorders.PROGRAMS)
_QUICK_S = 5.0


def main() -> int:
    options = _parse()
    if options.show:
        print(report.table(report.summarise(json.loads(options.show.read_text()))))
        return 0
    try:
        if options.limits:
            return limits.main(options.quick, options.minutes, options.json)
        measured = [measurement.to_json() for measurement in _measure(options)]
    except DesktopError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if options.json:
        earlier = json.loads(options.json.read_text()) if options.json.exists() else []
        again = {(row["scene"], row["format"]) for row in measured}
        kept = [row for row in earlier if (row["scene"], row["format"]) not in again]
        options.json.write_text(json.dumps(kept + measured, indent=1) + "\n")
        measured = kept + measured
    rows = report.summarise(measured)
    print(report.table(rows))
    if options.picture:
        report.draw(rows, options.picture)
    return 0


def _measure(options: argparse.Namespace) -> Iterator[rounds.Measurement]:
    plan = rounds.Plan(
        ["nothing", *[name for name in options.recorder if name != "nothing"]],
        1 if options.quick else options.rounds,
        _QUICK_S if options.quick else options.seconds,
        options.sound,
        options.keep,
    )
    lacking = recorders.missing(list(plan.recorders))
    if lacking:
        raise DesktopError(f"{', '.join(lacking)} not found: run 'scripts/setup bench'")
    for scene in options.scene:
        if scene == rounds.SOUND_ONLY:
            yield from _told(rounds.sound_rounds(plan))
        else:
            for name in options.format:
                yield from _told(rounds.screen_rounds(plan, scene, name))


def _told(measurements: Iterator[rounds.Measurement]) -> Iterator[rounds.Measurement]:
    for each in measurements:
        where = f"{each.scene} {each.format}".strip()
        print(f"{where}, round {each.round + 1}, {each.recorder}: {each.cpu:.2f} CPU s/min", file=sys.stderr)
        yield each


def _parse() -> argparse.Namespace:
    assert __doc__
    parser = argparse.ArgumentParser(
        prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every: dict[str, Any] = {"nargs": "+", "metavar": "NAME"}
    every_scene = [rounds.SOUND_ONLY, *scenes.SCENES]
    parser.add_argument("--scene", choices=every_scene, default=every_scene, help=", ".join(every_scene), **every)
    formats = list(rounds.FORMATS)
    parser.add_argument("--format", choices=formats, default=["1080p30"], help=", ".join(formats), **every)
    parser.add_argument("--recorder", choices=_RECORDERS, default=_RECORDERS, help=", ".join(_RECORDERS), **every)
    parser.add_argument("--rounds", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--seconds", type=float, default=10.0, help="measured in each recording (%(default)s)")
    parser.add_argument("--sound", choices=["pulse", "pipewire"], default="pulse", help="the server (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write there what was measured; other scenes stay")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw it as PNG")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave the recordings there")
    parser.add_argument("--show", type=Path, metavar="FILE", help="print what is in a file that --json wrote")
    parser.add_argument("--limits", action="store_true", help="measure what has a limit of its own instead")
    parser.add_argument("--minutes", type=float, default=1.0, help="of memory to look at with --limits (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
