"""What desktops read: the menu entry, the entry that starts Loopnote at log-in, the page of software catalogues."""

from __future__ import annotations

import shutil
import sys
from importlib import resources
from pathlib import Path

# Reverse domain name notation, as desktops' portals and catalogues want it.
APP_ID = "org.loopnote.Loopnote"
_NAMES = {
    "GenericName": {
        "": "Sound and Screen Recorder",
        "de": "Ton- und Bildschirmaufnahme",
        "es": "Grabadora de sonido y pantalla",
    },
    "Comment": {
        "": "Record what the computer plays, and the screen",
        "de": "Aufnehmen, was der Computer abspielt, und den Bildschirm",
        "es": "Grabar lo que suena en el ordenador, y la pantalla",
    },
    "Keywords": {
        "": "record;recorder;voice;note;audio;sound;screen;loopback;",
        "de": "Aufnahme;Rekorder;Sprachnachricht;Ton;Bildschirm;",
        "es": "grabar;grabadora;voz;nota;sonido;pantalla;",
    },
}
_TOGGLE = {"": "Start or Stop Recording", "de": "Aufnahme starten oder beenden", "es": "Iniciar o detener la grabación"}


def program_path() -> list[str]:
    """How this very Loopnote is started, whatever PATH a desktop has."""
    here = Path(sys.argv[0])
    beside = Path(sys.executable).with_name("loopnote")
    found = here if here.name == "loopnote" and here.exists() else beside if beside.exists() else None
    if found is None and (on_path := shutil.which("loopnote")):
        found = Path(on_path)
    return [str(found.absolute())] if found is not None else [sys.executable, "-m", "ui.cli"]


def menu_entry(command: list[str]) -> str:
    """The .desktop file (Desktop Entry Specification 1.1) of the program that `command` starts."""
    return "\n".join(
        [
            "[Desktop Entry]",
            *_heading(command),
            *_localised("GenericName"),
            *_localised("Comment"),
            *_localised("Keywords"),
            "Categories=AudioVideo;Audio;Recorder;Qt;",
            "StartupNotify=false",
            "Actions=toggle;",
            "",
            "[Desktop Action toggle]",
            *_translated("Name", _TOGGLE),
            f"Exec={exec_line([*command, 'toggle'])}",
            "",
        ]
    )


def autostart_entry(command: list[str]) -> str:
    """For the folder of what starts at log-in."""
    heading = _heading(command)
    return "\n".join(["[Desktop Entry]", *heading, *_localised("Comment"), "X-GNOME-Autostart-enabled=true", ""])


def _heading(command: list[str]) -> list[str]:
    return [
        "Type=Application",
        "Version=1.1",
        "Name=Loopnote",
        f"TryExec={_escaped(command[0])}",
        f"Exec={exec_line(command)}",
        f"Icon={APP_ID}",
        "Terminal=false",
    ]


def exec_line(command: list[str]) -> str:
    """Quoted as the specification's chapter about Exec has it, and escaped as each value is."""
    words = []
    for word in command:
        text = word.replace("%", "%%")
        if not text or any(character in " \t\n\"'\\><~|&;$*?#()`" for character in text):
            for character in '\\"`$':
                text = text.replace(character, "\\" + character)
            text = f'"{text}"'
        words.append(text)
    return _escaped(" ".join(words))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def _localised(key: str) -> list[str]:
    return _translated(key, _NAMES[key])


def _translated(key: str, texts: dict[str, str]) -> list[str]:
    return [f"{key}[{language}]={text}" if language else f"{key}={text}" for language, text in texts.items()]


def metainfo() -> str:
    """The AppStream page."""
    summaries = "\n".join(
        f'  <summary{f""" xml:lang="{language}" """.rstrip() if language else ""}>{text}</summary>'
        for language, text in _NAMES["Comment"].items()
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<component type="desktop-application">
  <id>{APP_ID}</id>
  <metadata_license>CC0-1.0</metadata_license>
  <project_license>GPL-3.0-or-later</project_license>
  <name>Loopnote</name>
{summaries}
  <developer id="org.loopnote">
    <name>The Loopnote developers</name>
  </developer>
  <description>
    <p>
      Loopnote records what your computer plays and, when you ask for it, what its screen shows. People use it above all
      to keep voice notes: play the note, and Loopnote writes it into an ordinary sound file. No microphone is involved.
    </p>
    <ul>
      <li>Nothing gets lost: after a crash, what was recorded until then is still there.</li>
      <li>It is honest: whatever went wrong in a recording is named, with its place and length.</li>
      <li>It follows you: plug in headphones in the middle, and it goes on recording what you hear.</li>
    </ul>
  </description>
  <launchable type="desktop-id">{APP_ID}.desktop</launchable>
  <provides>
    <binary>loopnote</binary>
  </provides>
  <categories>
    <category>AudioVideo</category>
    <category>Audio</category>
    <category>Recorder</category>
  </categories>
  <content_rating type="oars-1.1"/>
</component>
"""


def icon() -> str:
    """The program's icon, as SVG."""
    return resources.files("ui").joinpath("pictures", "loopnote.svg").read_text(encoding="utf-8")
