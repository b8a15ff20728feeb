"""Screens that change, go away, stand still and die while they are recorded."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.faults.frame import Fault, Ground, Outcome, let_pass, must_name
from tests.faults.judge import expect_all_sound
from tests.faults.pictures import Corner, Shown, find_pictures
from tests.helpers.desktop_scene import Scene, show
from tests.helpers.player import Playing, play
from tests.helpers.recording import Recording, record
from tests.helpers.signals import numbered
from tests.helpers.witness import Witness
from tests.helpers.witness import witness as listen
from virtual_desktop import SoundServer, VirtualDesktop

SOUND = numbered(40, seed=31)
# The picture goes on within this.
BACK_S = 1.0
# How far from its place a picture may be: half an interval between two looks, and what a busy machine adds.
PLACE_S = 0.1
# How far from the truth the beginning of an absence may be told.
TOLD_S = 0.3
# A frozen screen may hold up the stop by this at most; an ordinary one takes 0.2 s.
STOP_S = 1.5
# Slow enough that each picture stands for two looks at least, so that none falls between them.
FPS = 15
COUNTER = (640, 64)
ALONE = ("--no-system", "--no-cursor")


def screen_resized(ground: Ground) -> Outcome:
    """The screen becomes larger, then smaller than it was: all of it is fitted into the size of the beginning."""
    with (
        ground.desktop(screen=(800, 600)) as desktop,
        _counted(desktop, 0, 0) as scene,
        record(desktop, ground.folder / "a.mkv", *ALONE, "--screen", "all") as recording,
    ):
        let_pass(0.3 + ground.chance.random())
        larger = _during(recording, lambda: desktop.resize_screen(1280, 720))
        let_pass(1.2)
        smaller = _during(recording, lambda: desktop.resize_screen(640, 400))
        let_pass(1.2)
        result = recording.stop(expect=None)
    # 1280x720 becomes 800x450 in the middle of 800x600, 640x400 becomes 800x500.
    before, grown, shrunk = find_pictures(
        recording.file,
        recording.began_ns,
        [(scene, Corner()), (scene, Corner(0, 75, 0.625)), (scene, Corner(0, 50, 1.25))],
    )
    outcome = Outcome(playable=True)
    end_s = recording.stopped_s
    _expect_back(outcome, grown, larger[1])
    _expect_back(outcome, shrunk, smaller[1])
    _expect_kept(outcome, result, before, (0, larger[0]))
    _expect_kept(outcome, result, grown, (larger[1] + (outcome.back_s or 0), smaller[0]))
    _expect_kept(outcome, result, shrunk, (smaller[1] + (outcome.back_s or 0), end_s))
    must_name(outcome, result, "1280x720")
    outcome.expect("640x400" in outcome.said, "the second size is not named")
    return outcome


def monitor_gone(ground: Ground) -> Outcome:
    """The monitor that is recorded is unplugged and comes back: the primary one stands in for it meanwhile."""
    with (
        ground.desktop(screen=(1300, 600)) as desktop,
        _counted(desktop, 0, 200, first=5000) as left,
        _counted(desktop, 640, 0) as right,
    ):
        desktop.xrandr("--setmonitor", "left", "640/160x600/150+0+0", "screen")
        plug_in = ("--setmonitor", "right", "660/160x600/150+640+0", "none")
        desktop.xrandr(*plug_in)
        with record(desktop, ground.folder / "a.mkv", *ALONE, "--screen", "2") as recording:
            let_pass(0.3 + ground.chance.random())
            gone = _during(recording, lambda: desktop.xrandr("--delmonitor", "right"))
            let_pass(1.2)
            back = _during(recording, lambda: desktop.xrandr(*plug_in))
            let_pass(1.2)
            result = recording.stop(expect=None)
    # The left one, 640 pixels wide, lies in the middle of 660.
    own, other = find_pictures(recording.file, recording.began_ns, [(right, Corner()), (left, Corner(10, 200))])
    outcome = Outcome(playable=True)
    end_s = recording.stopped_s
    _expect_back(outcome, other, gone[1])
    _expect_back(outcome, own, back[1])
    _expect_kept(outcome, result, own, (0, gone[0]))
    _expect_kept(outcome, result, other, (gone[1] + (outcome.back_s or 0), back[0]))
    _expect_kept(outcome, result, own, (back[1] + (outcome.back_s or 0), end_s))
    must_name(outcome, result, "screen 2")
    return outcome


def window_closed(ground: Ground) -> Outcome:
    """The recorded window is closed, and one of its name opens later: what lies behind it is never shown."""
    with (
        ground.desktop(screen=(1000, 600)) as desktop,
        show(desktop, "static", area=(0, 0, 1000, 600), count=6000, title="Behind"),
        contextlib.ExitStack() as first_window,
    ):
        first = first_window.enter_context(_counted(desktop, 200, 100, title="Shown one"))
        with record(desktop, ground.folder / "a.mkv", *ALONE, "--screen", "window:shown") as recording:
            let_pass(0.3 + ground.chance.random())
            closed = _during(recording, first_window.close)
            let_pass(0.3 + ground.chance.random())
            opening_s = recording.now_s
            with _counted(desktop, 220, 150, title="Shown two", first=5000) as second:
                opened_s = recording.now_s
                let_pass(1.2)
                end_s = recording.now_s
                result = recording.stop(expect=None)
    one, two = find_pictures(recording.file, recording.began_ns, [(first, Corner()), (second, Corner())])
    outcome = Outcome(playable=True)
    _expect_back(outcome, two, opened_s)
    _expect_kept(outcome, result, one, (0, closed[0]))
    _expect_kept(outcome, result, two, (opened_s + (outcome.back_s or 0), end_s))
    strange_s = [at_s for at_s in sorted(set(one.without_s) & set(two.without_s)) if at_s < opening_s]
    outcome.expect(not strange_s, f"something else is shown at {strange_s}")
    must_name(outcome, result, "was closed")
    _expect_length(outcome, result, closed[0], opened_s + (outcome.back_s or 0))
    return outcome


def x_server_dies(ground: Ground) -> Outcome:
    """The X server is killed and stays away: the sound goes on to the stop, the picture is there until the death."""
    with _with_sound(ground) as (desktop, playing, witness, scene, recording):
        let_pass(0.5 + ground.chance.random())
        killed = _during(recording, desktop.kill_screen)
        let_pass(1.0 + ground.chance.random())
        result = recording.stop(expect=None)
    outcome, (film,) = _heard_and_seen(recording, playing, witness, scene)
    _expect_kept(outcome, result, film, (0, killed[0]))
    must_name(outcome, result, "display", "screen")
    _expect_length(outcome, result, killed[1], recording.stopped_s)
    return outcome


def x_server_restarts(ground: Ground) -> Outcome:
    """The X server is killed, and another started under its name: the sound goes on, the picture comes back."""
    with _with_sound(ground) as (desktop, playing, witness, first, recording):
        let_pass(0.3 + ground.chance.random())
        killed = _during(recording, desktop.kill_screen)
        let_pass(0.3 + ground.chance.random())
        desktop.start_screen(800, 600)
        started_s = recording.now_s
        with _counted(desktop, 0, 0, first=5000) as second:
            let_pass(1.2)
            result = recording.stop(expect=None)
    outcome, (one, two) = _heard_and_seen(recording, playing, witness, first, second)
    _expect_back(outcome, two, started_s)
    _expect_kept(outcome, result, one, (0, killed[0]))
    _expect_kept(outcome, result, two, (started_s + (outcome.back_s or 0), recording.stopped_s))
    must_name(outcome, result, "display", "screen")
    _expect_length(outcome, result, killed[1], started_s)
    return outcome


def x_server_freezes(ground: Ground) -> Outcome:
    """The X server answers nothing for 3 s: the sound goes on, and so does the picture after it."""
    with _with_sound(ground) as (desktop, playing, witness, scene, recording):
        let_pass(0.3 + ground.chance.random())
        frozen = _during(recording, desktop.freeze_screen)
        let_pass(3.0)
        thawed = _during(recording, desktop.thaw_screen)
        let_pass(1.2)
        result = recording.stop(expect=None)
    outcome, (film,) = _heard_and_seen(recording, playing, witness, scene)
    _expect_back(outcome, film, thawed[1])
    _expect_kept(outcome, result, film, (0, frozen[0]))
    _expect_kept(outcome, result, film, (thawed[1] + (outcome.back_s or 0), recording.stopped_s))
    must_name(outcome, result, "gave no picture")
    _expect_length(outcome, result, frozen[0], thawed[1])
    return outcome


def x_server_frozen_at_stop(ground: Ground) -> Outcome:
    """The X server answers nothing from some moment to the stop: the stop waits for it no longer than a moment."""
    with _with_sound(ground) as (desktop, playing, witness, scene, recording):
        let_pass(0.5 + ground.chance.random())
        frozen = _during(recording, desktop.freeze_screen)
        let_pass(0.7 + ground.chance.random())
        result = recording.stop(expect=None)
        stopping_s = (time.monotonic_ns() - recording.stopped_ns) / 1e9
    outcome, (film,) = _heard_and_seen(recording, playing, witness, scene)
    _expect_kept(outcome, result, film, (0, frozen[0]))
    outcome.expect(stopping_s <= STOP_S, f"stopping took {stopping_s:.2f} s")
    must_name(outcome, result, "gave no picture")
    _expect_length(outcome, result, frozen[0], recording.stopped_s)
    return outcome


def _counted(
    desktop: VirtualDesktop, left: int, top: int, title: str | None = None, first: int = 1
) -> contextlib.AbstractContextManager[Scene]:
    """Pictures that count up from `first`, at that place of the screen, for longer than any run."""
    area = (left, top, *COUNTER)
    return show(desktop, "counter", area=area, fps=FPS, count=1000, title=title, first=first)


@contextlib.contextmanager
def _with_sound(ground: Ground) -> Iterator[tuple[VirtualDesktop, Playing, Witness, Scene, Recording]]:
    """A desktop on which something sounds and something is shown, and both are recorded."""
    with (
        ground.desktop(screen=(800, 600)) as desktop,
        play(desktop, SOUND) as playing,
        listen(desktop) as witness,
        _counted(desktop, 0, 0) as scene,
        record(desktop, ground.folder / "a.mp4", "--no-cursor", "--screen", "all") as recording,
    ):
        yield desktop, playing, witness, scene, recording


def _heard_and_seen(
    recording: Recording, playing: Playing, witness: Witness, *scenes: Scene
) -> tuple[Outcome, list[Shown]]:
    """The outcome, to which all sound is expected to be there, and what the file shows of each scene."""
    films = find_pictures(recording.file, recording.began_ns, [(scene, Corner()) for scene in scenes])
    outcome = Outcome(playable=True)
    expect_all_sound(outcome, recording, SOUND, playing, witness)
    return outcome, films


def _during(recording: Recording, action: Callable[[], object]) -> tuple[float, float]:
    """Do it; returns when it began and when it was done, in seconds of the recording."""
    began_s = recording.now_s
    action()
    return began_s, recording.now_s


def _expect_back(outcome: Outcome, film: Shown, after_s: float) -> None:
    """The picture is recorded again, soon: after that, or once there is one."""
    shown_s = min((at_s for at_s in film.shown_s.values() if at_s >= after_s), default=after_s)
    back_s = max(0.0, film.first_seen_s(after_s) - shown_s)
    outcome.back_s = max(outcome.back_s or 0.0, back_s)
    outcome.expect(back_s <= BACK_S, f"the picture is back after {back_s:.2f} s")


def _expect_kept(outcome: Outcome, result: dict[str, Any], film: Shown, stretch: tuple[float, float]) -> None:
    """Nothing of that stretch is out of its place, nor lost without being counted (a busy machine may lose some)."""
    from_s, to_s = stretch
    lost = film.lost(from_s + PLACE_S, to_s - PLACE_S)
    outcome.video_lost_s = (outcome.video_lost_s or 0.0) + len(lost) / FPS
    told = f"{len(lost)} between {from_s:.2f} and {to_s:.2f} s"
    outcome.expect(len(lost) <= result["video"]["dropped"], f"pictures are lost and not counted: {told}")
    off_s = film.off_s(from_s + PLACE_S, to_s - PLACE_S)
    outcome.expect(off_s <= PLACE_S, f"a picture is {1000 * off_s:.0f} ms from its place")


def _expect_length(outcome: Outcome, result: dict[str, Any], from_s: float, to_s: float) -> None:
    """The result tells where the picture stood, and for how long."""
    gaps = result["video"].get("gaps", [])
    outcome.expect(len(gaps) == 1, f"{len(gaps)} gaps of the picture are told: {gaps}")
    for gap in gaps:
        begin_s, end_s = gap["at_s"], gap["at_s"] + gap["length_s"]
        told = f"told from {begin_s:.2f} to {end_s:.2f} s, was from {from_s:.2f} to {to_s:.2f} s"
        outcome.expect(abs(begin_s - from_s) <= TOLD_S and -TOLD_S <= end_s - to_s <= BACK_S, told)


NONE: tuple[SoundServer, ...] = ("none",)
FAULTS = (
    Fault("screen resized, larger and smaller", screen_resized, sound=NONE, quick=NONE),
    Fault("monitor gone and back", monitor_gone, sound=NONE, quick=NONE),
    Fault("recorded window closed and opened again", window_closed, sound=NONE, quick=NONE),
    Fault("X server dies", x_server_dies, quick=("pulse",)),
    Fault("X server dies and is started again", x_server_restarts, quick=("pipewire",)),
    Fault("X server frozen for 3 s", x_server_freezes, quick=("pulse",)),
    Fault("X server frozen until the stop", x_server_frozen_at_stop, quick=("pipewire",)),
)
