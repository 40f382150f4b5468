"""What a ClinicRoute's status says, from what was accepted and what the services say of themselves. Pure functions."""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

from dicomrs.status_api import RouteStatus, ScpStatus, ScuStatus
from dicomrs_operator.accept import Verdict
from dicomrs_operator.kube import Object
from dicomrs_operator.reasons import GOOD, Reason, section
from dicomrs_operator.routes import Running, Wanted

TRUE: Final = "True"
FALSE: Final = "False"
UNKNOWN: Final = "Unknown"
_LONGEST: Final = 4096  # the API server refuses a whole status for one message of more than 32768


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; `generation` is that of the version which it speaks of."""

    type: str
    status: str
    reason: Reason
    message: str
    generation: int

    @property
    def text(self) -> str:
        """The message, with the place where it is explained unless all is well."""
        said = self.message if len(self.message) <= _LONGEST else self.message[:_LONGEST] + " …"
        return said if self.reason in GOOD else said + section(self.reason)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a route's services."""

    status: RouteStatus | None
    """What the dashboard says of the route; None if it does not know it."""
    trouble: str = ""
    """Why the dashboard does not answer; "" if it does."""
    missing_secrets: AbstractSet[str] = frozenset()
    """The Secrets that it names and that do not exist or are not whole."""
    untold: str = ""
    """Why the cluster did not take all that the services are to be told; "" if it did."""


def conditions(wanted: Wanted, verdict: Verdict, known: Known, left: str = "") -> list[Condition]:
    """Return the five conditions of a route. left: what a deleted route still has."""
    accepted = _accepted(wanted, verdict, known.untold)
    running = verdict.running
    if running is None:
        none = "no version of this route was ever accepted, so nothing runs"
        parts = [
            Condition(kind, status, Reason.NOT_ACCEPTED, none, wanted.generation)
            for kind, status in (("Receiving", FALSE), ("Forwarding", FALSE), ("StorageHealthy", UNKNOWN))
        ]
        return [accepted, *parts, _ready(wanted, accepted, parts[0], parts[2], left)]
    receiving = Condition("Receiving", *_said(running, known, "scp", _receiving), running.generation)
    forwarding = Condition("Forwarding", *_said(running, known, "scu", _forwarding), running.generation)
    storage = Condition("StorageHealthy", *_storage(running, known), running.generation)
    return [accepted, receiving, forwarding, storage, _ready(wanted, accepted, receiving, storage, left)]


def merged(present: Sequence[Object], new: Iterable[Condition], now: str) -> list[Object]:
    """Return the conditions as the API has them; lastTransitionTime moves when a status does."""
    before = {str(one.get("type")): one for one in present}
    listed = []
    for one in new:
        last = before.get(one.type, {})
        since = last.get("lastTransitionTime") if last.get("status") == one.status else None
        listed.append({
            "type": one.type,
            "status": one.status,
            "reason": str(one.reason),
            "message": one.text,
            "observedGeneration": one.generation,
            "lastTransitionTime": since or now,
        })  # fmt: skip
    return listed


def transitions(present: Sequence[Object], new: Iterable[Condition]) -> list[Condition]:
    """Return the conditions whose status or reason is another than it was, for an Event each.

    That a service has not loaded a version yet is no news, it happens at every edit.
    """
    before = {str(one.get("type")): (one.get("status"), one.get("reason")) for one in present}
    return [
        one for one in new if before.get(one.type) != (one.status, one.reason) and one.reason is not Reason.NOT_LOADED
    ]


def figures(known: Known) -> Object:
    """Return the status beside its conditions; what is not known stays as it was."""
    status = known.status
    if status is None or status.error:
        return {}
    return {
        "waiting": {"objects": status.waiting.objects, "bytes": status.waiting.bytes},
        "oldest": status.waiting.oldest or None,
        "lastDelivery": status.last_delivery or None,
        "parked": status.parked,
        "quarantined": status.quarantined + status.damaged,
    }


_Told = tuple[str, Reason, str]


def _accepted(wanted: Wanted, verdict: Verdict, untold: str) -> Condition:
    if not verdict.refusals:
        told = f"the cluster does not take what the services are to be told, it is tried again: {untold}"
        message = told if untold else "the services are told this version"
        return Condition("Accepted", TRUE, Reason.ACCEPTED, message, wanted.generation)
    message = "; ".join(refusal.message for refusal in verdict.refusals)
    if verdict.running is not None:
        message += f"; the version accepted last goes on (generation {verdict.running.generation})"
    return Condition("Accepted", FALSE, verdict.refusals[0].reason, message, wanted.generation)


_Judge = Callable[[Running, RouteStatus, AbstractSet[str]], _Told]


def _said(running: Running, known: Known, name: str, judge: _Judge) -> _Told:
    """What the service `name` says of its work, judged by `judge`, if it says anything of this version."""
    if known.trouble:
        return UNKNOWN, Reason.STATUS_UNAVAILABLE, f"the dashboard does not answer: {known.trouble}"
    status = known.status
    if status is None:
        return UNKNOWN, Reason.NOT_LOADED, "the dashboard has not loaded this route yet"
    if status.error:
        return UNKNOWN, Reason.STORAGE_TROUBLE, status.error
    service: ScpStatus | ScuStatus = status.scp if name == "scp" else status.scu
    return _behind(running, name, service) or judge(running, status, known.missing_secrets)


def _behind(running: Running, name: str, service: ScpStatus | ScuStatus) -> _Told | None:
    """Why a service does not speak of this version, if so."""
    if not service.alive:
        last = f", last heard of at {service.at}" if service.at else ""
        return FALSE, Reason.SERVICE_DOWN, f"the service {name} does not run{last}; look at its pod"
    if service.revision == running.revision:
        return None
    if service.refused:
        return FALSE, Reason.MANIFEST_REFUSED, f"{name} refuses the newest routes: {service.refused}"
    return UNKNOWN, Reason.NOT_LOADED, f"{name} has not loaded this version yet"


def _receiving(running: Running, status: RouteStatus, missing: AbstractSet[str]) -> _Told:
    receiver, scp = running.route.spec.receiver, status.scp
    if running.draining:
        return FALSE, Reason.DRAINING, "the route is being deleted, so nothing is received any more"
    if receiver.suspend:
        return FALSE, Reason.SUSPENDED, "receiving is suspended by spec.receiver.suspend"
    gone = receiver.tls.secret_name if receiver.tls is not None and receiver.tls.secret_name in missing else ""
    if gone and not scp.listening:
        return FALSE, Reason.SECRET_MISSING, _missing(gone)
    where = f"{receiver.bind_address or receiver.interface} port {receiver.port}"
    if scp.listening and scp.trouble and scp.full:
        return FALSE, Reason.RESERVE_REACHED, scp.trouble
    if scp.trouble or not scp.listening:
        return FALSE, Reason.NOT_LISTENING, scp.trouble or f"scp does not listen on {where}"
    also = f'; the Secret "{gone}" is gone or has lost its files: a copy is in use, make it again' if gone else ""
    return TRUE, Reason.LISTENING, f"{receiver.ae_title} listens on {where}{also}"


def _forwarding(running: Running, status: RouteStatus, missing: AbstractSet[str]) -> _Told:
    spec = running.route.spec
    if not spec.destinations:
        return FALSE, Reason.NO_DESTINATION, "the route has no destination; what arrives is kept"
    if spec.suspend:
        return FALSE, Reason.SUSPENDED, "sending is suspended by spec.suspend"
    troubles = [f"{one.name}: {one.trouble}" for one in status.destinations if one.trouble]
    if status.scu.trouble or troubles:
        gone = {one.tls.secret_name for one in spec.destinations if one.tls is not None} & missing
        if gone:
            return FALSE, Reason.SECRET_MISSING, "; ".join(map(_missing, sorted(gone)))
        return FALSE, Reason.DESTINATION_TROUBLE, status.scu.trouble or "; ".join(troubles)
    if status.parked:
        message = f"parked, waiting for a person's decision (dicomrs release): {status.parked}; all else is sent"
        return TRUE, Reason.OBJECTS_PARKED, message
    return TRUE, Reason.DELIVERING, f"sends to {', '.join(one.name for one in spec.destinations)}"


def _missing(name: str) -> str:
    return f'the Secret "{name}" (tls.secretName) does not exist, or has none of tls.crt, tls.key and ca.crt: make it'


def _storage(running: Running, known: Known) -> _Told:
    if known.trouble:
        return UNKNOWN, Reason.STATUS_UNAVAILABLE, f"the dashboard does not answer: {known.trouble}"
    status, root = known.status, running.route.spec.storage.root
    if status is None or status.revision != running.revision:
        return UNKNOWN, Reason.NOT_LOADED, "the dashboard has not loaded this version yet"
    disk = status.disk
    if status.error or not disk.writable:
        return FALSE, Reason.STORAGE_TROUBLE, status.error or disk.trouble or f"{root} is not writable"
    if not disk.above_reserve:
        full = disk.trouble or f"the volume of {root} is full up to its reserve"
        return FALSE, Reason.RESERVE_REACHED, f"{full}; nothing is received meanwhile, what waits is sent on"
    return TRUE, Reason.STORAGE_READY, f"{root} is writable and above its reserve"


def _ready(wanted: Wanted, accepted: Condition, receiving: Condition, storage: Condition, left: str) -> Condition:
    """Never depends on a destination: waiting for it, or a rollback, must work while a target is down."""

    def told(status: str, reason: Reason, message: str) -> Condition:
        return Condition("Ready", status, reason, message, wanted.generation)

    if wanted.deleting:
        return told(FALSE, Reason.DRAINING, left)
    suspended = receiving.reason is Reason.SUSPENDED
    parts = [one for one in (accepted, receiving, storage) if not (one is receiving and suspended)]
    for status in (FALSE, UNKNOWN):
        for part in parts:
            if part.status == status:
                return told(status, part.reason, part.message)
    return told(TRUE, Reason.READY, "receiving is suspended, all else is ready" if suspended else "the route receives")


def present_conditions(body: Object) -> list[Object]:
    """Return the conditions that a ClinicRoute has now."""
    status: Any = body.get("status") or {}
    return list(status.get("conditions") or ())
