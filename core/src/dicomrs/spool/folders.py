"""Study folders: one folder per StudyInstanceUID, agreed upon by every process that receives into a root.

A folder comes into being whole: metadata and an empty receipts file are made in a temporary folder, synced, and
renamed into the root, which is synced before anyone uses it. A process syncs the root once more before its own first
use of a folder, because whoever made it may have died before doing so.
"""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any, Final

from dicomrs.dataset import Header
from dicomrs.spool.fields import read_fields
from dicomrs.spool.fs import FileSystem, locked, put_file, sync_folder
from dicomrs.spool.layout import LOCKS, METADATA, RECEIPTS, is_study_folder, study_folder_name

METADATA_FORMAT: Final = 1
_LARGEST_METADATA: Final = 8 * 1024 * 1024
"""Bytes. A scanner's nine texts have 64 KiB at most (dataset.header), and six signs stand for one byte of some."""


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """A study folder on disk: its name in the root and what its metadata says."""

    name: str
    study: str
    metadata: dict[str, Any]


def read_study_folder(fs: FileSystem, root: str, name: str) -> StudyFolder | None:
    """The study folder of that name, None if it is not one of ours (an older version's, a stray folder)."""
    try:
        metadata = read_fields(fs, f"{root}/{name}/{METADATA}", _LARGEST_METADATA)
    except (OSError, ValueError):
        return None
    if metadata.get("format") != METADATA_FORMAT:
        return None
    study = metadata.get("studyInstanceUID")
    return StudyFolder(name, study, metadata) if isinstance(study, str) else None


def study_folder_names(fs: FileSystem, root: str) -> list[str]:
    """Names in the root that can be study folders, oldest study first."""
    return sorted(name for name in fs.listdir(root) if is_study_folder(name))


def first_metadata(header: Header, received: datetime, calling: str, address: str) -> dict[str, Any]:
    """What .metadata.json says when a study's folder is made."""
    return {
        "format": METADATA_FORMAT,
        "studyInstanceUID": header.study,
        "patientID": header.patient_id,
        "patientName": header.patient_name,
        "studyDate": header.study_date,
        "studyTime": header.study_time,
        "studyDescription": header.study_description,
        "accessionNumber": header.accession,
        "modality": header.modality,
        "firstArrival": received.isoformat(timespec="milliseconds"),
        "callingAeTitle": calling,
        "address": address,
    }


class StudyFolders:
    """Finds or makes the folder of a study, for all threads of one receiving process."""

    def __init__(self, fs: FileSystem, root: str, workspace: str) -> None:
        """workspace: this process's own folder on the same volume, for folders in the making."""
        self._fs = fs
        self._root = root
        self._workspace = workspace
        self._known: dict[str, str] = {}  # StudyInstanceUID -> folder that this process may use
        self._seen: dict[str, str] = {}  # folder -> StudyInstanceUID, whoever made it
        self._retired = 0
        self._mutex = threading.Lock()
        self._numbers = count(1)

    def folder_for(self, header: Header, received: datetime, calling: str, address: str) -> str:
        """The name of the study's folder, durable; made if there is none.

        Raises:
            OSError: the volume refuses.
        """
        known = self._known.get(header.study)
        if known is not None:
            return known
        with self._mutex, locked(self._fs, f"{self._root}/{LOCKS}/folders"):
            name = self._known.get(header.study) or self._find(header.study)
            if name is None:
                name = self._make(first_metadata(header, received, calling, address), received)
            self._sync_root()
            self._known[header.study] = name
            return name

    def renew(self, retired: int) -> None:
        """Look at the disk again if folders were retired meanwhile: the name of one may be another folder's now.

        retired: how many ever were; the caller holds the lock that keeps it so.
        """
        with self._mutex:
            if retired != self._retired:
                self._retired = retired
                self._known.clear()
                self._seen.clear()

    def forget(self, study: str) -> None:
        """The folder was not where it should be: look again at the next arrival."""
        name = self._known.pop(study, None)
        if name is not None:
            self._seen.pop(name, None)

    def _sync_root(self) -> None:
        sync_folder(self._fs, self._root)

    def _find(self, study: str) -> str | None:
        names = study_folder_names(self._fs, self._root)
        for name in names:
            if name not in self._seen:
                folder = read_study_folder(self._fs, self._root, name)
                if folder is not None:  # what cannot be read now may be readable next time
                    self._seen[name] = folder.study
        for name in names:
            if self._seen.get(name) == study:
                return name
        return None

    def _make(self, metadata: dict[str, Any], received: datetime) -> str:
        draft = f"{self._workspace}/folder-{next(self._numbers)}"
        self._fs.mkdir(draft)
        put_file(self._fs, f"{draft}/{METADATA}", json.dumps(metadata, indent=1).encode())
        put_file(self._fs, f"{draft}/{RECEIPTS}", b"")
        sync_folder(self._fs, draft)
        taken = set(self._fs.listdir(self._root))
        base = study_folder_name(received, metadata["patientID"], metadata["patientName"])
        name = next(candidate for candidate in _candidates(base) if candidate not in taken)
        self._fs.rename(draft, f"{self._root}/{name}")
        self._seen[name] = metadata["studyInstanceUID"]
        return name


def _candidates(base: str) -> Iterator[str]:
    yield base
    for number in count(2):
        yield f"{base}_{number}"
