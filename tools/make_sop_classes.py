"""Make the table of SOP classes from the dictionaries of pydicom and pynetdicom.

Usage, after an update of either: .venv/bin/python tools/make_sop_classes.py. A test tells when it is due.
"""

from pathlib import Path

from pydicom.uid import UID_dictionary
from pynetdicom import sop_class as services
from pynetdicom.service_class import NonPatientObjectStorageServiceClass, ServiceClass, StorageServiceClass

TARGET = Path(__file__).parents[1] / "core/src/dicomrs/dataset/sop_classes.tsv"
_STORAGE = (StorageServiceClass, NonPatientObjectStorageServiceClass, ServiceClass)  # the last: of no known service
_DIRECTORY = "1.2.840.10008.1.3.10"  # a DICOMDIR: on media only
# Younger than pydicom's dictionary.
_YOUNG = {
    "1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage",
    "1.2.840.10008.5.1.4.1.1.66.8": "Height Map Segmentation Storage",
}


def table() -> str:
    """A line for each class that either library knows: UID, "storage" or "other", name."""
    names = {uid: entry[0] for uid, entry in UID_dictionary.items() if entry[1] in {"SOP Class", "Meta SOP Class"}}
    names |= {str(uid): str(uid.name) for uid in vars(services).values() if isinstance(uid, services.SOPClass)}
    names |= _YOUNG
    lines = [f"{uid}\t{'storage' if _is_storage(uid) else 'other'}\t{name}\n" for uid, name in names.items()]
    return "".join(sorted(lines))


def _is_storage(uid: str) -> bool:
    return uid != _DIRECTORY and services.uid_to_service_class(uid) in _STORAGE


if __name__ == "__main__":
    TARGET.write_text(table(), encoding="utf-8")
    print(f"written: {TARGET}")  # noqa: T201 (a command)
