"""The recorders that are compared: how each is started on the same work, when it has begun, how it is stopped.

All write H.264 by x264, and AAC at 160 kbit/s; without a screen Opus at 96 kbit/s (the others at complexity 10, which
is their own choice, Loopnote at 7: the same within 0.1 dB, see capture/output/formats.py). The others' settings are the
best that were found for them: with ffmpeg's own thread queues and pulse fragments it keeps a quarter of the pictures.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import virtual_sound
from virtual_desktop import VirtualDesktop

ROOT = Path(__file__).resolve().parents[2]
_BEGIN_S = 30.0
_END_S = 30.0
_LOOK_S = 0.02
_MONITOR = "@DEFAULT_MONITOR@"


@dataclass(frozen=True)
class Job:
    """What is to be recorded, and where. `fps` is None for sound alone; the folder is empty and the recorder's own."""

    desktop: VirtualDesktop
    folder: Path
    width: int = 0
    height: int = 0
    fps: int | None = None

    @property
    def file(self) -> Path:
        return self.folder / ("recording.opus" if self.fps is None else "recording.mp4")


@dataclass
class Running:
    """A recorder at work. `processes` are those that belong to it; `began` tells whether anything is in its file."""

    processes: list[subprocess.Popen[str]]
    began: Callable[[], bool]
    ask_to_stop: Callable[[], None]
    log: Path
    started_s: float = field(default_factory=time.monotonic)

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.processes]

    def wait_until_begun(self, look_s: float = _LOOK_S) -> float:
        """Returns how long it took, in seconds."""
        while not self.began():
            if any(process.poll() is not None for process in self.processes):
                raise RuntimeError(f"the recorder ended at once: {self._last_words()}")
            if time.monotonic() - self.started_s > _BEGIN_S:
                raise RuntimeError(f"the recorder did not begin within {_BEGIN_S:.0f} s: {self._last_words()}")
            time.sleep(look_s)
        return time.monotonic() - self.started_s

    def stop(self) -> float:
        """Ask for the end and wait for it; returns how long that took, in seconds."""
        asked_s = time.monotonic()
        self.ask_to_stop()
        for process in self.processes:
            process.wait(_END_S)
        return time.monotonic() - asked_s

    def kill(self) -> None:
        """End it whatever it does."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait(10)
            if process.stdin is not None:
                process.stdin.close()

    def _last_words(self) -> str:
        return " / ".join(self.log.read_text(errors="replace").strip().splitlines()[-3:])


def loopnote(job: Job) -> Running:
    """Loopnote with its defaults; beside them only what is asked of all: the screen and its rate."""
    command = [sys.executable, "-m", "ui.cli", "record", str(job.file)]
    if job.fps is not None:
        command += ["--screen", "all", "--fps", str(job.fps)]
    env = {**job.desktop.env, "PYTHONPATH": str(ROOT)}
    env.pop("LOOPNOTE_DEBUG", None)
    log = job.folder / "log"
    process = _start(job, command, log, env)
    return Running(
        [process], lambda: "\nrecording " in "\n" + log.read_text(), lambda: process.send_signal(signal.SIGINT), log
    )


def ffmpeg(job: Job) -> Running:
    """FFmpeg's own program."""
    queue = ["-thread_queue_size", "512"]
    command = ["ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning"]
    progress = job.folder / "progress"
    command += ["-progress", str(progress)]
    if job.fps is not None:
        command += [*queue, "-f", "x11grab", "-framerate", str(job.fps), "-video_size", f"{job.width}x{job.height}"]
        command += ["-i", job.desktop.env["DISPLAY"]]
    command += [*queue, "-f", "pulse", *(["-fragment_size", "3840"] if job.fps is not None else []), "-i", _MONITOR]
    if job.fps is not None:
        command += ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "23", "-pix_fmt", "yuv420p"]
        command += ["-c:a", "aac", "-b:a", "160k"]
    else:
        command += ["-c:a", "libopus", "-b:a", "96k"]
    log = job.folder / "log"
    process = _start(job, [*command, str(job.file)], log)

    def began() -> bool:
        words = progress.read_text() if progress.exists() else ""
        return any(line[12:].isdigit() and int(line[12:]) > 0 for line in words.split() if line[:12] == "out_time_ms=")

    return Running([process], began, lambda: process.send_signal(signal.SIGINT), log)


def ssr(job: Job) -> Running:
    """SimpleScreenRecorder, with its window hidden."""
    settings, stats, log = job.folder / "settings.conf", job.folder / "stats", job.folder / "log"
    settings.write_text(_SSR.format(fps=job.fps, file=job.file, source=f"{virtual_sound.SINK_NAME}.monitor"))
    command = ["simplescreenrecorder", f"--settingsfile={settings}", f"--statsfile={stats}", "--no-systray"]
    process = _start(job, [*command, "--start-hidden", "--start-recording"], log)

    def began() -> bool:
        words = stats.read_text().split() if stats.exists() else []
        return "total_time" in words and words[words.index("total_time") + 1] != "0"

    def stop() -> None:
        assert process.stdin is not None
        process.stdin.write("record-save\nquit\n")
        process.stdin.flush()

    return Running([process], began, stop, log)


def parec(job: Job) -> Running:
    """PulseAudio's own recorder, piped into Opus's own encoder. Sound alone."""
    log = job.folder / "log"
    source = ["parec", "-d", _MONITOR, "--format=s16le", "--rate=48000", "--channels=2"]
    encoder = ["opusenc", "--quiet", "--raw", "--raw-rate", "48000", "--bitrate", "96", "-", str(job.file)]
    read_end, write_end = os.pipe()
    try:
        processes = [
            _start(job, source, log, stdout=write_end),
            _start(job, encoder, log, stdin=read_end),
        ]
    finally:
        os.close(read_end)
        os.close(write_end)

    def began() -> bool:
        return job.file.exists() and job.file.stat().st_size > 1000

    return Running(processes, began, lambda: processes[0].send_signal(signal.SIGINT), log)


def nothing(job: Job) -> Running:
    """No recorder: what the scene and the sound cost by themselves."""
    return Running([], lambda: True, lambda: None, job.folder / "log")


SCREEN: dict[str, Callable[[Job], Running]] = {"nothing": nothing, "loopnote": loopnote, "ffmpeg": ffmpeg, "ssr": ssr}
SOUND: dict[str, Callable[[Job], Running]] = {
    "nothing": nothing,
    "loopnote": loopnote,
    "ffmpeg": ffmpeg,
    "parec": parec,
}
# What each recorder, and the bench itself, needs.
PROGRAMS = {
    "nothing": ("pacat",),
    "loopnote": (),
    "ffmpeg": ("ffmpeg",),
    "ssr": ("simplescreenrecorder",),
    "parec": ("parec", "opusenc"),
}


def missing(names: list[str]) -> list[str]:
    """The programs that are not there, of those that these recorders need."""
    return [program for name in names for program in PROGRAMS[name] if shutil.which(program) is None]


# The names as SimpleScreenRecorder 0.4 writes them itself. The preset is a number: 0 is ultrafast.
_SSR = """
[welcome]
skip_page=true
[input]
video_area=screen
video_area_screen=0
video_frame_rate={fps}
video_scale=false
video_record_cursor=true
audio_enabled=true
audio_backend=pulseaudio
audio_pulseaudio_source={source}
[output]
file={file}
separate_files=false
add_timestamp=false
container=mp4
video_codec=h264
video_h264_crf=23
video_h264_preset=0
video_allow_frame_skipping=true
audio_codec=aac
audio_kbit_rate=160
[record]
hotkey_enable=false
sound_notifications_enable=false
show_recording_area=false
"""


def _start(
    job: Job,
    command: list[str],
    log: Path,
    env: dict[str, str] | None = None,
    stdin: int = subprocess.PIPE,
    stdout: int | None = None,
) -> subprocess.Popen[str]:
    with log.open("a") as file:
        return subprocess.Popen(
            command,
            env=env or job.desktop.env,
            stdin=stdin,
            stdout=file if stdout is None else stdout,
            stderr=file,
            text=True,
            cwd=job.folder,
        )
