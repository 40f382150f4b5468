import os
import struct

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicomrs.dataset import Pixels, read_header
from dicomrs.dataset.header import LARGEST_VALUE
from unit.dataset.datasets import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    GE_PRIVATE,
    IMPLICIT,
    PRIVATE,
    RT_DOSE,
    element,
    encoded,
    header_of,
    image,
    implicit_element,
)

ROWS = element(0x00280010, b"US", b"\4\0")
PIXELS = element(0x7FE00010, b"OW", bytes(48))
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF
FOUND = Pixels("PixelData", 48, 48)


def full_image():
    return image(
        SpecificCharacterSet="ISO_IR 100",
        PatientName="Müller^Jörg",
        StudyDate="20260122",
        StudyTime="101530.5",
        StudyDescription="Kopf, Schädel",
        AccessionNumber="A 1",
        Modality="CT",
        StationName="CT01",
        NumberOfFrames="2",
        PixelData=bytes(96),
    )


@pytest.mark.parametrize("transfer_syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED, GE_PRIVATE])
def test_every_field_is_read_in_every_layout(transfer_syntax):
    header = header_of(encoded(full_image(), transfer_syntax), transfer_syntax)
    assert header.problem == ""
    assert (header.sop_class, header.sop_instance) == ("1.2.840.10008.5.1.4.1.1.2", "1.2.3.4.5")
    assert (header.study, header.series) == ("1.2.3", "1.2.3.4")
    assert (header.patient_id, header.patient_name) == ("4711", "Müller^Jörg")
    assert (header.study_date, header.study_time) == ("20260122", "101530.5")
    assert (header.study_description, header.accession) == ("Kopf, Schädel", "A 1")
    assert (header.modality, header.station) == ("CT", "CT01")
    assert (header.rows, header.columns, header.samples, header.bits_allocated) == (4, 6, 1, 16)
    assert (header.frames, header.photometric) == (2, "MONOCHROME2")
    assert header.pixels == Pixels("PixelData", 96, 96)


def test_what_is_absent_is_empty_and_one_frame():
    header = header_of(element(0x00080016, b"UI", b""))
    assert header.problem == header.study == header.patient_name == header.provider_url == ""
    assert header.rows is header.columns is header.samples is header.bits_allocated is header.pixels is None
    assert header.frames == 1


@pytest.mark.parametrize("value", [b"", b"x ", b"0 ", b"-3", b"1e9 ", b"9" * 64])
def test_frames_that_are_no_count_are_one_frame(value):
    assert header_of(element(0x00280008, b"IS", value) + PIXELS).frames == 1


def test_nuls_inside_a_name_are_data():
    assert header_of(element(0x00100010, b"PN", b"../\0etc\0")).patient_name == "../\0etc"


def test_a_value_longer_than_any_real_one_counts_as_absent():
    longest = implicit_element(0x00100010, b"x" * LARGEST_VALUE) + implicit_element(0x00100020, b"1 ")
    assert len(header_of(longest, IMPLICIT).patient_name) == LARGEST_VALUE
    longer = implicit_element(0x00100010, b"x" * (LARGEST_VALUE + 1)) + implicit_element(0x00100020, b"1 ")
    header = header_of(longer, IMPLICIT)
    assert (header.patient_name, header.patient_id, header.problem) == ("", "1", "")


def test_half_a_uid_is_not_taken_for_a_uid():
    header = header_of(element(0x0020000D, b"UI", b"1.2.3", length=8))
    assert header.study == ""
    assert header.problem == (
        "(0020,000D) is cut short: the last 3 bytes of its value are missing (read up to byte 13)"
    )


def test_reading_ends_with_the_pixels():
    header = header_of(PIXELS + element(0x7FE10010, b"OB", b"", length=0x7FFFFFFF))
    assert (header.pixels, header.problem) == (FOUND, "")


def test_reading_a_class_without_pixels_ends_with_group_0028():
    report = element(0x00080016, b"UI", b"1.2.840.10008.5.1.4.1.1.88.33\0")
    broken = element(0x0040A730, b"SQ", b"rubbish", length=UNDEFINED)
    assert header_of(report + broken).problem == ""
    assert header_of(broken).problem != "", "a dataset that names no class is read to its end"


@pytest.mark.parametrize(("items", "found"), [([Dataset()], True), ([], False)])
def test_a_dvh_sequence_counts_when_it_is_not_empty(items, found):
    dose = image(RT_DOSE, DVHSequence=Sequence(items))
    assert header_of(encoded(dose)).has_dvh is found


@pytest.mark.parametrize("keyword", ["DoseGridScaling", "GridFrameOffsetVector"])
def test_attributes_of_a_dose_grid_are_seen(keyword):
    header = header_of(encoded(image(RT_DOSE, **{keyword: "0"})))
    assert (header.has_dose_grid, header.has_dvh) == (True, False)
    assert not header_of(encoded(image(RT_DOSE))).has_dose_grid


def test_float_and_double_float_pixels_are_pixels():
    assert header_of(element(0x7FE00008, b"OB", bytes(8))).pixels == Pixels("FloatPixelData", 8, 8)
    assert header_of(element(0x7FE00009, b"OB", bytes(8))).pixels == Pixels("DoubleFloatPixelData", 8, 8)


def test_fragments_are_counted_without_offset_table_and_empty_ones():
    items = [implicit_element(ITEM, bytes(size)) for size in (8, 10, 0, 12)]
    data = b"".join(items) + implicit_element(SEQUENCE_END, b"")
    header = header_of(element(0x7FE00010, b"OB", data, length=UNDEFINED))
    assert header.pixels == Pixels("PixelData", None, 30, fragments=2, delimited=True)


@pytest.mark.parametrize(
    ("tail", "problem"),
    [
        (b"", "the dataset ends at byte 28 inside its pixel data"),
        (b"\xfe\xff\0\xe0", "the dataset ends inside an element header, at byte 28"),
        (implicit_element(ITEM, b"abc", length=9), "(FFFE,E000) is cut short: the last 6 bytes"),
        (implicit_element(ITEM, b"", length=UNDEFINED), "(FFFE,E000) is no fragment of pixel data"),
        (implicit_element(ITEM_END, b""), "(FFFE,E00D) is no fragment of pixel data"),
    ],
)
def test_fragments_that_break_off_say_where(tail, problem):
    start = implicit_element(ITEM, b"") + implicit_element(ITEM, b"")
    header = header_of(element(0x7FE00010, b"OB", start + tail, length=UNDEFINED))
    assert header.problem.startswith(problem)
    assert header.pixels is not None
    assert not header.pixels.delimited


def nested(*, undefined):
    inner = Dataset()
    inner.Rows = 9
    inner.PatientName = "Inner^Name"
    outer = Dataset()
    outer.ReferencedImageSequence = Sequence([inner, inner])
    dataset = image(ReferencedStudySequence=Sequence([outer]), PixelData=bytes(48))
    for item in (dataset, outer):
        for sequence in [entry for entry in item if entry.VR == "SQ"]:
            sequence.is_undefined_length = undefined
            for each in sequence.value:
                each.is_undefined_length_sequence_item = undefined
    return dataset


@pytest.mark.parametrize("transfer_syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize("undefined", [True, False])
def test_sequences_are_passed_over_with_all_that_is_in_them(transfer_syntax, undefined):
    header = header_of(encoded(nested(undefined=undefined), transfer_syntax), transfer_syntax)
    assert (header.problem, header.rows, header.patient_name) == ("", 4, "Doe^Jane")
    assert header.pixels == FOUND


@pytest.mark.parametrize("vr", [b"UN", b"SQ"])
def test_a_sequence_of_unknown_vr_is_implicit_inside(vr):
    # As SQ this also is what writers send that fall into implicit VR in the middle of a dataset.
    inside = implicit_element(0x00091001, b"abc") + implicit_element(0x00091002, b"", length=UNDEFINED)
    inside += implicit_element(ITEM, b"x") + implicit_element(SEQUENCE_END, b"")
    item = implicit_element(ITEM, inside, length=UNDEFINED) + implicit_element(ITEM_END, b"")
    sequence = element(0x00091000, vr, item + implicit_element(SEQUENCE_END, b""), length=UNDEFINED)
    header = header_of(sequence + ROWS + PIXELS)
    assert (header.problem, header.rows, header.pixels) == ("", 4, FOUND)


def test_inside_a_sequence_of_unknown_vr_a_length_is_not_mistaken_for_a_vr():
    value = bytes(int.from_bytes(b"US", "little"))
    item = implicit_element(ITEM, implicit_element(0x00091001, value), length=UNDEFINED)
    item += implicit_element(ITEM_END, b"") + implicit_element(SEQUENCE_END, b"")
    header = header_of(element(0x00091000, b"UN", item, length=UNDEFINED) + ROWS)
    assert (header.problem, header.rows) == ("", 4)


def test_a_sequence_of_unknown_vr_is_little_endian_also_in_a_big_endian_dataset():
    sequence = struct.pack(">HH2sHL", 0x0009, 0x1000, b"UN", 0, UNDEFINED)
    sequence += implicit_element(ITEM, b"abc") + implicit_element(SEQUENCE_END, b"")
    header = header_of(sequence + struct.pack(">HH2sHH", 0x0028, 0x0010, b"US", 2, 4), BIG_ENDIAN)
    assert (header.problem, header.rows) == ("", 4)


def test_fragments_of_an_icon_are_passed_over():
    icon = element(0x7FE00010, b"OB", implicit_element(ITEM, b"") + implicit_element(ITEM, b"JPEG"), UNDEFINED)
    item = implicit_element(ITEM, icon + implicit_element(SEQUENCE_END, b""), length=UNDEFINED)
    sequence = item + implicit_element(ITEM_END, b"") + implicit_element(SEQUENCE_END, b"")
    header = header_of(element(0x00880200, b"SQ", sequence, length=UNDEFINED) + PIXELS)
    assert (header.problem, header.pixels) == ("", FOUND)


def test_a_vr_still_to_be_invented_has_a_length_of_32_bits():
    assert header_of(element(0x00091010, b"ZZ", bytes(70_000)) + ROWS).rows == 4


def test_an_element_without_a_vr_in_an_explicit_dataset_is_followed():
    assert header_of(implicit_element(0x00091010, b"abcd") + ROWS).rows == 4


def test_a_lone_delimiter_is_passed_over():
    assert header_of(implicit_element(SEQUENCE_END, b"") + ROWS).rows == 4


def test_a_private_transfer_syntax_is_read_as_explicit_little_endian():
    assert header_of(ROWS + PIXELS, PRIVATE).pixels == FOUND


def test_a_file_that_cannot_be_read_is_an_os_error(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(OSError, match="directory"):
            read_header(fd, 0, 100, EXPLICIT)
    finally:
        os.close(fd)
