"""Moments as our files have them: ISO 8601 with an offset, "" where there is none. A file may hold anything else."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Final

QUARTER_SECONDS: Final = 900
"""The finest that is told of when things came and went: the hours of every time zone begin with such a quarter."""


def moment(text: str) -> datetime | None:
    """What a text says, with time zone; None if it is no moment."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def day(text: str) -> date | None:
    """The day that a text says (YYYY-MM-DD); None if it says none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def quarter(at: datetime) -> int:
    """The quarter of an hour since 1970 (UTC) that a moment is in."""
    return int(at.timestamp()) // QUARTER_SECONDS


def earliest(texts: Iterable[str]) -> str:
    """The text of the earliest moment, "" if there is none."""
    return min(_known(texts), default=(None, ""))[1]


def latest(texts: Iterable[str]) -> str:
    """The text of the latest moment, "" if there is none."""
    return max(_known(texts), default=(None, ""))[1]


def _known(texts: Iterable[str]) -> list[tuple[datetime, str]]:
    return [(found, text) for text in texts if (found := moment(text)) is not None]
