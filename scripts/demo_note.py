"""Plays a spoken note and shows its words, records both with `loopnote record`, and says how exactly the sound matches.

python scripts/demo_note.py [FILE]       python scripts/demo_note.py --check   (is there a display and a sound server?)
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np

WORDS = (
    "Hello! This is a voice note, spoken by a computer.",
    "Loopnote hears it as it plays, and keeps every second.",
    "One, two, three, four, five.",
    "That was all. Goodbye!",
)
RATE_HZ = 48_000
WINDOW = (960, 540)
# Blocks in which the note must be found again, and how alike they must be: AAC at the default quality gives 0.98 to
# 1.00 for speech; another sound, or the same sound elsewhere, gives less than 0.5.
BLOCK_S = 0.05
LEAD_IN_S = 0.5
ALIKE = 0.9
DEADLINE_S = 60.0


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--check"]:
        return _check()
    with tempfile.TemporaryDirectory(prefix="loopnote-demo-") as folder:
        sentences = _speak(Path(folder))
        result = _record(sentences, arguments[0] if arguments else None)
    if result is None:
        return 1
    note = np.concatenate(sentences)
    return _report(result, note)


def _check() -> int:
    """Exit code 0 when both are there; says what is missing."""
    from capture.errors import CaptureError
    from capture.screen.system import screen_system
    from capture.sound.system import sound_system

    missing = 0
    for ask in (lambda: screen_system().screens(), lambda: sound_system().devices()):
        try:
            ask()
        except CaptureError as error:
            sys.stdout.write(f"demo: {error}\n")
            missing += 1
    return 1 if missing else 0


def _speak(folder: Path) -> list[np.ndarray[Any, Any]]:
    """Each sentence as mono float32 at RATE_HZ, with a breath after it."""
    import soxr

    sentences = []
    for number, words in enumerate(WORDS):
        file = folder / f"{number}.wav"
        subprocess.run(["espeak-ng", "-w", str(file), "-s", "150", words], check=True, timeout=DEADLINE_S)
        with wave.open(str(file)) as spoken:
            rate_hz = spoken.getframerate()
            samples = np.frombuffer(spoken.readframes(spoken.getnframes()), np.int16).astype(np.float32) / 32768
        breath = np.zeros(round(0.25 * rate_hz), np.float32)
        sentences.append(soxr.resample(np.concatenate([samples, breath]), rate_hz, RATE_HZ))
    return sentences


def _record(sentences: list[np.ndarray[Any, Any]], file: str | None) -> dict[str, Any] | None:
    """Record while the note plays; returns what `--json` printed."""
    command = [sys.executable, "-m", "ui.cli", "record", *([file] if file else []), "--screen", "primary", "--json"]
    sys.stdout.write(f"demo: loopnote {' '.join(command[3:])}\n")
    window = NoteWindow()
    window.show("", 0.0)
    recorder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # `communicate` would read it too, and the last words would reach one of the two.
    said, recorder.stderr = recorder.stderr, None
    began, answered = threading.Event(), threading.Event()

    def relay(stream: Any) -> None:
        for line in stream:
            sys.stdout.write(f"  {line}")
            if line.startswith("recording "):
                began.set()
                answered.set()
        answered.set()  # it has ended, and said why

    reader = threading.Thread(target=relay, args=(said,), daemon=True)
    reader.start()
    answered.wait(DEADLINE_S)
    if not began.is_set():
        recorder.kill()
        recorder.wait(DEADLINE_S)
        return None
    _play(sentences, window)
    recorder.send_signal(signal.SIGINT)
    output, _ = recorder.communicate(timeout=DEADLINE_S)
    reader.join(DEADLINE_S)
    return json.loads(output) if output else None


def _play(sentences: list[np.ndarray[Any, Any]], window: NoteWindow) -> None:
    # A breath first: a speaker that was idle begins with the first sound, and what it had in hand for that moment is
    # lost (PulseAudio rewrites it for the ear, but not for those who listen in).
    lead_in = np.zeros(round(LEAD_IN_S * RATE_HZ), np.float32)
    note = np.concatenate([lead_in, *sentences, np.zeros(RATE_HZ // 2, np.float32)])
    ended = threading.Event()

    def sound() -> None:
        import soundcard

        # Half a second ahead of the speaker, and in a thread of its own, so that drawing never makes it stutter.
        with soundcard.default_speaker().player(RATE_HZ, channels=2, blocksize=RATE_HZ // 2) as player:
            player.play(np.repeat(note[:, None], 2, axis=1))
        ended.set()

    threading.Thread(target=sound, daemon=True).start()
    ends_s = np.cumsum([len(samples) for samples in sentences]) / RATE_HZ
    began_s = time.monotonic() + LEAD_IN_S
    while not ended.wait(0.1):
        at_s = time.monotonic() - began_s
        number = min(int(np.searchsorted(ends_s, at_s)), len(WORDS) - 1)
        window.show(WORDS[number], min(max(at_s / ends_s[-1], 0.0), 1.0))
        if at_s > ends_s[-1] + DEADLINE_S:
            raise TimeoutError("the note did not play to its end")


class NoteWindow:
    """A window with the words that are spoken and a bar that shows how far the note is."""

    def __init__(self) -> None:
        from Xlib import X, display

        self._display = display.Display()
        screen = self._display.screen()
        left = max(0, (screen.width_in_pixels - WINDOW[0]) // 2)
        top = max(0, (screen.height_in_pixels - WINDOW[1]) // 2)
        self._window = screen.root.create_window(
            left, top, *WINDOW, 0, screen.root_depth, X.InputOutput, X.CopyFromParent, background_pixel=0x20242C
        )
        self._window.set_wm_name("A voice note")
        self._window.map()
        self._context = self._window.create_gc()
        self._depth = screen.root_depth

    def show(self, words: str, done: float) -> None:
        import cv2
        from Xlib import X

        width, height = WINDOW
        picture = np.full((height, width, 4), (44, 36, 32, 255), np.uint8)
        font, light, accent = cv2.FONT_HERSHEY_DUPLEX, (235, 235, 235), (120, 200, 90)
        cv2.putText(picture, "A voice note is playing", (60, 90), font, 0.9, (160, 150, 145), 1, cv2.LINE_AA)
        for number, line in enumerate(_wrapped(words, 38)):
            cv2.putText(picture, line, (60, 220 + 60 * number), font, 1.2, light, 2, cv2.LINE_AA)
        cv2.line(picture, (60, 440), (width - 60, 440), (90, 80, 75), 8, cv2.LINE_AA)
        if done > 0:
            end = (60 + int((width - 120) * done), 440)
            cv2.line(picture, (60, 440), end, accent, 8, cv2.LINE_AA)
            cv2.circle(picture, end, 14, accent, -1, cv2.LINE_AA)
        rows = 64  # a request to the X server may hold 256 KiB
        for top in range(0, height, rows):
            part = picture[top : top + rows]
            self._window.put_image(self._context, 0, top, width, len(part), X.ZPixmap, self._depth, 0, part.tobytes())
        self._display.flush()


def _wrapped(words: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(words, width)


def _report(result: dict[str, Any], note: np.ndarray[Any, Any]) -> int:
    sound = _decode(Path(result["file"]))
    alike, start_s = _compare(sound, note)
    found = float(np.mean(alike >= ALIKE))
    size = os.stat(result["file"]).st_size  # noqa: PTH116 - the file may lie anywhere; only its size is asked
    video = result["video"]
    sys.stdout.write(
        f"\nfile     {result['file']}\n"
        f"length   {result['duration_s']:.2f} s, {size / 1e3:.0f} kB, {video['width']}x{video['height']}\n"
        f"sound    the note, {len(note) / RATE_HZ:.2f} s long, begins at {start_s:.3f} s; "
        f"{found:.1%} of it was found again, piece by piece\n"
        f"         (pieces of {BLOCK_S * 1000:.0f} ms; likeness: median {np.median(alike):.4f}, "
        f"least {alike.min():.4f})\n"
    )
    whole = found == 1.0 and not result["degraded"]
    sys.stdout.write("result   whole: nothing is missing\n" if whole else f"result   NOT whole: {result['degraded']}\n")
    return 0 if whole else 1


def _decode(file: Path) -> np.ndarray[Any, Any]:
    """The sound of a file as mono float32 at RATE_HZ, from the file's beginning."""
    import av

    parts: list[np.ndarray[Any, Any]] = []
    with av.open(str(file)) as container:
        to_mono = av.AudioResampler("flt", "mono", RATE_HZ)
        for frame in container.decode(audio=0):
            parts += [piece.to_ndarray().ravel() for piece in to_mono.resample(frame)]
    return np.concatenate(parts)


def _compare(sound: np.ndarray[Any, Any], note: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], float]:
    """Where the note lies in the sound (by cross-correlation), and how alike each piece is: 1 is the same."""
    length = 1 << (len(sound) + len(note)).bit_length()
    product = np.fft.irfft(np.fft.rfft(sound, length) * np.conj(np.fft.rfft(note, length)))
    start = int(np.argmax(product[: len(sound)]))
    size = round(BLOCK_S * RATE_HZ)
    alike = []
    for first in range(0, len(note) - size + 1, size):
        piece, found = note[first : first + size], sound[start + first : start + first + size]
        if np.abs(piece).max() < 0.01:
            continue  # a breath: nothing to recognise
        if len(found) < size:
            alike.append(0.0)
            continue
        norm = float(np.linalg.norm(piece) * np.linalg.norm(found))
        alike.append(float(piece @ found) / norm if norm else 0.0)
    return np.array(alike), start / RATE_HZ


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
