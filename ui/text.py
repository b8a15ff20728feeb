"""How things are said in a terminal: errors, sizes, lengths."""

from __future__ import annotations

import sys


def complain(message: str, hint: str = "") -> None:
    """An error for people, on standard error: what happened, and what to do."""
    sys.stderr.write(f"loopnote: {message}\n")
    if hint:
        sys.stderr.write(f"  {hint}\n")


def size_in_words(size_bytes: int) -> str:
    """Such as 1.2 MB (decimal, as file managers count)."""
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1e6 else f"{size_bytes / 1e3:.0f} kB"


def clock_in_words(length_s: float) -> str:
    """Such as 00:07 or 1:02:03, rounded down: a counter that runs."""
    minutes, seconds = divmod(int(length_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


def length_in_words(length_s: float) -> str:
    """Such as 7.3 s or 1:02:03: a length that is final."""
    return f"{length_s:.1f} s" if length_s < 60 else clock_in_words(round(length_s))
