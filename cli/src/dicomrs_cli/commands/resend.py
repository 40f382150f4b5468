"""dicomrs resend: send again what is still here."""

from typing import Annotated

import typer

from dicomrs.exits import Exit
from dicomrs.spool.control import Resend
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


def resend(
    manifest: ManifestPath,
    *,
    route: RouteName,
    study: StudyKey,
    destination: Annotated[
        str, typer.Option(metavar="NAME", help="The destination that is to get it again.", show_default=False)
    ],
    why: Why,
    instance: InstanceUid = "",
) -> None:
    r"""Send again to a destination what it has confirmed already, or would not take, as far as it is still here.

    An object is still here as long as some other destination lacks it. It waits again then, and leaves the disk only
    when the destination has confirmed it anew. What every destination has confirmed has left the disk: only the scanner
    can send that again, and the command says how many these are.

    Your user name and the reason are written to the study's receipts and to the audit log.

    ```
    dicomrs resend /etc/dicomrs/hospital-a.yaml --route hospital-a --study 5f2c09ab31 --destination zero-click \
        --why "deleted there by mistake"
    ```

    Exit codes:

    - 0: all of the study will be sent again.
    - 1: not all of it, for the reasons printed; or the sending service does not answer (is `dicomrs up` running?).
    - 65: the manifest is wrong.
    - 73: the storage root cannot be used.
    """
    root = chosen_route(manifest, route, destination).spec.storage.root
    folder = study_folder(root, study)
    answer = put(root, Resend(**whose(why), folder=folder, destination=destination, instance=instance))
    typer.echo(f"objects to be sent again: {answer.objects}")
    if answer.notes:
        raise typer.Exit(Exit.FAILED)
