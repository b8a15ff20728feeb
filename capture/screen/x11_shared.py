"""Pictures that the X server writes straight into memory of ours, where mss would make a copy of each.

A copy of a picture of 1920x1080 takes half a millisecond, most of it for new memory, which the system has to clear.
Uses private parts of mss (its binding of libxcb), hence its exact version in pyproject.toml.
"""

from __future__ import annotations

import logging
import mmap
import os
import weakref
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import mss
import numpy as np
from mss.exception import ScreenShotError
from mss.linux import xcb, xcbgen
from mss.linux.base import ALL_PLANES
from mss.linux.xshmgetimage import MSSImplXShmGetImage, ShmStatus

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = logging.getLogger(__name__)


class SharedMss:
    """As `mss.MSS` on X11; what it grabs stays as it is as long as anybody holds it.

    mss itself grabs where the server shares no memory, and what finds no room in that.
    """

    def __init__(self, display: str) -> None:
        self._sct = mss.MSS(display=display)
        self._memory: _SharedMemory | None = None
        self._tried = False

    @property
    def monitors(self) -> list[dict[str, Any]]:
        return self._sct.monitors

    @property
    def performance_status(self) -> list[str]:
        return self._sct.performance_status

    def grab(self, monitor: dict[str, int], /) -> Any:
        if not self._tried:
            self._tried = True
            self._memory = _attached(self._sct)
        raw = None if self._memory is None else self._memory.grab(monitor)
        if raw is None:
            return self._sct.grab(monitor)
        return SimpleNamespace(raw=raw, width=monitor["width"], height=monitor["height"])

    def close(self) -> None:
        self._memory = None
        self._sct.close()


def _attached(sct: mss.MSS) -> _SharedMemory | None:
    """Memory that the X server of `sct` writes into; None when it cannot."""
    sct.grab({"left": 0, "top": 0, "width": 1, "height": 1})  # after this mss knows whether the server shares memory
    backend = sct._impl
    if not isinstance(backend, MSSImplXShmGetImage) or backend.shm_status is not ShmStatus.AVAILABLE:
        return None
    try:
        return _SharedMemory(backend)
    except (ScreenShotError, OSError) as error:
        log.info("pictures are copied once more: %s", error)
        return None


class _SharedMemory:
    """Room for two pictures of the whole screen: one to be looked at while the server writes the next."""

    def __init__(self, backend: MSSImplXShmGetImage) -> None:
        assert backend.conn is not None
        self._connection, self._drawable = backend.conn, backend.drawable
        screen = backend.pref_screen
        self._room_bytes = screen.width_in_pixels * screen.height_in_pixels * 4
        descriptor = os.memfd_create("loopnote-pictures", os.MFD_CLOEXEC)
        try:
            os.ftruncate(descriptor, 2 * self._room_bytes)
            self._memory = mmap.mmap(descriptor, 2 * self._room_bytes)
        except BaseException:
            os.close(descriptor)
            raise
        self._segment = xcbgen.ShmSeg(xcb.generate_id(self._connection).value)
        # libxcb closes the descriptor, whether it succeeds or not.
        xcbgen.shm_attach_fd(self._connection, self._segment, descriptor, read_only=False)
        self._given: list[weakref.ref[Any] | None] = [None, None]

    def grab(self, area: dict[str, int]) -> NDArray[np.uint8] | None:
        """The bytes of the picture of `area`; None when neither room is free, or it is too small."""
        size_bytes = area["width"] * area["height"] * 4
        room = next((room for room, given in enumerate(self._given) if given is None or given() is None), None)
        if room is None or size_bytes > self._room_bytes:
            return None
        start = room * self._room_bytes
        xcbgen.shm_get_image(
            self._connection, self._drawable, area["left"], area["top"], area["width"], area["height"],
            ALL_PLANES, xcbgen.ImageFormat.ZPixmap, self._segment, start,
        )  # fmt: skip
        # Whatever is cut or shaped from an array keeps alive the one that refers to the memory itself: this.
        pixels = np.frombuffer(self._memory, np.uint8, size_bytes, start)
        self._given[room] = weakref.ref(pixels)
        return pixels
