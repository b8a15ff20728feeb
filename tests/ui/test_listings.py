"""`loopnote devices`, `doctor` and `recover`: what they print and what their exit codes say."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from capture import doctor
from capture.doctor import Check
from capture.errors import CaptureError, NoSoundServer, RecoveryError, ScreenUnavailable, SettingsError
from capture.model import Device, DeviceKind
from capture.output.recovery import Leftover, Recovered
from ui import listings, recover_command
from ui import repairs as repairing

SOUND = [
    Device(DeviceKind.SPEAKER, "alsa.1", "Built-in", True, 48_000, 2, {"state": "idle", "monitor": "alsa.1.monitor"}),
    Device(DeviceKind.SPEAKER, "bt.2", "Kopfhörer 🎧", False, 44_100, 2, {"state": "running"}),
    Device(DeviceKind.APPLICATION, "7", "Firefox", detail={"playing": True}),
    Device(DeviceKind.APPLICATION, "8", "WhatsApp", detail={"playing": False}),
]
SCREEN = [
    Device(DeviceKind.SCREEN, "0", "HDMI-1", True, detail={"area": [0, 0, 1920, 1080]}),
    Device(DeviceKind.WINDOW, "99", "Chat\x1b[2J\nAnna", detail={"area": [-5, 10, 300, 200]}),
]


def has(
    monkeypatch: pytest.MonkeyPatch, sound: list[Device] | CaptureError, screen: list[Device] | CaptureError
) -> None:
    def answering(answer: list[Device] | CaptureError) -> Any:
        def ask() -> list[Device]:
            if isinstance(answer, CaptureError):
                raise answer
            return answer

        return ask

    monkeypatch.setattr(listings, "_sound_devices", answering(sound))
    monkeypatch.setattr(listings, "_screen_devices", answering(screen))


def test_devices_are_listed_by_kind(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    has(monkeypatch, SOUND, SCREEN)
    assert listings.devices(as_json=False) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert [line for line in out.splitlines() if line] == [
        "Speakers (what they play can be recorded: --speaker NAME)",
        "  * Built-in   (48000 Hz, 2 channels; idle)",
        "    Kopfhörer 🎧   (44100 Hz, 2 channels; running)",
        "Microphones (--mic NAME)",
        "    none",
        "Applications with sound (--app NAME)",
        "    Firefox   (playing)",
        "    WhatsApp   (paused)",
        "Screens (--screen NUMBER)",
        "  * 1  HDMI-1   (1920x1080 at 0,0)",
        "Windows (--screen window:TITLE)",
        "    Chat [2J Anna   (300x200 at -5,10)",
    ]


def test_names_that_repeat_come_with_what_tells_them_apart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = [
        Device(DeviceKind.SPEAKER, "alsa.1", "Built-in", True),
        Device(DeviceKind.SPEAKER, "alsa two", "built-in"),
        Device(DeviceKind.SPEAKER, "bt.3", "Headset"),
        Device(DeviceKind.MICROPHONE, "m.1", "Headset"),
    ]
    screen = [Device(DeviceKind.WINDOW, f"0x{number}", "Chat", detail={"area": [0, 0, 9, 9]}) for number in (1, 2)]
    has(monkeypatch, sound, screen)
    assert listings.devices(as_json=False) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ") and "none" not in line]
    assert lines == [
        "  * Built-in   (--speaker alsa.1)",
        "    built-in   (--speaker 'alsa two')",
        "    Headset",
        "    Headset",
        "    Chat   (--screen window:0x1; 9x9 at 0,0)",
        "    Chat   (--screen window:0x2; 9x9 at 0,0)",
    ]


def test_devices_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    has(monkeypatch, SOUND, SCREEN)
    assert listings.devices(as_json=True) == 0
    plain = json.loads(capsys.readouterr().out)
    assert set(plain) == {"speakers", "microphones", "applications", "screens", "windows", "errors"}
    assert plain["speakers"][0] == {
        "id": "alsa.1",
        "name": "Built-in",
        "default": True,
        "samplerate": 48_000,
        "channels": 2,
        "state": "idle",
        "monitor": "alsa.1.monitor",
    }
    assert plain["microphones"] == plain["errors"] == []
    assert plain["windows"][0]["name"] == "Chat\x1b[2J\nAnna", "a program gets the name as it is"
    assert plain["screens"][0]["samplerate"] is None


@pytest.mark.parametrize(
    ("sound", "screen", "code"),
    [
        (NoSoundServer("no sound server answers"), SCREEN, 0),
        (SOUND, ScreenUnavailable("there is no display", "Start one."), 0),
        (NoSoundServer("no sound server answers"), ScreenUnavailable("there is no display", "Start one."), 1),
    ],
)
@pytest.mark.parametrize("as_json", [True, False])
def test_what_cannot_be_asked_is_said_and_the_rest_is_listed(
    sound: Any,
    screen: Any,
    code: int,
    as_json: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    has(monkeypatch, sound, screen)
    assert listings.devices(as_json) == code
    out, err = capsys.readouterr()
    errors = [answer for answer in (sound, screen) if isinstance(answer, CaptureError)]
    if as_json:
        assert json.loads(out)["errors"] == [{"text": str(error), "hint": error.hint} for error in errors]
        assert err == ""
    else:
        assert err == "".join(f"loopnote: {error}\n  {error.hint}\n" for error in errors)
        assert ("HDMI-1" in out) is (screen is SCREEN)
        assert ("Firefox" in out) is (sound is SOUND)


CHECKS = [
    Check("sound server", True, "PulseAudio 16.1", "not shown, since it works"),
    Check("display", False, "there is no display\x1b[2J", "Start loopnote in a desktop."),
    Check("hotkeys", None, "not built in yet"),
]


def test_doctor_says_what_works_and_what_mends_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: CHECKS)
    assert listings.doctor(as_json=False) == 1
    assert capsys.readouterr().out.splitlines() == [
        "ok  sound server  PulseAudio 16.1",
        "NO  display       there is no display [2J",
        "                  -> Start loopnote in a desktop.",
        " -  hotkeys       not built in yet",
    ]


def test_doctor_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: CHECKS[::2])
    assert listings.doctor(as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {
        "checks": [
            {"name": "sound server", "ok": True, "text": "PulseAudio 16.1", "remedy": "not shown, since it works"},
            {"name": "hotkeys", "ok": None, "text": "not built in yet", "remedy": ""},
        ]
    }


# --- recover ----------------------------------------------------------------------------------------------------------


def leftover(name: str) -> Leftover:
    return Leftover(Path(f"/m/.{name}.part.opus"), Path(f"/m/{name}.opus"), 5000, datetime(2026, 1, 2, tzinfo=UTC))


@pytest.fixture
def repairs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Recovered | CaptureError]:
    """What repairing each leftover brings; and the folders that were looked through."""
    outcomes: dict[str, Recovered | CaptureError] = {}

    def repair(found: Leftover) -> Recovered:
        outcome = outcomes[found.final.stem]
        if isinstance(outcome, CaptureError):
            raise outcome
        return outcome

    monkeypatch.setattr(repairing, "leftovers", lambda folders: [leftover(name) for name in outcomes])
    monkeypatch.setattr(repairing, "recover", repair)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return outcomes


WHOLE = Recovered(Path("/m/a.opus"), 61.2, 5000, ("a.opus was taken",))
BROKEN = RecoveryError("/m/.b.part.opus is empty", "Delete it.")


def test_nothing_to_recover(repairs: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert recover_command.recover([], as_json=False) == 0
    assert capsys.readouterr().out == "nothing to recover\n"
    assert recover_command.recover([], as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {"recovered": [], "refused": [], "removed": []}


@pytest.mark.parametrize(("outcomes", "code"), [({"a": WHOLE}, 0), ({"a": WHOLE, "b": BROKEN}, 3), ({"b": BROKEN}, 1)])
def test_each_leftover_is_named_with_what_became_of_it(
    outcomes: dict[str, Any], code: int, repairs: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    repairs.update(outcomes)
    assert recover_command.recover([], as_json=False) == code
    lines = capsys.readouterr().out.splitlines()
    saved = ["recovered /m/a.opus (01:01)", "  a.opus was taken"] if "a" in outcomes else []
    left = ["left as it is: /m/.b.part.opus: /m/.b.part.opus is empty", "  Delete it."] if "b" in outcomes else []
    assert lines == saved + left
    assert recover_command.recover([], as_json=True) == code
    plain = json.loads(capsys.readouterr().out)
    assert [done["file"] for done in plain["recovered"]] == (["/m/a.opus"] if "a" in outcomes else [])
    assert all(done["recovered"] is True and done["duration_s"] == 61.2 for done in plain["recovered"])
    refusal = {"file": "/m/.b.part.opus", "why": str(BROKEN), "hint": "Delete it."}
    assert plain["refused"] == ([refusal] if "b" in outcomes else [])


def test_names_of_what_was_repaired_cannot_move_the_cursor(
    repairs: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    repairs.update({"a": Recovered(Path("/m/a\n\x1b[2J.opus"), 2.0, 5000), "b\x1b[2J": BROKEN})
    assert recover_command.recover([], as_json=False) == 3
    first, second, _ = capsys.readouterr().out.splitlines()
    assert first == "recovered /m/a [2J.opus (2.0 s)"
    assert second.startswith("left as it is: /m/.b [2J.part.opus: ")


@pytest.mark.parametrize("as_json", [True, False])
def test_nobody_who_reads_what_is_said_keeps_nothing_from_being_repaired(
    as_json: bool, repairs: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repairs.update(a=WHOLE, b=WHOLE, c=BROKEN)
    asked: list[str] = []
    repair: Callable[[Leftover], Recovered] = repairing.__dict__["recover"]

    def noting(found: Leftover) -> Recovered:
        asked.append(found.final.stem)
        return repair(found)

    def refuse(text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(repairing, "recover", noting)
    monkeypatch.setattr(sys.stdout, "write", refuse)
    assert recover_command.recover([], as_json) == 3
    assert asked == ["a", "b", "c"]
    first, _ = capsys.readouterr().err.splitlines()
    assert first == "loopnote: the output could not be written: [Errno 32] Broken pipe"


def test_the_usual_places_the_user_s_own_and_the_named_ones_are_looked_through(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    looked: list[Path] = []
    monkeypatch.setattr(repairing, "leftovers", lambda folders: looked.extend(folders) or [])  # type: ignore[func-returns-value]
    monkeypatch.setattr(repairing, "search_folders", lambda: [Path("/music"), Path("/videos")])
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    settings = tmp_path / "loopnote" / "settings.toml"
    settings.parent.mkdir()
    settings.write_text('[recording]\nfolder = "/mine"\n')
    assert recover_command.recover([str(tmp_path)], as_json=True) == 0
    assert looked == [Path("/music"), Path("/videos"), Path("/mine"), tmp_path]


def test_a_broken_settings_file_is_no_reason_to_leave_a_recording_unrepaired(
    repairs: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "config" / "loopnote" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("[recording")
    repairs["a"] = WHOLE
    assert recover_command.recover([], as_json=False) == 0
    out, err = capsys.readouterr()
    assert "recovered" in out
    assert str(settings) in err


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name in ("missing", "file"):
        with pytest.raises(SettingsError, match="is no folder"):
            recover_command.recover([str(tmp_path / name)], as_json=False)
