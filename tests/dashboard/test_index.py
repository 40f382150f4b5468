"""The index of studies: what is asked for is found, page by page, and a masked reader learns nothing of patients."""

from datetime import date
from pathlib import Path

import pytest

from dicomrs.moments import moment
from dicomrs.spool.fs import OsFileSystem
from dicomrs.study_view import StudyView
from dicomrs.survey import SurveyMemory, survey
from dicomrs_dashboard.index import PAGE_SIZE, SORTS, StudyIndex, StudyQuery
from support.many_studies import NAMES, fill

STUDIES = 120


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyView, ...]:
    root = tmp_path_factory.mktemp("index") / "root"
    fill(root, STUDIES, 2)
    return survey(OsFileSystem(), str(root), None, memory=SurveyMemory()).studies


@pytest.fixture
def index(studies) -> StudyIndex:
    made = StudyIndex()
    made.put("/a", "clinic", studies[:100])
    made.put("/b", "other", studies[100:])
    return made


def ids(index: StudyIndex, **query: object) -> list[str]:
    return [row.study.patient_id for row in index.page(StudyQuery(**query)).rows]


def total(index: StudyIndex, **query: object) -> int:
    return index.page(StudyQuery(**query)).total


def test_the_newest_come_first_page_by_page_and_beyond_the_last_page_is_the_last(index):
    first = index.page(StudyQuery())
    assert (first.total, first.page, first.pages, len(first.rows)) == (STUDIES, 1, 3, PAGE_SIZE)
    assert first.rows[0].study.patient_id == f"ID{STUDIES - 1:06d}"
    seen = [one for page in (1, 2, 3) for one in ids(index, page=page)]
    assert seen == [f"ID{number:06d}" for number in reversed(range(STUDIES))]
    assert index.page(StudyQuery(page=99)).rows == index.page(StudyQuery(page=3)).rows
    assert index.page(StudyQuery(page=-1)).page == 1


@pytest.mark.parametrize("text", ["joão silva", "JOAO", "  silva   joao ", "Silva^João"])
def test_words_are_found_without_accents_case_and_order(index, text):
    assert total(index, text=text) == len([n for n in range(STUDIES) if NAMES[n % len(NAMES)] == "Silva^João"])


@pytest.mark.parametrize("text", ["%", "a_o", "'", '"', "' OR 1=1 --", "\\", "nobody", "joao nobody"])
def test_signs_of_statements_and_patterns_are_signs_like_any_other(index, text):
    assert total(index, text=text) == (17 if text == "'" else 0)


def test_a_study_is_found_by_the_beginning_of_its_key_and_by_scanner_and_modality(index, studies):
    assert ids(index, text=studies[7].key[:8]) == ["ID000007"]
    assert index.find("clinic", studies[7].key) is studies[7]
    assert index.find("other", studies[7].key) is None
    assert total(index, text="scanner_3") == STUDIES / 5
    assert total(index, text="mr scanner_1") == len([n for n in range(STUDIES) if n % 4 == 1 and n % 5 == 1])


def test_route_state_destination_and_days_restrict(index):
    assert (total(index, route="other"), total(index, route="nowhere")) == (20, 0)
    assert (total(index, state="delivered"), total(index, state="parked")) == (STUDIES, 0)
    assert (total(index, destination="one"), total(index, destination="on")) == (STUDIES, 0)
    days = [date(2025, 6, 3), date(2025, 6, 10)]
    found = index.page(StudyQuery(since=days[0], until=days[1])).rows
    assert found
    assert all(days[0] <= moment(row.study.first_arrival).date() <= days[1] for row in found)
    assert len(found) + total(index, until=date(2025, 6, 2)) + total(index, since=date(2025, 6, 11)) == STUDIES


def test_the_first_days_of_the_calendar_and_the_last_restrict_as_others_do(index):
    everything = index.page(StudyQuery()).total
    assert index.page(StudyQuery(since=date.min, until=date.max)).total == everything
    assert index.page(StudyQuery(since=date.max)).total == 0
    assert index.page(StudyQuery(until=date.min)).total == 0


@pytest.mark.parametrize("sort", SORTS)
def test_it_is_sorted_either_way(index, sort):
    up = [one for page in (1, 2, 3) for one in ids(index, sort=sort, descending=False, page=page)]
    down = [one for page in (1, 2, 3) for one in ids(index, sort=sort, page=page)]
    assert sorted(up) == sorted(down) == [f"ID{number:06d}" for number in range(STUDIES)]
    if sort in {"arrival", "id"}:
        assert up == sorted(up)
        assert down == list(reversed(up))


def test_what_is_no_column_is_not_sorted_by(index):
    assert ids(index, sort="arrival; DROP TABLE studies") == ids(index)


def test_a_masked_reader_neither_finds_nor_sorts_by_what_is_masked(index):
    assert total(index, text="joao", masked=True) == total(index, text="ID00", masked=True) == 0
    assert total(index, text="planning", masked=True) == 0
    assert ids(index, text="ID000007", masked=True) == ["ID000007"]
    assert total(index, text="mr", masked=True) == STUDIES / 4
    assert ids(index, sort="patient", masked=True) == ids(index)


def test_what_has_changed_is_found_as_it_is_now_and_what_is_gone_is_not(index, studies):
    index.put("/a", "clinic", studies[:50])
    assert total(index) == 70
    index.put("/a", "renamed", studies[:50])
    assert (total(index, route="clinic"), total(index, route="renamed")) == (0, 50)
    index.keep({"/b"})
    assert (total(index), index.find("renamed", studies[0].key)) == (20, None)
    index.put("/a", "clinic", studies[:1])
    assert total(index) == 21


def test_a_name_that_sqlite_cannot_take_is_no_matter(index, tmp_path: Path):
    spool = fill(tmp_path / "root", 1, 1)
    (folder,) = [one for one in spool.root.iterdir() if one.name.startswith("2025")]
    text = (folder / ".metadata.json").read_text().replace("ID000000", "\\ud800\\u0000'x")
    (folder / ".metadata.json").write_text(text)
    index.put("/c", "third", survey(OsFileSystem(), str(spool.root), None).studies)
    assert total(index, route="third") == 1
    assert total(index, text="'x\ud800") == 0
