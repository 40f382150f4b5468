"""The standard's numbers in words, against pynetdicom's table of statuses."""

import pytest
from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS

from dicomrs_wire.errors import Aborted, Rejected
from dicomrs_wire.statuses import describe_abort, describe_reject, describe_status

KINDS = {
    "Success": ("success",),
    "Warning": ("warning",),
    "Failure": ("failure", "refused"),
    "Cancel": ("cancelled",),
}


def test_every_storage_status_is_named_as_what_it_is() -> None:
    for status in STORAGE_SERVICE_CLASS_STATUS:
        text = describe_status(status)
        assert text.startswith(f"{status:04X} ")
        assert text[5:].startswith(KINDS[STORAGE_SERVICE_CLASS_STATUS[status][0]])


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0xA900, "A900 failure: the dataset does not match its SOP class"),
        (0xA701, "A701 refused: out of resources"),
        (0xC123, "C123 failure: cannot understand"),
        (0xB00F, "B00F warning: not in the standard"),
        (0x1234, "1234 unknown status"),
    ],
)
def test_a_status_reads_as_number_and_words(status: int, text: str) -> None:
    assert describe_status(status) == text


@pytest.mark.parametrize(
    ("source", "reason", "words"),
    [
        (1, 3, "must add it exactly"),
        (1, 7, "correct the AE title here"),
        (3, 2, "allow fewer from here"),
        (1, 9, "does not name"),
    ],
)
def test_a_rejection_says_who_must_fix_what(source: int, reason: int, words: str) -> None:
    assert words in describe_reject(1, source, reason)


def test_a_transient_rejection_differs_from_a_permanent_one() -> None:
    assert "for good" in describe_reject(1, 3, 1)
    assert "for now" in describe_reject(2, 3, 1)
    assert "unknown result" in describe_reject(0, 0, 0)


def test_an_abort_says_whose_it_is() -> None:
    assert "application" in describe_abort(0, 6)
    assert "invalid value" in describe_abort(2, 6)
    assert "does not name" in describe_abort(2, 3)


def test_errors_speak_in_these_sentences_and_keep_the_numbers() -> None:
    rejected, aborted = Rejected(1, 1, 7), Aborted(2, 1)
    assert (rejected.result, rejected.source, rejected.reason) == (1, 1, 7)
    assert (aborted.source, aborted.reason) == (2, 1)
    assert str(rejected) == describe_reject(1, 1, 7)
    assert str(aborted) == describe_abort(2, 1)
