"""dicomrs diagnose: all of how a release stands, in one file."""

import os
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from dicomrs.audit import AuditLog
from dicomrs.route import ClinicRoute
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.mailbox import LONGEST_TEXT
from dicomrs.state import log_folder, state_root
from dicomrs_cli.asking import person, unusable, whose
from dicomrs_cli.output import ManifestPaths, load_routes, must_own
from dicomrs_dashboard.diagnosis.files import file_name
from dicomrs_dashboard.diagnosis.making import Order
from dicomrs_dashboard.diagnosis.making import diagnose as make
from dicomrs_dashboard.diagnosis.page import page
from dicomrs_dashboard.index import StudyIndex
from dicomrs_dashboard.language import LANGUAGES
from dicomrs_dashboard.looking import Looker
from dicomrs_dashboard.patience import HangsError, within
from dicomrs_dashboard.status import RouteView, unseen

_SECONDS: Final = 60.0  # for a root with very many studies


class Tongue(StrEnum):
    """The languages of the file."""

    EN = "en"
    PT_BR = "pt-BR"


def diagnose(
    manifests: ManifestPaths,
    *,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The file to write; a name with the time otherwise.", show_default=False),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="The dashboard's state folder, if it is not in a root.", show_default=False
        ),
    ] = None,
    language: Annotated[Tongue, typer.Option(help="What the file is written in.")] = Tongue.EN,
    patients: Annotated[
        bool, typer.Option("--patients", help="With patients' names and IDs; it goes on record, with the reason.")
    ] = False,
    why: Annotated[str, typer.Option(metavar="TEXT", help="The reason, for --patients.", show_default=False)] = "",
) -> None:
    r"""Write one file that tells all of how the routes stand: a page to read, with the data of it inside.

    Manifests, lights and whose job it is, checks, figures, what is not delivered, versions, the services' heartbeats
    and the last log lines. It has no secrets (a manifest only names them) and, without `--patients`, no names and IDs
    of patients. The dashboard's page Diagnostics makes the same file, and compares an earlier one with how things are
    now. It works while nothing runs, and disturbs nothing.

    ```
    dicomrs diagnose /etc/dicomrs
    dicomrs diagnose /etc/dicomrs --output /tmp/router.html --language pt-BR
    ```

    Exit codes:

    - 0: written.
    - 65: a manifest is wrong.
    - 73: the file cannot be written, or `--patients` cannot be put on record.
    """
    if patients and not (why.strip() and len(why) <= LONGEST_TEXT):
        raise typer.BadParameter(f"say why, in 1 to {LONGEST_TEXT} characters", param_hint="--why")
    routes, fs, now = load_routes(manifests), OsFileSystem(), datetime.now().astimezone()
    root = str(state.absolute()) if state else state_root(routes)
    if patients:
        _put_on_record(root, why, routes)
    order = Order(person(), patients, log_folder(root))
    found = make(fs, [(route, _seen(route)) for route in routes], order, now)
    target = output or Path(file_name(found))
    try:
        with open(target, "w", encoding="utf-8", opener=_private) as file:
            file.write(page(found, LANGUAGES[language.value]))
    except OSError as error:
        raise unusable(str(target), error) from error
    typer.echo(str(target))


def _seen(route: ClinicRoute) -> RouteView:
    """How a route stands, or that its volume hangs."""
    try:
        return within(_SECONDS, Looker(OsFileSystem(), StudyIndex()), route)
    except HangsError as error:
        return unseen(route, f"{route.spec.storage.root}: {error.strerror}; check it")


def _put_on_record(root: str, why: str, routes: list[ClinicRoute]) -> None:
    must_own(root)
    told = {"action": "diagnose", **whose(why), "patients": True, "routes": [one.metadata.name for one in routes]}
    try:
        AuditLog(OsFileSystem(), root).append(told)
    except OSError as error:
        raise unusable(root, error) from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
