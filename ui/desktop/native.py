"""Where a window truly is, in the pixels of the screen: Qt rounds when it scales."""

from __future__ import annotations

import os

from PyQt5.QtCore import QPoint
from PyQt5.QtWidgets import QApplication, QWidget

from capture.model import Area


def native_area(widget: QWidget) -> Area:
    """Of a window that is shown. Raises `ScreenUnavailable` when the X server has gone."""
    QApplication.sync()  # what Qt asked for has then been done
    if QApplication.platformName() == "xcb":
        from capture.screen.x11_desktop import XDesktop

        desktop = XDesktop(os.environ.get("DISPLAY", ""))
        try:
            return desktop.area_of(int(widget.winId()))
        finally:
            desktop.close()
    scale = widget.devicePixelRatioF()
    corner = widget.mapToGlobal(QPoint(0, 0))
    return Area(*(round(value * scale) for value in (corner.x(), corner.y(), widget.width(), widget.height())))
