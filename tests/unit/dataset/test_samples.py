"""Every file in pydicom's package: our header is pydicom's header."""

import os
import warnings
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.encaps import generate_fragments, parse_basic_offsets
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import _read_file_meta_info
from pydicom.multival import MultiValue

from dicomrs.dataset import missing_pixels, read_header, sop_class_name
from unit.dataset.datasets import BIG_ENDIAN, EXPLICIT, IMPLICIT

DATA = Path(pydicom.__file__).parent / "data"
NO_DATASET = {".txt", ".json", ".gz", ".icc", ".py", ".pyc", ".md", ".dump"}
SAMPLES = sorted(
    path
    for path in DATA.rglob("*")
    if path.is_file() and path.suffix not in NO_DATASET and path.name not in {"README", "no_meta.dcm"}
)

TEXT = {
    "sop_class": "SOPClassUID",
    "sop_instance": "SOPInstanceUID",
    "study": "StudyInstanceUID",
    "series": "SeriesInstanceUID",
    "patient_id": "PatientID",
    "patient_name": "PatientName",
    "study_date": "StudyDate",
    "study_time": "StudyTime",
    "study_description": "StudyDescription",
    "accession": "AccessionNumber",
    "modality": "Modality",
    "station": "StationName",
    "photometric": "PhotometricInterpretation",
    "provider_url": "PixelDataProviderURL",
}
NUMBERS = {
    "rows": "Rows",
    "columns": "Columns",
    "samples": "SamplesPerPixel",
    "bits_allocated": "BitsAllocated",
}
# By file name; the 60 slices under dicomdirtests had their pixels taken out.
WITHOUT_PIXELS = {
    "MR_truncated.dcm": "PixelData is cut short: 8192 bytes declared, 8130 received",
    "chrJapMulti.dcm": "Computed Radiography Image Storage without pixel data",
    "chrJapMultiExplicitIR6.dcm": "Computed Radiography Image Storage without pixel data",
    "chrKoreanMulti.dcm": "Computed Radiography Image Storage without pixel data",
}


def opened(path):
    """Return pydicom's dataset, its offset in the file, and the transfer syntax."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom has much to say about its own samples
        dataset = pydicom.dcmread(path, force=True)
    data = path.read_bytes()
    offset = 0
    if data[128:132] == b"DICM":
        file = DicomBytesIO(data)
        file.seek(132)
        _read_file_meta_info(file)
        offset = file.tell()
    implicit, little = dataset.original_encoding
    guessed = IMPLICIT if implicit else EXPLICIT if little else BIG_ENDIAN
    return dataset, offset, str(dataset.file_meta.get("TransferSyntaxUID", guessed))


def read(path):
    dataset, offset, transfer_syntax = opened(path)
    fd = os.open(path, os.O_RDONLY)
    try:
        header = read_header(fd, offset, path.stat().st_size, transfer_syntax)
    finally:
        os.close(fd)
    return header, dataset, transfer_syntax


def as_text(value):
    parts = value if isinstance(value, MultiValue) else [value or ""]
    return "\\".join(str(part) for part in parts)


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_header_is_what_pydicom_reads(path):
    header, dataset, transfer_syntax = read(path)
    assert header.problem == ""
    for field, keyword in TEXT.items():
        found = getattr(header, field)
        if field == "patient_name":
            found = found.rstrip("=")  # pydicom drops component groups that are empty
        assert found == as_text(dataset.get(keyword)).rstrip(" \0"), keyword
    for field, keyword in NUMBERS.items():
        assert getattr(header, field) == dataset.get(keyword), keyword
    frames = str(dataset.get("NumberOfFrames") or 1)
    assert header.frames == (int(frames) if frames.isdigit() else 1)  # badVR.dcm has 1A frames
    assert header.has_dvh == bool(dataset.get("DVHSequence"))
    assert header.has_dose_grid == ("DoseGridScaling" in dataset or "GridFrameOffsetVector" in dataset)
    check_pixels(header.pixels, dataset)
    wanted = WITHOUT_PIXELS.get(path.name)
    if path.name.startswith("IM0000"):
        wanted = "CT Image Storage without pixel data"
    sentence = missing_pixels(header, header.sop_class, transfer_syntax)
    assert (sentence or "").startswith(wanted or "")
    assert (sentence is None) == (wanted is None)


def check_pixels(pixels, dataset):
    if "PixelData" not in dataset:
        assert pixels is None
        return
    assert pixels.keyword == "PixelData"
    value = dataset.PixelData
    if pixels.declared is not None:
        assert pixels.present == len(value)
        return
    offset_table = BytesIO(value)
    parse_basic_offsets(offset_table)
    fragments = list(generate_fragments(value[offset_table.tell() :]))
    assert pixels.fragments == len([fragment for fragment in fragments if fragment])
    assert pixels.present == offset_table.tell() - 8 + sum(len(fragment) for fragment in fragments)
    assert pixels.delimited


def test_the_samples_are_there_and_of_many_kinds():
    assert len(SAMPLES) > 150
    classes = {sop_class_name(read(path)[0].sop_class) for path in SAMPLES}
    assert {"CT Image Storage", "RT Dose Storage", "RT Plan Storage", "Segmentation Storage"} <= classes
