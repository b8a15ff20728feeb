"""The desktop application: what a person sees and clicks. Qt is imported here and nowhere else.

    [recorder threads] ── events ──▶ bridge ── signals ──▶ application ──▶ face ──▶ tray, menu, panel, window, reports
    [control threads] ─── asked ───▶ bridge ── signals ──▶ application
    [hotkeys thread] ─── asked ────▶ bridge ── signals ──▶ application
    what is clicked ── signals ──▶ face ──▶ application ──▶ Instance (ui/instance.py) ──▶ Recorder

All else in this folder runs in the main thread, but for hotkeys/ and what `background` asks (devices, free space). The
state is the recorder's; what is drawn is drawn from it. What the next recording is to be is in `choice`.
"""

from __future__ import annotations

import os
import sys

from capture.errors import ScreenUnavailable


def run() -> int:
    """The application, until it is quit; or the first instance is brought forward. Returns the exit code.

    Raises `ScreenUnavailable` where there is no display: Qt would end the process.
    """
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise ScreenUnavailable(
            "there is no display for the application", "Start it inside a desktop session, or use: loopnote record"
        )
    from ui.desktop.application import run as run_application

    return run_application()
