"""Questions to the sound server and its events, through pulsectl, with a deadline on every wait.

Importing this module loads libpulse; `ask` and the watch do it late and turn a missing library into `NoSoundServer`.
"""

from __future__ import annotations

import time
from typing import Any

import pulsectl
from pulsectl import _pulsectl as c

from capture.errors import NoSoundServer
from capture.sound.pulse_scene import Endpoint, Playback, Scene

CLIENT_NAME = "Loopnote"
NOT_ANSWERING = "the sound server stopped answering"
NO_SERVER = "no sound server answers"

_STATES = ("running", "idle", "suspended")
# Where a sandboxed application's own id is found: its own word, then what PipeWire's portal knows for sure.
_ID_PROPERTIES = ("application.id", "pipewire.access.portal.app_id")
# A stream without any of these is the server's own plumbing.
_NAME_PROPERTIES = ("application.name", "node.name")
# PA_SINK_HARDWARE and PA_SOURCE_HARDWARE have the same value (pulse/def.h).
_HARDWARE = 0x0004
_EVENTS = ("sink", "source", "sink_input", "server")


class _SinkInfo(pulsectl.PulseSinkInfo):  # type: ignore[misc]
    # pulsectl keeps a view of the sample specification into memory that libpulse reuses after the callback.
    def _init_from_struct(self, struct: Any) -> None:
        self.rate = int(struct.sample_spec.rate) if hasattr(struct, "sample_spec") else 0


class _SourceInfo(pulsectl.PulseSourceInfo):  # type: ignore[misc]
    def _init_from_struct(self, struct: Any) -> None:
        self.rate = int(struct.sample_spec.rate) if hasattr(struct, "sample_spec") else 0


class Client(pulsectl.Pulse):  # type: ignore[misc]
    """One connection. For one thread, but for `interrupt`. After any error: close it, and make another.

    pulsectl waits for answers without end, and a server may be stopped (SIGSTOP) at any instant; so the one place where
    it waits is overridden to end at the deadline that each call here sets.
    """

    _sinks = pulsectl.Pulse._pulse_get_list(c.PA_SINK_INFO_CB_T, c.pa.context_get_sink_info_list, _SinkInfo)
    _sources = pulsectl.Pulse._pulse_get_list(c.PA_SOURCE_INFO_CB_T, c.pa.context_get_source_info_list, _SourceInfo)

    def __init__(self, timeout_s: float) -> None:
        """Connect to the running server; raises `NoSoundServer`, naming whether it is away or does not answer."""
        self._deadline_s = time.monotonic() + timeout_s
        self.event_seen = False
        self._changed: set[tuple[str, int]] = set()  # since the last scene: (facility, index)
        self._interrupted = False
        super().__init__(CLIENT_NAME, connect=False)
        try:
            # No autospawn: starting a server is the session's business, and libpulse would wait for it without limit.
            # No timeout either: pulsectl then waits for all of it, connected or not; _pulse_iterate keeps the deadline.
            self.connect(autospawn=False)
        except pulsectl.PulseError as error:
            self.close()
            raise NoSoundServer(NO_SERVER) from error
        except NoSoundServer:
            self.close()
            raise

    def scene(self, timeout_s: float) -> Scene:
        """All that there is now. Raises `NoSoundServer`."""
        self._deadline_s = time.monotonic() + timeout_s
        changed, self._changed = self._changed, set()
        try:
            server = self.server_info()
            sinks = self._sinks()
            return Scene(
                server.server_name or "",
                server.server_version or "",
                server.default_sink_name or "",
                server.default_source_name or "",
                tuple(_endpoint(sink) for sink in sinks),
                tuple(_endpoint(source) for source in self._sources()),
                tuple(playback for playback in map(_playback, self.sink_input_list()) if playback.identity),
                frozenset(sink.name for sink in sinks if ("sink", sink.index) in changed),
            )
        except (pulsectl.PulseError, c.pa.CallError) as error:
            raise NoSoundServer(NO_SERVER) from error

    def subscribe(self, timeout_s: float) -> None:
        """From now on events set `event_seen`, while `wait` runs. Raises `NoSoundServer`."""
        self._deadline_s = time.monotonic() + timeout_s
        self.event_callback = self._on_event
        try:
            self.event_mask_set(*_EVENTS)
        except (pulsectl.PulseError, c.pa.CallError) as error:
            raise NoSoundServer(NO_SERVER) from error

    def wait(self, timeout_s: float) -> None:
        """Until something happens, `interrupt` is called or the time is over. `NoSoundServer` if the server is gone."""
        self._deadline_s = time.monotonic() + timeout_s
        try:
            self._turn()
        except c.pa.CallError as error:
            raise NoSoundServer(NO_SERVER) from error
        finally:
            self._interrupted = False
        if not self.connected:
            raise NoSoundServer(NO_SERVER)

    def interrupt(self) -> None:
        """End a running `wait`, or the next one at once. Any thread; the client must not be closed meanwhile."""
        self._interrupted = True
        c.pa.mainloop_wakeup(self._loop)

    def _on_event(self, event: Any) -> None:
        self.event_seen = True
        if event.t == "change":
            self._changed.add((event.facility, event.index))

    def _pulse_iterate(self, block: bool = True) -> None:
        # pulsectl calls this in a loop until its answer is there.
        if block and time.monotonic() >= self._deadline_s:
            raise NoSoundServer(NOT_ANSWERING)
        self._turn()

    def _turn(self) -> None:
        left_us = max(0, int((self._deadline_s - time.monotonic()) * 1e6))
        with self._pulse_loop() as loop:
            c.pa.mainloop_prepare(loop, left_us)
            if self._interrupted:
                c.pa.mainloop_wakeup(loop)  # preparing forgets a wake-up that came before it
            c.pa.mainloop_poll(loop)
            c.pa.mainloop_dispatch(loop)


def _endpoint(info: Any) -> Endpoint:
    monitor_of = getattr(info, "monitor_of_sink", c.PA_INVALID)
    return Endpoint(
        index=int(info.index),
        id=str(info.name),
        title=str(info.description or info.name),
        samplerate=int(info.rate),
        channels=int(info.channel_count),
        state=next((state for state in _STATES if info.state == state), ""),
        muted=bool(info.mute),
        monitor=str(getattr(info, "monitor_source_name", "") or ""),
        is_monitor=monitor_of != c.PA_INVALID,
        is_hardware=bool(info.flags & _HARDWARE),
        volume=round(float(info.volume.value_flat), 3),
    )


def _playback(info: Any) -> Playback:
    properties: dict[str, str] = info.proplist
    return Playback(
        index=int(info.index),
        speaker=int(info.sink),
        corked=bool(info.corked),
        name=next((properties[key] for key in _NAME_PROPERTIES if properties.get(key)), ""),
        binary=properties.get("application.process.binary", ""),
        application_id=next((properties[key] for key in _ID_PROPERTIES if properties.get(key)), ""),
    )
