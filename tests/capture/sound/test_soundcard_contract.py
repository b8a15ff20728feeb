"""The contract of all sound systems, on Windows and macOS as far as they can keep it: without applications."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import FunctionType

import pytest

from tests.capture.sound import test_source_contract as contract
from tests.capture.sound.benches import Bench
from tests.helpers.soundcard_world import SoundcardBench

ON_BOTH = ["windows", "macos"]
# macOS records virtual speakers only, of which this one has but one.
ON_WINDOWS = ["windows"]


@pytest.fixture
def bench(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """In place of the one of conftest.py."""
    made = SoundcardBench(request.param, monkeypatch)
    yield made
    made.close()


own_bench = bench


def _on(fixture: str, systems: list[str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The same test with other systems. A copy: a mark is written onto the function that it is given."""

    def again(test: Callable[..., None]) -> Callable[..., None]:
        assert isinstance(test, FunctionType)
        copy = FunctionType(test.__code__, test.__globals__, test.__name__, test.__defaults__, test.__closure__)
        return pytest.mark.parametrize(fixture, systems, indirect=True)(copy)

    return again


on_both = _on("bench", ON_BOTH)
on_windows = _on("bench", ON_WINDOWS)
own_on_windows = _on("own_bench", ON_WINDOWS)

test_open = on_both(contract.test_open_tells_what_is_listened_to)
test_bit_for_bit = on_both(contract.test_what_is_played_arrives_bit_for_bit)
test_stamps = on_both(contract.test_stamps_tell_when_it_sounded)
test_begin_in_silence = on_both(contract.test_a_sound_that_begins_in_silence_is_in_its_place)
test_closing = on_both(contract.test_closing_ends_all_threads_and_may_be_repeated)
test_no_monitor = on_both(contract.test_no_monitor_is_ever_taken_for_a_microphone)
test_microphone = on_both(contract.test_a_microphone_gives_what_is_spoken_into_it)
test_new_default = on_windows(contract.test_a_new_default_speaker_is_followed)
test_removed = on_windows(contract.test_a_removed_speaker_is_lost_and_another_takes_its_place)
test_named_away = on_windows(contract.test_a_named_speaker_is_replaced_while_it_is_away)
test_named_kept = on_windows(contract.test_a_named_speaker_is_kept_when_the_default_changes)
test_unknown = on_windows(contract.test_unknown_speakers_and_microphones_are_refused_with_what_there_is)
test_sounding = on_windows(contract.test_sounding_finds_the_speakers_that_play)
test_killed = own_on_windows(contract.test_a_killed_server_is_lost_and_found_again)
