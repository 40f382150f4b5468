"""What the commands share that act for a person: their options, who the person is, and how a service is asked."""

import os
import pwd
from pathlib import Path
from typing import Annotated, Final

import typer

from dicomrs.exits import Exit
from dicomrs.route import ClinicRoute
from dicomrs.spool.control import INSTANCE, Request, ask
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.mailbox import LONGEST_TEXT, Answer, NoAnswerError
from dicomrs.spool.outbox import Outbox
from dicomrs_cli.output import load_routes, must_own, named_route, plain

_PATIENCE: Final = 15.0  # seconds; the service looks for requests once a second
_LONGEST_NOTE: Final = 400
IDENTIFIED: Final = "operating system"

ManifestPath = Annotated[Path, typer.Argument(metavar="MANIFEST", help="A ClinicRoute file.", show_default=False)]
RouteName = Annotated[str, typer.Option(metavar="NAME", help="The route it is about.", show_default=False)]


def _reason(value: str) -> str:
    if not value.strip() or len(value) > LONGEST_TEXT:
        raise typer.BadParameter(f"a reason has 1 to {LONGEST_TEXT} characters")
    return value


def _instance(value: str) -> str:
    if value and not INSTANCE.fullmatch(value):
        raise typer.BadParameter("a SOP Instance UID has 1 to 64 characters without spaces")
    return value


Why = Annotated[str, typer.Option(metavar="TEXT", help="Why; it goes on record.", show_default=False, callback=_reason)]
StudyKey = Annotated[
    str, typer.Option(metavar="KEY", help="The study, by its name in `dicomrs status`.", show_default=False)
]
DestinationName = Annotated[str, typer.Option(metavar="NAME", help="Only for this destination.", show_default=False)]
InstanceUid = Annotated[
    str,
    typer.Option(
        "--object",
        metavar="UID",
        help="Only the object of this SOP Instance UID.",
        show_default=False,
        callback=_instance,
    ),
]


def person() -> str:
    """Who acts: the user of the operating system, and before `sudo` the one who called it."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"user {uid}"
    caller = os.environ.get("SUDO_USER", "")
    return f"{plain(caller)} as {name}" if caller and caller != name else name


def whose(why: str) -> dict[str, str]:
    """The fields of a request that say who asks, and why."""
    return {"who": person(), "identified": IDENTIFIED, "why": why}


def chosen_route(manifest: Path, name: str, destination: str = "") -> ClinicRoute:
    """The route that a command is about, in whose root this user may write; else the end of the command."""
    route = named_route(load_routes([manifest]), name)
    names = [to.name for to in route.spec.destinations]
    if destination and destination not in names:
        raise typer.BadParameter(f"no such destination; there are: {', '.join(names)}", param_hint="--destination")
    must_own(route.spec.storage.root)
    return route


def study_folder(root: str, key: str) -> str:
    """The folder of the study of that name in the logs and the status; else the end of the command."""
    outbox = Outbox(OsFileSystem(), root)
    try:
        for folder in outbox.folders():
            if key == outbox.key(folder):
                return folder
    except OSError as error:
        raise unusable(root, error) from error
    raise typer.BadParameter(f"no study is called {key!r}; `dicomrs status` names them", param_hint="--study")


def put(root: str, request: Request) -> Answer:
    """Have the sending service carry a request out; what it did not do is printed. Else the end of the command."""
    try:
        answer = ask(OsFileSystem(), root, request, _PATIENCE)
    except NoAnswerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(Exit.FAILED) from error
    except OSError as error:
        raise unusable(root, error) from error
    for note in answer.notes:
        typer.echo(plain(note, _LONGEST_NOTE), err=True)
    if answer.failed:
        typer.echo(f"it failed: {plain(answer.failed, _LONGEST_NOTE)}", err=True)
        raise typer.Exit(Exit.FAILED)
    return answer


def unusable(root: str, error: OSError) -> typer.Exit:
    """Print why a root cannot be used; the exception with which the command ends."""
    typer.echo(f"{error.filename or root}: {error.strerror}", err=True)
    return typer.Exit(Exit.ROOT)
