"""The file being recorded: playable at any moment, synced, watched, and given its name only when it is whole."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from capture.clock import NS_PER_S
from capture.errors import DiskFull, OutputError
from capture.output import part_file, remux
from capture.output.encoders import AudioEncoder, VideoEncoder, add_audio_stream, add_video_stream
from capture.output.formats import FormatPlan
from capture.output.names import Place
from capture.output.part_file import PartFile, WriteFunction
from capture.output.picture_times import PictureTimes
from capture.output.placed_file import PlacedFile
from capture.output.still_picture import StillPicture
from capture.output.wav_sizes import WavSizes

if TYPE_CHECKING:
    from av.packet import Packet

log = logging.getLogger(__name__)

MEBIBYTE = 1024 * 1024
# Every recording carries it, from its header on (MP4 from its first half second on): so `recover` knows its own.
COMMENT = "Recorded with Loopnote"
# What must stay free: the rest of the system needs some, and closing needs little (see _INDEX_BYTES).
RESERVE_BYTES = 50 * MEBIBYTE
# What closing an MP4 or Matroska file appends, for each packet, at most (MP4: size, time and chunk, 24 bytes).
_INDEX_BYTES = 24
# A power cut may take 2 s: what was written since the last sync, and what encoder and container hold in memory (0.5 s).
SYNC_INTERVAL_S = 1.5
# How often free space is looked at: by time, and by bytes for a fast writer.
_SPACE_INTERVAL_NS = NS_PER_S
_SPACE_INTERVAL_BYTES = 8 * MEBIBYTE


class NearlyFull(DiskFull):
    """The disk is nearly full; what is there and what is on its way can still be saved whole."""

    can_continue = True


class OutputFile:
    """One recording's file. `open` in the thread that starts; then `write`, `tick` and `close` (or `abort`) in one
    thread.

    `tracks` are the titles of the sound tracks, one encoder each. `tags` are FFmpeg's names: title, date, comment.
    After `open`, `audio` and `video` hold the encoders, each for one thread of its own.
    """

    def __init__(
        self,
        place: Place,
        plan: FormatPlan,
        tracks: Sequence[str],
        video_size: tuple[int, int] | None,
        tags: Mapping[str, str],
        sync_interval_s: float = SYNC_INTERVAL_S,
        reserve_bytes: int = RESERVE_BYTES,
        write: WriteFunction = os.write,
    ) -> None:
        self.plan = plan
        self.audio: list[AudioEncoder] = []
        self.video: VideoEncoder | None = None
        self._file = PlacedFile(place, "video" if plan.video else "audio", write)
        self._tracks = list(tracks)
        self._video_size = video_size
        self._tags = dict(tags)
        self._sync_interval_ns = round(sync_interval_s * NS_PER_S)
        self._reserve_bytes = reserve_bytes
        self._container: Any = None
        self._part: PartFile | None = None
        self._packets = 0
        self._newest: dict[int, Packet[Any]] = {}  # by track
        self._header_bytes = 0
        self._synced_ns: int | None = None
        self._unsynced = False
        self._space_ns: int | None = None
        self._space_bytes = 0
        self._told_nearly_full = False
        self._cut_s: float | None = None
        self._wav: WavSizes | None = None
        self._still: StillPicture | None = None
        self._times: PictureTimes | None = None

    # --- beginning --------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Create the part file (0600) and write its header; on failure nothing is left behind.

        Blocks on the disk and to open the codecs, about 50 ms. Raises `OutputError` or its kinds.
        """
        folder = self.place.part.parent
        part_file.make_folder(folder, private=self.place.folder_is_ours)
        free_bytes = _free_bytes(folder)
        if free_bytes is not None and free_bytes < self._reserve_bytes:
            raise DiskFull(
                f"{folder}: {free_bytes // MEBIBYTE} MB are free, {self._reserve_bytes // MEBIBYTE} MB must stay so"
            )
        self._part = self._file.create()
        try:
            self._start(self._part)
        except BaseException:
            self.abort()
            raise

    def _start(self, part: PartFile) -> None:
        import av

        try:
            options = dict(self.plan.muxer_options)
            container = av.open(part, "w", format=self.plan.container, container_options=options)
            self._container = container
            container.metadata.update(_tags({"comment": COMMENT, **self._tags}))
            if self.plan.video is not None:
                assert self._video_size is not None
                picture = add_video_stream(container, self.plan.video, self._video_size)
                self.video = VideoEncoder(self.plan, picture, self._video_size)
                if self.plan.name in ("mp4", "webm"):
                    self._still = StillPicture(self.video, picture.index, always=self.plan.name == "webm")
                if self.plan.name == "mp4":
                    self._times = PictureTimes(picture.index, self.plan.video.fps)
            if self.plan.audio is not None:
                for title in self._tracks:
                    # A single track's title would stand in place of the file's, in Ogg.
                    sound = add_audio_stream(container, self.plan.audio, title if len(self._tracks) > 1 else "")
                    self.audio.append(AudioEncoder(self.plan, sound))
            container.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            raise OutputError(
                f"{self.place.final}: {self.plan.name} cannot be written here: {error}", "See: loopnote doctor"
            ) from error
        if self.plan.name == "wav":
            self._wav = WavSizes.find(part)
        self._mark()
        self._header_bytes = part.whole_bytes
        part.sync()
        self._raise_fault()
        part_file.sync_folder(self.place.part.parent)

    # --- while it runs ----------------------------------------------------------------------------------------------

    def write(self, packet: Packet[Any]) -> None:
        """Put a packet into the file. Blocks on the disk only.

        Raises `OutputError` (or `DiskFull`, with `can_continue` False) when the disk refused: what was written before
        stays playable and nothing more is written; `close` is still to be called.
        """
        self._raise_fault()
        for each in self._still.pass_on(packet) if self._still else [packet]:
            for timed in self._times.pass_on(each) if self._times else [each]:
                self._mux(timed)

    def _mux(self, packet: Packet[Any]) -> None:
        import av

        try:
            self._container.mux(packet)
        except av.FFmpegError as error:
            self._raise_fault()
            raise OutputError(f"{self.place.final}: a packet could not be written: {error.strerror}") from error
        self._packets += 1
        self._newest[packet.stream_index] = packet
        self._raise_fault()
        self._mark()

    def _mark(self) -> None:
        part = self._part
        assert part is not None
        if part.size_bytes != part.whole_bytes:
            self._unsynced = True
            part.mark()
            if self._wav is not None:
                self._wav.update(part)

    def tick(self, now_ns: int) -> None:
        """Sync and look at the free space when that is due; call it after each packet and at least twice a second.

        Blocks while the disk syncs, which can be seconds on a slow stick: give the packets' queue room for that.
        Raises `NearlyFull` once (stop now, everything can still be saved), `OutputError` when the disk refused.
        """
        part = self._part
        assert part is not None
        if self._synced_ns is None:
            self._synced_ns = now_ns
        # A little early: the next call may come half a second later.
        elif self._unsynced and now_ns - self._synced_ns >= self._sync_interval_ns * 3 // 4:
            self._synced_ns = now_ns
            self._unsynced = False
            part.sync()
        self._raise_fault()
        due = self._space_ns is None or now_ns - self._space_ns >= _SPACE_INTERVAL_NS
        if due or part.size_bytes - self._space_bytes >= _SPACE_INTERVAL_BYTES:
            self._space_ns, self._space_bytes = now_ns, part.size_bytes
            self._file.follow(part)
            self._watch_space()

    def _watch_space(self) -> None:
        free_bytes = _free_bytes(self.place.part.parent)
        if free_bytes is None or self._told_nearly_full:
            return
        if free_bytes < self._reserve_bytes + self._packets * _INDEX_BYTES:
            self._told_nearly_full = True
            raise NearlyFull(f"{self.place.part.parent}: the disk is nearly full ({free_bytes // MEBIBYTE} MB left)")

    @property
    def place(self) -> Place:
        """Where the file lies, and its name to be. Somebody may move it. Any thread."""
        return self._file.place

    @property
    def remarks(self) -> list[str]:
        """What is worth telling when the file is closed, such as another name; empty: nothing."""
        return self._file.remarks

    @property
    def size_bytes(self) -> int:
        """Bytes in the file so far. Any thread."""
        return self._part.size_bytes if self._part is not None else 0

    @property
    def length_s(self) -> float:
        """How long what was written is; of a closed file whose end the disk refused, how long that is. Any thread."""
        if self._cut_s is not None:
            return self._cut_s
        ends = (((p.pts or 0) + (p.duration or 0)) * p.time_base for p in list(self._newest.values()))
        return float(max(ends, default=0))

    @property
    def broken_off(self) -> bool:
        """Whether the disk refused the end of the file that was closed. Any thread."""
        return self._cut_s is not None

    @property
    def sound_waits(self) -> bool:
        """Whether no sound gets into the file before its first picture does (see still_picture.py). Any thread."""
        return self.plan.name == "webm" and self.video is not None and not self.video.given

    @property
    def finished(self) -> Path | None:
        """The file under its final name, from the moment at which it has that. Any thread."""
        return self._file.finished

    def _raise_fault(self) -> None:
        part = self._part
        if part is not None and part.fault is not None:
            error = part_file.explain(part.fault, self.place.part, "could not be written")
            raise error from part.fault

    # --- the end ----------------------------------------------------------------------------------------------------

    def close(self) -> Path:
        """Finish the file, bring it to the disk and give it its name; returns that.

        Never overwrites: when something took the name meanwhile, the next free one is used and `remarks` says so. After
        a failed write the file is closed as it was before it, playable, and keeps its content. Under a second however
        long the recording is (plus what the disk takes to sync). Raises `OutputError` when it could not be given its
        name; the part file then stays, for `loopnote recover`. Raises it too when the disk failed before anything that
        can be played was written; then there is no file.
        """
        part = self._part
        assert part is not None
        for step in (self._write_last_picture, part.hold_patches, lambda: self._close_container(part)):
            self._attempt(step)
        for step in (part.sync, part.release_patches, part.mark, part.sync):
            if part.fault is None:
                self._attempt(step)
        if part.fault is not None:
            part.cut_back()
            if part.whole_bytes <= self._header_bytes:
                self.abort()
                raise part_file.explain(part.fault, self.place.final, "could not be written")
            self.remarks.append(f"the end of the file could not be written: {part.fault.strerror}")
            part.sync()
            self._cut_s = self._measured_s()
        self._part = None
        part.give_up(OSError(0, "closed"))
        return self._file.give_name(part)

    def _measured_s(self) -> float | None:
        """How long the file is that was cut back; None when nobody can tell. What was given is not all in it."""
        try:
            return remux.end_s(self.place.part, self.length_s)
        except Exception:
            log.debug("measuring %s", self.place.part, exc_info=True)
            return None

    def _attempt(self, step: Callable[[], None]) -> None:
        """A step of the end. Should it raise, that is a remark: what is whole must get its name in any case."""
        try:
            step()
        except BaseException as error:
            log.debug("closing %s", self.place.part, exc_info=True)
            if self._part is None or self._part.fault is None:  # else that is told
                self.remarks.append(f"the end of the file may be missing: {type(error).__name__}: {error}")

    def _write_last_picture(self) -> None:
        for packet in self._times.end() if self._times else []:
            self._mux(packet)

    def _close_container(self, part: PartFile) -> None:
        container, self._container = self._container, None
        try:
            if container is not None:
                container.close()
        except BaseException as error:  # FFmpeg's, or a bug
            log.debug("closing %s", self.place.part, exc_info=True)
            part.give_up(OSError(0, f"{type(error).__name__}: {error}"))

    def abort(self) -> None:
        """Throw the recording away: the part file is removed. Never raises; may be called at any point, and twice."""
        part, self._part = self._part, None
        if part is None:
            return
        part.give_up(OSError(0, "aborted"))
        self._close_container(part)
        self._file.remove()


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags as every container takes them: a file's name, of which a title is made, may hold what is no Unicode."""
    return {key: value.encode("utf-8", "replace").decode().replace("\0", " ") for key, value in tags.items()}


def _free_bytes(folder: Path) -> int | None:
    """What this user may still write; None where nobody knows."""
    try:
        if hasattr(os, "statvfs"):
            state = os.statvfs(folder)
            # Some network and FUSE file systems answer with zeros.
            return state.f_bavail * state.f_frsize if state.f_blocks else None
        import shutil

        return shutil.disk_usage(folder).free
    except OSError:
        return None
