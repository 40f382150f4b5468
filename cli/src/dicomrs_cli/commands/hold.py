"""dicomrs hold: send nothing more of a study until it is released."""

import typer

from dicomrs.spool.control import Hold
from dicomrs_cli.asking import (
    DestinationName,
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


def hold(
    manifest: ManifestPath,
    *,
    route: RouteName,
    study: StudyKey,
    why: Why,
    destination: DestinationName = "",
    instance: InstanceUid = "",
) -> None:
    """Send nothing more of a study until it is released.

    What waits is not sent, and neither is what is still to come of the study: receiving goes on. An object that is
    being sent at this moment is finished. Without `--destination` it is held for all destinations, also for one that
    the route gets later. With `--object` only what is here of that SOP Instance UID is held.

    Your user name and the reason are written to the study's receipts and to the audit log. `dicomrs release` ends it.

    ```
    dicomrs hold /etc/dicomrs/hospital-a.yaml --route hospital-a --study 5f2c09ab31 --why "wrong patient selected"
    ```

    Exit codes:

    - 0: held.
    - 1: the sending service does not answer (is `dicomrs up` running?), or it failed, for the reason printed.
    - 65: the manifest is wrong.
    - 73: the storage root cannot be used.
    """
    root = chosen_route(manifest, route, destination).spec.storage.root
    folder = study_folder(root, study)
    answer = put(root, Hold(**whose(why), folder=folder, destination=destination, instance=instance))
    typer.echo(f"objects held: {answer.objects}" + ("" if instance else ", and whatever else comes of this study"))
