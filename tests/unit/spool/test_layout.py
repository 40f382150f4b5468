"""Names: whatever a scanner sends, it stays inside the root, readable where it can be."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomrs.spool.layout import (
    CONFLICTS,
    METADATA,
    RECEIPTS,
    file_stem,
    is_study_folder,
    object_name,
    parse_object_name,
    reason_name,
    study_folder_name,
    study_key,
)

RECEIVED = datetime(2026, 1, 22, 10, 15, 30)  # noqa: DTZ001 - names carry local time, without offset
ANYTHING = st.text(st.characters(), max_size=200)
JAPANESE = "山田太郎" * 16


@pytest.mark.parametrize(
    ("patient_id", "patient_name", "name"),
    [
        ("4711", "Doe^John", "20260122T101530_4711_Doe_John"),
        ("4711", "Doe^John^^Dr.", "20260122T101530_4711_Doe_John_Dr"),
        ("../../etc/passwd", "../../etc/passwd", "20260122T101530_etc_passwd_etc_passwd"),
        ("A\0B", "Doe\0^J", "20260122T101530_A_B_Doe_J"),
        ("", "", "20260122T101530_NOID_NONAME"),
        ("...", "....", "20260122T101530_NOID_NONAME"),
        (".", "^^^^", "20260122T101530_NOID_NONAME"),
        ("\u202e4711\u2066", "Doe\u200f^John", "20260122T101530_4711_Doe_John"),
        ("1\n2\r3\t4", "a\\b:c*d", "20260122T101530_1_2_3_4_a_b_c_d"),
        ("-rf", "--help", "20260122T101530_-rf_--help"),
        ("Müller", "Mu\u0308ller^Jörg", "20260122T101530_Müller_Müller_Jörg"),
        ("1", "Yamada^Tarou=山田^太郎=やまだ^たろう", "20260122T101530_1_Yamada_Tarou"),
        ("1", "^^=山田^太郎", "20260122T101530_1_山田_太郎"),
    ],
)
def test_study_folder_is_named_after_time_and_patient(patient_id, patient_name, name):
    assert study_folder_name(RECEIVED, patient_id, patient_name) == name


def test_a_long_japanese_name_is_cut_between_its_signs():
    name = study_folder_name(RECEIVED, JAPANESE, JAPANESE)
    _, identity, person = name.split("_")
    assert JAPANESE.startswith(identity)
    assert JAPANESE.startswith(person)
    assert len(identity.encode()) <= 64
    assert len(person.encode()) <= 112


@given(ANYTHING, ANYTHING)
def test_study_folder_name_is_one_short_visible_folder(patient_id, patient_name):
    name = study_folder_name(RECEIVED, patient_id, patient_name)
    assert is_study_folder(name)
    assert not set(name) & {"/", "\0", "\\", "\n", " "}
    assert name.isprintable()
    assert not name.startswith(".")
    assert len(name.encode()) <= 196


@given(ANYTHING)
def test_object_is_named_without_a_path_whatever_its_uid(uid):
    stem = file_stem(uid)
    assert not set(stem) & {"/", "\0", "_"}
    assert not stem.startswith((".", "-"))
    assert len(reason_name(object_name(stem, 999_999)).encode()) < 255


def test_object_is_named_by_its_uid_and_its_number():
    assert object_name(file_stem("1.2.840.1"), 1) == "1.2.840.1.dcm"
    assert object_name(file_stem("1.2.840.1"), 2) == "1.2.840.1_2.dcm"


def test_uids_that_differ_by_a_sign_that_no_uid_has_do_not_share_a_name():
    assert len({file_stem(uid) for uid in ("1.2", "1.2 ", "1.2/", "x", "X", "")}) == 6


@given(ANYTHING, st.integers(1, 999_999))
def test_object_name_can_be_read_back(uid, number):
    assert parse_object_name(object_name(file_stem(uid), number)) == (file_stem(uid), number)


@pytest.mark.parametrize("name", [METADATA, f"{METADATA}.new", RECEIPTS, CONFLICTS, "1.2.dcm.reason.json", ".dcm", "a"])
def test_other_files_are_no_objects(name):
    assert parse_object_name(name) is None


@pytest.mark.parametrize("name", [".incoming", "_DAMAGED", "lost+found", "20260122T101530", "20260122_1_2"])
def test_other_folders_are_no_study_folders(name):
    assert not is_study_folder(name)


def test_study_key_is_short_and_always_the_same():
    assert study_key("1.2.840.1") == study_key("1.2.840.1") != study_key("1.2.840.2")
    assert len(study_key("1.2.840.1")) == 10
