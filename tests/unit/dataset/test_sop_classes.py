import pytest

from dicomrs.dataset import is_image, sop_class_name

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
