"""A survey of a spool as tables, for `dicomrs status` and `dicomrs demo`. All that a peer sent is made harmless."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from rich.console import Console
from rich.table import Table

from dicomrs.spool.layout import DAMAGED, QUARANTINE
from dicomrs.study_view import StudyState, StudyView
from dicomrs.survey import DestinationView, ServiceView, SetAside, Survey
from dicomrs_cli.output import plain, table

_REASON: Final = 300  # characters
_AGES: Final = (("d", 86400), ("h", 3600), ("m", 60))
_DONE: Final = (StudyState.DELIVERED, StudyState.DISCARDED, StudyState.EMPTY, StudyState.QUARANTINED)
_WORK: Final = {"scp": "receiving", "scu": "sending"}


def show_survey(to: Console, found: Survey, route: str, latest: int | None) -> None:
    """Print it.

    Args:
        to: where.
        found: what to print.
        route: its name, for the title; "" if it is not known.
        latest: of the studies that are done, show so many; None: all.
    """
    to.print(plain(f"{route}  {found.root}".strip(), _REASON), style="bold")
    for service in found.services:
        to.print(f"{_WORK[service.name]} ({service.name}): {_service(service)}")
    for where, objects in ((QUARANTINE, found.quarantined), (DAMAGED, found.damaged)):
        for line in _aside(where, objects):
            to.print(line)
    if found.totals.no_destination:
        to.print(f"{found.totals.no_destination} objects that no destination wants: see spec.destinations[].match")
    if found.destinations:
        to.print(_destinations(found))
    studies, left_out = _chosen(found.studies, latest)
    to.print(_studies(studies, found.at) if studies else "no study has come yet")
    if left_out:
        to.print(f"and {left_out} earlier studies that are done (dicomrs status --all)")


def age(since: str, now: datetime) -> str:
    """How long ago a moment in ISO 8601 was, in its largest unit; "" for what is none."""
    try:
        seconds = max(0, int((now - datetime.fromisoformat(since).astimezone()).total_seconds()))
    except ValueError:
        return ""
    return next((f"{seconds // size}{unit}" for unit, size in _AGES if seconds >= size), f"{seconds}s")


def _service(service: ServiceView) -> str:
    if not service.at:
        return "NOT RUNNING, and it never has on this root"
    if not service.alive:
        return f"NOT RUNNING, last sign of life {plain(service.at)}"
    return f"running, but {plain(service.trouble, _REASON)}" if service.trouble else "running"


def _aside(where: str, objects: Iterable[SetAside]) -> Iterator[str]:
    reasons = Counter(one.reason for one in objects)
    if reasons:
        yield f"{sum(reasons.values())} objects in {where}, which travel nowhere:"
    for reason, number in reasons.most_common():
        yield f"  {number} x {plain(reason, _REASON)}"


def _destinations(found: Survey) -> Table:
    numbers = ("waiting", "parked", "held", "delivered")
    made = table("destination", *numbers, "why", right=numbers)
    running = any(service.alive for service in found.services if service.name == "scu")
    for one in found.destinations:
        figures = (str(number) for number in (one.waiting, one.parked, one.held, one.delivered))
        made.add_row(plain(one.name), *figures, "\n".join(_why(one, running=running)))
    return made


def _why(one: DestinationView, *, running: bool) -> Iterator[str]:
    """Why not everything is there, one line per cause."""
    if one.suspended:
        yield "suspended (spec.suspend)"
    if one.waiting and not running:
        yield "the sending service does not run"
    if one.trouble:
        again = f" (next try in {one.retry_in:.0f} s)" if one.retry_in else ""
        yield f"{plain(one.trouble, _REASON)}{again}"
    if one.stored:
        yield f"{one.stored} objects are there; its storage commitment is awaited"
    if one.refused:
        yield f"{one.refused} objects refused before, to be tried again"
    for stuck in one.stuck:
        yield f"{stuck.objects} {stuck.kind}: {plain(stuck.why, _REASON)}"


def _chosen(studies: tuple[StudyView, ...], latest: int | None) -> tuple[list[StudyView], int]:
    """The studies to show, and how many are left out."""
    done = [study.folder for study in studies if study.state in _DONE]
    hidden = set() if latest is None else set(done[: max(0, len(done) - latest)])
    return [study for study in studies if study.folder not in hidden], len(hidden)


def _studies(studies: Iterable[StudyView], now: datetime) -> Table:
    numbers = ("on disk", "delivered", "age")
    made = table("patient", "ID", "modality", *numbers, "state", "study", right=numbers)
    for study in studies:
        made.add_row(
            plain(study.patient_name),
            plain(study.patient_id),
            plain(study.modality),
            str(study.on_disk),
            str(study.gone),
            age(study.oldest or study.first_arrival, now),
            _state(study),
            study.key,
        )
    return made


def _state(study: StudyView) -> str:
    """Its state, and what else is worth knowing."""
    counts = {
        StudyState.QUARANTINED: study.quarantined,
        StudyState.DAMAGED: study.damaged,
        StudyState.NO_DESTINATION: study.no_destination,
        StudyState.DISCARDED: study.discarded,
    }
    notes = [f"{number} {state}" for state, number in counts.items() if number and state is not study.state]
    conflict = ["one UID came with other content"] if study.conflict else []
    return ", ".join((study.state, *notes, *conflict))
