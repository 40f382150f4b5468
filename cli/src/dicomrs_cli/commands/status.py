"""dicomrs status: what has come, what waits, and why."""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from dicomrs.exits import Exit
from dicomrs.route import ClinicRoute
from dicomrs.spool.fs import OsFileSystem
from dicomrs.survey import Survey, survey
from dicomrs_cli.output import console, load_routes
from dicomrs_cli.status_tables import show_survey

_LATEST: Final = 20


def status(
    manifests: Annotated[
        list[Path] | None,
        typer.Argument(metavar="MANIFEST", help="ClinicRoute files, or folders of them.", show_default=False),
    ] = None,
    *,
    root: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="A storage root, in place of manifests.", show_default=False),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help=f"Every study; of those that are done only the latest {_LATEST} otherwise.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs; always everything.")] = False,
) -> None:
    """Show what has come, what waits for which destination, and why.

    Read from the disk alone: it works while nothing runs, and disturbs nothing.

    ```
    dicomrs status /etc/dicomrs
    dicomrs status --root /home/dicom/hospital-a --json
    ```

    A study is, the most urgent first: *parked* (a destination will not take some of it, a person must look), *held*,
    *waiting*, *uncommitted* (sent, but the storage commitment is awaited), *no destination* (no rule of the route wants
    some of it), *damaged* (its bytes changed on the disk), *delivered*, *quarantined* (all that came of it has no
    pixels), *discarded* (by a person, all of it). "on disk" are the objects that some destination still lacks,
    "delivered" those that have gone; "study" is the study's name in the logs. With `--root` the destinations are those
    that receipts name.

    Exit codes:

    - 0: shown, whatever there was to show.
    - 65: a manifest is wrong.
    - 73: a root cannot be read.
    """
    if (root is not None) == bool(manifests):
        raise typer.BadParameter("name either manifests or --root PATH", param_hint="MANIFEST")
    wanted: list[tuple[str, ClinicRoute | None]] = [(str(root.absolute()), None)] if root else []
    wanted += [(route.spec.storage.root, route) for route in load_routes(manifests or [])]
    found = [(route, _survey(path, route)) for path, route in wanted]
    if as_json:
        typer.echo(json.dumps([_as_json(route, one) for route, one in found], indent=1))
        return
    for route, one in found:
        show_survey(console(), one, route.metadata.name if route else "", None if everything else _LATEST)


def _survey(root: str, route: ClinicRoute | None) -> Survey:
    try:
        return survey(OsFileSystem(), root, route)
    except FileNotFoundError:
        reason = "there is no such folder; the services make it when they start for the first time"
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    typer.echo(f"{root}: {reason}", err=True)
    raise typer.Exit(Exit.ROOT)


def _as_json(route: ClinicRoute | None, found: Survey) -> dict[str, Any]:
    fields = asdict(found)
    del fields["totals"]  # sums of what is told in full
    for fields_of_study, study in zip(fields["studies"], found.studies, strict=True):
        fields_of_study["state"] = study.state
    at: datetime = fields["at"]
    return {"route": route.metadata.name if route else None, **fields, "at": at.isoformat(timespec="seconds")}
