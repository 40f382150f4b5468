"""dicomrs adopt: take over what an older version left on disk."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from dicomrs.exits import Exit
from dicomrs.route import ClinicRoute
from dicomrs.spool.fs import FileSystem, OsFileSystem
from dicomrs.spool.inbox import Inbox
from dicomrs.spool.part import RefusedError
from dicomrs.spool.proof import VolumeError, prepare_root
from dicomrs_cli.adoption import Adopted, Fate, adopt_file, old_folders, preview, remove_if_empty
from dicomrs_cli.output import console, load_routes, must_own, named_route, plain, progress, show_lines, table

_OTHERS: Final = 20  # names of other files that are listed


def adopt(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST", help="A ClinicRoute file.", show_default=False)],
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="PATH",
            exists=True,
            file_okay=False,
            resolve_path=True,
            help="The folder with the old study folders; the route's own storage root if it is left out.",
            show_default=False,
        ),
    ] = None,
    *,
    route: Annotated[str, typer.Option(metavar="NAME", help="The route that takes them over.", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
) -> None:
    """Take over the study folders that an older version left under its DICOM_ROOT.

    Every DICOM file in them joins the spool as if a scanner had sent it (called "ADOPT", where the file does not name
    its source): what has no pixels goes to quarantine, the rest is queued for the route's destinations. A file is
    removed only when its copy is durable, so that the command can be interrupted and started again at any time, and
    while the services run. Stop the old version first.

    What is no whole DICOM object stays in its place and is named, and so do all other files, such as the old
    `.metadata.json`. A folder is removed when nothing is left in it.

    ```
    dicomrs adopt /etc/dicomrs/hospital-a.yaml --route hospital-a --dry-run
    dicomrs adopt /etc/dicomrs/hospital-a.yaml --route hospital-a /home/dicom/old
    ```

    Exit codes:

    - 0: all objects were taken over.
    - 1: some were left in place, for the reasons given.
    - 65: the manifest is wrong.
    - 73, 74: the storage root cannot be used, or its volume is full; what was not taken over is in its place.
    """
    chosen = named_route(load_routes([manifest]), route)
    must_own(chosen.spec.storage.root)
    fs, source = OsFileSystem(), path or Path(chosen.spec.storage.root)
    try:
        folders = list(old_folders(fs, source))
    except OSError as error:
        typer.echo(f"{error.filename}: cannot be read: {error.strerror}", err=True)
        raise typer.Exit(Exit.ROOT) from error
    files = [file for _, inside in folders for file in inside]
    if dry_run:
        found, full = [preview(fs, file) for file in files], ""
    else:
        found, full = _adopt(fs, chosen, files)
        for folder, _ in folders:
            if folder != source:
                remove_if_empty(folder)
    _report(found, dry_run=dry_run)
    if full:
        typer.echo(f"stopped: {full}", err=True)
        raise typer.Exit(Exit.FULL)
    if any(one.fate is Fate.LEFT for one in found):
        raise typer.Exit(Exit.FAILED)


def _adopt(fs: FileSystem, route: ClinicRoute, files: Sequence[Path]) -> tuple[list[Adopted], str]:
    """Take files over; what became of them, and why it ended early ("": it did not)."""
    storage = route.spec.storage
    try:
        prepare_root(fs, storage.root)
    except VolumeError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.FULL if error.full else Exit.ROOT) from error
    found: list[Adopted] = []
    inbox = Inbox(fs, storage.root, storage.reserve.bytes_of)
    try:
        with progress() as bar:
            for path in bar.track(files, description="adopting"):
                one = adopt_file(inbox, path, route.spec.receiver.ae_title)
                found.append(one)
    except RefusedError as error:
        return found, error.reason
    finally:
        inbox.close()
    return found, ""


def _report(found: Sequence[Adopted], *, dry_run: bool) -> None:
    to = console()
    others = [one.path.name for one in found if one.fate is Fate.OTHER]
    show_lines(to, [f"left {one.path}: {one.reason}" for one in found if one.fate is Fate.LEFT])
    totals = table("files", "would be" if dry_run else "are", "why", right=["files"])
    for (fate, why), number in Counter((one.fate, one.reason) for one in found if one.fate is not Fate.OTHER).items():
        totals.add_row(str(number), fate.value, plain(why, 400))
    for name, number in Counter(others).most_common(_OTHERS):
        totals.add_row(str(number), Fate.OTHER.value, plain(name))
    to.print(totals)
