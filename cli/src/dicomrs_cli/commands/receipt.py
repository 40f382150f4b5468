"""dicomrs receipt: what came of a study, and what was confirmed."""

import json
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from dicomrs.exits import Exit
from dicomrs.receipt import ObjectReceipt, StudyReceipt
from dicomrs.receipt import receipt as receipt_of
from dicomrs.route import ClinicRoute
from dicomrs.spool.fs import OsFileSystem
from dicomrs_cli.asking import StudyKey, study_folder, unusable
from dicomrs_cli.output import console, load_routes, named_route, plain, table

_REASON: Final = 300  # characters
_WIDTH: Final = 300  # columns for a file or a pipe: UIDs and digests are to be found in it whole


def receipt(
    manifest: Annotated[
        Path | None, typer.Argument(metavar="MANIFEST", help="A ClinicRoute file.", show_default=False)
    ] = None,
    *,
    study: StudyKey,
    route: Annotated[str, typer.Option(metavar="NAME", help="The route it is about.", show_default=False)] = "",
    root: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="A storage root, in place of manifest and route.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Print the receipt of a study: what was received, sent and confirmed, with digests and times.

    The study is COMPLETE when every object that came of it has been confirmed by every destination that the route names
    for it. Otherwise it is said what is missing, and why. An object that was quarantined, damaged, discarded or lost
    counts as made good when a later one with its SOP Instance UID, or one with the same bytes, was confirmed.

    Read from the disk alone: it works while nothing runs, and disturbs nothing. It can be had until the study's folder
    goes (`storage.retention`, 30 days after its last object). docs/receipts-and-audit.md explains the JSON.

    ```
    dicomrs receipt /etc/dicomrs/hospital-a.yaml --route hospital-a --study 5f2c09ab31
    dicomrs receipt --root /home/dicom/hospital-a --study 5f2c09ab31 --json > receipt.json
    ```

    With `--root` the destinations of an object are those that its receipts name.

    Exit codes:

    - 0: the study is complete.
    - 1: it is not.
    - 65: the manifest is wrong.
    - 73: the storage root cannot be read.
    """
    if (root is not None) == bool(manifest) or bool(manifest) != bool(route):
        raise typer.BadParameter("name either MANIFEST and --route, or --root", param_hint="MANIFEST")
    chosen: ClinicRoute | None = named_route(load_routes([manifest]), route) if manifest else None
    path = chosen.spec.storage.root if chosen else str((root or Path()).absolute())
    folder = study_folder(path, study)
    try:
        made = receipt_of(OsFileSystem(), path, folder, chosen)
    except OSError as error:
        raise unusable(path, error) from error
    if as_json:
        typer.echo(json.dumps(made.document(), indent=1))
    else:
        to = console()
        if not to.is_terminal:
            to.width = _WIDTH
        _show(to, made)
    if not made.complete:
        raise typer.Exit(Exit.FAILED)


def _show(to: Console, made: StudyReceipt) -> None:
    to.print(f"receipt of study {made.study}, {made.at}", style="bold")
    to.print(f"patient {plain(made.patient_name)}, {plain(made.patient_id)}; study {plain(made.study_instance_uid)}")
    rows = table("object", "received", "from", "digest", "destination", "confirmed", "status", "association", "state")
    for one in made.objects:
        for delivery in one.deliveries:
            to_, at = plain(delivery.destination), delivery.at
            rows.add_row(*_object(one), to_, at, delivery.status, delivery.association, _state(one))
        if not one.deliveries:
            rows.add_row(*_object(one), ", ".join(one.lacking), "", "", "", _state(one))
    to.print(rows)
    if made.complete:
        to.print(f"COMPLETE: each of {len(made.objects)} objects is confirmed by every destination", style="bold")
        return
    to.print("NOT COMPLETE" if made.objects else "NOT COMPLETE: no object of it is known", style="bold")
    for sentence, number in made.missing().most_common():
        to.print(f"  {number} x {plain(sentence, _REASON)}")


def _object(one: ObjectReceipt) -> tuple[str, str, str, str]:
    return plain(one.instance), one.received, plain(one.calling), one.digest


def _state(one: ObjectReceipt) -> str:
    return f"{one.state}, made good" if one.made_good else one.state
