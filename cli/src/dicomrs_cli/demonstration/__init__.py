"""`dicomrs demo`: the main job on one machine, played for real and checked."""

from enum import StrEnum


class TargetKind(StrEnum):
    """What to deliver to."""

    AUTO = "auto"
    EMBEDDED = "embedded"
    ORTHANC = "orthanc"
