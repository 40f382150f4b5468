"""What the demonstration sends: CT series made on the spot, and the sample files of pydicom's package."""

import hashlib
import random
import uuid
from pathlib import Path
from typing import Final

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from dicomrs_cli.part10 import DicomFile, NotPart10Error, UnfitError, find_files, read_dicom_file

_SIDE: Final = 512  # pixels: 512 x 512 of 16 bits are half a megabyte
_SEED: Final = 20260122


def make_series(folder: Path, slices: int, patient_id: str, study: str = "", *, pixels: bool = True) -> list[DicomFile]:
    """Write a CT series of half a megabyte a slice to a new folder.

    Args:
        folder: to be made.
        slices: how many.
        patient_id: (0010,0020).
        study: UID of the study that it joins; it has one of its own otherwise.
        pixels: False: its slices have no PixelData, and must not travel.
    """
    folder.mkdir()
    noise = random.Random(_SEED)  # noqa: S311 (pixels, no secret)
    dataset = _ct(patient_id)
    dataset.StudyInstanceUID = study or dataset.StudyInstanceUID
    for number in range(1, slices + 1):
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = _new_uid()
        dataset.InstanceNumber = number
        dataset.ImagePositionPatient = [0, 0, number]
        if pixels:
            dataset.PixelData = noise.randbytes(_SIDE * _SIDE * 2)
        dataset.save_as(folder / f"{number:04d}.dcm", enforce_file_format=True)
    return [read_dicom_file(path) for path in find_files([folder])]


def sample_files() -> list[DicomFile]:
    """The storage objects among pydicom's own test files, those that are there twice only once."""
    found: dict[tuple[str, str, str], DicomFile] = {}
    for path in find_files([Path(pydicom.__file__).parent / "data" / "test_files"]):
        try:
            file = read_dicom_file(path)
        except (NotPart10Error, UnfitError):
            continue
        found.setdefault((file.sop_instance, file.transfer_syntax, dataset_sha256(file)), file)
    return list(found.values())


def dataset_sha256(file: DicomFile) -> str:
    """The SHA-256 of a file's dataset."""
    with file.path.open("rb") as content:
        content.seek(file.start)
        return hashlib.file_digest(content, "sha256").hexdigest()


def _ct(patient_id: str) -> Dataset:
    """All that a CT slice must have, but for what differs from slice to slice."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = CTImageStorage
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    made.StudyDate = made.SeriesDate = made.ContentDate = "20260122"
    made.StudyTime = made.SeriesTime = made.ContentTime = "101530"
    made.Modality, made.Manufacturer, made.StationName = "CT", "dicomrs", "DEMO"
    made.StudyDescription = "Planning CT"
    made.AccessionNumber, made.ReferringPhysicianName, made.StudyID = "", "", "1"
    made.PatientName, made.PatientID = "Demonstration^Dora", patient_id
    made.PatientBirthDate, made.PatientSex = "", "O"
    made.KVP, made.SliceThickness, made.PatientPosition = "120", "1", "HFS"
    made.StudyInstanceUID, made.SeriesInstanceUID, made.FrameOfReferenceUID = _new_uid(), _new_uid(), _new_uid()
    made.SeriesNumber, made.AcquisitionNumber, made.PositionReferenceIndicator = 1, 1, ""
    made.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PixelRepresentation = 1, "MONOCHROME2", 0
    made.Rows = made.Columns = _SIDE
    made.PixelSpacing = [1, 1]
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, 16, 15
    made.RescaleIntercept, made.RescaleSlope = "-1024", "1"
    return made


def _new_uid() -> UID:
    return UID(f"2.25.{uuid.uuid4().int}")
