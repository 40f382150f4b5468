"""An examination of a connection, step by step: what was looked at, what was seen, and whose job it is.

The service that has the network makes it (scp for its receiver, scu for a destination) and writes it down after each
step, so that a page can follow: one file under .status/doctor of the root, which may be deleted at any time.
"""

import re
import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from dicomrs.causes import Cause
from dicomrs.moments import moment
from dicomrs.spool.fs import FileSystem, put_file, read_all
from dicomrs.spool.layout import STATUS

FOLDER: Final = f"{STATUS}/doctor"
KEPT: Final = 20
"""So many of the newest examinations of each service stay on record."""
LONGEST: Final = timedelta(minutes=3)
"""An examination that began longer ago and has not ended never will: its service has."""
_ID: Final = re.compile(r"\d{8}T\d{6}-(scp|scu)-[0-9a-f]{6}")
_LARGEST: Final = 256 * 1024  # bytes


class Check(StrEnum):
    """What a step looks at, in the order from the cable up."""

    NAME = "name"  # does the host's name resolve?
    ADDRESS = "address"  # has this machine the receiver's address, or one to send from?
    LINK = "link"  # is the interface switched on and connected?
    ROUTE = "route"  # does this machine know a way?
    PING = "ping"  # does the host answer an ICMP echo?
    TCP = "tcp"  # does somebody take a connection at the port?
    TLS = "tls"
    ASSOCIATION = "association"
    ECHO = "echo"  # C-ECHO
    STORE = "store"  # C-STORE of a made-up image
    PROBE = "probe"  # what can it take?


class State(StrEnum):
    """How a step stands."""

    WAITING = "waiting"
    RUNNING = "running"
    OK = "ok"
    WARNING = "warning"  # it failed, and images may flow all the same
    FAILED = "failed"
    SKIPPED = "skipped"  # an earlier one failed, or this machine does not let it be made


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class Step(_Part):
    """One step.

    cause: of a failure or a warning; params: what a text about it needs (host, port, own, calling, called, …); detail:
    the service's own sentence; milliseconds: how long it took.
    """

    check: Check
    state: State = State.WAITING
    cause: Cause | None = None
    params: dict[str, str] = Field(default_factory=dict)
    detail: str = ""
    milliseconds: float = Field(0.0, ge=0, lt=1e9)


class Interface(_Part):
    """One of the machine's; up: it is switched on; running: it has a carrier as well."""

    name: str
    addresses: tuple[str, ...] = ()  # with the length of the network's prefix
    up: bool = False
    running: bool = False


class RouteEntry(_Part):
    """One line of the kernel's main table; gateway: "" for a network that is on the link."""

    network: str
    gateway: str = ""
    interface: str = ""


class Listening(_Part):
    """A TCP port on which somebody listens, as the service sees it; ours: it is the service itself."""

    address: str
    port: int
    ours: bool = False


class Facts(_Part):
    """The machine's network as the service sees it."""

    interfaces: tuple[Interface, ...] = ()
    routes: tuple[RouteEntry, ...] = ()
    listening: tuple[Listening, ...] = ()


class Capabilities(_Part):
    """What a target says that it can take.

    max_pdu: bytes of the longest P-DATA-TF that it reads, 0 for any; class_uid and version: of its implementation;
    sop_classes: the storage SOP classes it takes, of so many asked; syntaxes: the transfer syntaxes that it takes for
    the SOP class `syntaxes_of`; commitment: whether it offers storage commitment.
    """

    max_pdu: int = 0
    class_uid: str = ""
    version: str = ""
    asked: int = 0
    sop_classes: tuple[str, ...] = ()
    syntaxes_of: str = ""
    syntaxes: tuple[str, ...] = ()
    commitment: bool = False


class Run(_Part):
    """One examination. destination: "" for the receiver; at, ended: ISO 8601, ended being "" until it has."""

    id: str
    service: str
    route: str
    destination: str = ""
    at: str
    who: str = ""
    ended: str = ""
    steps: tuple[Step, ...] = ()
    facts: Facts = Facts()
    capabilities: Capabilities | None = None

    def step(self, check: Check) -> Step | None:
        """The step that looks at something, if it is one of this examination."""
        return next((step for step in self.steps if step.check is check), None)

    def is_running(self, now: datetime) -> bool:
        """Whether more steps are to come."""
        began = moment(self.at)
        return not self.ended and began is not None and abs(now - began) < LONGEST  # clocks are set back, too

    @property
    def verdict(self) -> Step | None:
        """The first step that failed: what is wrong. None: none did."""
        return next((step for step in self.steps if step.state is State.FAILED), None)

    def with_step(self, step: Step) -> "Run":
        """The same, with one step as it stands now."""
        steps = tuple(step if one.check is step.check else one for one in self.steps)
        return self.model_copy(update={"steps": steps})


def new_run(service: str, route: str, destination: str, who: str, checks: Sequence[Check], now: datetime) -> Run:
    """An examination of which nothing has been done yet."""
    return Run(
        id=f"{now:%Y%m%dT%H%M%S}-{service}-{uuid.uuid4().hex[:6]}",
        service=service,
        route=route,
        destination=destination,
        at=now.isoformat(timespec="seconds"),
        who=who,
        steps=tuple(Step(check=check) for check in checks),
    )


def write_run(fs: FileSystem, root: str, run: Run) -> None:
    """Replace what is on record of an examination, or put it there; the oldest ones of its service go.

    Raises:
        OSError: it cannot be written.
    """
    folder = f"{root}/{FOLDER}"
    with suppress(FileExistsError):
        fs.mkdir(folder)
    draft = f"{folder}/{run.id}.new"
    with suppress(FileNotFoundError):
        fs.unlink(draft)
    put_file(fs, draft, run.model_dump_json(by_alias=True).encode())
    fs.rename(draft, f"{folder}/{run.id}.json")
    # Those before it by their names; after a clock was set back they are not, and would push it out.
    others = [one for one in _ids(fs, folder) if f"-{run.service}-" in one and one != run.id]
    for old in others[KEPT - 1 :]:
        with suppress(FileNotFoundError):
            fs.unlink(f"{folder}/{old}.json")


def read_runs(fs: FileSystem, root: str) -> list[Run]:
    """The examinations on record, the newest first; what cannot be read is none."""
    found = (read_run(fs, root, one) for one in _ids(fs, f"{root}/{FOLDER}")[: 2 * KEPT])
    return [run for run in found if run is not None]


def read_run(fs: FileSystem, root: str, run_id: str) -> Run | None:
    """One of them; None: there is none of that id."""
    if not _ID.fullmatch(run_id):
        return None
    try:
        run = Run.model_validate_json(read_all(fs, f"{root}/{FOLDER}/{run_id}.json", _LARGEST))
    except (OSError, ValidationError):
        return None
    return run if run.id == run_id else None


def _ids(fs: FileSystem, folder: str) -> list[str]:
    """Newest first."""
    try:
        names = fs.listdir(folder)
    except OSError:
        return []
    ids = (name.removesuffix(".json") for name in names if name.endswith(".json"))
    return sorted((one for one in ids if _ID.fullmatch(one)), reverse=True)
