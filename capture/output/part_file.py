"""The file on disk while it is being recorded: private, locked, and consistent whatever fails.

FFmpeg writes through `PartFile` (as a Python file object), so that the mode, the sync, the byte count and above all the
behaviour after a failed write are ours.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from capture.errors import DiskFull, FileTaken, OutputError

log = logging.getLogger(__name__)

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_BINARY = getattr(os, "O_BINARY", 0)  # Windows only
_LOCKED_BYTE = 1 << 62
# What a file system without hard links answers.
_NO_LINKS_ERRNOS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EINVAL}
_COPY_BYTES = 1 << 20
# What says that another process has the lock; anything else means a file system without locks.
_LOCKED_ERRNOS = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
_LOCK_STEP_S = 0.01
_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

WriteFunction = Callable[[int, bytes | memoryview], int]


class PartFile:
    """A file object for FFmpeg's muxer over a descriptor of our own. One thread at a time.

    It never raises in `write` or `seek`: FFmpeg drops everything after a failed write, the end of the file included,
    and would leave whatever stood half-written. Instead the first fault is kept in `fault`, and from then on nothing
    reaches the disk. `mark()` notes that what was written so far is whole; `cut_back()` returns to that.
    """

    def __init__(self, descriptor: int, write: WriteFunction = os.write) -> None:
        self.fault: OSError | None = None
        self.size_bytes = 0  # where the file ends
        self.whole_bytes = 0  # up to here it is whole
        self._descriptor = descriptor
        self._write = write
        self._position = 0
        self._patches: list[tuple[int, bytes]] | None = None
        self._is_patched = False  # patches were made that could not be taken back

    # --- what FFmpeg calls ------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> int:
        try:
            if self._patches is not None and self._position < self.whole_bytes:
                self._patches.append((self._position, bytes(data)))
            else:
                self._put(self._position, data)
        except BaseException as bug:  # PyAV would take one that is no Exception for "0 bytes written", again and again
            log.debug("writing", exc_info=True)
            self.fault = OSError(0, f"{type(bug).__name__}: {bug}")
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size_bytes}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    # --- what the owner calls ---------------------------------------------------------------------------------------

    def mark(self) -> None:
        """What was written so far can be played."""
        if self.fault is None:
            self.whole_bytes = self.size_bytes

    def read(self, position: int, length: int) -> bytes:
        """What is in the file there, as far as it can be read."""
        return _read_at(self._descriptor, position, length)[0]

    def patch(self, position: int, data: bytes) -> None:
        """Overwrite bytes near the start, at once."""
        self._put(position, data)

    def hold_patches(self) -> None:
        """From now on keep back what is written over the whole part, until `release_patches`.

        The end of a file is appended first and made valid by a change near its start. Should a power cut bring the
        change to the disk and not what it points to, the file would be lost; so a sync goes between the two.
        """
        self._patches = []

    def release_patches(self) -> None:
        """Make the changes that were kept back: all of them or, as far as the disk lets us, none."""
        patches, self._patches = self._patches or [], None
        replaced: list[tuple[int, bytes]] = []
        for position, data in patches:
            old = self.read(position, len(data))
            replaced.append((position, old[: self._put(position, data)]))
        if self.fault is not None:
            errors = [self._write_at(self._descriptor, *old)[1] for old in reversed(replaced) if old[1]]
            self._is_patched = any(errors)

    def cut_back(self) -> None:
        """Take away what was written after the last `mark`, such as half a packet."""
        self._patches = None
        if self._is_patched:
            return  # the changed start points to the end that would be cut off
        try:
            os.ftruncate(self._descriptor, self.whole_bytes)
            self.size_bytes = self.whole_bytes
        except OSError as error:
            self.fault = self.fault or error

    def give_up(self, fault: OSError) -> None:
        """Let nothing more reach the disk."""
        self.fault = self.fault or fault

    def sync(self) -> None:
        """Bring everything to the disk; blocks as long as that takes. A failure is kept as `fault`."""
        try:
            sync(self._descriptor)
        except OSError as error:
            self.fault = self.fault or error

    def move_to(self, descriptor: int) -> None:
        """Go on in another, empty file, after everything that can be read was copied into it and synced.

        What cannot be read any more is missing there, with all that came after it; then that is the `fault`. Raises
        OSError when the new file cannot be written; then it is as if nothing had happened.
        """
        copied_bytes, unreadable = 0, None
        while copied_bytes < self.size_bytes and unreadable is None:
            piece_bytes = min(_COPY_BYTES, self.size_bytes - copied_bytes)
            data, unreadable = _read_at(self._descriptor, copied_bytes, piece_bytes)
            written, error = self._write_at(descriptor, copied_bytes, data)
            if error is not None:
                raise error
            copied_bytes += written
        sync(descriptor)
        self._descriptor = descriptor
        self.fault = self.fault or unreadable
        self.size_bytes = copied_bytes
        self.whole_bytes = min(self.whole_bytes, copied_bytes)

    def _put(self, position: int, data: bytes) -> int:
        """Write; a failure is kept as `fault`. Returns how many bytes were written."""
        if self.fault is not None:
            return 0
        written, self.fault = self._write_at(self._descriptor, position, data)
        self.size_bytes = max(self.size_bytes, position + written)
        return written

    def _write_at(self, descriptor: int, position: int, data: bytes) -> tuple[int, OSError | None]:
        """How many bytes were written, and why not all."""
        rest = memoryview(data)
        try:
            os.lseek(descriptor, position, os.SEEK_SET)
            while rest:
                count = self._write(descriptor, rest)
                if count <= 0:
                    raise OSError(errno.EIO, "nothing was written")
                rest = rest[count:]
        except OSError as error:
            return len(data) - len(rest), error
        return len(data), None


def _read_at(descriptor: int, position: int, length: int) -> tuple[bytes, OSError | None]:
    """What could be read, and why not all."""
    data = b""
    try:
        os.lseek(descriptor, position, os.SEEK_SET)
        while len(data) < length:
            piece = os.read(descriptor, length - len(data))
            if not piece:
                raise OSError(errno.EIO, "the file is shorter than what was written")
            data += piece
    except OSError as error:
        return data, error
    return data, None


def create_private(path: Path) -> int:
    """Create `path` for this user alone and open it; never follows a link, never opens what is there.

    Raises FileExistsError, so that the caller can try the next name; everything else as `OutputError`.
    """
    try:
        descriptor = os.open(path, _FLAGS | _BINARY, 0o600)
    except FileExistsError:
        raise
    except OSError as error:
        raise explain(error, path.parent, "cannot be written to") from error
    if hasattr(os, "fchmod"):
        try:
            os.fchmod(descriptor, 0o600)  # whatever the umask took away
        except OSError:
            pass  # FAT has no modes, and refuses
    return descriptor


def make_folder(folder: Path, private: bool) -> None:
    """Make `folder` and those above it that are missing, each private and for good: a power cut takes none away again.

    With `private` also close one that is there. Raises `OutputError`.
    """
    try:
        missing = [f for f in (folder, *folder.parents) if not f.exists()]
        for each in reversed(missing):
            each.mkdir(mode=0o700, exist_ok=True)
            sync_folder(each.parent)
        if private and hasattr(os, "getuid"):
            state = folder.stat()
            if state.st_uid == os.getuid() and stat.S_IMODE(state.st_mode) & 0o077:
                folder.chmod(0o700)
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    except OSError as error:
        raise explain(error, folder, "cannot be used as a folder") from error


def find(descriptor: int, believed: Path) -> Path | None:
    """Where the open file lies: at `believed`, or where it was moved to; None when it was removed or nobody knows."""
    if os.name == "nt" or _is_at(descriptor, believed):  # Windows moves and removes nothing that is open
        return believed
    try:
        if sys.platform == "darwin":
            import fcntl

            found = Path(os.fsdecode(fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0")))
        else:
            found = Path(f"/proc/self/fd/{descriptor}").readlink()
    except OSError:
        return None
    return found if _is_at(descriptor, found) else None


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except OSError:
        return False


def lock(descriptor: int, timeout_s: float = 0.0) -> bool:
    """Take the lock that says "a live process writes this"; True when it is ours, or the file system has no locks.

    Waits `timeout_s` at most, since whoever only looks whether it is taken holds it for a moment. The system takes it
    back when the process ends, however it ends.
    """
    deadline_s = time.monotonic() + timeout_s
    while (error := _try_lock(descriptor)) in _LOCKED_ERRNOS and time.monotonic() < deadline_s:
        threading.Event().wait(_LOCK_STEP_S)
    return error not in _LOCKED_ERRNOS


def has_locks(path: Path) -> bool:
    """Whether the file system of `path`, which no one has locked, knows locks; some network shares do not."""
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | _BINARY)
    except OSError:
        return True
    try:
        return _try_lock(descriptor) in (None, *_LOCKED_ERRNOS)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> int | None:
    """The number of the error, if any."""
    try:
        if sys.platform == "win32":
            # Windows locks bytes, and nobody else can read or write them: so one that the file never has.
            import msvcrt

            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno
    return None


def is_locked(path: Path) -> bool:
    """Whether a live process holds `path`."""
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | _BINARY)
    except OSError:
        return False
    try:
        return not lock(descriptor)
    finally:
        os.close(descriptor)


def sync(descriptor: int) -> None:
    """Data to the disk. Raises OSError, but not where the file system simply cannot."""
    try:
        if hasattr(os, "fdatasync"):
            os.fdatasync(descriptor)
        else:
            os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def sync_folder(folder: Path) -> None:
    """Make names in `folder` durable, where that is known (not on Windows). Never fails: the data is safe already."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def rename_new(source: Path, target: Path) -> None:
    """Give `source` the name `target` in one step, unless something lies there: then FileExistsError."""
    if os.name == "nt":
        source.rename(target)  # never overwrites there
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS_ERRNOS:
            raise
        # No hard links (FAT, some network shares): claim the name with an empty file, then replace our own claim.
        os.close(os.open(target, _FLAGS, 0o600))
        try:
            source.replace(target)
        except OSError:
            target.unlink(missing_ok=True)
            raise
        return
    source.unlink()


def explain(error: OSError, path: Path, what: str) -> OutputError:
    """`error` as one of ours, with what to do about it."""
    reason = error.strerror or str(error)
    if error.errno in _FULL_ERRNOS:
        if error.errno == errno.EFBIG:
            return DiskFull(
                f"{path}: the file has grown to what its file system can hold",
                "Record to another disk; FAT holds 4 GB a file at most.",
            )
        return DiskFull(f"{path}: {reason}")
    if isinstance(error, FileExistsError):
        return FileTaken(f"{path} exists; nothing was overwritten")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return OutputError(f"{path} {what}: {reason}", "Choose a folder that you may write to.")
    return OutputError(f"{path} {what}: {reason}", "Choose another folder or name.")
