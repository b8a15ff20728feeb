"""Shows a scene on the X server of the environment, exactly on time, and reports when each picture was there.

    python -m performance.stage SCENE WIDTH HEIGHT RATE

All images lie in the X server from the beginning; a picture is two copies within it. It plays until its standard input
ends, and writes one line a picture: its number, and the monotonic nanoseconds at which the server had shown it.
"""

from __future__ import annotations

import contextlib
import itertools
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from performance import scenes  # noqa: E402 - it needs the path
from performance.scenes import COUNTER_HEIGHT, COUNTER_SCALE, Image, Scene  # noqa: E402
from tests.helpers.counter import BLOCK_PX, WIDTH_PX, white_blocks  # noqa: E402
from virtual_desktop import VirtualDesktop  # noqa: E402

# Images are made and sent to the server first: half a gigabyte of film at most.
_START_S = 120.0
# What a request may hold without the extension for larger ones, less some room for its head.
_REQUEST_BYTES = 250_000
_WHITE = 0xFFFFFF
# Lines are written so many at a time: the reader's work is not to disturb what it measures.
_LINES_TOGETHER = 30


class Shown:
    """What a running stage has shown so far; made by `show`. Any thread."""

    def __init__(self, process: subprocess.Popen[str], rate: float) -> None:
        self.scene_shown = threading.Event()
        self._times_ns: dict[int, int] = {}
        self._process = process
        self._least_ns = 0.5e9 / rate
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, name="stage-reports", daemon=True)
        self._reader.start()

    def between(self, begin_ns: int, end_ns: int) -> set[int]:
        """The numbers that came up within this time and could be seen by anybody who looks at their rate.

        A busy computer shows some late and the next one on time: what stood for less than half of its time is left out.
        Ask a second or two after it.
        """
        with self._lock:
            times = sorted(self._times_ns.items())
        return {
            number
            for (number, at_ns), (_, next_ns) in itertools.pairwise(times)
            if begin_ns <= at_ns <= end_ns and next_ns - at_ns >= self._least_ns
        }

    def close(self) -> None:
        """Take the scene off the screen."""
        self._process.kill()
        self._process.wait(10)
        self._reader.join(10)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError):
            for line in self._process.stdout:
                number, at_ns = map(int, line.split())
                with self._lock:
                    self._times_ns[number] = at_ns
                self.scene_shown.set()


@contextlib.contextmanager
def show(desktop: VirtualDesktop, name: str, width: int, height: int, rate: float) -> Iterator[Shown]:
    """Play the scene `name` on all of the desktop's screen, from before the block begins to its end."""
    command = [sys.executable, str(Path(__file__)), name, str(width), str(height), str(rate)]
    with subprocess.Popen(
        command, env=desktop.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        shown = Shown(process, rate)
        try:
            if not shown.scene_shown.wait(_START_S):
                raise RuntimeError(f"the scene {name} did not begin (exit code: {process.poll()})")
            yield shown
        finally:
            shown.close()


class _Stage:
    """A window over the whole screen, and the scene's images in the server."""

    def __init__(self, scene: Scene) -> None:
        from Xlib import X, display

        self._display = display.Display()
        screen = self._display.screen()
        height, width = scene.images[0].shape[:2]
        self._depth = screen.root_depth
        self.window = screen.root.create_window(
            0, 0, width, height, 0, self._depth, X.InputOutput, X.CopyFromParent,
            override_redirect=True, event_mask=X.ExposureMask,
        )  # fmt: skip
        self._gc: Any = self.window.create_gc(foreground=_WHITE, background=0, graphics_exposures=0)
        self._pixmaps = [self._upload(image) for image in scene.images]
        self._counter = self.window.create_pixmap(round(WIDTH_PX * COUNTER_SCALE), COUNTER_HEIGHT, self._depth)
        self._scene = scene
        self.window.map()
        while self._display.next_event().type != X.Expose:
            pass
        # Out of the way of what is judged, but drawn by every recorder.
        screen.root.warp_pointer(width - 24, height - 24)
        self.window.copy_area(self._gc, self._pixmaps[0], 0, 0, width, height, 0, 0)

    def _upload(self, image: Image) -> Any:
        from Xlib import X

        height, width = image.shape[:2]
        pixmap = self.window.create_pixmap(width, height, self._depth)
        rows = max(1, _REQUEST_BYTES // (width * 4))
        for top in range(0, height, rows):
            part = image[top : top + rows]
            pixmap.put_image(self._gc, 0, top, width, len(part), X.ZPixmap, self._depth, 0, part.tobytes())
        self._display.sync()
        return pixmap

    def show(self, number: int) -> int:
        """Bring picture `number` onto the screen; returns when it was there."""
        self._draw_counter(number)
        # Nobody sees the picture without its number or the number without its picture.
        self._display.grab_server()
        for part in self._scene.copies(number):
            pixmap = self._pixmaps[part.image]
            self.window.copy_area(
                self._gc, pixmap, part.left, part.top, part.width, part.height, part.to_left, part.to_top
            )
        width = round(WIDTH_PX * COUNTER_SCALE)
        self.window.copy_area(self._gc, self._counter, 0, 0, width, COUNTER_HEIGHT, 0, 0)
        self._display.ungrab_server()
        self._display.sync()
        return time.monotonic_ns()

    def _draw_counter(self, number: int) -> None:
        block = round(BLOCK_PX * COUNTER_SCALE)
        self._gc.change(foreground=0)
        self._counter.fill_rectangle(self._gc, 0, 0, round(WIDTH_PX * COUNTER_SCALE), COUNTER_HEIGHT)
        self._gc.change(foreground=_WHITE)
        blocks = [(place * block, 0, block, block) for place in white_blocks(number)]
        self._counter.poly_fill_rectangle(self._gc, blocks)


def main() -> None:
    """Play until standard input ends."""
    name, width, height, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    scene = scenes.SCENES[name](width, height, rate)
    stage = _Stage(scene)
    print(0, stage.show(0), flush=True)
    first_ns = time.monotonic_ns()
    number = 0
    while True:
        if scene.rate:
            number += 1
            wait_s = (first_ns + number * 1e9 / scene.rate - time.monotonic_ns()) / 1e9
        else:
            wait_s = 60.0
        if select.select([sys.stdin], [], [], max(0.0, wait_s))[0]:
            return
        if scene.rate:
            at_ns = stage.show(number)
            together = 1 if scene.rate < _LINES_TOGETHER else _LINES_TOGETHER
            print(number, at_ns, flush=number % together == 0)


if __name__ == "__main__":
    main()
