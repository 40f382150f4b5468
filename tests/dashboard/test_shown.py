"""Texts of scanners as they may be shown."""

import pytest

from dicomrs_dashboard.shown import patient


@pytest.mark.parametrize("text", ["A\u202egnp", "A\u2066B", "A\x1b[31m", "A\nB", "A\u200bB", "A\ud800B", "A\x00"])
def test_what_would_steer_the_eye_or_the_terminal_is_marked(text):
    assert "�" in patient(text)
    assert patient(text).isprintable()


def test_names_of_people_stay_as_they_are():
    assert patient("Müller^Jörg=山田^太郎") == "Müller^Jörg=山田^太郎"
    assert patient("") == ""


def test_a_mask_tells_neither_the_name_nor_its_length():
    assert patient("Silva^Maria", masked=True) == patient("Sá^Al", masked=True) == "S•••"
    assert patient("", masked=True) == ""


def test_it_is_cut_to_length():
    assert len(patient("x" * 100_000)) == 201


def test_a_flash_may_be_longer():
    assert len(patient("x" * 900, longest=1000)) == 900
