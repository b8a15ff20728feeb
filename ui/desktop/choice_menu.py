"""The part of the menu that says what to record. What plays and what there is, is asked anew whenever it opens."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial

from PyQt5.QtCore import QObject, pyqtSignal
from PyQt5.QtWidgets import QAction, QActionGroup, QMenu

from capture.errors import CaptureError
from capture.model import Device, DeviceKind
from capture.settings import DEFAULT
from ui.desktop.background import Background
from ui.desktop.choice import Choice

# Longer names make a menu that covers the screen.
NAME_LETTERS = 48


def list_devices() -> list[Device]:
    """Applications with sound, microphones and screens. Blocks for some seconds at most; not for the main thread."""
    from capture.screen.system import screen_system
    from capture.sound.system import sound_system

    found: list[Device] = []
    with contextlib.suppress(CaptureError):
        found += sound_system().devices()
    with contextlib.suppress(CaptureError):
        found += screen_system().screens()
    return found


class ChoiceMenu(QObject):
    """Adds its entries to `menu` and keeps them true."""

    region_wanted = pyqtSignal()
    window_wanted = pyqtSignal()
    refused = pyqtSignal(object)  # a CaptureError
    changed = pyqtSignal()

    def __init__(
        self, menu: QMenu, choice: Choice, ask: Callable[[], list[Device]] = list_devices, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._choice = choice
        self._devices: list[Device] | None = None
        self._listing = Background("listing", ask, self)
        self._listing.answered.connect(self._listed)
        self._system = QAction(self.tr("&Internal audio"), menu)
        self._system.setCheckable(True)
        self._system.triggered.connect(lambda checked: self._take(lambda: choice.record_system(checked)))
        menu.addAction(self._system)
        self._apps = _submenu(menu, self.tr("&Only this application"))
        self._mics = _submenu(menu, self.tr("&Microphone"))
        self._screens = _submenu(menu, self.tr("S&creen"))
        menu.aboutToShow.connect(self.refresh)
        self.show_choice()

    def refresh(self) -> None:
        """Show what is known, and ask what there is now."""
        self.show_choice()
        self._listing.ask()

    def show_choice(self) -> None:
        """Draw the choice anew."""
        now = self._choice.now
        self._system.setChecked(now.system)
        # The last source cannot be taken away: nothing would be left to record.
        self._system.setEnabled(not now.system or now.mic is not None or now.screen is not None)
        self._show_apps(now.apps)
        self._show_mics(now.mic)
        self._show_screens(now.screen)

    def _listed(self, devices: object) -> None:
        if isinstance(devices, list) and devices != self._devices:
            self._devices = devices
            self.show_choice()

    def _of(self, kind: DeviceKind) -> list[Device]:
        return [device for device in self._devices or [] if device.kind is kind]

    def _show_apps(self, chosen: tuple[str, ...]) -> None:
        self._apps.clear()
        self._entry(
            self._apps, self.tr("&All applications"), not chosen, lambda _: self._choice.record_apps(()), radio=True
        )
        self._apps.addSeparator()
        names = list(dict.fromkeys(device.name for device in self._of(DeviceKind.APPLICATION)))
        playing = {device.name for device in self._of(DeviceKind.APPLICATION) if device.detail.get("playing")}
        for name in [*names, *(name for name in chosen if name not in names)]:
            if name in playing:
                text = self.tr("{name} (playing)").format(name=_short(name))
            else:
                text = _short(name) if name in names else self.tr("{name} (not running)").format(name=_short(name))
            self._entry(self._apps, text, name in chosen, partial(self._choose_app, name))
        if self._devices is None:
            self._remark(self._apps, self.tr("Looking…"))
        elif not names:
            self._remark(self._apps, self.tr("No application has sound open"))

    def _choose_app(self, name: str, wanted: bool) -> None:
        others = tuple(other for other in self._choice.now.apps if other != name)
        self._choice.record_apps((*others, name) if wanted else others)

    def _choose_mic(self, name: str | None, wanted: bool) -> None:
        self._choice.record_mic(name)

    def _choose_screen(self, spec: str | None, wanted: bool) -> None:
        self._choice.record_screen(spec)

    def _show_mics(self, chosen: str | None) -> None:
        self._mics.clear()
        found = self._of(DeviceKind.MICROPHONE)
        group = QActionGroup(self._mics)
        for text, name in [(self.tr("&None"), None), (self.tr("&Default microphone"), DEFAULT)]:
            group.addAction(self._entry(self._mics, text, chosen == name, partial(self._choose_mic, name), radio=True))
        self._mics.addSeparator()
        known = {device.id: device.name for device in found}
        if chosen not in (None, DEFAULT) and chosen not in known:
            known[chosen] = self.tr("{name} (not there)").format(name=_short(chosen))
        for key, name in known.items():
            group.addAction(
                self._entry(
                    self._mics,
                    _short(name),
                    chosen == key,
                    partial(self._choose_mic, key),
                    radio=True,
                )
            )

    def _show_screens(self, chosen: str | None) -> None:
        self._screens.clear()
        group = QActionGroup(self._screens)
        entries: list[tuple[str, str | None]] = [(self.tr("&None"), None), (self.tr("&All screens"), "all")]
        entries.append((self.tr("&Primary screen"), "primary"))
        screens = self._of(DeviceKind.SCREEN)
        if len(screens) > 1:
            for number, screen in enumerate(screens, 1):
                _, _, width, height = screen.detail.get("area", (0, 0, 0, 0))
                text = self.tr("Screen &{number}: {name}, {width}x{height}")
                entries.append((text.format(number=number, name=screen.name, width=width, height=height), str(number)))
        for text, spec in entries:
            group.addAction(
                self._entry(
                    self._screens,
                    text,
                    chosen == spec,
                    partial(self._choose_screen, spec),
                    radio=True,
                )
            )
        self._screens.addSeparator()
        other = chosen is not None and chosen not in [spec for _, spec in entries]
        is_window = other and str(chosen).startswith("window:")
        region, window = self.tr("&Region…"), self.tr("&Window…")
        if other and is_window:
            window = self.tr("&Window: {title}…").format(title=_short(str(chosen).removeprefix("window:")))
        elif other:
            region = self.tr("&Region: {area}…").format(area=chosen)
        for text, checked, signal in (
            (region, other and not is_window, self.region_wanted),
            (window, is_window, self.window_wanted),
        ):
            action = QAction(text, self._screens)
            action.setCheckable(True)
            action.setChecked(checked)
            action.triggered.connect(lambda _, signal=signal: signal.emit())
            group.addAction(action)
            self._screens.addAction(action)

    def _entry(
        self, menu: QMenu, text: str, checked: bool, choose: Callable[[bool], None], radio: bool = False
    ) -> QAction:
        action = QAction(text, menu)
        action.setCheckable(True)
        action.setChecked(checked)
        if radio:
            group = QActionGroup(action)
            group.addAction(action)
        action.triggered.connect(lambda on: self._take(lambda: choose(on)))
        menu.addAction(action)
        return action

    def _remark(self, menu: QMenu, text: str) -> None:
        action = QAction(text, menu)
        action.setEnabled(False)
        menu.addAction(action)

    def _take(self, choose: Callable[[], None]) -> None:
        try:
            choose()
        except CaptureError as error:
            self.refused.emit(error)
        self.changed.emit()


def _submenu(menu: QMenu, title: str) -> QMenu:
    submenu = QMenu(title, menu)
    menu.addMenu(submenu)
    return submenu


def _short(name: str) -> str:
    """As it may stand in a menu, where `&` would be taken for a key to press."""
    shortened = name if len(name) <= NAME_LETTERS else name[: NAME_LETTERS - 1] + "…"
    return shortened.replace("&", "&&")
