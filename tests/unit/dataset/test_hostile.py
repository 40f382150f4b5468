"""Bytes that mean harm: reading always answers, in bounded time, and never lets a broken image through."""

import os
import struct
import time
import zlib
from pathlib import Path

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import _read_file_meta_info

from dicomrs.dataset import Header, missing_pixels, read_header
from dicomrs.dataset.elements import LARGEST_COUNT, LARGEST_DEPTH
from unit.dataset.datasets import (
    BIG_ENDIAN,
    CT,
    DEFLATED,
    EXPLICIT,
    GE_PRIVATE,
    IMPLICIT,
    JPEG,
    JPIP,
    RLE,
    RT_DOSE,
    deflated,
    element,
    header_of,
    implicit_element,
)

FILES = Path(pydicom.__file__).parent / "data" / "test_files"
ITEM = 0xFFFEE000
UNDEFINED = 0xFFFFFFFF
SYNTAXES = [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED, GE_PRIVATE, JPEG, RLE, JPIP]


def sample(name):
    file = DicomBytesIO((FILES / name).read_bytes())
    file.seek(132)
    meta = _read_file_meta_info(file)
    return file.read(), str(meta.TransferSyntaxUID)


REAL = [
    sample(name)
    for name in (
        "CT_small.dcm",
        "MR_small_implicit.dcm",
        "MR_small_bigendian.dcm",
        "SC_rgb_rle_2frame.dcm",
        "rtdose_rle.dcm",
        "rtplan.dcm",
        "UN_sequence.dcm",
        "reportsi.dcm",
        "image_dfl.dcm",
        "liver_1frame.dcm",
        "waveform_ecg.dcm",
    )
]
hostile = settings(max_examples=150, deadline=5000)


def check(data, transfer_syntax):
    header = header_of(data, transfer_syntax)
    assert isinstance(header, Header)
    assert header.problem.isprintable()
    for sop_class in (header.sop_class, CT, RT_DOSE):
        sentence = missing_pixels(header, sop_class, transfer_syntax)
        assert sentence is None or sentence.endswith(".")
    return header


@hostile
@given(st.binary(max_size=400), st.sampled_from(SYNTAXES))
def test_random_bytes(data, transfer_syntax):
    check(data, transfer_syntax)


@hostile
@given(st.binary(max_size=400))
def test_random_bytes_inside_a_deflate_stream(data):
    check(deflated(data), DEFLATED)


@hostile
@given(st.sampled_from(REAL), st.data())
def test_real_datasets_with_flipped_bits(real, choice):
    data = bytearray(real[0])
    # Most of the structure lies in front.
    places = st.integers(0, min(len(data), 4000) - 1)
    for place, mask in choice.draw(st.lists(st.tuples(places, st.integers(1, 255)), min_size=1, max_size=8)):
        data[place] ^= mask
    check(bytes(data), real[1])


@hostile
@given(st.sampled_from(REAL), st.sampled_from(SYNTAXES))
def test_real_datasets_under_the_wrong_transfer_syntax(real, transfer_syntax):
    check(real[0], transfer_syntax)


@hostile
@given(st.sampled_from(REAL), st.data())
def test_real_datasets_cut_anywhere(real, choice):
    check(real[0][: choice.draw(st.integers(0, len(real[0])))], real[1])


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_bigendian.dcm", "SC_rgb_rle_2frame.dcm"])
def test_an_image_cut_at_any_place_before_the_end_of_its_pixels_never_passes(name):
    data, transfer_syntax = sample(name)
    whole = header_of(data, transfer_syntax)
    assert missing_pixels(whole, whole.sop_class, transfer_syntax) is None
    start = data.index(struct.pack(">HH" if transfer_syntax == BIG_ENDIAN else "<HH", 0x7FE0, 0x0010))
    size = 12 + whole.pixels.present
    if whole.pixels.declared is None:
        size += 8 * (whole.pixels.fragments + 2)  # the items' headers, of the offset table too, and the delimiter
    for end in [*range(0, start, 5), *range(start, start + 60), *range(start + 60, start + size, 97), start + size - 1]:
        header = header_of(data[:end], transfer_syntax)
        assert missing_pixels(header, whole.sop_class, transfer_syntax) is not None, end
    header = header_of(data[: start + size], transfer_syntax)
    assert missing_pixels(header, whole.sop_class, transfer_syntax) is None


@pytest.mark.parametrize("vr", [b"SQ", b"UN"])
def test_a_depth_bomb_is_defused_at_the_bound(vr):
    first = element(0x00081140, vr, b"", UNDEFINED)
    sequence = first if vr == b"SQ" else implicit_element(0x00081140, b"", UNDEFINED)
    item = implicit_element(ITEM, b"", UNDEFINED)
    header = check(first + item + (sequence + item) * 100_000, EXPLICIT)
    assert f"nested deeper than {LARGEST_DEPTH} levels" in header.problem


def test_sequences_of_a_real_depth_are_read():
    start, end = b"", b""
    for _ in range(LARGEST_DEPTH // 2):
        start += element(0x0040A730, b"SQ", b"", UNDEFINED) + implicit_element(ITEM, b"", UNDEFINED)
        end += implicit_element(0xFFFEE00D, b"") + implicit_element(0xFFFEE0DD, b"")
    header = check(start + end + element(0x7FE00010, b"OB", b"ab"), EXPLICIT)
    assert header.problem == ""
    assert header.pixels is not None


@pytest.mark.parametrize("nested", [False, True])
def test_more_elements_than_any_real_dataset_has_are_not_walked(nested):
    start = implicit_element(0x00081140, b"", UNDEFINED) if nested else b""
    bomb = start + implicit_element(ITEM if nested else 0x00091010, b"") * (LARGEST_COUNT + 1)
    assert f"more than {LARGEST_COUNT} elements" in check(bomb, IMPLICIT).problem


@pytest.mark.parametrize("tag", [0x00100010, 0x00091010, 0x00280010, 0x30040050, 0x7FE00010])
@pytest.mark.parametrize("length", [0xFFFFFFFE, 0x7FFFFFFF])
def test_a_length_of_gigabytes_reads_no_gigabytes(tag, length):
    header = check(implicit_element(tag, b"abc", length), IMPLICIT)
    if header.pixels:
        assert (header.pixels.declared, header.pixels.present) == (length, 3)
    else:
        assert f"the last {length - 3} bytes of its value are missing" in header.problem


def test_a_deflate_bomb_is_cut_off_and_the_image_refused():
    # 16 MiB of zeros in a block that can be repeated: 80 of them in 1.3 MB.
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    start = compressor.compress(element(0x7FE00010, b"OB", b"", 0xFFFFFFFE))
    start += compressor.flush(zlib.Z_FULL_FLUSH)
    block = compressor.compress(bytes(16 << 20)) + compressor.flush(zlib.Z_FULL_FLUSH)
    began = time.monotonic()
    header = check(start + block * 80, DEFLATED)
    assert "inflates to more than" in header.problem
    assert missing_pixels(header, CT, DEFLATED) is not None
    assert time.monotonic() - began < 60


def test_reading_a_gigabyte_image_touches_only_its_header(tmp_path):
    size = 0x40000000
    path = tmp_path / "sparse"
    head = element(0x7FE00010, b"OW", b"", size)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)
    fd = os.open(path, os.O_RDONLY)
    try:
        began = time.monotonic()
        header = read_header(fd, 0, len(head) + size, EXPLICIT)
        assert time.monotonic() - began < 1
    finally:
        os.close(fd)
    assert header.pixels is not None
    assert header.pixels.present == size


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\x08\x00\x16\x00UI", "the dataset ends inside an element header, at byte 0"),
        (b"\x08\x00\x16\x00OB\0\0\1", "(0008,0016) has half a header"),
        (implicit_element(ITEM, b""), "(FFFE,E000) does not belong at the top level"),
        (implicit_element(0xFFFEE0DD, b"abcd"), "(FFFE,E0DD) does not belong at the top level"),
        (element(0x00081140, b"SQ", b"", UNDEFINED), "the dataset ends inside the sequence (0008,1140)"),
        (
            element(0x00081140, b"SQ", element(0x00100010, b"PN", b"Doe "), UNDEFINED),
            "(0010,0010) is out of place in the sequence (0008,1140)",
        ),
        (
            element(0x00081140, b"SQ", implicit_element(0xFFFEE00D, b""), UNDEFINED),
            "(FFFE,E00D) is out of place in the sequence (0008,1140)",
        ),
        (
            element(
                0x00081140,
                b"SQ",
                implicit_element(ITEM, b"", UNDEFINED) + implicit_element(0xFFFEE0DD, b""),
                UNDEFINED,
            ),
            "(FFFE,E0DD) is out of place in the sequence (0008,1140)",
        ),
        (
            element(0x00081140, b"SQ", implicit_element(ITEM, b"abc", 9), UNDEFINED),
            "(FFFE,E000) is cut short: the last 6 bytes",
        ),
    ],
)
def test_a_malformed_structure_is_named_with_its_place(data, problem):
    header = check(data, EXPLICIT)
    assert header.problem.startswith(problem)
    assert "Doe" not in header.problem
