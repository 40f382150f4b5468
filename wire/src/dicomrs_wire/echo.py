"""Asks application entities whether they answer, as `dicomrs echo` and the services' checks do."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from dicomrs.causes import Cause
from dicomrs_wire.commitment import IMPLICIT_LITTLE_ENDIAN
from dicomrs_wire.dimse import VERIFICATION
from dicomrs_wire.errors import AssociationError
from dicomrs_wire.requestor import Requestor, Timeouts
from dicomrs_wire.statuses import cause_of_status, describe_status
from dicomrs_wire.tls.ends import TlsClient

_TIMEOUTS: Final = Timeouts(connect=5.0, association=10.0, network=10.0, response=10.0)
_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked on an association.

    put: asks it; the status, or LookupError if the peer does not offer it; good: the statuses that are a yes.
    """

    contexts: tuple[tuple[str, str], ...]
    put: Callable[[Requestor], int]
    good: frozenset[int] = frozenset({0x0000})


# In Implicit VR Little Endian, which everybody knows (PS3.5 10.1).
ECHO: Final = Question(((VERIFICATION, IMPLICIT_LITTLE_ENDIAN),), Requestor.echo)


@dataclass(frozen=True, slots=True)
class Probe:
    """Whom to ask, and what; host: "" where the receiver's interface has no address."""

    route: str
    what: str
    host: str
    port: int
    calling: str
    called: str
    tls: TlsClient | None
    question: Question = ECHO


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of it: milliseconds from connecting to the answer, and the answer or the reason why there is none.

    cause: of what is not good, None if all is.
    """

    probe: Probe
    good: bool
    milliseconds: float
    answer: str
    cause: Cause | None


def ask_all(probes: Iterable[Probe]) -> list[Finding]:
    """Ask several at once; what came of each, in their order."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(ask, probes))


def ask(probe: Probe) -> Finding:
    """Ask one question."""
    started = time.perf_counter()
    try:
        status = _ask(probe)
        good, answer = status in probe.question.good, describe_status(status)
        cause = None if good else cause_of_status(status)
    except AssociationError as error:
        good, answer, cause = False, str(error), error.cause
    except LookupError as error:
        good, answer, cause = False, str(error), Cause.NOT_OFFERED
    return Finding(probe, good, (time.perf_counter() - started) * 1000, answer, cause)


def _ask(probe: Probe) -> int:
    if not probe.host:
        raise LookupError("the interface has no address on this machine (spec.receiver.interface)")
    with Requestor.connect(
        probe.host,
        probe.port,
        calling=probe.calling,
        called=probe.called,
        contexts=probe.question.contexts,
        timeouts=_TIMEOUTS,
        tls=probe.tls,
    ) as association:
        return probe.question.put(association)
