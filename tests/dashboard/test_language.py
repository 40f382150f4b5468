"""Every text that a person may see is there in every language."""

import re
from datetime import UTC, datetime

import pytest

from dicomrs_dashboard.language import LANGUAGES, best_language
from tools.catalogues import catalogues, is_translated, texts

FIELD = re.compile(r"%\((\w+)\)s")


def ids(message):
    return message.id if isinstance(message.id, tuple) else (message.id,)


@pytest.mark.parametrize("path", catalogues(), ids=lambda path: path.parts[-3])
class TestCatalogue:
    def test_is_complete_and_has_no_text_that_is_gone(self, path):
        wanted = {ids(message) for message in texts() if message.id}
        found = {ids(message): message for message in catalogues()[path] if message.id}
        assert wanted == set(found), "run `make i18n`, and translate what is new"
        assert not [text for text, message in found.items() if not is_translated(message.string) or message.fuzzy]

    def test_keeps_the_places_for_values(self, path):
        for message in catalogues()[path]:
            if message.id:
                said = (message.string,) if isinstance(message.string, str) else message.string
                assert {field for one in said for field in FIELD.findall(one)} == {
                    field for one in ids(message) for field in FIELD.findall(one)
                }, message.id


@pytest.mark.parametrize(
    ("wanted", "accepted", "tag"),
    [
        ("", "", "en"),
        ("", "pt-PT,pt;q=0.9,en;q=0.5", "pt-BR"),
        ("", "de,en;q=0.7,pt;q=0.3", "en"),
        ("", "en;q=0.1,pt;q=0.8", "pt-BR"),
        ("", "pt;q=abc, en", "en"),
        ("pt-BR", "en", "pt-BR"),
        ("xx", "en", "en"),
    ],
)
def test_the_reader_chooses_or_the_browser_does(wanted, accepted, tag):
    assert best_language(wanted, accepted).tag == tag


def test_numbers_sizes_and_moments_are_written_as_people_do():
    english, portuguese = LANGUAGES["en"], LANGUAGES["pt-BR"]
    when = datetime(2026, 1, 22, 10, 15, 30).astimezone()
    assert english.number(1234567.25) == "1,234,567.2"
    assert portuguese.number(1234567.25) == "1.234.567,2"
    assert english.size(999) == "999 B"
    assert english.size(1500) == "1.5 kB"
    assert portuguese.size(1.5e9) == "1,5 GB"
    assert english.at(when) == "2026-01-22 10:15:30"
    assert portuguese.at(when) == "22/01/2026 10:15:30"


def test_what_has_just_been_does_not_change_every_second():
    english = LANGUAGES["en"]
    now = datetime(2026, 1, 22, 10, 15, 30, tzinfo=UTC)
    assert english.ago("2026-01-22T10:15:23+00:00", now) == "just now"
    assert english.ago("2026-01-22T10:15:17+00:00", now) == english.ago("2026-01-22T10:15:12+00:00", now)
    assert english.ago("2026-01-22T08:15:30+00:00", now) == "2 hours ago"
    assert english.ago("no moment", now) == "no moment"


def test_a_study_date_is_written_as_people_do_and_nonsense_stays():
    assert LANGUAGES["en"].da("20260122") == "2026-01-22"
    assert LANGUAGES["pt-BR"].da("20260122") == "22/01/2026"
    assert [LANGUAGES["en"].da(text) for text in ("", "20261340", "soon")] == ["", "20261340", "soon"]
