"""What the dashboard answers under /api/v1/status, as models: it writes them, the operator reads them.

docs/status-api.md repeats the text under each field. Moments are ISO 8601 with an offset, "" where there is none.
"""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class _Part(BaseModel):
    # What a later version adds does not keep this one from reading the rest.
    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )


class DiskStatus(_Part):
    """The volume that the root is on."""

    free: int = 0
    """Bytes that an unprivileged user may still write."""
    total: int = 0
    """Bytes in all."""
    reserve: int = 0
    """Bytes that receiving leaves free (`spec.storage.reserve`)."""
    inodes_free: int = 0
    """Files that can still be made."""
    above_reserve: bool = False
    """Whether there is room to receive."""
    writable: bool = False
    """Whether the dashboard's user, which is that of the services, may write to the root."""
    trouble: str = ""
    """What is wrong with it and who can mend it, "" if nothing is."""


class ScpStatus(_Part):
    """The receiving service by its last heartbeat on this root."""

    alive: bool = False
    """Whether that was in the last 10 seconds."""
    at: str = ""
    """When it was."""
    revision: str = ""
    """The route's annotation `dicomrs.io/revision` as the service has loaded it."""
    refused: str = ""
    """Why the service goes on under earlier manifests than the newest, "" if it does not."""
    listening: bool = False
    """Whether scanners can connect; never true of a service that is not alive."""
    trouble: str = ""
    """Why nothing is received, "" if nothing prevents it."""
    cause: str = ""
    """The same in one word of docs/connectivity.md, "" if nothing prevents it."""
    full: bool = False
    """Whether the volume had no room for more then, of bytes or of files."""
    associations: int = 0
    """Associations that are open."""


class ScuStatus(_Part):
    """The sending service by its last heartbeat on this root."""

    alive: bool = False
    """Whether that was in the last 10 seconds."""
    at: str = ""
    """When it was."""
    revision: str = ""
    """The route's annotation `dicomrs.io/revision` as the service has loaded it."""
    refused: str = ""
    """Why the service goes on under earlier manifests than the newest, "" if it does not."""
    trouble: str = ""
    """Why the root is not served at all, "" if it is; each destination has a trouble of its own."""


class WaitingStatus(_Part):
    """The objects that some destination lacks and that are neither parked nor held for it."""

    objects: int = 0
    """How many."""
    bytes: int = 0
    """Bytes of their datasets."""
    oldest: str = ""
    """When the first of them arrived."""


class DestinationStatus(_Part):
    """One of the route's destinations, over all studies that are on record."""

    name: str
    """Its name in the route."""
    delivered: int = 0
    """Objects that it has confirmed, of studies whose record is kept still (`spec.storage.retention`)."""
    waiting: int = 0
    """Objects to be sent to it."""
    parked: int = 0
    """Objects that it does not take, and that a person must look at."""
    held: int = 0
    """Objects that a person holds back from it."""
    uncommitted: int = 0
    """Objects that it has and has not committed to yet."""
    trouble: str = ""
    """Why it is not sent to, as the sending service says; "" if nothing prevents it or the service does not run."""
    cause: str = ""
    """The same in one word of docs/connectivity.md, "" without a trouble."""
    retry_in: float = 0.0
    """Seconds until it is tried again."""
    suspended: bool = False
    """Whether sending is suspended (`spec.suspend`)."""


class RouteStatus(_Part):
    """One route. Where `error` says something, nothing is known of the route, and all else is empty."""

    name: str
    """Its name."""
    revision: str = ""
    """Its annotation `dicomrs.io/revision` as the dashboard has loaded it."""
    root: str
    """Its storage root."""
    error: str = ""
    """Why the root cannot be read, "" if it can."""
    looked_at: str = ""
    """When the look at the root began that shows all this: what became so later may not be in it."""
    received: bool = False
    """Whether the root has anything of a study: a folder, or an object in quarantine or among the damaged."""
    disk: DiskStatus = DiskStatus()
    """The volume that the root is on."""
    scp: ScpStatus = ScpStatus()
    """The receiving service by its last heartbeat on this root."""
    scu: ScuStatus = ScuStatus()
    """The sending service by its last heartbeat on this root."""
    waiting: WaitingStatus = WaitingStatus()
    """The objects that some destination lacks and that are neither parked nor held for it."""
    parked: int = 0
    """Objects that some destination does not take."""
    held: int = 0
    """Objects that a person holds back from some destination."""
    no_destination: int = 0
    """Objects that no destination wants."""
    quarantined: int = 0
    """Objects without pixels."""
    damaged: int = 0
    """Objects whose bytes changed on the disk, or cannot be read."""
    uncommitted: int = 0
    """Objects that some destination has and has not committed to yet."""
    last_delivery: str = ""
    """When a destination last confirmed an object."""
    last_arrival: str = ""
    """When an object last arrived."""
    destinations: tuple[DestinationStatus, ...] = ()
    """The destinations, in the order of the route."""


class StatusReport(_Part):
    """The whole answer."""

    version: str
    """Of the dashboard."""
    at: str
    """When it was put together; what is in it may be older by max(0.5 s, 5 times what looking took)."""
    refused: str = ""
    """Why the dashboard goes on under earlier manifests than the newest, "" if it does not."""
    routes: tuple[RouteStatus, ...] = ()
    """The routes, in the order of the manifests."""
