"""A small X program that shows known pictures, and sounds beeps, at known instants.

It draws with python-xlib alone, in the area given, and reports as JSON lines when each picture was there. Used through
`show`; what each scene draws is said at its function.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from Xlib import X, display
from Xlib.error import ConnectionClosedError

from tests.helpers import signals
from tests.helpers.children import start_in
from tests.helpers.counter import BLOCK_PX, WIDTH_PX, white_blocks
from tests.helpers.pulse_stream import PlaybackStream
from tests.helpers.sound_clock import ASK_AFTER_S, WINDOW_NS, SoundClock
from virtual_desktop import VirtualDesktop

SceneName = Literal["flash", "static", "counter", "scroll"]

FLASH_S = 0.1
# The sound of a beep is given to the server this long before at the latest.
_LOOK_AHEAD_NS = 400_000_000
_WHITE = 0xFFFFFF
_GRAY = 0x808080


@dataclass
class Flash:
    """One flash and its beep, in CLOCK_MONOTONIC nanoseconds: when both were to come, and when each was seen to."""

    planned_ns: int
    shown_ns: int
    sounded_ns: int | None  # None in a scene without sound
    wander_s: float = 0.0  # by how much the sound server's answers before and after the beep disagree


@dataclass
class Scene:
    """What a running (or ended) scene has reported so far."""

    started: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    flashes: list[Flash] = field(default_factory=list)
    pictures_ns: dict[int, int] = field(default_factory=dict)  # the counter's number: when it was there
    underflows: int = 0

    def wait_until_ended(self, timeout_s: float) -> None:
        """Return as soon as the scene has shown all it has."""
        if not self.ended.wait(timeout_s):
            raise AssertionError(f"the scene did not end in {timeout_s} s")


@contextlib.contextmanager
def show(
    desktop: VirtualDesktop,
    scene: SceneName,
    *,
    area: tuple[int, int, int, int] = (0, 0, 1920, 1080),
    fps: float = 60,
    count: int = 60,
    interval_s: float = 0.5,
    sound: bool = True,
    title: str | None = None,
    first: int = 1,
) -> Iterator[Scene]:
    """Show `scene` in `area` (left, top, width, height) of `desktop`; leaving the block ends it.

    `count` flashes `interval_s` apart, or `count` pictures at `fps`. With a `title` it is an ordinary window of that
    name, which the window manager may frame and move; without, it lies above all windows exactly at `area`. Pictures
    are numbered from `first` on. The block begins when the window is there (and the sound server plays, if there is
    sound).
    """
    command = [sys.executable, "-m", "tests.helpers.desktop_scene", scene, "--area", ",".join(map(str, area))]
    command += ["--fps", str(fps), "--count", str(count), "--interval", str(interval_s)]
    command += ["--first", str(first)]
    command += [*(["--sound"] if sound and scene == "flash" else []), *(["--title", title] if title else [])]
    shown = Scene()
    with start_in(desktop, command) as process:
        threading.Thread(target=_read, args=(process, shown), name="scene-reports", daemon=True).start()
        if not shown.started.wait(15):
            raise AssertionError(f"the scene did not begin (exit code: {process.poll()})")
        yield shown


def _read(process: subprocess.Popen[str], scene: Scene) -> None:
    assert process.stdout is not None
    with contextlib.suppress(ValueError):  # a killed child may leave half a line
        for line in process.stdout:
            report = json.loads(line)
            match report["what"]:
                case "started":
                    scene.started.set()
                case "flash":
                    scene.flashes.append(Flash(**report["flash"]))
                case "picture":
                    scene.pictures_ns[report["number"]] = report["at_ns"]
                case "ended":
                    scene.underflows = report["underflows"]
                    scene.ended.set()


def _say(what: str, **report: object) -> None:
    print(json.dumps({"what": what, **report}), flush=True)


class _Window:
    """The window, black at first, and the drawing on it.

    A number is changed by a single request, so that a grab sees all of it or nothing.
    """

    def __init__(self, area: tuple[int, int, int, int], title: str | None) -> None:
        self.left, self.top, self.width, self.height = area
        self._display = display.Display()
        screen = self._display.screen()
        self.window = screen.root.create_window(
            *area, 0, screen.root_depth, X.InputOutput, X.CopyFromParent,
            background_pixel=0, override_redirect=title is None, event_mask=X.ExposureMask,
        )  # fmt: skip
        if title is not None:
            self.window.set_wm_name(title)
            self.window.set_wm_class("scene", "Scene")
        self._gc = self.window.create_gc(foreground=_WHITE, background=0, graphics_exposures=0)
        self._canvas = self.window.create_pixmap(WIDTH_PX, BLOCK_PX, screen.root_depth)
        self.window.map()
        while self._display.next_event().type != X.Expose:
            pass
        self.sync()

    def fill(
        self, colour: int, left: int = 0, top: int = 0, width: int | None = None, height: int | None = None
    ) -> None:
        self._gc.change(foreground=colour)
        self.window.fill_rectangle(self._gc, left, top, width or self.width, height or self.height)

    def text(self, left: int, top: int, words: str) -> None:
        self._gc.change(foreground=_WHITE)
        self.window.draw_text(self._gc, left, top, words.encode())

    def scroll(self, by: int, top: int) -> None:
        self.window.copy_area(self._gc, self.window, 0, top + by, self.width, self.height - top - by, 0, top)
        self.fill(0, 0, self.height - by, self.width, by)

    def number(self, number: int) -> None:
        """Draw the counter's blocks aside, then bring them in at once."""
        self._gc.change(foreground=0)
        self._canvas.fill_rectangle(self._gc, 0, 0, WIDTH_PX, BLOCK_PX)
        self._gc.change(foreground=_WHITE)
        blocks = [(block * BLOCK_PX, 0, BLOCK_PX, BLOCK_PX) for block in white_blocks(number)]
        self._canvas.poly_fill_rectangle(self._gc, blocks)
        self.window.copy_area(self._gc, self._canvas, 0, 0, WIDTH_PX, BLOCK_PX, 0, 0)

    def sync(self) -> int:
        """Wait until the server has drawn all; returns when that was."""
        self._display.sync()
        return time.monotonic_ns()


class _Beeps:
    """Sound that is silence but for a beep at each of the given instants."""

    def __init__(self, at_ns: list[int], clock: SoundClock) -> None:
        self.starts: list[int] = []  # the frames at which the beeps begin, once they are known
        self._at_ns = at_ns
        self._clock = clock
        self._beep = signals.beep()

    def fill(self, first: int, frames: int) -> signals.Samples:
        """For the playback stream: called by libpulse's thread, ahead of the sound."""
        self._place_until(first, first + frames)
        samples = np.zeros((frames, 2), np.float32)
        for start in self.starts[-2:]:
            begin, end = max(start, first), min(start + len(self._beep), first + frames)
            if begin < end:
                samples[begin - first : end - first] = self._beep[begin - start : end - start]
        return samples

    def _place_until(self, first: int, end: int) -> None:
        while self._clock.is_known and len(self.starts) < len(self._at_ns):
            start = round(self._clock.frame_at(self._at_ns[len(self.starts)]))
            if start >= end:
                return
            self.starts.append(max(start, first))


def _flash(window: _Window, options: argparse.Namespace) -> int:
    """White for `FLASH_S` again and again, and a beep that sounds as each begins."""
    clock = SoundClock(signals.RATE)
    instants: list[int] = []
    beeps = _Beeps(instants, clock)
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(PlaybackStream(beeps.fill, name="scene")) if options.sound else None
        listen = _listener(stream, clock)
        if stream is not None:
            stream.go_on()
            deadline = time.monotonic() + 10
            while not clock.is_known:
                listen(time.monotonic_ns() + 20_000_000)
                if time.monotonic() > deadline:
                    raise RuntimeError("the sound server does not play")
            # Long enough to forget the first answers: a server may lose a period or two when the sound begins.
            listen(time.monotonic_ns() + 3 * WINDOW_NS)
        first_ns = time.monotonic_ns() + _LOOK_AHEAD_NS
        # Not on a grid that a recorder's own could stay in step with: the phase moves by 1/16 of a 60 Hz picture each
        # time.
        step_ns = round(options.interval * 1e9) + round(1e9 / 60 / 16)
        instants.extend(first_ns + number * step_ns for number in range(options.count))
        _say("started")
        told: list[int] = []  # when each flash was there; it is reported a flash later, when more is known of its beep

        def tell(number: int) -> None:
            sounded_ns = clock.time_of(beeps.starts[number]) if options.sound else None
            wander_s = 0.0 if sounded_ns is None else clock.wander_s(sounded_ns)
            _say("flash", flash=asdict(Flash(instants[number], told[number], sounded_ns, wander_s)))

        for number, at_ns in enumerate(instants):
            listen(at_ns - 5_000_000)
            _sleep_until(at_ns)
            window.fill(_WHITE)
            told.append(window.sync())
            listen(at_ns + round(FLASH_S * 1e9))
            window.fill(0)
            window.sync()
            if number:
                tell(number - 1)
        listen(time.monotonic_ns() + 300_000_000)  # let the last beep sound out
        tell(len(told) - 1)
        return stream.underflows if stream is not None else 0


def _listener(stream: PlaybackStream | None, clock: SoundClock) -> Callable[[int], None]:
    pauses_s = itertools.cycle(ASK_AFTER_S)

    def listen(until_ns: int) -> None:
        """Keep asking the server which frame sounds, until then."""
        while time.monotonic_ns() < until_ns:
            if stream is not None:
                timing = stream.timing()
                if timing is not None:
                    clock.add(timing)
            _sleep_until(min(until_ns, time.monotonic_ns() + round(next(pauses_s) * 1e9)))

    return listen


def _static(window: _Window, options: argparse.Namespace) -> int:
    """Gray with two lines of text, which never changes; lasts `count` pictures."""
    window.fill(_GRAY)
    window.text(40, 40, "Nothing moves here.")
    window.sync()
    _say("started")
    _sleep_until(time.monotonic_ns() + round(options.count / options.fps * 1e9))
    return 0


def _counter(window: _Window, options: argparse.Namespace) -> int:
    """The picture's number in black and white blocks at the top left, and nothing else changes."""
    _count(window, options, lambda _: None)
    return 0


def _scroll(window: _Window, options: argparse.Namespace) -> int:
    """The counter, and below it text that moves up by two pixels with each picture."""

    def write(number: int, top: int) -> None:
        # No two lines alike, or the text scrolled by a line would be the same picture. A request holds 254 characters.
        words = "the quick brown fox jumps over the lazy dog, and back again "
        line = "".join(f"{number * 7919 + column * 104729:7d} {words}" for column in range(5))
        window.text(8 + number % 11 * 6, top, line[:250])

    def move(number: int) -> None:
        window.scroll(2, BLOCK_PX)
        if number % 8 == 0:
            write(number, window.height - 4)

    for line, top in enumerate(range(window.height - 4, BLOCK_PX + 16, -16)):
        write(line + 1_000_000, top)

    _count(window, options, move)
    return 0


def _count(window: _Window, options: argparse.Namespace, draw: Callable[[int], None]) -> None:
    _say("started")
    first_ns = time.monotonic_ns() + 100_000_000
    for index in range(options.count):
        number = options.first + index
        _sleep_until(first_ns + round(index / options.fps * 1e9))
        draw(number)
        window.number(number)
        _say("picture", number=number, at_ns=window.sync())


def _sleep_until(at_ns: int) -> None:
    time.sleep(max(0, at_ns - time.monotonic_ns()) / 1e9)


def main() -> None:
    """Show one scene in the desktop of the environment."""
    scenes: dict[str, Callable[[Any, argparse.Namespace], int]] = {
        "flash": _flash, "static": _static, "counter": _counter, "scroll": _scroll,
    }  # fmt: skip
    parser = argparse.ArgumentParser()
    parser.add_argument("scene", choices=scenes)
    parser.add_argument("--area", required=True)
    parser.add_argument("--fps", type=float, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--interval", type=float, required=True)
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--sound", action="store_true")
    parser.add_argument("--title")
    options = parser.parse_args()
    left, top, width, height = map(int, options.area.split(","))
    try:
        underflows = scenes[options.scene](_Window((left, top, width, height), options.title), options)
    except ConnectionClosedError:
        sys.exit("the X server has gone")
    _say("ended", underflows=underflows)


if __name__ == "__main__":
    main()
