"""Waiting longer after each failure, up to a limit, never in step with others."""

import random
from dataclasses import dataclass
from typing import Final

from dicomrs.causes import Cause

TARGET_FIRST: Final = 0.7  # seconds
TARGET_LIMIT: Final = 30.0  # a target that is back is found within this
OBJECT_FIRST: Final = 10.0
_JITTER: Final = 0.3


def delay(failures: int, first: float, limit: float) -> float:
    """Seconds to wait after so many failures in a row (from 1): doubling, capped, shortened by up to 30 % at random."""
    exponent = min(failures - 1, 30)
    return min(limit, first * 2.0**exponent) * (1 - random.random() * _JITTER)  # noqa: S311 (no secret)


@dataclass(slots=True)
class Tries:
    """The refusals of one object at one destination.

    attempts: all of them; counted: those that count towards parking; first: when the first of these was;
    confirmed: how many objects the destination had confirmed at the last try; due: when it may be tried again;
    sick: the last try was made while the destination refused everything.
    Times are of time.monotonic().
    """

    attempts: int = 0
    counted: int = 0
    first: float = 0.0
    confirmed: int = 0
    due: float = 0.0
    sick: bool = False
    why: str = ""
    cause: Cause = Cause.UNKNOWN
