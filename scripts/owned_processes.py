"""Server processes that end with whoever started them, and a private folder that goes with them.

Standard library only: the scripts use it before anything is installed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_STOP_TIMEOUT_S = 3.0
# A Unix socket's path may have 107 bytes; the longest name used below the folder needs about 40 of them.
_LONGEST_FOLDER = 64

# Debian's package for each program, for the hint when one is missing.
_PACKAGES = {
    "Xvfb": "xvfb",
    "openbox": "openbox",
    "xprop": "x11-utils",
    "xrandr": "x11-xserver-utils",
    "dbus-daemon": "dbus-daemon",
    "pulseaudio": "pulseaudio",
    "pactl": "pulseaudio-utils",
    "pipewire": "pipewire-bin",
    "pipewire-pulse": "pipewire-pulse",
    "wireplumber": "wireplumber",
}

# Cleans up once its standard input closes, which the kernel sees to even when the owner was killed: ends the process
# groups that it was told of, and removes the folder. An owner that ends in good order takes the groups back first.
_SWEEPER = """
trap '' HUP INT TERM
groups=''
while read -r group; do
  if [ "$group" = none ]; then groups=''; else groups="$groups -$group"; fi
done
if [ -n "$groups" ]; then
  kill -s TERM -- $groups 2>/dev/null
  tries=0
  while kill -s 0 -- $groups 2>/dev/null && [ $tries -lt 50 ]; do tries=$((tries + 1)); sleep 0.1; done
  kill -s KILL -- $groups 2>/dev/null
fi
tries=0
until rm -rf -- "$1" 2>/dev/null || [ $tries -ge 50 ]; do tries=$((tries + 1)); sleep 0.1; done
"""


class DesktopError(Exception):
    """The virtual desktop could not be made or has failed; the text is one line and says what to do."""


def require(*programs: str) -> None:
    """Raise DesktopError naming the packages to install unless all `programs` are on the PATH."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        packages = " ".join(dict.fromkeys(_PACKAGES.get(program, program) for program in missing))
        raise DesktopError(
            f"{', '.join(missing)} not found: run 'scripts/setup desktop', or on Debian and Ubuntu "
            f"'apt-get install {packages}'"
        )


class OwnedProcesses:
    """Starts processes that cannot outlive this one, and owns the folder they use.

    Each is started with the parent-death signal set, so that the kernel ends it even after `kill -9` of this process,
    and in a session of its own, so that Ctrl-C in a terminal reaches only the owner. The folder is removed by a small
    helper process as soon as this process closes it or is gone. Methods may be called from any thread.
    """

    def __init__(self, prefix: str) -> None:
        parent = tempfile.gettempdir()
        if len(os.fsencode(parent)) > _LONGEST_FOLDER - len(prefix) - 8:
            parent = "/tmp"
        self.folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        # The kernel sends the parent-death signal when the *thread* that started a process ends, so all are started by
        # one thread that lives as long as this object.
        self._launcher = ThreadPoolExecutor(max_workers=1, thread_name_prefix="launcher")
        self._sweeper = subprocess.Popen(
            ["/bin/sh", "-c", _SWEEPER, "sweeper", str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )

    @property
    def pids(self) -> list[int]:
        """Process ids of everything started here that is still running."""
        processes = [*self._running.values(), self._sweeper]
        return [process.pid for process in processes if process.poll() is None]

    def start(
        self,
        argv: Sequence[str],
        env: dict[str, str],
        death_signal: str = "KILL",
        pass_fds: Sequence[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a server; its output goes to `log_of` its name. `death_signal` is what it gets when the owner dies."""
        require(argv[0])
        name = argv[0]
        # setpriv belongs to util-linux, which every Linux has; it replaces itself by the program.
        guard = ["setpriv", "--pdeathsig", death_signal, "--"] if shutil.which("setpriv") else []

        def launch() -> subprocess.Popen[bytes]:
            with self._log_path(name).open("ab") as log:
                process = subprocess.Popen(
                    [*guard, *argv],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=env,
                    cwd="/",
                    pass_fds=pass_fds,
                    start_new_session=True,
                )
            # Noted here: an interrupted caller would not come to it, and the process would be forgotten.
            self._running[name] = process
            return process

        return self._launcher.submit(launch).result()

    def wait_for(self, name: str, ready: Callable[[], bool], timeout_s: float) -> None:
        """Block until `ready()`, failing at once with the server's own last words when `name` ends before."""
        process = self._running[name]
        tries_left = int(timeout_s / 0.01)
        while not ready():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.01)
                raise DesktopError(f"{name} ended at once: {self._last_words(name)}")
            tries_left -= 1
            if tries_left <= 0:
                raise DesktopError(f"{name} was not ready after {timeout_s:.0f} s: {self._last_words(name)}")

    def pids_of(self, *names: str) -> list[int]:
        """Process ids of those of `names` that run."""
        found = (self._running.get(name) for name in names)
        return [process.pid for process in found if process is not None and process.poll() is None]

    def stop(self, *names: str, how: signal.Signals = signal.SIGTERM) -> None:
        """Send `how` to the named processes, together, and wait; whatever then still runs is killed."""
        processes = [process for name in names if (process := self._running.pop(name, None)) is not None]
        for process in processes:
            if process.poll() is None:
                process.send_signal(how)
                process.send_signal(signal.SIGCONT)  # a frozen process would not act on it
        for process in processes:
            try:
                process.wait(timeout=_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=_STOP_TIMEOUT_S)

    def end_with_me(self, group: int) -> None:
        """Have a process group that was started elsewhere ended too, should this process be killed."""
        self._tell_sweeper(str(group))

    def close(self) -> None:
        """End everything and remove the folder. May be called again."""
        with contextlib.suppress(RuntimeError):  # the second time, the launcher is gone
            self._launcher.submit(lambda: None).result()  # after whatever an interrupted `start` still has under way
        self.stop(*reversed(list(self._running)))
        self._launcher.shutdown()
        self._tell_sweeper("none")
        if self._sweeper.stdin is not None:
            self._sweeper.stdin.close()
        try:
            self._sweeper.wait(timeout=_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:  # a forked child of this process still holds the other end of its pipe
            self._sweeper.kill()
            self._sweeper.wait(timeout=_STOP_TIMEOUT_S)
            shutil.rmtree(self.folder, ignore_errors=True)

    def _tell_sweeper(self, word: str) -> None:
        pipe = self._sweeper.stdin
        if pipe is not None and not pipe.closed:
            with contextlib.suppress(BrokenPipeError):
                pipe.write(word.encode() + b"\n")
                pipe.flush()

    def _log_path(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _last_words(self, name: str) -> str:
        lines = self._log_path(name).read_text(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else "it gave no reason"
