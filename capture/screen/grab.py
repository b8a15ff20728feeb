"""The screen thread: looks at the screen on time, hands over what changed, and outlives the screen's absence.

    due instants ▸ grab ▸ changed? ▸ size ▸ colour, where it changed ═▶ out (VideoFrame)

Nothing of the screen is loaded until `prepare`, so that recording sound alone does not pay for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from capture.channel import Channel, Closed, Overflow
from capture.clock import NS_PER_S, Clock
from capture.errors import ScreenUnavailable, UnknownArea
from capture.model import Notice, VideoFrame
from capture.screen.schedule import Phase, Ticks
from capture.screen.source import ScreenSource, ScreenSystem
from capture.screen.troubles import Trouble, Troubles

if TYPE_CHECKING:
    from capture.model import Picture
    from capture.screen.sheets import Sheets

# Players grow uneasy, and seek badly, when a track has no picture for seconds; one a second costs next to nothing.
REPEAT_NS = 1 * NS_PER_S
# How often a lost screen is looked for: soon enough to lose less than a second to it, seldom enough to cost little.
RETRY_S = 0.25
# However seldom a picture is due, the thread has a turn this often.
TURN_NS = 1 * NS_PER_S
# A picture takes milliseconds; one that takes this long comes from a display that stood still (or the computer had no
# time for it at all, which looks the same).
ANSWER_NS = NS_PER_S // 2
NO_ANSWER = "it gave no picture"


class ScreenGrabber:
    """Grabs `spec` from `system` at `fps` into `out`, whose overflow policy should be DROP_NEWEST.

    `prepare` is called by the thread that starts the recording, `run` by the screen thread. The counts, `size`, `last`
    and `first_picture` may be read by any thread at any time:

    - `captured`: looks at the screen.
    - `unchanged`: of these, the ones like the picture before, which were not handed over.
    - `dropped`: what was due and is lost because the computer is too slow: instants that passed without a picture
      before a picture that differs, and changed pictures that found no room in `out` until the next change. A changed
      picture that finds room late is not lost: it is offered again at every instant, and keeps its own time. Instants
      missed while the screen stood still lost nothing; those at which it was away are told by `troubles`.
    - `last`: the newest picture handed over; after `run`, what the screen showed at the end, even if there was no room
      for it in `out`.
    - `first_picture`: set once the first picture was handed over.

    `shown_ns` of a picture is half-way between the grab before it and its own: what is new on it came up somewhere
    between the two, so that on average neither sound nor picture is ahead, and the error is half an interval at most.
    """

    def __init__(
        self,
        system: ScreenSystem,
        spec: str,
        cursor: bool,
        fps: float,
        scale: float,
        pixel_format: Literal["i420", "bgra"],
        out: Channel[VideoFrame],
        clock: Clock,
        on_notice: Callable[[Notice], None],
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self.turns = 0  # that the thread has made: it stands still when there are no more
        self.captured = 0
        self.unchanged = 0
        self.dropped = 0
        self.last: VideoFrame | None = None
        self.first_picture = threading.Event()
        self._system = system
        self._spec = spec
        self._cursor = cursor
        self._fps = fps
        self._scale = scale
        self._pixel_format: Literal["i420", "bgra"] = pixel_format
        self._out = out
        self._clock = clock
        self._on_notice = on_notice
        self._wait = wait
        self._size: tuple[int, int] | None = None
        self._source_size = (0, 0)
        self._source: ScreenSource | None = None
        self._picture: Picture | None = None  # the newest, as it was grabbed; the source's
        self._fresh = False  # whether it differs from the one before, which the last look saw
        self._sheets: Sheets | None = None
        self._picture_ns = 0  # and when
        self._waiting_ns: int | None = None  # when the newest was shown, as long as it has not been handed over
        self._grabbed_ns: int | None = None  # when the newest was looked at; None: not since the screen was away
        self._put_ns = 0
        self._phase = Phase()
        self._missed = 0  # instants that passed since the newest picture; lost if the next one differs
        self._was_away = False  # whether the screen was away since the last look that took no longer than usual
        self._looking_ns: int | None = None  # since when the source is asked for a picture
        self._troubles = Troubles()
        self._lack = ""
        self._fitted_size: tuple[int, int] | None = None  # that of the pictures which are fitted into the first one

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of every picture to come, even numbers. Known after `prepare`."""
        if self._size is None:
            raise RuntimeError("prepare comes first")
        return self._size

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """When the screen was not recorded as asked. Any thread, at any time: also while the display does not answer,
        which is the last of them then."""
        looking_ns = self._looking_ns
        if looking_ns is None or self._clock.now_ns() - looking_ns < ANSWER_NS:
            return self._troubles.all
        return (*self._troubles.all, Trouble("away", looking_ns, None, NO_ANSWER))

    @property
    def untold_troubles(self) -> int:
        """How many more there were than `troubles` holds."""
        return self._troubles.untold

    def prepare(self) -> None:
        """Find the area and so the size. Blocks at most 2 s. Raises `SettingsError`, `UnknownArea`,
        `ScreenUnavailable`."""
        from capture.screen.convert import scaled_size

        area = self._system.find(self._spec)
        self._source_size = area.width, area.height
        self._size = scaled_size(area.width, area.height, self._scale)

    def run(self, stop: threading.Event) -> None:
        """Grab until `stop` is set or `out` is closed. The screen thread's body; the caller closes `out`.

        Raises `UnknownArea` or `ScreenUnavailable` when there is no screen at the start; later its absence is a Notice,
        and it is looked for until it is back.
        """
        if self._size is None:
            self.prepare()
        try:
            self._source = self._system.open(self._spec, self._cursor)
            ticks = Ticks(self._fps, self._clock.now_ns())
            while self._sleep_until(ticks.due_ns, stop):
                missed = ticks.take(self._clock.now_ns())
                self._missed += 0 if self._was_away else missed
                self._was_away = False
                try:
                    if self._phase.is_bad(self._look(self._source), self._clock.now_ns()):
                        ticks.bring_forward()
                except (ScreenUnavailable, UnknownArea) as error:
                    if self._picture is None:
                        raise
                    if not self._await_return(error, stop):
                        break
        except Closed:
            pass
        finally:
            self._end()

    def _sleep_until(self, due_ns: int, stop: threading.Event) -> bool:
        """False when it is time to stop."""
        while not stop.is_set():
            self.turns += 1
            left_ns = due_ns - self._clock.now_ns()
            if left_ns <= 0:
                return True
            self._wait(stop, min(left_ns, TURN_NS) / NS_PER_S)
        return False

    # --- One picture ---------------------------------------------------------------------------------------------

    def _look(self, source: ScreenSource) -> bool:
        """True when the screen has changed since the last look."""
        # The X server takes the picture 0.3 to 0.6 ms after the call began (measured with flashes at 1080p); all the
        # rest of the 1 to 3 ms is copying.
        grabbed_ns = self._looking_ns = self._clock.now_ns()
        known = self._picture
        self._see(source)
        grabbed_ns = self._tell_waiting(grabbed_ns, first=known is None)
        self._tell_lack(source.lack, grabbed_ns)
        self.captured += 1
        changed, self._fresh = self._fresh, False
        if changed:
            if self._waiting_ns is not None:
                self.dropped += 1  # the one before was never handed over, and is now history
            self.dropped += self._missed
            self._picture_ns = grabbed_ns
            self._waiting_ns = grabbed_ns if self._grabbed_ns is None else (self._grabbed_ns + grabbed_ns) // 2
            handed_over = self._hand_over(self._waiting_ns)
        elif self._waiting_ns is not None:
            handed_over = self._hand_over(self._waiting_ns)
        else:
            handed_over = self._repeat(grabbed_ns)
        self._missed = 0
        if not handed_over and self._waiting_ns is None:
            self.unchanged += 1
        self._grabbed_ns = grabbed_ns
        return changed

    def _see(self, source: ScreenSource) -> None:
        self._picture = source.grab()
        if source.changed:
            self._fresh = True
            if self._sheets is not None:
                self._sheets.outdate(source.changed)

    def _hand_over(self, shown_ns: int) -> bool:
        if self._out.overflow is Overflow.DROP_NEWEST and not self._out.has_room(self._frame_bytes):
            return False  # only this thread adds to it: better not to convert in vain while the encoder is behind
        frame = self._frame(shown_ns)
        if not self._out.put(frame):
            return False
        self.last = frame
        self._put_ns = self._clock.now_ns()
        self._waiting_ns = None
        self.first_picture.set()
        return True

    @property
    def _frame_bytes(self) -> int:
        width, height = self.size
        return width * height * 3 // 2 if self._pixel_format == "i420" else width * height * 4

    def _repeat(self, now_ns: int) -> bool:
        """Hand over the known picture again when the last one was long ago; no conversion is needed for that."""
        if self.last is None or now_ns - self._put_ns < REPEAT_NS:
            return False
        frame = VideoFrame(now_ns, self.last.picture, self.last.pixel_format, self.last.width, self.last.height)
        if not self._out.has_room(self._frame_bytes) or not self._out.put(frame):
            return False
        self.last = frame
        self._put_ns = now_ns
        return True

    def _frame(self, shown_ns: int) -> VideoFrame:
        from capture.screen.convert import fit, to_size
        from capture.screen.sheets import Sheets

        picture = self._picture
        assert picture is not None
        height, width = picture.shape[:2]
        self._tell_fitting(width, height, shown_ns)
        self._sheets = self._sheets or Sheets(self._pixel_format, *self.size)
        if (width, height) != self.size:
            picture = fit(picture, *self.size) if self._fitted_size else to_size(picture, *self.size)
            self._sheets.outdate(None)
        picture = self._sheets.draw(picture)
        return VideoFrame(shown_ns, picture, self._pixel_format, *self.size, grabbed_ns=self._picture_ns)

    # --- What is not as it was asked for ---------------------------------------------------------------------------

    def _tell_fitting(self, width: int, height: int, shown_ns: int) -> None:
        """Said once for each departure from the first size; a window being resized has another in every picture."""
        size = None if (width, height) == self._source_size else (width, height)
        if size == self._fitted_size:
            return
        if size is None:
            self._troubles.end("fitted", shown_ns)
        else:
            first = "{}x{}".format(*self._source_size)
            self._troubles.begin("fitted", shown_ns, f"its size was {width}x{height}; it is fitted into {first}")
            if self._fitted_size is None:
                text = f"what is recorded changed its size from {first} to {width}x{height}; it is fitted into {first}"
                self._on_notice(Notice(text, degrades=True))
        self._fitted_size = size

    def _tell_lack(self, lack: str, at_ns: int) -> None:
        if lack == self._lack:
            return
        if lack:
            self._troubles.begin("instead", at_ns, lack)
            self._on_notice(Notice(lack, degrades=True))
        else:
            self._troubles.end("instead", at_ns)
            self._on_notice(Notice("the screen is recorded as it was asked for again"))
        self._lack = lack

    def _tell_waiting(self, asked_ns: int, first: bool) -> int:
        """The source has answered: returns when the picture was taken. That is when it was asked for, unless the
        display stood still: then it is of the moment in which it went on."""
        now_ns = self._clock.now_ns()
        self._looking_ns = None
        if now_ns - asked_ns < ANSWER_NS or first:
            return asked_ns
        self._troubles.begin("away", asked_ns, NO_ANSWER)
        self._troubles.end("away", now_ns)
        self._on_notice(Notice(f"the screen gave no picture for {(now_ns - asked_ns) / NS_PER_S:.1f} s", degrades=True))
        self._forget_looks()
        return now_ns

    def _forget_looks(self) -> None:
        """After an absence: what is new was not there half-way back into it, and no instant was missed by us."""
        self._grabbed_ns = None
        self._missed = 0
        self._was_away = True

    def _await_return(self, error: ScreenUnavailable | UnknownArea, stop: threading.Event) -> bool:
        """Say that the screen is away and look for it until it is back (True) or it is time to stop (False)."""
        lost_ns = self._clock.now_ns() if self._looking_ns is None else self._looking_ns
        self._looking_ns = None
        self._troubles.begin("away", lost_ns, str(error))
        text = f"the screen cannot be recorded now: {error}; its last picture stands until it is back"
        self._on_notice(Notice(text, error.hint, degrades=True))
        while not self._wait(stop, RETRY_S):
            self.turns += 1
            if self._returned():
                now_ns = self._clock.now_ns()
                self._troubles.end("away", now_ns)
                if self._fresh and self._waiting_ns is not None:
                    self._waiting_ns = self._picture_ns = now_ns  # what waited was overtaken by this look
                self._on_notice(Notice(f"the screen is recorded again, after {(now_ns - lost_ns) / NS_PER_S:.1f} s"))
                self._forget_looks()
                return True
            if self._waiting_ns is not None:
                self._hand_over(self._waiting_ns)
            else:
                self._repeat(self._clock.now_ns())
        return False

    def _returned(self) -> bool:
        """First by the source that there is (a window that was minimised has another title by now, perhaps)."""
        old, new = self._source, None
        assert old is not None
        try:
            self._see(old)
            return True
        except (ScreenUnavailable, UnknownArea):
            pass
        try:
            new = self._system.open(self._spec, self._cursor)
            self._see(new)
        except (ScreenUnavailable, UnknownArea):
            if new is not None:
                new.close()
            return False
        self._source = new
        old.close()
        return True

    def _end(self) -> None:
        self._looking_ns = None
        try:
            if self._waiting_ns is not None:
                self.last = self._frame(self._waiting_ns)
        finally:
            if self._source is not None:
                self._source.close()
