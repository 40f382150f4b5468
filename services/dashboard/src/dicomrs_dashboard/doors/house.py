"""The doors put together: what pages are given of them, and how they are hung before an application."""

from dataclasses import dataclass

from fastapi import FastAPI

from dicomrs.audit import AuditLog
from dicomrs.spool.fs import FileSystem
from dicomrs_dashboard.doors.browsers import FormsInUtf8, OwnPagesOnly, SafeAnswers
from dicomrs_dashboard.doors.coming import WhoComes
from dicomrs_dashboard.doors.openid import OpenId
from dicomrs_dashboard.doors.outside import FromOutside
from dicomrs_dashboard.doors.record import Record
from dicomrs_dashboard.doors.sessions import Sessions
from dicomrs_dashboard.doors.settings import DoorSettings
from dicomrs_dashboard.doors.throttle import Throttle
from dicomrs_dashboard.doors.users import Users
from dicomrs_dashboard.patience import SECONDS, Patience

LARGEST_BODY = 64 * 1024
"""Bytes of a request: forms are small, and nothing is uploaded but what says so itself."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Of one program. checking, changing: for calls of users.

    Checking a password takes 19 MiB and a processor; a change, which may hash one too, waits for the volume.
    """

    settings: DoorSettings
    users: Users
    sessions: Sessions
    throttle: Throttle
    record: Record
    audit: AuditLog
    openid: OpenId | None
    checking: Patience
    changing: Patience


def make_doors(fs: FileSystem, settings: DoorSettings) -> Doors:
    """Those of these settings."""
    users = Users(settings.state)
    audit = AuditLog(fs, settings.state)
    return Doors(
        settings,
        users,
        Sessions(users, settings.idle, settings.longest),
        Throttle(),
        Record(audit),
        audit,
        OpenId(settings.openid, settings.role_map) if settings.openid else None,
        checking=Patience(2, place_seconds=SECONDS),
        changing=Patience(2, place_seconds=SECONDS),
    )


def hang(app: FastAPI, doors: Doors) -> None:
    """Put them before an application; the last one that is added is the first that a request comes to."""
    settings = doors.settings
    app.add_middleware(WhoComes, doors.sessions, settings.proxy, settings.role_map)
    app.add_middleware(FormsInUtf8)
    app.add_middleware(OwnPagesOnly)
    app.add_middleware(SafeAnswers)
    app.add_middleware(FromOutside, settings.outside)
