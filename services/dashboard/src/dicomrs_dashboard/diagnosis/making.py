"""Put a diagnosis together: from what the board has seen, and what lies on the disk besides."""

import os
import platform
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from dicomrs import VERSION
from dicomrs.doctor import Run, read_runs
from dicomrs.heartbeat import read_heartbeat
from dicomrs.log import hide_patients
from dicomrs.log_files import LogLine, Wanted, newest
from dicomrs.route import ClinicRoute
from dicomrs.spool.fs import FileSystem
from dicomrs.study_view import StudyState, StudyView
from dicomrs.survey import SERVICES
from dicomrs_dashboard.diagnosis.model import LINES, STUDIES, Diagnosis, LogEntry, Reason, RouteReport, Study
from dicomrs_dashboard.lights import light_of
from dicomrs_dashboard.patience import HangsError, within
from dicomrs_dashboard.status import RouteView

MASK: Final = "•••"
_PACKAGES: Final = ("fastapi", "starlette", "uvicorn", "jinja2", "pydantic", "structlog", "PyYAML", "xxhash")
_DONE: Final = frozenset({StudyState.DELIVERED, StudyState.EMPTY, StudyState.DISCARDED})
_LONGEST: Final = 1900  # characters; the model takes some more
_SECONDS: Final = 5.0  # for each thing that is read: a volume that hangs is what may be looked into
_CHECKS: Final = 20  # of a route


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted. who: whoever asked for it; patients: with patients' data; log_folder: None: there is none."""

    who: str
    patients: bool
    log_folder: str | None
    refused: str = ""


def diagnose(fs: FileSystem, routes: Sequence[tuple[ClinicRoute, RouteView]], order: Order, now: datetime) -> Diagnosis:
    """Read what there is. What cannot be read is told and left out; nothing is written.

    Args:
        fs: the file system.
        routes: with how each stands.
        order: what is wanted.
        now: with time zone.
    """
    entries, trouble = _log(order.log_folder)
    made = Diagnosis(
        at=now.isoformat(timespec="seconds"),
        who=_cut(order.who),
        version=VERSION,
        patients=order.patients,
        refused=_cut(order.refused),
        machine=_machine(),
        packages=_packages(),
        routes=tuple(_route(fs, route, view, now, patients=order.patients) for route, view in routes),
        log=entries,
        log_trouble=trouble,
    )
    return made if order.patients else Diagnosis.model_validate(_hidden(made.model_dump(mode="json")))


def _hidden(value: Any) -> Any:
    """The same without folders of studies in any text, for they carry patients' names."""
    if isinstance(value, str):
        return hide_patients(value)
    if isinstance(value, dict):
        return {hide_patients(name): _hidden(one) for name, one in value.items()}
    return [_hidden(one) for one in value] if isinstance(value, list | tuple) else value


def _route(fs: FileSystem, route: ClinicRoute, view: RouteView, now: datetime, *, patients: bool) -> RouteReport:
    root = route.spec.storage.root
    light = light_of(view.status, now)
    beats, checks = _read(fs, root)
    waiting = [one for one in view.survey.studies if one.state not in _DONE] if view.survey else []
    waiting.sort(key=lambda one: one.first_arrival, reverse=True)
    return RouteReport(
        name=route.metadata.name,
        manifest=route.model_dump(mode="json", by_alias=True, exclude_none=True),
        light=light.colour.name.lower(),
        reasons=tuple(
            Reason(
                cause=one.cause,
                owner=one.owner,
                destination=one.destination,
                objects=one.objects,
                words=_cut(one.words),
            )
            for one in light.reasons
        ),
        status=view.status.model_dump(mode="json", by_alias=True),
        heartbeats=beats,
        checks=checks,
        studies=tuple(_study(one, patients=patients) for one in waiting[:STUDIES]),
        more_studies=max(0, len(waiting) - STUDIES),
    )


def _read(fs: FileSystem, root: str) -> tuple[dict[str, dict[str, Any]], tuple[Run, ...]]:
    """What lies there besides; nothing if it hangs, which the light tells."""

    def read() -> tuple[dict[str, dict[str, Any]], tuple[Run, ...]]:
        return {name: read_heartbeat(root, name) for name in SERVICES}, tuple(read_runs(fs, root)[:_CHECKS])

    try:
        return within(_SECONDS, read)
    except HangsError:
        return {}, ()


def _study(one: StudyView, *, patients: bool) -> Study:
    def private(text: str) -> str:
        return _cut(text) if patients else MASK if text else ""

    return Study(
        key=one.key,
        state=one.state.value,
        folder=private(one.folder),
        patient_name=private(one.patient_name),
        patient_id=private(one.patient_id),
        modality=_cut(one.modality),
        first_arrival=_cut(one.first_arrival),
        on_disk=one.on_disk,
        waiting=one.waiting.objects,
        parked=one.parked,
        held=one.held,
        quarantined=one.quarantined,
        damaged=one.damaged,
        conflict=one.conflict,
    )


def _log(folder: str | None) -> tuple[tuple[LogEntry, ...], str]:
    """The newest lines, the newest first; or why there are none."""
    if folder is None:
        return (), "the services write no log files (--log-folder)"
    try:
        found = within(_SECONDS, newest, folder, Wanted(), LINES)
        return tuple(_entry(line) for line in found.lines), ""
    except OSError as error:
        return (), f"{folder}: {error.strerror}"


def _entry(line: LogLine) -> LogEntry:
    return LogEntry(
        at=line.at.isoformat(timespec="milliseconds"),
        service=_cut(line.service),
        level=_cut(line.level),
        event=_cut(line.event),
        told=line.told[: 2 * _LONGEST],
    )


def _machine() -> dict[str, str]:
    try:
        system = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        system = ""
    page = os.sysconf("SC_PAGE_SIZE")
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return {
        "name": platform.node(),
        "system": system,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "processors": str(os.cpu_count()),
        "load": " ".join(f"{value:.2f}" for value in os.getloadavg()),
        "memory": str(os.sysconf("SC_PHYS_PAGES") * page),
        "available": str(os.sysconf("SC_AVPHYS_PAGES") * page),
        "bootedAt": datetime.fromtimestamp(booted).astimezone().isoformat(timespec="minutes"),
    }


def _packages() -> dict[str, str]:
    return dict(_versions(_PACKAGES))


def _versions(names: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name in names:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def _cut(text: str) -> str:
    return text[:_LONGEST].encode("utf-8", "replace").decode()
