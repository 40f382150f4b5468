"""dicomrs discard: remove for good what cannot or must not be sent."""

from typing import Annotated

import typer

from dicomrs.exits import Exit
from dicomrs.spool.control import Discard, What
from dicomrs_cli.asking import (
    InstanceUid,
    ManifestPath,
    RouteName,
    StudyKey,
    Why,
    chosen_route,
    put,
    study_folder,
    whose,
)


def discard(
    manifest: ManifestPath,
    *,
    route: RouteName,
    study: StudyKey,
    what: Annotated[
        list[What], typer.Option(help="Which objects of it; may be given several times.", show_default=False)
    ],
    why: Why,
    instance: InstanceUid = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the study's name again.")] = False,
) -> None:
    r"""Remove objects of a study for good: what is quarantined, damaged, parked, held or wanted by no destination.

    What waits to be sent to any destination is never discarded: `dicomrs hold` it first. `dicomrs export` keeps a copy.
    Nothing brings a discarded object back but the scanner.

    Each object's SOP Instance UID and digest, your user name and the reason are written to the study's receipts and to
    the audit log before the object goes. The study's receipt is never complete again, unless the scanner sends the
    object anew and it is delivered.

    ```
    dicomrs discard /etc/dicomrs/hospital-a.yaml --route hospital-a --study 5f2c09ab31 --what quarantined \
        --why "test images of the service engineer"
    ```

    Exit codes:

    - 0: discarded, or there was nothing to discard.
    - 1: not all of it, for the reasons printed; or the sending service does not answer (is `dicomrs up` running?).
    - 65: the manifest is wrong.
    - 73: the storage root cannot be used.
    """
    root = chosen_route(manifest, route).spec.storage.root
    folder = study_folder(root, study)
    request = Discard(**whose(why), folder=folder, instance=instance, what=tuple(what))
    if not yes and typer.prompt("This cannot be undone. Type the study's name to go on") != study:
        typer.echo("that is not its name; nothing was done", err=True)
        raise typer.Exit(Exit.FAILED)
    answer = put(root, request)
    typer.echo(f"objects discarded: {answer.objects}")
    if answer.notes:
        raise typer.Exit(Exit.FAILED)
