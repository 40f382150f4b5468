"""Datasets for these tests: built and encoded by pydicom, read from a real file."""

import struct
import tempfile
import zlib
from io import BytesIO
from typing import Any

from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite

from dicomrs.dataset import Header, read_header

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
GE_PRIVATE = "1.2.840.113619.5.2"
PRIVATE = "1.2.826.0.1.3680043.2.1143.107.104.103.115.2.8.4"
JPEG = "1.2.840.10008.1.2.4.50"
JPEG_2000_MULTI_COMPONENT = "1.2.840.10008.1.2.4.93"
MPEG4 = "1.2.840.10008.1.2.4.102"
HEVC = "1.2.840.10008.1.2.4.107"
RLE = "1.2.840.10008.1.2.5"
JPIP = "1.2.840.10008.1.2.4.94"
JPIP_DEFLATED = "1.2.840.10008.1.2.4.95"

CT = "1.2.840.10008.5.1.4.1.1.2"
RT_DOSE = "1.2.840.10008.5.1.4.1.1.481.2"


def image(sop_class: str = CT, **attributes: Any) -> Dataset:
    """An image of 4 x 6 pixels of 16 bits without pixel data; an attribute that is None is left out."""
    dataset = Dataset()
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = "1.2.3.4.5"
    dataset.StudyInstanceUID = "1.2.3"
    dataset.SeriesInstanceUID = "1.2.3.4"
    dataset.PatientID = "4711"
    dataset.PatientName = "Doe^Jane"
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows = 4
    dataset.Columns = 6
    dataset.BitsAllocated = 16
    dataset.BitsStored = 12
    dataset.HighBit = 11
    dataset.PixelRepresentation = 0
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    if "PixelData" in dataset:
        dataset["PixelData"].VR = "OW"
    return dataset


def encoded(dataset: Dataset, transfer_syntax: str = EXPLICIT) -> bytes:
    """The dataset's bytes as they go over the network."""
    buffer = BytesIO()
    implicit = transfer_syntax in {IMPLICIT, GE_PRIVATE}
    little = transfer_syntax != BIG_ENDIAN
    if transfer_syntax not in {IMPLICIT, GE_PRIVATE, EXPLICIT, BIG_ENDIAN, DEFLATED, JPIP_DEFLATED}:
        for element in dataset:
            element.is_undefined_length = element.keyword == "PixelData"
    dcmwrite(buffer, dataset, implicit_vr=implicit, little_endian=little)
    data = buffer.getvalue()
    return deflated(data) if transfer_syntax in {DEFLATED, JPIP_DEFLATED} else data


def deflated(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def header_of(data: bytes, transfer_syntax: str = EXPLICIT) -> Header:
    """Read a dataset that lies in a file between bytes that are not its own."""
    before, after = b"DICM" * 33, b"\x08\x00\x05\x00CS\x02\x00  "
    with tempfile.TemporaryFile() as file:
        file.write(before + data + after)
        file.flush()
        return read_header(file.fileno(), len(before), len(before) + len(data), transfer_syntax)


def element(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    """An element in explicit VR little endian, whatever is wrong with it."""
    size = len(value) if length is None else length
    start = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    if vr in {b"SQ", b"UN", b"OB", b"OW", b"ZZ"}:
        return start + struct.pack("<HL", 0, size) + value
    return start + struct.pack("<H", size) + value


def implicit_element(tag: int, value: bytes, length: int | None = None) -> bytes:
    """The same in implicit VR; also an item or a delimiter."""
    size = len(value) if length is None else length
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, size) + value
