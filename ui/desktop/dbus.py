"""Calls on the session bus that do not block, and values in the types that they ask for: Python's own int and list
would become others.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from PyQt5.QtCore import QMetaType, QObject, QVariant
from PyQt5.QtDBus import QDBusArgument, QDBusConnection, QDBusMessage, QDBusPendingCallWatcher, QDBusPendingReply

log = logging.getLogger(__name__)


def call(message: QDBusMessage, parent: QObject, then: Callable[[list[Any] | None], None]) -> None:
    """Send it; `then` gets what is answered, or None when nothing is. Main thread only; never blocks."""
    pending = QDBusConnection.sessionBus().asyncCall(message)
    watcher = QDBusPendingCallWatcher(pending, parent)

    def done() -> None:
        reply = QDBusPendingReply(pending)
        watcher.deleteLater()
        if reply.isError():
            log.debug("%s: %s", message.member(), reply.error().message())
            then(None)
        else:
            then(reply.reply().arguments())

    watcher.finished.connect(done)


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
