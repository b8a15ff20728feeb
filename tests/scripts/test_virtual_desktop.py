"""The virtual desktop as the tests use it: both sound servers, their accidents, the screen's size."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from tests.helpers.children import run_in
from tests.helpers.processes import is_running, wait_until
from virtual_desktop import DesktopError, VirtualDesktop


def sinks(desktop: VirtualDesktop) -> list[str]:
    return [line.split("\t")[1] for line in desktop.pactl("list", "short", "sinks").splitlines()]


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_the_only_speaker_is_the_null_sink_at_48_khz_float(desktop: VirtualDesktop) -> None:
    listed = desktop.pactl("list", "short", "sinks").splitlines()
    assert len(listed) == 1
    assert "loopnote_null" in listed[0]
    assert "float32le 2ch 48000Hz" in listed[0]
    assert "Virtual speaker" in desktop.pactl("list", "sinks")
    assert desktop.pactl("get-default-source") == "loopnote_null.monitor"
    kind = desktop.pactl("info")
    assert ("PipeWire" in kind) == (desktop.sound == "pipewire")


def test_a_child_reaches_the_same_server(desktop: VirtualDesktop) -> None:
    done = run_in(
        desktop, "import pulsectl, sys\nwith pulsectl.Pulse(sys.argv[1]) as p: print(p.sink_list()[0].name)", args=["x"]
    )
    assert done.stdout.strip() == "loopnote_null"


def test_another_speaker_comes_becomes_the_default_and_goes(fresh_desktop: VirtualDesktop) -> None:
    module = fresh_desktop.load_null_sink("headphones", rate=44_100, channels=1)
    assert sinks(fresh_desktop) == ["loopnote_null", "headphones"]
    assert "1ch 44100Hz" in fresh_desktop.pactl("list", "short", "sinks")
    fresh_desktop.set_default_sink("headphones")
    assert fresh_desktop.pactl("get-default-sink") == "headphones"
    fresh_desktop.unload(module)
    wait_until(lambda: sinks(fresh_desktop) == ["loopnote_null"], "the speaker went")
    wait_until(lambda: fresh_desktop.pactl("get-default-sink") == "loopnote_null", "the first is the default again")


def test_killed_and_started_again_it_answers_at_the_same_address(fresh_desktop: VirtualDesktop) -> None:
    before = fresh_desktop.sound_pids
    assert before
    fresh_desktop.stop_sound()
    assert not any(is_running(pid) for pid in before)
    assert fresh_desktop.sound_pids == []
    with pytest.raises(DesktopError, match="failed"):
        fresh_desktop.pactl("info")
    fresh_desktop.start_sound()
    assert sinks(fresh_desktop) == ["loopnote_null"]
    assert not set(before) & set(fresh_desktop.sound_pids)


def test_a_server_started_by_a_thread_outlives_the_thread(fresh_desktop: VirtualDesktop) -> None:
    fresh_desktop.stop_sound()
    thread = threading.Thread(target=fresh_desktop.start_sound)
    thread.start()
    thread.join(timeout=30)
    assert sinks(fresh_desktop) == ["loopnote_null"]
    assert all(is_running(pid) for pid in fresh_desktop.sound_pids)


def test_frozen_it_holds_still_and_thawed_it_answers(fresh_desktop: VirtualDesktop) -> None:
    fresh_desktop.freeze_sound()
    pids = fresh_desktop.sound_pids
    wait_until(lambda: {state_of(pid) for pid in pids} == {"T"}, "all of the server stands still")
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(["pactl", "info"], env=fresh_desktop.env, timeout=0.5, capture_output=True, check=False)
    fresh_desktop.thaw_sound()
    assert "loopnote_null" in fresh_desktop.pactl("info")
    assert fresh_desktop.sound_pids == pids


def test_closing_ends_a_frozen_server_too(fresh_desktop: VirtualDesktop) -> None:
    pids = fresh_desktop.pids
    fresh_desktop.freeze_sound()
    fresh_desktop.close()
    assert not any(is_running(pid) for pid in pids)
    assert not fresh_desktop.folder.exists()
    fresh_desktop.close()


def screen_size(desktop: VirtualDesktop) -> tuple[int, int]:
    code = """
from Xlib.display import Display
root = Display().screen().root.get_geometry()
print(root.width, root.height)
"""
    width, height = run_in(desktop, code).stdout.split()
    return int(width), int(height)


def test_the_screen_grows_and_shrinks(fresh_x_screen: VirtualDesktop) -> None:
    assert screen_size(fresh_x_screen) == (1920, 1080)
    for size in [(1280, 720), (2560, 1440), (1281, 721), (3840, 2160), (1920, 1080)]:
        fresh_x_screen.resize_screen(*size)
        assert screen_size(fresh_x_screen) == size


def test_a_size_beyond_the_largest_is_refused_in_one_line(fresh_x_screen: VirtualDesktop) -> None:
    with pytest.raises(DesktopError) as refused:
        fresh_x_screen.resize_screen(5000, 3000)
    assert "\n" not in str(refused.value)
    assert screen_size(fresh_x_screen) == (1920, 1080)


def test_a_killed_screen_keeps_its_number_until_it_is_started_again(fresh_x_screen: VirtualDesktop) -> None:
    assert fresh_x_screen.display is not None
    fresh_x_screen.kill_screen()
    assert run_in(fresh_x_screen, ["xprop", "-root"], check=False).returncode != 0
    with VirtualDesktop("none", screen=(640, 480)) as other:
        assert other.display != fresh_x_screen.display
    fresh_x_screen.start_screen(800, 600)
    assert screen_size(fresh_x_screen) == (800, 600)


def test_a_killed_screen_leaves_nothing_behind(fresh_x_screen: VirtualDesktop) -> None:
    assert fresh_x_screen.display is not None
    number = fresh_x_screen.display[1:]
    fresh_x_screen.kill_screen()
    fresh_x_screen.close()
    assert not Path(f"/tmp/.X{number}-lock").exists()
    assert not Path(f"/tmp/.X11-unix/X{number}").exists()


def test_a_frozen_screen_answers_nothing_until_it_is_thawed(fresh_x_screen: VirtualDesktop) -> None:
    fresh_x_screen.freeze_screen()
    with pytest.raises(subprocess.TimeoutExpired):
        run_in(fresh_x_screen, ["xprop", "-root"], timeout_s=0.5)
    fresh_x_screen.thaw_screen()
    assert screen_size(fresh_x_screen) == (1920, 1080)


def test_the_screen_has_the_extensions_that_grabbing_needs(x_screen: VirtualDesktop) -> None:
    extensions = run_in(
        x_screen, "from Xlib.display import Display\nprint(*Display().list_extensions())"
    ).stdout.split()
    assert {"MIT-SHM", "DAMAGE", "XFIXES", "RANDR", "XTEST"} <= set(extensions)


def test_without_the_cookie_the_screen_lets_nobody_in(x_screen: VirtualDesktop) -> None:
    env = {**x_screen.env, "XAUTHORITY": "/dev/null"}
    refused = subprocess.run(["xprop", "-root"], env=env, capture_output=True, timeout=10, check=False)
    assert refused.returncode != 0
    admitted = subprocess.run(["xprop", "-root"], env=x_screen.env, capture_output=True, timeout=10, check=False)
    assert admitted.returncode == 0


def test_the_screen_is_not_on_the_network(x_screen: VirtualDesktop) -> None:
    assert x_screen.display is not None
    port = 6000 + int(x_screen.display[1:])
    with socket.socket() as probe:
        probe.settimeout(1)
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_without_sound_children_find_no_server_and_start_none(x_screen: VirtualDesktop) -> None:
    done = subprocess.run(["pactl", "info"], env=x_screen.env, capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode != 0
    assert not list(x_screen.folder.glob("run/pulse/native"))


def test_nothing_of_the_callers_session_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = {
        "WAYLAND_DISPLAY": "wayland-7",
        "PULSE_SINK": "elsewhere",
        "DISPLAY": ":77",
        "XDG_RUNTIME_DIR": "/elsewhere",
    }
    for name, value in foreign.items():
        monkeypatch.setenv(name, value)
    with VirtualDesktop("none", screen=None) as desktop:
        assert not set(foreign.values()) & set(desktop.env.values())
        assert desktop.env["HOME"] == os.environ["HOME"]


def test_a_failing_server_says_why_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "pulseaudio"
    broken.write_text("#!/bin/sh\necho 'no luck today' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(DesktopError, match="no luck today") as failure:
        VirtualDesktop("pulse")
    assert "\n" not in str(failure.value)
    assert list(tmp_path.iterdir()) == [broken]


@pytest.mark.parametrize("period", [512, 1024])
def test_pipewire_keeps_the_period_that_it_was_given(period: int) -> None:
    with VirtualDesktop("pipewire", screen=None, period=period) as pipewire:
        settings = run_in(pipewire, ["pw-metadata", "-n", "settings"]).stdout
    assert f"key:'clock.min-quantum' value:'{period}'" in settings
