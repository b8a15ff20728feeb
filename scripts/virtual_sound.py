"""Private sound servers: what each needs to run beside, and without touching, the machine's own.

Standard library only. The servers see no real device: their one speaker is a null sink, whose monitor is what a
recorder of internal audio listens to.
"""

from __future__ import annotations

from pathlib import Path

SINK_NAME = "loopnote_null"
SINK_DESCRIPTION = "Virtual speaker"
RATE = 48_000
# PipeWire's shortest period, in frames. Left alone, a client that asks for little latency brings it down to 256; with
# four busy processes on two cores the sound then lost whole periods and fell 26 ms behind within 6 s. With 512 it did
# neither. Ordinary desktops, where nothing asks for little latency, run at 1024.
PERIOD = 512

# All sample values of 16-bit and 24-bit sound pass float32 unchanged, so exactness can be tested through the sink.
_PULSE_DAEMON = f"""
default-sample-format = float32le
default-sample-rate = {RATE}
alternate-sample-rate = {RATE}
flat-volumes = no
exit-idle-time = -1
"""

# Tells libpulse not to start a server of its own when the private one is away (tests stop it on purpose).
_PULSE_CLIENT = "autospawn = no\n"

_PIPEWIRE_SINK = """
context.properties = {
  default.clock.rate = %RATE%
  default.clock.min-quantum = %PERIOD%
  default.clock.allowed-rates = [ %RATE% ]
}
context.objects = [
  { factory = adapter
    args = {
      factory.name            = support.null-audio-sink
      node.name               = "%NAME%"
      node.description        = "%DESCRIPTION%"
      media.class             = Audio/Sink
      audio.rate              = %RATE%
      audio.position          = [ FL FR ]
      monitor.channel-volumes = true
      object.linger           = true
    }
  }
]
"""

# WirePlumber 0.4 (Debian 12, Ubuntu 22.04 and 24.04) is configured in Lua ...
_WIREPLUMBER_04_MAIN = """
alsa_monitor.enabled = false
v4l2_monitor.enabled = false
libcamera_monitor.enabled = false
"""
_WIREPLUMBER_04_BLUETOOTH = "bluez_monitor.enabled = false\n"

# ... and 0.5 in its own JSON.
_WIREPLUMBER_05 = """
wireplumber.profiles = {
  main = {
    hardware.audio = disabled
    hardware.bluetooth = disabled
    hardware.video-capture = disabled
    support.portal-permissionstore = disabled
    support.reserve-device = disabled
    support.logind = disabled
  }
}
"""


def write_configuration(config_home: Path, period: int = PERIOD) -> None:
    """Write the settings of servers and clients below `config_home`.

    That must be `.config` in the servers' home: PulseAudio's daemon looks nowhere else. `period` is PipeWire's
    shortest, in frames.
    """
    sink = _PIPEWIRE_SINK
    values = {"RATE": RATE, "PERIOD": period, "NAME": SINK_NAME, "DESCRIPTION": SINK_DESCRIPTION}
    for name, value in values.items():
        sink = sink.replace(f"%{name}%", str(value))
    files = {
        "pulse/daemon.conf": _PULSE_DAEMON,
        "pulse/client.conf": _PULSE_CLIENT,
        "pipewire/pipewire.conf.d/50-null-sink.conf": sink,
        "wireplumber/main.lua.d/51-no-devices.lua": _WIREPLUMBER_04_MAIN,
        "wireplumber/bluetooth.lua.d/51-no-devices.lua": _WIREPLUMBER_04_BLUETOOTH,
        "wireplumber/wireplumber.conf.d/51-no-devices.conf": _WIREPLUMBER_05,
    }
    for name, text in files.items():
        path = config_home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def client_environment(config_home: Path, runtime_dir: Path) -> dict[str, str]:
    """Environment variables that send PulseAudio and PipeWire clients to the private server, and nowhere else."""
    return {
        "PULSE_SERVER": f"unix:{pulse_socket(runtime_dir)}",
        "PULSE_RUNTIME_PATH": str(runtime_dir / "pulse"),
        "PULSE_COOKIE": str(runtime_dir / "pulse-cookie"),
        "PULSE_CLIENTCONFIG": str(config_home / "pulse/client.conf"),
        "PIPEWIRE_RUNTIME_DIR": str(runtime_dir),
    }


def pulse_socket(runtime_dir: Path) -> Path:
    """Where either server takes PulseAudio clients."""
    return runtime_dir / "pulse/native"


def pipewire_socket(runtime_dir: Path) -> Path:
    """Where PipeWire takes its own clients."""
    return runtime_dir / "pipewire-0"


def pulseaudio_command(runtime_dir: Path) -> list[str]:
    """PulseAudio in the foreground with nothing but the null sink and the local protocol."""
    return [
        "pulseaudio",
        "-n",
        "--daemonize=no",
        "--use-pid-file=no",
        "--exit-idle-time=-1",
        "--log-target=stderr",
        "--log-level=error",
        f"--load=module-null-sink sink_name={SINK_NAME} format=float32le rate={RATE} channels=2"
        f" channel_map=front-left,front-right sink_properties='device.description=\"{SINK_DESCRIPTION}\"'",
        # Last: once clients can connect, the sink is there.
        f"--load=module-native-protocol-unix socket={pulse_socket(runtime_dir)} auth-anonymous=1",
    ]
