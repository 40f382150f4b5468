"""send: files go out as they are, and every answer is told."""

from pathlib import Path

import pydicom
import pytest

from dicomrs.dataset import Header
from dicomrs.exits import Exit
from dicomrs_cli.part10 import DicomFile, NotPart10Error, UnfitError, find_files, read_dicom_file
from dicomrs_cli.sending import groups, send_files
from support.objects import CT, EXPLICIT, Instance, image, instance, part10, series, write_files
from support.processes import LOOPBACK, free_port
from support.router import route
from support.tap import Act


def dicom_file(sop_class: str, transfer_syntax: str = EXPLICIT) -> DicomFile:
    return DicomFile(Path("x.dcm"), sop_class, "1.2.3", transfer_syntax, "", 0, 0, Header())


def test_a_folder_reaches_a_running_router(tmp_path, make_router, dicomrs):
    router = make_router(route(tmp_path / "root"))
    write_files(tmp_path / "files" / "deep", series(5))
    (tmp_path / "files" / "notes.txt").write_text("no image")
    shown = dicomrs("send", LOOPBACK, router.port(), tmp_path / "files")
    assert shown.exit_code == Exit.OK, shown.output
    assert len(router.spool().waiting()) == 5
    assert f"skipped {tmp_path / 'files' / 'notes.txt'}: no DICOM file" in shown.output
    counts = [line.split() for line in shown.output.splitlines()]
    assert ["5", "0000", "success"] in counts
    assert ["1", "skipped:", "no", "DICOM", "objects"] in counts


def test_datasets_arrive_byte_for_byte_under_the_titles_asked_for(tmp_path, tap, dicomrs):
    sent = [*series(2), *(instance(image(), implicit=True) for _ in range(2))]
    write_files(tmp_path / "files", sent)
    shown = dicomrs("send", LOOPBACK, tap.port, tmp_path / "files", "--calling", "ME", "--called", "YOU")
    assert shown.exit_code == Exit.OK, shown.output
    assert [one.identity for one in tap.stored] == [one.identity for one in sent]
    assert {one.calling for one in tap.stored} == {"ME"}
    assert tap.associations == 1


def test_what_is_refused_is_named_and_the_exit_code_says_so(tmp_path, make_router, dicomrs):
    router = make_router(route(tmp_path / "root"))
    homeless = instance(image(without=("StudyInstanceUID",)))
    good, bad = write_files(tmp_path / "files", [*series(1), homeless])
    shown = dicomrs("send", LOOPBACK, router.port(), tmp_path / "files")
    assert shown.exit_code == Exit.FAILED
    assert f"not accepted {bad}: C000" in shown.output
    assert str(good) not in shown.output


def test_a_broken_association_costs_the_object_in_hand_only(tmp_path, tap):
    files = [read_dicom_file(path) for path in write_files(tmp_path / "files", series(4))]
    poison = files[1].sop_instance
    tap.answer = lambda received: Act.ABORT if received.uid == poison else 0
    answers = send_files(LOOPBACK, tap.port, files, calling="ME", called="YOU")
    assert [answer.accepted for answer in answers] == [True, False, True, True]
    assert "aborted" in answers[1].text


def test_nobody_there_is_the_answer_for_every_file(tmp_path):
    files = [read_dicom_file(path) for path in write_files(tmp_path / "files", series(3))]
    answers = send_files(LOOPBACK, free_port(), files, calling="ME", called="YOU")
    assert [answer.status for answer in answers] == [None] * 3
    assert all("refuses connections" in answer.text for answer in answers)


def test_a_kind_that_is_not_accepted_is_told_and_the_rest_is_sent(tmp_path, tap):
    files = [read_dicom_file(path) for path in write_files(tmp_path / "files", [*series(1), *series(1, modality="MR")])]
    tap.refused_contexts = {CT}
    first, second = send_files(LOOPBACK, tap.port, files, calling="ME", called="YOU")
    assert (first.status, second.status) == (None, 0)
    assert "is not accepted" in first.text


def test_more_kinds_than_an_association_can_have_take_several():
    files = [dicom_file(f"1.2.3.{number}") for number in range(300)] + [dicom_file("1.2.3.299")] * 5
    assert [len(group) for group in groups(files)] == [128, 128, 49]


def test_nothing_to_send_is_a_failure(tmp_path, dicomrs):
    (tmp_path / "notes.txt").write_text("no image")
    assert dicomrs("send", LOOPBACK, 104, tmp_path).exit_code == Exit.FAILED


def test_a_wrong_title_or_path_is_a_wrong_command_line(tmp_path, dicomrs):
    assert dicomrs("send", LOOPBACK, 104, tmp_path, "--called", "MUCH TOO LONG A TITLE").exit_code == Exit.USAGE
    assert dicomrs("send", LOOPBACK, 104, tmp_path / "none").exit_code == Exit.USAGE


def test_where_a_dataset_begins_is_found_without_the_group_length(tmp_path):
    one = instance(image())
    whole = part10(one)
    (tmp_path / "whole.dcm").write_bytes(whole)
    (tmp_path / "without.dcm").write_bytes(whole[:132] + whole[144:])
    for name in ("whole.dcm", "without.dcm"):
        file = read_dicom_file(tmp_path / name)
        assert (file.sop_class, file.sop_instance, file.transfer_syntax) == (
            one.sop_class,
            one.uid,
            one.transfer_syntax,
        )
        assert (tmp_path / name).read_bytes()[file.start :] == one.dataset


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", NotPart10Error),
        (b"\0" * 200, NotPart10Error),
        (b"\0" * 128 + b"DICM", UnfitError),
        (b"\0" * 128 + b"DICM\x02\0", UnfitError),
        (b"\0" * 128 + b"DICM\x02\0\x10\0UI\xff\xff1.2", UnfitError),
        (part10(Instance("", "", EXPLICIT, b"")), UnfitError),
        (part10(Instance("1.2.840.10008.1.3.10", "1.2.3", EXPLICIT, b"")), UnfitError),
        (part10(Instance(CT, "1.2.3", "", b"")), UnfitError),
    ],
)
def test_what_cannot_be_sent_is_told_apart(content, error, tmp_path):
    (tmp_path / "x.dcm").write_bytes(content)
    with pytest.raises(error):
        read_dicom_file(tmp_path / "x.dcm")


def test_no_file_of_the_package_makes_reading_fail_otherwise():
    read = 0
    for path in find_files([Path(pydicom.__file__).parent / "data" / "test_files"]):
        try:
            read_dicom_file(path)
        except (NotPart10Error, UnfitError):
            continue
        read += 1
    assert read == 152
