"""Which storage SOP classes are images: their IOD has pixel data in it (PS3.4 table B.5-1, PS3.3 A.1)."""

import re
from functools import cache

RT_DOSE = "1.2.840.10008.5.1.4.1.1.481.2"  # an image only when it holds a dose grid: see pixels.py

# Images by their IOD whose name does not end in "Image Storage".
_IMAGES_BY_ANOTHER_NAME = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.6.2",  # Enhanced US Volume
        "1.2.840.10008.5.1.4.1.1.30",  # Parametric Map
        "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation
        "1.2.840.10008.5.1.4.1.1.66.7",  # Label Map Segmentation
        "1.2.840.10008.5.1.4.1.1.66.8",  # Height Map Segmentation
        "1.2.840.10008.5.1.4.1.1.77.1.5.8",  # Ophthalmic OCT B-scan Volume Analysis
        "1.2.840.10008.5.1.4.1.1.81.1",  # Ophthalmic Thickness Map
        "1.2.840.10008.5.1.4.1.1.82.1",  # Corneal Topography Map
    }
)
# Younger than pydicom's dictionary.
_NAMES = {
    "1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage",
    "1.2.840.10008.5.1.4.1.1.66.8": "Height Map Segmentation Storage",
}
# "... Image Storage", and its variants "... - For Presentation", "... - Trial", "... SOP Class".
_IMAGE_NAME = re.compile(r"\bImage Storage\b")


def is_image(sop_class: str) -> bool:
    """Tell whether objects of this SOP class must have pixel data.

    RT Dose has its own rule and is none here; private and unknown classes are none either.
    """
    return sop_class in _images()


def sop_class_name(sop_class: str) -> str:
    """Return the name of a SOP class ("CT Image Storage"), or the UID as it is when it has none."""
    return _names().get(sop_class, sop_class)


@cache
def _images() -> frozenset[str]:
    return _IMAGES_BY_ANOTHER_NAME | {uid for uid, name in _names().items() if _IMAGE_NAME.search(name)}


@cache
def _names() -> dict[str, str]:
    from pydicom._uid_dict import UID_dictionary  # noqa: PLC0415 - costs half a second

    return _NAMES | {uid: entry[0] for uid, entry in UID_dictionary.items() if entry[1] == "SOP Class"}
