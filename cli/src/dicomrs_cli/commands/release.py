"""dicomrs release: try again what a destination would not take, and check again what is in quarantine."""

import typer

from dicomrs.spool.control import Release
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


def release(
    manifest: ManifestPath,
    *,
    route: RouteName,
    why: Why,
    study: StudyKey = "",
    destination: DestinationName = "",
    instance: InstanceUid = "",
) -> None:
    """Have parked and held objects tried again, and quarantined ones checked again.

    An object is parked when a destination has refused it for good, or too often. It is held because a person wanted
    that (`dicomrs hold`), or because another object with its SOP Instance UID came before it (`onConflict: Park`). All
    of these stay on disk until somebody says otherwise: when the reason is gone, release them.

    What is in quarantine is checked as it was when it arrived, over all its bytes. What passes now, such as after an
    update that mends a check, joins its study and is sent. What does not pass stays, and the reason is printed: nobody
    can release an image that has no pixels. With `--destination` quarantine is left alone.

    Your user name and the reason are written to the study's receipts and to the audit log.

    ```
    dicomrs release /etc/dicomrs/hospital-a.yaml --route hospital-a --study 5f2c09ab31 --why "target has space again"
    ```

    Without `--study` it is about all studies of the route.

    Exit codes:

    - 0: released, or there was nothing to release.
    - 1: the sending service does not answer (is `dicomrs up` running?), or it failed, for the reason printed.
    - 65: the manifest is wrong.
    - 73: the storage root cannot be used.
    """
    root = chosen_route(manifest, route, destination).spec.storage.root
    folder = study_folder(root, study) if study else ""
    answer = put(root, Release(**whose(why), folder=folder, destination=destination, instance=instance))
    typer.echo(f"objects released: {answer.objects}")
