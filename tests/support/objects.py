"""Objects to send: made on the spot, or the files that pydicom's package carries. Nothing is downloaded."""

import struct
import warnings
from dataclasses import dataclass, field, replace
from functools import cache
from io import BytesIO
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import generate_uid

CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
JPEG, JPEG_2000, RLE = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"
_OTHER_FILES = {".txt", ".json", ".gz", ".icc", ".dump", ".py", ".pyc"}
_META_VERSION, _CLASS, _INSTANCE, _SYNTAX, _IMPLEMENTATION = 0x0001, 0x0002, 0x0003, 0x0010, 0x0012


@dataclass(frozen=True)
class Instance:
    """A SOP Instance as it travels: three UIDs and the dataset's bytes."""

    sop_class: str
    uid: str
    transfer_syntax: str
    dataset: bytes = field(repr=False)

    @property
    def identity(self) -> tuple[str, str, str, bytes]:
        """Everything that must be the same at the other end."""
        return self.sop_class, self.uid, self.transfer_syntax, self.dataset


def _element(number: int, vr: bytes, value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    length = struct.pack("<HI", 0, len(value)) if vr == b"OB" else struct.pack("<H", len(value))
    return struct.pack("<HH", 2, number) + vr + length + value


def part10(instance: Instance) -> bytes:
    """The file of an object (PS3.10 7.1)."""
    meta = b"".join(
        (
            _element(_META_VERSION, b"OB", b"\0\1"),
            _element(_CLASS, b"UI", instance.sop_class.encode()),
            _element(_INSTANCE, b"UI", instance.uid.encode()),
            _element(_SYNTAX, b"UI", instance.transfer_syntax.encode()),
            _element(_IMPLEMENTATION, b"UI", b"1.2.3.4"),
        )
    )
    length = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta))
    return bytes(128) + b"DICM" + length + meta + instance.dataset


def write_files(folder: Path, instances: list[Instance]) -> list[Path]:
    """One file per object, for programs that read files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:05d}.dcm" for number in range(len(instances))]
    for path, instance in zip(paths, instances, strict=True):
        path.write_bytes(part10(instance))
    return paths


def encode(dataset: Dataset, *, implicit: bool = False, big_endian: bool = False) -> bytes:
    """A dataset's bytes in Explicit (or Implicit) VR Little (or Big) Endian."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = not big_endian, implicit
    write_dataset(buffer, dataset)
    return buffer.getvalue()


def image(
    *,
    uid: str | None = None,
    study: str | None = None,
    series: str | None = None,
    number: int = 1,
    patient_name: str = "Tester^Test",
    patient_id: str = "T-1",
    modality: str = "CT",
    rows: int = 64,
    pixels: bytes | None = None,
    without: tuple[str, ...] = (),
    station: str = "STATION-1",
    character_set: str = "ISO_IR 100",
) -> Dataset:
    """An image with everything that its class demands; pixels: in place of those that fit; without: keywords."""
    made = Dataset()
    made.SpecificCharacterSet = character_set.split("\\")
    made.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    made.SOPClassUID = MR if modality == "MR" else CT
    made.SOPInstanceUID = uid or generate_uid()
    made.StudyDate = made.SeriesDate = made.ContentDate = "20260122"
    made.StudyTime = made.SeriesTime = made.ContentTime = "101530"
    made.AccessionNumber, made.ReferringPhysicianName, made.StudyID = "A1", "", "1"
    made.Modality, made.Manufacturer, made.StationName = modality, "Tests", station
    made.StudyDescription = "Planning"
    made.PatientName, made.PatientID = patient_name, patient_id
    made.PatientBirthDate, made.PatientSex = "19700101", "O"
    made.KVP, made.SliceThickness, made.PatientPosition = "120", "1", "HFS"
    made.StudyInstanceUID = study or generate_uid()
    made.SeriesInstanceUID = series or generate_uid()
    made.FrameOfReferenceUID, made.PositionReferenceIndicator = made.StudyInstanceUID, ""
    made.SeriesNumber, made.AcquisitionNumber, made.InstanceNumber = 1, 1, number
    made.ImagePositionPatient, made.ImageOrientationPatient = [0, 0, number], [1, 0, 0, 0, 1, 0]
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PixelRepresentation = 1, "MONOCHROME2", 0
    made.Rows = made.Columns = rows
    made.PixelSpacing = [1, 1]
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, 16, 15
    made.RescaleIntercept, made.RescaleSlope = "0", "1"
    made.add_new(0x7FE00010, "OW", _pixels(rows, number) if pixels is None else pixels)
    for keyword in without:
        del made[keyword]
    return made


@cache
def _pixels(rows: int, number: int) -> bytes:
    """Every slice differs from every other."""
    row = b"".join(struct.pack("<H", (number * 7 + column) % 4096) for column in range(rows))
    return row * rows


def instance(dataset: Dataset, *, implicit: bool = False) -> Instance:
    """The object that a dataset makes."""
    syntax = IMPLICIT if implicit else EXPLICIT
    return Instance(str(dataset.SOPClassUID), str(dataset.SOPInstanceUID), syntax, encode(dataset, implicit=implicit))


def series(count: int, **fields: object) -> list[Instance]:
    """A series of so many images of one study; fields: as of image()."""
    shared = {"study": generate_uid(), "series": generate_uid(), **fields}
    return [instance(image(number=number, **shared)) for number in range(1, count + 1)]


def respelled(one: Instance, patient_name: bytes | None = None, patient_id: bytes | None = None) -> Instance:
    """The same object with other bytes for name or ID, be they ever so wrong; only in Explicit VR Little Endian."""
    assert one.transfer_syntax == EXPLICIT
    dataset = one.dataset
    for number, vr, value in ((0x0010, b"PN", patient_name), (0x0020, b"LO", patient_id)):
        if value is not None:
            padded = value + b" " * (len(value) % 2)
            start = dataset.index(struct.pack("<HH", 0x0010, number) + vr) + 6
            (length,) = struct.unpack_from("<H", dataset, start)
            dataset = dataset[:start] + struct.pack("<H", len(padded)) + padded + dataset[start + 2 + length :]
    return replace(one, dataset=dataset)


def package_files() -> dict[str, Path]:
    """Every DICOM test file inside pydicom's package, by its path there."""
    data = Path(pydicom.__file__).parent / "data"
    folders = (data / "test_files", data / "charset_files")
    found = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(data)): path for path in found if path.suffix not in _OTHER_FILES}


def from_file(path: Path, transfer_syntax: str | None = None) -> Instance | None:
    """The object in a file, None if it is none; transfer_syntax: for a file that does not say it.

    The dataset names the object, as a scanner would; the file meta group does where the dataset is silent.
    """
    data = path.read_bytes()
    meta, start = Dataset(), 0
    if data[128:132] == b"DICM":
        with BytesIO(data) as file:
            file.seek(132)
            meta = pydicom.filereader._read_file_meta_info(file)
            start = file.tell()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom has much to say about its own samples
        dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        dataset.get("SOPInstanceUID"), dataset.get("SOPClassUID")
    sop_class = dataset.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID")
    uid = dataset.get("SOPInstanceUID") or meta.get("MediaStorageSOPInstanceUID")
    syntax = transfer_syntax or meta.get("TransferSyntaxUID")
    if not (sop_class and uid and syntax):
        return None
    return Instance(str(sop_class), str(uid), str(syntax), data[start:])
