"""Values in the types that D-Bus calls ask for: Python's own int and list would become others."""

from __future__ import annotations

from PyQt5.QtCore import QMetaType, QVariant
from PyQt5.QtDBus import QDBusArgument


def texts(values: list[str]) -> QDBusArgument:
    """D-Bus's `as`."""
    argument = QDBusArgument()
    argument.add(values, int(QMetaType.Type.QStringList))
    return argument


def unsigned(value: int) -> QVariant:
    """D-Bus's `u`."""
    variant = QVariant(value)
    variant.convert(int(QMetaType.Type.UInt))
    return variant


def byte(value: int) -> QVariant:
    """D-Bus's `y`."""
    variant = QVariant(value)
    variant.convert(int(QMetaType.Type.UChar))
    return variant
