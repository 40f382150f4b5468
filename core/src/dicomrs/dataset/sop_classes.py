"""What a SOP class is: whether its objects travel by C-STORE, whether they are images, what it is called.

The table sop_classes.tsv is made from pydicom's and pynetdicom's dictionaries (tools/make_sop_classes.py): to import
them would cost every service 50 MB and a third of a second.
"""

import re
from functools import cache
from importlib.resources import files

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
# "... Image Storage", and its variants "... - For Presentation", "... - Trial", "... SOP Class".
_IMAGE_NAME = re.compile(r"\bImage Storage\b")


def is_image(sop_class: str) -> bool:
    """Tell whether objects of this SOP class must have pixel data: its IOD does (PS3.4 table B.5-1, PS3.3 A.1).

    RT Dose has its own rule and is none here; private and unknown classes are none either.
    """
    return sop_class in _images()


def is_storage(sop_class: str) -> bool:
    """Tell whether objects of this SOP class travel by C-STORE: all but the known classes of other services.

    Private and unknown UIDs count as storage; query, worklist, print, commitment and the like do not.
    """
    known = _table().get(sop_class)
    return known is None or known[0] == "storage"


def storage_sop_classes() -> list[str]:
    """Return the UIDs of the standard's storage SOP classes."""
    return [uid for uid, (kind, _) in _table().items() if kind == "storage"]


def sop_class_name(sop_class: str) -> str:
    """Return the name of a SOP class ("CT Image Storage"), or the UID as it is when it has none."""
    known = _table().get(sop_class)
    return known[1] if known else sop_class


@cache
def _images() -> frozenset[str]:
    return _IMAGES_BY_ANOTHER_NAME | {uid for uid, (_, name) in _table().items() if _IMAGE_NAME.search(name)}


@cache
def _table() -> dict[str, tuple[str, str]]:
    """SOP class UID -> "storage" or "other", and its name."""
    lines = (files("dicomrs.dataset") / "sop_classes.tsv").read_text(encoding="utf-8").splitlines()
    return {uid: (kind, name) for uid, kind, name in (line.split("\t") for line in lines)}
