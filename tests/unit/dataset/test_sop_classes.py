from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pynetdicom.sop_class
import pytest
from pynetdicom import (
    AllStoragePresentationContexts,
    BasicWorklistManagementPresentationContexts,
    ModalityPerformedPresentationContexts,
    NonPatientObjectPresentationContexts,
    PrintManagementPresentationContexts,
    QueryRetrievePresentationContexts,
    StorageCommitmentPresentationContexts,
    UnifiedProcedurePresentationContexts,
    VerificationPresentationContexts,
)

from dicomrs.dataset import is_image, is_storage, sop_class_name

TOOL = Path(__file__).parents[3] / "tools" / "make_sop_classes.py"

STORAGE = "1.2.840.10008.5.1.4.1.1."
IMAGES = {
    "2": "CT",
    "4": "MR",
    "4.1": "Enhanced MR",
    "128": "PET",
    "1.1": "DX for presentation",
    "1.1.1": "DX for processing",
    "481.1": "RT Image",
    "481.23": "Enhanced RT Image",
    "6.2": "Enhanced US Volume",
    "5": "NM, retired",
    "77.2": "VL multi-frame, trial",
    "30": "Parametric Map",
    "66.4": "Segmentation",
    "66.7": "Label Map Segmentation",
    "66.8": "Height Map Segmentation",
    "77.1.5.8": "OCT B-scan volume analysis",
    "81.1": "Ophthalmic Thickness Map",
    "82.1": "Corneal Topography Map",
    "77.1.1.1": "Video Endoscopic",
}
OTHERS = {
    "481.2": "RT Dose",
    "481.3": "RTSTRUCT",
    "481.5": "RTPLAN",
    "4.2": "MR Spectroscopy",
    "66": "Raw Data",
    "66.1": "Spatial Registration",
    "66.5": "Surface Segmentation",
    "66.6": "Tractography",
    "67": "Real World Value Mapping",
    "88.33": "Comprehensive SR",
    "9.1.1": "12-lead ECG",
    "11.1": "Grayscale Softcopy Presentation State",
    "104.1": "Encapsulated PDF",
    "8": "Standalone Overlay",
    "77.1.5.3": "Stereometric Relationship",
}


@pytest.mark.parametrize("uid", IMAGES, ids=IMAGES.values())
def test_classes_whose_iod_has_pixels_are_images(uid):
    assert is_image(STORAGE + uid)


@pytest.mark.parametrize("uid", OTHERS, ids=OTHERS.values())
def test_classes_without_pixels_are_none(uid):
    assert not is_image(STORAGE + uid)


@pytest.mark.parametrize("uid", ["", "1.3.12.2.1107.5.9.1", "1.2.840.10008.5.1.4.1.1.2.", "no UID\0"])
def test_private_unknown_and_broken_classes_are_no_images(uid):
    assert not is_image(uid)


def test_a_class_is_named_and_an_unknown_one_shown_as_it_is():
    assert sop_class_name("1.2.840.10008.5.1.4.1.1.2") == "CT Image Storage"
    assert sop_class_name("1.2.840.10008.5.1.4.1.1.66.7") == "Label Map Segmentation Storage"
    assert sop_class_name("1.2.3") == "1.2.3"


ALL_STORAGE = [*AllStoragePresentationContexts, *NonPatientObjectPresentationContexts]
OTHER_SERVICES = [
    *VerificationPresentationContexts,
    *QueryRetrievePresentationContexts,
    *BasicWorklistManagementPresentationContexts,
    *ModalityPerformedPresentationContexts,
    *PrintManagementPresentationContexts,
    *UnifiedProcedurePresentationContexts,
    *StorageCommitmentPresentationContexts,
]


def test_every_standard_storage_class_is_storage():
    assert [c for c in ALL_STORAGE if not is_storage(str(c.abstract_syntax))] == []


@pytest.mark.parametrize("uid", ["1.3.12.2.1107.5.9.1", "2.25.1", "1.2.840.10008.5.1.4.1.1.999"])
def test_private_and_unknown_classes_count_as_storage(uid):
    assert is_storage(uid)


def test_classes_of_other_services_are_not_storage():
    assert [c for c in OTHER_SERVICES if is_storage(str(c.abstract_syntax))] == []


def test_a_media_directory_is_not_sent_over_the_network():
    assert not is_storage(pynetdicom.sop_class.MediaStorageDirectoryStorage)


def test_the_table_is_what_the_libraries_know():
    spec = spec_from_file_location("make_sop_classes", TOOL)
    tool = module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.TARGET.read_text(encoding="utf-8") == tool.table(), f"make it anew: .venv/bin/python {TOOL}"
