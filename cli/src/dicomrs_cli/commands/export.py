"""dicomrs export: copies of a study's objects, as they are."""

from pathlib import Path
from typing import Annotated

import typer

from dicomrs.audit import AuditLog
from dicomrs.exits import Exit
from dicomrs.export import Copied
from dicomrs.export import export as copies
from dicomrs.spool.fs import OsFileSystem
from dicomrs_cli.asking import (
    InstanceUid,
    ManifestPath,
    RouteName,
    StudyKey,
    Why,
    chosen_route,
    study_folder,
    unusable,
    whose,
)
from dicomrs_cli.output import console, show_lines


def export(
    manifest: ManifestPath,
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            exists=True,
            file_okay=False,
            writable=True,
            resolve_path=True,
            help="Where to put the copies; it must be there.",
            show_default=False,
        ),
    ],
    *,
    route: RouteName,
    study: StudyKey,
    why: Why,
    instance: InstanceUid = "",
) -> None:
    r"""Copy what is still here of a study into a folder, as DICOM files that any viewer reads.

    Whatever state they are in: waiting, parked and held objects come into the folder itself, quarantined ones into
    `_INVALID_NO_PIXELS` and damaged ones into `_DAMAGED` in it. Each of the latter is named with its reason. All bytes
    are compared with the digest of their arrival: a copy that differs is said to be damaged. Nothing in the spool is
    changed, and nothing is overwritten. It works while no service runs.

    The copies hold a patient's data, and are yours to look after. Your user name, the reason and the folder are written
    to the audit log before the first copy.

    ```
    dicomrs export /etc/dicomrs/hospital-a.yaml /media/usb --route hospital-a --study 5f2c09ab31 \
        --why "asked for by the physicist"
    ```

    Exit codes:

    - 0: all that is here was copied.
    - 1: not all of it, for the reasons printed.
    - 65: the manifest is wrong.
    - 73: the storage root cannot be used, or the audit log cannot be written to.
    """
    root = chosen_route(manifest, route).spec.storage.root
    if folder.is_relative_to(Path(root).resolve()):
        raise typer.BadParameter("the copies must not be in the storage root", param_hint="FOLDER")
    name, fs = study_folder(root, study), OsFileSystem()
    log = AuditLog(fs, root)
    told = {"action": "export", **whose(why), "study": study, "folder": name, "instance": instance}
    try:
        begun = log.append({**told, "to": str(folder)})
        found = list(copies(fs, root, name, str(folder), instance))
        log.append(_outcome(begun.number, found))
    except OSError as error:
        raise unusable(root, error) from error
    show_lines(console(), [f"{one.path}: {one.reason}" for one in found if one.path and one.reason])
    show_lines(console(stderr=True), [f"not copied: {one.source}: {one.failed}" for one in found if one.failed])
    done = sum(bool(one.path) for one in found)
    typer.echo(f"objects copied: {done}")
    if done < len(found):
        raise typer.Exit(Exit.FAILED)


def _outcome(begun: int, found: list[Copied]) -> dict[str, object]:
    return {
        "of": begun,
        "objects": sum(bool(one.path) for one in found),
        "notes": [f"{one.source}: {one.failed}" for one in found if one.failed][:20],
        "failed": "",
    }
