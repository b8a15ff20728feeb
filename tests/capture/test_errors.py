"""The family of errors: what happened, what to do, and the built-in kinds that each belongs to."""

from __future__ import annotations

import pickle

import pytest

from capture import errors
from capture.errors import (
    Cancelled,
    CaptureError,
    DiskFull,
    FileTaken,
    FormatError,
    NoSoundServer,
    OutputError,
    SettingsError,
    UnknownArea,
    UnknownDevice,
    WorkerFault,
)

FAMILY = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, CaptureError) and kind.__module__ == errors.__name__
]


@pytest.mark.parametrize("kind", FAMILY)
def test_each_says_what_happened_and_what_to_do(kind: type[CaptureError]) -> None:
    plain = kind("it broke")
    assert str(plain) == "it broke"
    assert plain.hint == kind.default_hint
    hinted = kind("it broke", "Mend it.")
    assert str(hinted) == "it broke"
    assert hinted.hint == "Mend it."
    assert kind("it broke", "").hint == "", "no hint is a hint that was chosen"


@pytest.mark.parametrize("kind", FAMILY)
def test_hints_are_sentences(kind: type[CaptureError]) -> None:
    hint = kind.default_hint
    assert hint == "" or (hint[0].isupper() and "\n" not in hint)


@pytest.mark.parametrize("kind", FAMILY)
def test_each_survives_the_way_to_another_process(kind: type[CaptureError]) -> None:
    copy = pickle.loads(pickle.dumps(kind("it broke", "Mend it.")))
    assert type(copy) is kind
    assert (str(copy), copy.hint) == ("it broke", "Mend it.")


@pytest.mark.parametrize(
    ("kind", "built_in"),
    [
        (SettingsError, ValueError),
        (FormatError, SettingsError),
        (UnknownDevice, LookupError),
        (UnknownArea, LookupError),
        (OutputError, OSError),
        (DiskFull, OutputError),
        (FileTaken, OutputError),
    ],
)
def test_the_kinds_are_built_in_kinds_too(kind: type[CaptureError], built_in: type[Exception]) -> None:
    assert issubclass(kind, built_in)


@pytest.mark.parametrize("kind", [NoSoundServer, UnknownDevice, UnknownArea, DiskFull, FileTaken, WorkerFault])
def test_what_a_user_may_meet_any_day_has_a_remedy_of_its_own(kind: type[CaptureError]) -> None:
    assert kind("x").hint


def test_a_full_disk_cannot_be_written_to_unless_it_says_so() -> None:
    assert DiskFull("x").can_continue is False


def test_cancelling_is_swallowed_by_no_handler_of_errors() -> None:
    assert issubclass(Cancelled, BaseException)
    assert not issubclass(Cancelled, Exception)
