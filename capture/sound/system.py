"""The way to this computer's sound, chosen when it is asked for."""

from __future__ import annotations

import sys

from capture.errors import CaptureError
from capture.sound.source import SoundSystem


def sound_system() -> SoundSystem:
    """This computer's sound. Raises `CaptureError` where Loopnote knows no way to it."""
    if sys.platform == "win32":
        from capture.sound.windows import WindowsSound

        return WindowsSound()
    if sys.platform == "darwin":
        from capture.sound.macos import MacSound

        return MacSound()
    if sys.platform.startswith("linux"):
        from capture.sound.pulse import PulseSound

        return PulseSound()
    raise CaptureError(f"Loopnote cannot record sound on {sys.platform} yet", "Record the screen only: --no-system.")
