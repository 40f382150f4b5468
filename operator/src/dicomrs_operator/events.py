"""Events on ClinicRoutes, for `kubectl describe` and `kubectl events`."""

from datetime import UTC, datetime
from typing import Final

from dicomrs_operator.conditions import FALSE, Condition
from dicomrs_operator.kube import MANAGER, Object
from dicomrs_operator.reasons import Reason
from dicomrs_operator.routes import API, Wanted

_LONGEST: Final = 1024  # the API server takes no more
_ON_PURPOSE: Final = {Reason.SUSPENDED, Reason.DRAINING}


def now() -> str:
    """The present moment as the API writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def of_condition(wanted: Wanted, condition: Condition) -> Object:
    """The Event of a condition that has become another."""
    normal = condition.status != FALSE or condition.reason in _ON_PURPOSE
    message = f"{condition.type}={condition.status}: {condition.text}"
    return event(wanted, "Normal" if normal else "Warning", condition.reason, message)


def event(wanted: Wanted, kind: str, reason: str, message: str) -> Object:
    """An Event on a route; kind: Normal or Warning."""
    at, namespace = now(), str(wanted.metadata.get("namespace", ""))
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{wanted.name}-", "namespace": namespace},
        "involvedObject": {
            "apiVersion": API,
            "kind": "ClinicRoute",
            "name": wanted.name,
            "namespace": namespace,
            "uid": wanted.uid,
        },
        "type": kind,
        "reason": reason,
        "message": message[:_LONGEST],
        "source": {"component": MANAGER},
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }
