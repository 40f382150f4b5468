"""Reads the header of one received dataset: who it belongs to, and what is needed to judge its pixels.

Runs once for every received object, so it reads the few elements that are wanted and passes over the rest.
The bytes are hostile: whatever they are, the answer is a Header, and the work is bounded.
"""

import re
from dataclasses import dataclass

from dicomrs.dataset.elements import UNDEFINED, Element, Encoding, Walker, encoding_of
from dicomrs.dataset.sop_classes import RT_DOSE, is_image
from dicomrs.dataset.source import MalformedError, Source, open_source
from dicomrs.dataset.text import NAME_DELIMITERS, TEXT_DELIMITERS, decode

LARGEST_VALUE = 64 << 10  # bytes; a longer value counts as absent

CHARACTER_SET = 0x00080005
SOP_CLASS = 0x00080016
SOP_INSTANCE = 0x00080018
STUDY_DATE = 0x00080020
STUDY_TIME = 0x00080030
ACCESSION = 0x00080050
MODALITY = 0x00080060
STATION = 0x00081010
STUDY_DESCRIPTION = 0x00081030
PATIENT_NAME = 0x00100010
PATIENT_ID = 0x00100020
STUDY = 0x0020000D
SERIES = 0x0020000E
SAMPLES = 0x00280002
PHOTOMETRIC = 0x00280004
FRAMES = 0x00280008
ROWS = 0x00280010
COLUMNS = 0x00280011
BITS_ALLOCATED = 0x00280100
PROVIDER_URL = 0x00287FE0
GRID_FRAME_OFFSET_VECTOR = 0x3004000C
DOSE_GRID_SCALING = 0x3004000E
DVH_SEQUENCE = 0x30040050

VALUES = frozenset(
    {
        CHARACTER_SET, SOP_CLASS, SOP_INSTANCE, STUDY_DATE, STUDY_TIME, ACCESSION, MODALITY, STATION,
        STUDY_DESCRIPTION, PATIENT_NAME, PATIENT_ID, STUDY, SERIES, SAMPLES, PHOTOMETRIC, FRAMES, ROWS, COLUMNS,
        BITS_ALLOCATED, PROVIDER_URL,
    }
)  # fmt: skip
DOSE_FACTS = frozenset({GRID_FRAME_OFFSET_VECTOR, DOSE_GRID_SCALING, DVH_SEQUENCE})
LAST_VALUE = PROVIDER_URL
PIXELS = {0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData", 0x7FE00010: "PixelData"}

_COUNT = re.compile(rb"\s*\+?([0-9]{1,12})\s*")


@dataclass(frozen=True, slots=True)
class Pixels:
    """The pixel element as it is in the file; its value was not read."""

    keyword: str  # PixelData, FloatPixelData or DoubleFloatPixelData
    declared: int | None  # bytes; None: undefined length, the value comes in fragments
    present: int  # bytes of the value that are really there
    fragments: int = 0  # that are not empty, without the offset table
    delimited: bool = False  # the fragments end with the sequence delimiter


@dataclass(frozen=True, slots=True)
class Header:
    """What the router knows of a dataset. Text is decoded, without trailing padding, empty when absent."""

    sop_class: str = ""
    sop_instance: str = ""
    study: str = ""  # StudyInstanceUID
    series: str = ""  # SeriesInstanceUID
    patient_id: str = ""
    patient_name: str = ""
    study_date: str = ""
    study_time: str = ""
    study_description: str = ""
    accession: str = ""
    modality: str = ""
    station: str = ""
    rows: int | None = None
    columns: int | None = None
    samples: int | None = None
    bits_allocated: int | None = None
    frames: int = 1  # also when absent or not a number
    photometric: str = ""
    provider_url: str = ""  # PixelDataProviderURL
    has_dvh: bool = False  # a DVHSequence that is not empty
    has_dose_grid: bool = False  # DoseGridScaling or GridFrameOffsetVector
    pixels: Pixels | None = None
    problem: str = ""  # why reading stopped early, naming tag and byte offset; no patient data


@dataclass(slots=True)
class _Findings:
    """What one walk collects."""

    values: dict[int, bytes]
    dose_facts: set[int]
    pixels: Pixels | None = None
    problem: str = ""


def read_header(fd: int, start: int, end: int, transfer_syntax: str) -> Header:
    """Read the header of the dataset that lies in an open file.

    Reading ends with the pixel element, whose extent is found without reading it (but a deflated dataset must
    be inflated for that). In classes that need no pixels it ends with group 0028: what follows decides nothing.

    Args:
        fd: The open file; its position is neither used nor moved.
        start: Offset in bytes of the dataset, behind any preamble and file meta information.
        end: Offset in bytes of the end of the dataset.
        transfer_syntax: The UID under which the dataset was received.

    Returns:
        The header. Malformed data never raises: `problem` says where reading stopped.

    Raises:
        OSError: The file cannot be read.
    """
    encoding = encoding_of(transfer_syntax)
    source = open_source(fd, start, end, transfer_syntax)
    findings = _Findings({}, set())
    try:
        _walk(source, Walker(source, encoding), findings)
    except MalformedError as error:
        findings.problem = str(error)
    return _header(findings, encoding)


def _walk(source: Source, walker: Walker, findings: _Findings) -> None:
    for element in walker.elements(VALUES, LAST_VALUE, findings.values, LARGEST_VALUE):
        tag = element.tag
        if tag in PIXELS:
            _measure(element, source, walker, findings)
            return
        if _needs_no_pixels(findings.values.get(SOP_CLASS, b"")):
            return
        if tag in DOSE_FACTS and element.length:
            findings.dose_facts.add(tag)


def _needs_no_pixels(sop_class: bytes) -> bool:
    uid = decode(sop_class, b"")
    return uid not in {"", RT_DOSE} and not is_image(uid)


def _measure(element: Element, source: Source, walker: Walker, findings: _Findings) -> None:
    """Find the extent of the pixel element: only the headers of its fragments are read."""
    keyword = PIXELS[element.tag]
    if element.length != UNDEFINED:
        findings.pixels = Pixels(keyword, element.length, source.skip(element.length))
        return
    items = fragments = present = 0
    try:
        for size in walker.fragments():
            items += 1
            present += size
            fragments += items > 1 and size > 0  # the first item is the offset table
    except MalformedError as error:
        findings.problem = str(error)
    findings.pixels = Pixels(keyword, None, present, fragments, delimited=not findings.problem)


def _header(findings: _Findings, encoding: Encoding) -> Header:
    values = findings.values
    character_set = values.get(CHARACTER_SET, b"")

    def text(tag: int, delimiters: bytes = TEXT_DELIMITERS) -> str:
        value = values.get(tag)
        return decode(value, character_set, delimiters) if value else ""

    def number(tag: int) -> int | None:
        value = values.get(tag, b"")
        return encoding.short.unpack_from(value)[0] if len(value) >= 2 else None

    return Header(
        sop_class=text(SOP_CLASS),
        sop_instance=text(SOP_INSTANCE),
        study=text(STUDY),
        series=text(SERIES),
        patient_id=text(PATIENT_ID),
        patient_name=text(PATIENT_NAME, NAME_DELIMITERS),
        study_date=text(STUDY_DATE),
        study_time=text(STUDY_TIME),
        study_description=text(STUDY_DESCRIPTION),
        accession=text(ACCESSION),
        modality=text(MODALITY),
        station=text(STATION),
        rows=number(ROWS),
        columns=number(COLUMNS),
        samples=number(SAMPLES),
        bits_allocated=number(BITS_ALLOCATED),
        frames=_frames(values.get(FRAMES, b"")),
        photometric=text(PHOTOMETRIC),
        provider_url=text(PROVIDER_URL),
        has_dvh=DVH_SEQUENCE in findings.dose_facts,
        has_dose_grid=not findings.dose_facts.isdisjoint({DOSE_GRID_SCALING, GRID_FRAME_OFFSET_VECTOR}),
        pixels=findings.pixels,
        problem=findings.problem,
    )


def _frames(value: bytes) -> int:
    count = _COUNT.fullmatch(value.rstrip(b"\0"))
    return max(1, int(count[1])) if count else 1
