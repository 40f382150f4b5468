"""What is in the file. It comes back from people's disks to be compared: nothing in it may be taken on trust."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints
from pydantic.alias_generators import to_camel

from dicomrs.doctor import Run

FORMAT: Final = "dicomrs-diagnosis-1"
LARGEST: Final = 8 * 1024 * 1024  # bytes of a file
STUDIES: Final = 200  # of a route
LINES: Final = 500  # of the log
_LONGEST: Final = 2000  # characters

Text = Annotated[str, StringConstraints(max_length=_LONGEST)]
Fields = dict[str, JsonValue]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class Study(_Part):
    """A study of which something is not delivered.

    folder, patient_name, patient_id: masked where the file is to have no patients' data; key: its name in logs; the
    numbers are objects.
    """

    key: Text
    state: Text
    folder: Text = ""
    patient_name: Text = ""
    patient_id: Text = ""
    modality: Text = ""
    first_arrival: Text = ""
    on_disk: int = 0
    waiting: int = 0
    parked: int = 0
    held: int = 0
    quarantined: int = 0
    damaged: int = 0
    conflict: bool = False


class Reason(_Part):
    """Why a route's light is not green. cause, owner: words of dicomrs.causes."""

    cause: Text
    owner: Text
    destination: Text = ""
    objects: int = 0
    words: Text = ""


class RouteReport(_Part):
    """A route. manifest: as it was applied; status: as /api/v1/status has it; heartbeats: by service, as they lie."""

    name: Text
    manifest: Fields = {}
    light: Text = ""
    reasons: tuple[Reason, ...] = ()
    status: Fields = {}
    heartbeats: dict[str, Fields] = {}
    checks: tuple[Run, ...] = ()
    studies: tuple[Study, ...] = Field((), max_length=STUDIES)
    more_studies: int = 0


class LogEntry(_Part):
    """A line of the log; told: its fields in a sentence."""

    at: Text
    service: Text
    level: Text
    event: Text
    told: Annotated[str, StringConstraints(max_length=2 * _LONGEST)] = ""


class Diagnosis(_Part):
    """All of it. patients: whether it has patients' data; refused: the problem of newer manifests, "" if none."""

    format: Literal["dicomrs-diagnosis-1"] = FORMAT
    at: Text
    who: Text
    version: Text
    patients: bool = False
    refused: Text = ""
    machine: dict[str, Text] = {}
    packages: dict[str, Text] = {}
    routes: tuple[RouteReport, ...] = Field((), max_length=256)
    log: tuple[LogEntry, ...] = Field((), max_length=LINES)
    log_trouble: Text = ""
