"""Every status a destination can answer is a success, a reason to try again, or a reason to park."""

import pytest

from dicomrs_scu.verdict import Verdict, verdict


@pytest.mark.parametrize(
    ("statuses", "meaning"),
    [
        ([0x0000, 0xB000, 0xB006, 0xB007], Verdict.DELIVERED),
        ([0xA900, 0xA901, 0xA9FF, 0x0117, 0x0122, 0x0124, 0x0211], Verdict.PERMANENT),
        ([0xA700, 0xA7FF, 0x0213], Verdict.PASSING),
        (
            [0x0110, 0x0111, 0xC000, 0xCFFF, 0xFE00, 0xFF00, 0x0001, 0xB001, 0xBFFF, 0x1234, 0xA800, 0xAA00],
            Verdict.VAGUE,
        ),
    ],
)
def test_statuses_by_meaning(statuses: list[int], meaning: Verdict) -> None:
    assert {status: verdict(status) for status in statuses} == dict.fromkeys(statuses, meaning)


def test_only_four_statuses_in_all_let_an_object_go() -> None:
    assert [s for s in range(0x10000) if verdict(s) is Verdict.DELIVERED] == [0x0000, 0xB000, 0xB006, 0xB007]
