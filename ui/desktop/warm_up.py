"""Loads what a recording needs as soon as the application stands, so that the first click is followed as soon as any.

On a busy computer the libraries take seconds to load, of which a note would be missing. They take about 30 MB, which
the first recording would take anyway.
"""

from __future__ import annotations

import importlib
import logging
import sys
import threading

log = logging.getLogger(__name__)

# Not soundcard, which would connect to the sound server: that belongs to a recording.
_MODULES = (
    "numpy", "av", "soxr", "_cffi_backend", "cffi.cparser", "pulsectl", "importlib.metadata", "platformdirs",
    "capture.session", "capture.result", "capture.output.encoders", "capture.output.output_file",
    "capture.sound.mixer", "capture.sound.system", *(("capture.sound.pulse",) if sys.platform == "linux" else ()),
)  # fmt: skip


class WarmUp:
    """Does it in a thread. `end` is for the end of the process, which must not come in the middle of a library."""

    def __init__(self) -> None:
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="warm-up", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Load no more; waits for the library that is being loaded, for 5 s at most."""
        self._is_over = True
        self._thread.join(5.0)

    def _run(self) -> None:
        for name in _MODULES:
            if self._is_over:
                return
            try:
                importlib.import_module(name)
            except Exception:  # whatever it is, the recording that needs it will tell
                log.debug("%s is not loaded", name, exc_info=True)
