"""The icon in the panel: clicked, looked at and told apart, in a real panel."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.helpers.analysis import Sound, read_sound
from tests.helpers.desktop_app import desktop_app
from tests.helpers.notification_server import notification_server
from tests.helpers.player import play
from tests.helpers.signals import tone
from virtual_desktop import VirtualDesktop


def loudest_hz(sound: Sound) -> float:
    """The frequency of a tone."""
    samples = sound.samples.mean(axis=1)
    return float(np.fft.rfftfreq(len(samples), 1 / sound.samplerate)[np.argmax(np.abs(np.fft.rfft(samples)))])


def test_a_click_starts_and_another_stops_and_the_tone_is_in_the_file(panel_desktop: VirtualDesktop) -> None:
    with (
        play(panel_desktop, tone(60, 440)),
        notification_server(panel_desktop),  # else the icon says it, in a bubble over itself
        desktop_app(panel_desktop, spied=False) as app,
    ):
        icon = app.wait_for_icon()
        idle = app.steady_picture(icon)
        app.click_icon()
        file = Path(app.wait_for_state("recording")["file"])
        recording = app.steady_picture(icon)
        app.ask("pause")
        paused = app.steady_picture(icon)
        app.ask("resume")
        app.click_icon()
        app.wait_for_state("idle")
        assert np.array_equal(app.steady_picture(icon), idle)
        assert app.end() == 0
    assert file.parent == app.home / "Music" / "Loopnote"
    sound = read_sound(file)
    assert abs(loudest_hz(sound) - 440) < 2
    pictures = [idle, recording, paused]
    for number, one in enumerate(pictures):
        for other in pictures[:number]:
            # In black and white, too.
            assert np.abs(one.mean(axis=2) - other.mean(axis=2)).max() > 60
    assert not app.socket.exists()
