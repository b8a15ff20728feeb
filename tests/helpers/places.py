"""The places of the engine in which a thread may fail: one function each, by the thread that calls it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

When = Literal["first", "later", "end"]

_RUNNING: tuple[When, ...] = ("first", "later", "end")


@dataclass(frozen=True)
class Place:
    """A function, as `tests.helpers.bomb` names it, and when it is called: at its first call, later, at the end.

    `harmless`: what is recorded does not depend on it, so that the result may be called whole. `unnamed`: without it
    the file cannot get its name; it then stays where it was recorded, and the error says so.
    """

    target: str
    when: tuple[When, ...] = _RUNNING
    harmless: bool = False
    unnamed: bool = False


def _beginning(*targets: str) -> tuple[Place, ...]:
    return tuple(Place(target, ("first",)) for target in targets)


def _end(*targets: str, unnamed: bool = False) -> tuple[Place, ...]:
    return tuple(Place(target, ("end",), unnamed=unnamed) for target in targets)


MIX = (
    Place("capture.sound.mixer:Mixer.add", ("first", "later")),
    Place("capture.sound.mixer:Mixer.mix"),
    Place("capture.sound.mixer:Mixer.complete_until_ns", ("end",)),
    Place("capture.sound.mixer:Mixer.finish", ("end",)),
    Place("capture.pauses:PauseCutter.cut"),
    Place("capture.sound.meter:Meter.add"),
    Place("capture.session:Session.tell_levels", ("first", "later")),
    Place("capture.output.encoders:AudioEncoder.encode"),
    Place("capture.output.encoders:AudioEncoder.flush", ("end",)),
    Place("capture.channel:Channel.put_all@mix"),
    Place("capture.channel:Channel.get@mix", ("first", "later")),
)
SCREEN = (
    Place("capture.screen.mss_source:MssScreen.open", ("first",)),
    Place("capture.screen.mss_source:MssSource.grab", ("first", "later")),
    Place("capture.screen.mss_source:MssSource.close", ("end",)),
    Place("capture.screen.kept:KeptPicture.put", ("first", "later")),
    Place("capture.screen.sheets:Sheets.draw", ("first", "later")),
    Place("capture.screen.grab:ScreenGrabber._hand_over", ("first", "later")),
    Place("capture.screen.grab:Ticks.take", ("first", "later")),
)
ENCODE_VIDEO = (
    Place("capture.output.encoders:VideoEncoder.encode@encode-video"),
    Place("capture.output.encoders:VideoEncoder._encode"),
    Place("capture.output.encoders:VideoEncoder.flush", ("end",)),
    Place("capture.stages.video:VideoStage._take", ("first", "later")),
    Place("capture.stages.video:VideoStage._finish", ("end",)),
    Place("capture.channel:Channel.put_all@encode-video"),
    Place("capture.channel:Channel.get@encode-video", ("first", "later")),
)
WRITE = (
    Place("capture.output.output_file:OutputFile.write"),
    Place("capture.output.output_file:OutputFile._mux"),
    Place("capture.output.output_file:OutputFile.tick"),
    Place("capture.output.output_file:OutputFile._watch_space", ("first",)),
    Place("capture.output.part_file:PartFile._put@write"),
    Place("capture.output.part_file:PartFile.sync@write", ("end",)),
    Place("capture.output.part_file:PartFile.mark@write"),
    Place("capture.output.part_file:PartFile.hold_patches", ("end",)),
    Place("capture.output.part_file:PartFile.release_patches", ("end",)),
    Place("capture.channel:Channel.get@write"),
    *_end(
        "capture.output.output_file:OutputFile.close",
        "capture.output.output_file:OutputFile._close_container",
        "capture.output.placed_file:PlacedFile.give_name",
        "capture.output.part_file:rename_new",
        unnamed=True,
    ),
    *_end("capture.output.part_file:sync_folder@write", "capture.output.journal:forget"),
)
RECORDER = (
    Place("capture.recorder:Recorder._due_ns", ("first", "later")),
    Place("capture.recorder:Recorder._conduct", ("first",)),
    Place("capture.recorder:SilenceWatchdog.look", ("first", "later")),
    Place("capture.channel:Channel.get@recorder", ("first", "later")),
)
BEGINNING = (
    *_beginning(
        "capture.session:Session.__init__",
        "capture.session:Session.open",
        "capture.output.formats:plan",
        "capture.session:Session._open_screen",
        "capture.screen.grab:ScreenGrabber.prepare",
        "capture.session:Session._open_sound",
        "capture.session:Sources.open",
        "capture.session:Session._open_output",
        "capture.output.names:choose_place",
        "capture.output.output_file:OutputFile.open",
        "capture.output.placed_file:PlacedFile.create",
        "capture.output.part_file:lock",
        "capture.output.journal:note",
        "capture.output.output_file:OutputFile._start",
        "capture.output.output_file:add_audio_stream",
        "capture.output.output_file:add_video_stream",
        "capture.session:Sources.await_first_blocks",
        "capture.session:Session._begin",
        "capture.session:Session._await_first_picture",
        "capture.recorder:Recorder._first_sample",
        "capture.session:Session._make_mix",
        "capture.stages.picture_count:PictureCount.go_on",
    ),
)
END = _end(
    "capture.pauses:Pauses.finish",
    "capture.session:Session._end_screen",
    "capture.worker:Worker.stop",
    "capture.worker:Worker.join",
    "capture.stages.picture_count:PictureCount.stand_still",
    "capture.session:Session._await_encoder",
    "capture.recorder:summarise",
    "capture.session:Session.recorded_s",
)
STARTED = ("recorder", "grab-system", "screen", "mix", "encode-video", "write")
STARTS = _beginning(*(f"threading:Thread.start@{name}" for name in STARTED))
