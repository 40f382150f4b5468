import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

from dicomrs.dataset import missing_pixels
from unit.dataset.datasets import (
    BIG_ENDIAN,
    CT,
    DEFLATED,
    EXPLICIT,
    GE_PRIVATE,
    HEVC,
    IMPLICIT,
    JPEG,
    JPEG_2000_MULTI_COMPONENT,
    JPIP,
    JPIP_DEFLATED,
    MPEG4,
    PRIVATE,
    RLE,
    RT_DOSE,
    element,
    encoded,
    header_of,
    image,
    implicit_element,
)

STORAGE = "1.2.840.10008.5.1.4.1.1."
SEGMENTATION, PARAMETRIC_MAP, SC = STORAGE + "66.4", STORAGE + "30", STORAGE + "7"
DVH = Sequence([Dataset()])
ITEM, SEQUENCE_END, UNDEFINED = 0xFFFEE000, 0xFFFEE0DD, 0xFFFFFFFF


def judge(dataset, transfer_syntax=EXPLICIT):
    data = encoded(dataset, transfer_syntax)
    return missing_pixels(header_of(data, transfer_syntax), dataset.SOPClassUID, transfer_syntax)


def colour(photometric, size, **attributes):
    changes = {"SamplesPerPixel": 3, "BitsAllocated": 8, "PhotometricInterpretation": photometric}
    return image(SC, PixelData=bytes(size), **changes, **attributes)


def mask(size, frames="3"):
    """3 frames of 5 x 5 pixels of one bit: 75 bits, 10 bytes."""
    return image(SEGMENTATION, Rows=5, Columns=5, BitsAllocated=1, NumberOfFrames=frames, PixelData=bytes(size))


def grid(**attributes):
    return image(RT_DOSE, **{"Rows": None, "Columns": None, "BitsAllocated": None} | attributes)


URL = {"PixelDataProviderURL": "https://pacs/jpip"}
PASSES = {
    "native of exact length": (image(PixelData=bytes(48)), EXPLICIT),
    "implicit": (image(PixelData=bytes(48)), IMPLICIT),
    "big endian": (image(PixelData=bytes(48)), BIG_ENDIAN),
    "deflated": (image(PixelData=bytes(48)), DEFLATED),
    "GE private": (image(PixelData=bytes(48)), GE_PRIVATE),
    "longer than demanded": (image(PixelData=bytes(50)), EXPLICIT),
    "odd demand, padded": (image(Rows=3, Columns=3, BitsAllocated=8, PixelData=bytes(10)), EXPLICIT),
    "multi-frame": (image(NumberOfFrames="3", PixelData=bytes(144)), EXPLICIT),
    "one bit, packed across frames": (mask(10), EXPLICIT),
    "RGB": (colour("RGB", 72), EXPLICIT),
    "YBR_FULL_422": (colour("YBR_FULL_422", 48), EXPLICIT),
    "YBR_PARTIAL_422": (colour("YBR_PARTIAL_422", 48), EXPLICIT),
    "YBR_PARTIAL_420": (colour("YBR_PARTIAL_420", 36), EXPLICIT),
    "float": (image(PARAMETRIC_MAP, BitsAllocated=32, FloatPixelData=bytes(96)), EXPLICIT),
    "double float": (image(PARAMETRIC_MAP, BitsAllocated=64, DoubleFloatPixelData=bytes(192)), EXPLICIT),
    "no rows, nothing to compute": (image(Rows=None, PixelData=bytes(2)), EXPLICIT),
    "no bits allocated, nothing to compute": (image(BitsAllocated=None, PixelData=bytes(2)), EXPLICIT),
    "encapsulated": (image(PixelData=encapsulate([b"abcd"])), JPEG),
    "encapsulated, a fragment a frame": (image(NumberOfFrames="2", PixelData=encapsulate([b"ab", b"cd"])), RLE),
    "several fragments a frame": (image(PixelData=encapsulate([b"abcdef"], fragments_per_frame=3)), JPEG),
    "MPEG-4, all frames in one": (image(NumberOfFrames="99", PixelData=encapsulate([b"abcd"])), MPEG4),
    "fragmentable MPEG-4": (image(NumberOfFrames="99", PixelData=encapsulate([b"abcd"])), MPEG4 + ".1"),
    "HEVC, all frames in one": (image(NumberOfFrames="99", PixelData=encapsulate([b"abcd"])), HEVC),
    "JPEG 2000 part 2, all frames in one": (
        image(NumberOfFrames="99", PixelData=encapsulate([b"abcd"])),
        JPEG_2000_MULTI_COMPONENT,
    ),
    "encapsulated by private rules": (image(NumberOfFrames="9", PixelData=encapsulate([b"abcd"])), PRIVATE),
    "JPIP": (image(**URL), JPIP),
    "JPIP deflated": (image(**URL), JPIP_DEFLATED),
    "dose grid": (image(RT_DOSE, DoseGridScaling="1", PixelData=bytes(48)), EXPLICIT),
    "dose of DVHs alone": (grid(DVHSequence=DVH), EXPLICIT),
    "RTSTRUCT": (image(STORAGE + "481.3"), EXPLICIT),
    "RTPLAN": (image(STORAGE + "481.5"), IMPLICIT),
    "SR": (image(STORAGE + "88.33"), EXPLICIT),
    "waveform": (image(STORAGE + "9.1.1"), EXPLICIT),
    "MR spectroscopy": (image(STORAGE + "4.2"), EXPLICIT),
    "private class": (image("1.3.12.2.1107.5.9.1"), EXPLICIT),
    "private class with too little": (image("1.3.12.2.1107.5.9.1", PixelData=b"ab"), EXPLICIT),
    "raw data with too little": (image(STORAGE + "66", PixelData=b"ab"), EXPLICIT),
}
REFUSED = {
    "no pixel element": (image(), EXPLICIT, "CT Image Storage without pixel data"),
    "no pixel element, deflated": (image(), DEFLATED, "without pixel data"),
    "an empty element": (image(PixelData=b""), EXPLICIT, "PixelData is empty"),
    "an empty element, private syntax": (image(PixelData=b""), GE_PRIVATE, "PixelData is empty"),
    "too short": (image(PixelData=bytes(46)), EXPLICIT, "holds 46 bytes"),
    "too short in big endian": (image(PixelData=bytes(46)), BIG_ENDIAN, "demand 48"),
    "too short for its frames": (image(NumberOfFrames="3", PixelData=bytes(142)), EXPLICIT, "demand 144"),
    "one bit, a byte missing": (mask(8), EXPLICIT, "demand 10"),
    "RGB of 422 length": (colour("RGB", 48), EXPLICIT, "demand 72"),
    "422 too short": (colour("YBR_FULL_422", 46), EXPLICIT, "demand 48"),
    "420 too short": (colour("YBR_PARTIAL_420", 34), EXPLICIT, "demand 36"),
    "samples unknown count as one": (image(SamplesPerPixel=None, PixelData=bytes(46)), EXPLICIT, "demand 48"),
    "float too short": (
        image(PARAMETRIC_MAP, BitsAllocated=None, FloatPixelData=bytes(92)),
        EXPLICIT,
        "FloatPixelData holds 92",
    ),
    "double too short": (
        image(PARAMETRIC_MAP, BitsAllocated=None, DoubleFloatPixelData=bytes(96)),
        EXPLICIT,
        "demand 192",
    ),
    "only the offset table": (
        image(PixelData=implicit_element(ITEM, b"abcd")),
        JPEG,
        "no fragment with data after its offset table",
    ),
    "only empty fragments": (
        image(PixelData=implicit_element(ITEM, b"") * 3),
        MPEG4,
        "no fragment with data after its offset table",
    ),
    "fewer fragments than frames": (
        image(NumberOfFrames="3", PixelData=encapsulate([b"ab", b"cd"])),
        RLE,
        "2 fragments with data for 3 frames",
    ),
    "a URL under a syntax that is not JPIP": (image(**URL), EXPLICIT, "JPIP"),
    "JPIP without a URL": (image(), JPIP, "without pixel data"),
    "dose grid without pixels": (grid(DoseGridScaling="1", DVHSequence=DVH), EXPLICIT, "dose grid"),
    "dose with frame offsets only": (grid(GridFrameOffsetVector="0", DVHSequence=DVH), EXPLICIT, "dose grid"),
    "dose with rows and no pixels": (grid(Rows=4, DVHSequence=DVH), EXPLICIT, "dose grid"),
    "dose with columns and no pixels": (grid(Columns=4, DVHSequence=DVH), EXPLICIT, "dose grid"),
    "dose with nothing": (grid(), EXPLICIT, "neither pixel data nor a DVH sequence"),
    "dose with an empty DVH sequence": (grid(DVHSequence=Sequence()), EXPLICIT, "neither"),
    "dose grid too short": (image(RT_DOSE, DoseGridScaling="1", PixelData=bytes(46)), EXPLICIT, "demand 48"),
}


@pytest.mark.parametrize(("dataset", "transfer_syntax"), PASSES.values(), ids=PASSES)
def test_passes(dataset, transfer_syntax):
    assert judge(dataset, transfer_syntax) is None


@pytest.mark.parametrize(("dataset", "transfer_syntax", "why"), REFUSED.values(), ids=REFUSED)
def test_is_refused(dataset, transfer_syntax, why):
    sentence = judge(dataset, transfer_syntax)
    assert sentence is not None
    assert why in sentence
    assert "(PS3." in sentence
    assert "Doe" not in sentence
    assert sentence.endswith(".")


def pixels(vr, value, length):
    return encoded(image()) + element(0x7FE00010, vr, value, length)


def judge_bytes(data, transfer_syntax=EXPLICIT, sop_class=CT):
    return missing_pixels(header_of(data, transfer_syntax), sop_class, transfer_syntax) or ""


def test_a_dataset_cut_off_inside_its_pixels_is_refused():
    sentence = judge_bytes(pixels(b"OW", bytes(40), length=48))
    assert sentence == "PixelData is cut short: 48 bytes declared, 40 received (PS3.5 7.1)."


def test_a_deflated_dataset_cut_off_inside_its_pixels_is_refused():
    data = encoded(image(PixelData=bytes(range(48))), DEFLATED)
    assert "48 bytes declared" in judge_bytes(data[:-8], DEFLATED)


def test_a_length_of_4_gigabytes_is_refused_at_once():
    assert "4294967294 bytes declared, 40 received" in judge_bytes(pixels(b"OW", bytes(40), length=0xFFFFFFFE))


def test_encapsulated_pixels_without_their_delimiter_are_refused():
    data = pixels(b"OB", implicit_element(ITEM, b"") + implicit_element(ITEM, b"abcd"), length=UNDEFINED)
    assert "breaks off: the dataset ends" in judge_bytes(data, JPEG)


def test_fragments_under_a_native_syntax_are_judged_as_fragments():
    data = pixels(b"OB", implicit_element(ITEM, b"") + implicit_element(ITEM, b"abcd"), length=UNDEFINED)
    assert judge_bytes(data + implicit_element(SEQUENCE_END, b"")) == ""
    data = pixels(b"OB", implicit_element(ITEM, b"abcd") + implicit_element(SEQUENCE_END, b""), length=UNDEFINED)
    assert "no fragment with data" in judge_bytes(data)


def test_a_defined_length_under_a_compressed_syntax_is_judged_as_native():
    assert judge_bytes(pixels(b"OW", bytes(48), length=48), JPEG) == ""
    assert "not encapsulated" in judge_bytes(pixels(b"OW", b"JPEG", length=4), JPEG)


def test_a_defined_length_under_a_private_syntax_needs_only_to_be_there():
    assert judge_bytes(pixels(b"OW", b"ab", length=2), PRIVATE) == ""
    assert "cut short" in judge_bytes(pixels(b"OW", b"a", length=2), PRIVATE)


def test_a_dataset_that_breaks_off_before_its_pixels_says_where():
    sentence = judge_bytes(encoded(image()) + element(0x00880140, b"UI", b"1.2", length=20))
    assert "breaks off: (0088,0140) is cut short" in sentence
    assert "PixelData" not in sentence


def test_a_dose_of_dvhs_that_breaks_off_is_refused():
    data = encoded(grid(DVHSequence=DVH)) + element(0x30060020, b"SQ", b"", length=100)
    assert "breaks off: (3006,0020)" in judge_bytes(data, sop_class=RT_DOSE)


def test_the_class_of_the_command_decides_when_the_dataset_names_none():
    data = encoded(image(SOPClassUID=None, PixelData=bytes(48)))
    assert judge_bytes(data) == ""
