"""dicomrs release: try again what a destination would not take."""

import getpass
from pathlib import Path
from typing import Annotated, Final

import typer

from dicomrs.exits import Exit
from dicomrs.spool.control import NoAnswerError, Release, ask
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.layout import study_key
from dicomrs.spool.outbox import Outbox
from dicomrs_cli.output import load_routes, must_own, named_route

_PATIENCE: Final = 15.0  # seconds; the service looks for requests once a second


def release(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST", help="A ClinicRoute file.", show_default=False)],
    *,
    route: Annotated[str, typer.Option(metavar="NAME", help="The route it is about.", show_default=False)],
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why; it goes on record.", show_default=False)],
    study: Annotated[
        str, typer.Option(metavar="KEY", help="Only this study, by its name in `dicomrs status`.", show_default=False)
    ] = "",
    destination: Annotated[
        str, typer.Option(metavar="NAME", help="Only for this destination.", show_default=False)
    ] = "",
) -> None:
    """Have parked and held objects tried again.

    An object is parked when a destination has refused it for good, or too often, and held when another object with its
    SOP Instance UID came before it (`onConflict: Park`). Both stay on disk until somebody says otherwise: when the
    reason is gone, release them. Your user name and the reason are written to the study's receipts. What is quarantined
    or damaged is never released.

    ```
    dicomrs release /etc/dicomrs/hospital-a.yaml --route hospital-a --study 5f2c09ab31 --why "target has space again"
    ```

    Exit codes:

    - 0: released, or there was nothing to release.
    - 1: the sending service does not answer: is `dicomrs up` running?
    - 65: the manifest is wrong.
    - 73: the storage root cannot be used.
    """
    chosen = named_route(load_routes([manifest]), route)
    names = [to.name for to in chosen.spec.destinations]
    if destination and destination not in names:
        raise typer.BadParameter(f"no such destination; there are: {', '.join(names)}", param_hint="--destination")
    fs, root = OsFileSystem(), chosen.spec.storage.root
    must_own(root)
    try:
        folder = _folder(Outbox(fs, root), study) if study else ""
        request = Release(who=getpass.getuser(), why=why, folder=folder, destination=destination)
        number = ask(fs, root, request, _PATIENCE)
    except NoAnswerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.FAILED) from error
    except OSError as error:
        typer.echo(f"{error.filename or root}: {error.strerror}", err=True)
        raise typer.Exit(Exit.ROOT) from error
    typer.echo(f"objects released: {number}")


def _folder(outbox: Outbox, key: str) -> str:
    """The study folder of that name in the logs and the status."""
    for folder in outbox.folders():
        described = outbox.study(folder)
        if described is not None and study_key(described.study) == key:
            return folder
    raise typer.BadParameter(f"no study is called {key!r}; `dicomrs status` names them", param_hint="--study")
