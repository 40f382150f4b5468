"""What all commands share: how they print, and how they read the manifests that they are given."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from dicomrs.exits import Exit
from dicomrs.route import ClinicRoute, ManifestError, load_manifests
from dicomrs.route.documents import read_text

_WIDTH: Final = 200  # columns, for a file or a pipe: lines there are for programs, and are not to be folded
_LONGEST_LINE: Final = 600
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"

ManifestPaths = Annotated[
    list[Path],
    typer.Argument(metavar="MANIFEST", help="ClinicRoute files, or folders of them (`*.yaml`).", show_default=False),
]

SecretsFolder = Annotated[
    Path | None,
    typer.Option(
        "--secrets",
        metavar="FOLDER",
        help="Where the secrets are that routes name; `secrets/` beside each manifest otherwise.",
        show_default=False,
    ),
]


def console(*, stderr: bool = False) -> Console:
    """A console that takes text for text: brackets and colons in it mean nothing."""
    made = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not made.is_terminal:
        made.width = _WIDTH
    return made


def plain(text: str, limit: int = 64) -> str:
    """Text from a peer, fit to be shown: cut to length, and nothing in it that steers a terminal."""
    cut = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return "".join(sign if sign.isprintable() else _REPLACEMENT for sign in cut)


def show_lines(to: Console, lines: Sequence[str], limit: int = 50) -> None:
    """Print lines about files, one each; of very many only the first."""
    for line in lines[:limit]:
        to.print(plain(line, _LONGEST_LINE))
    if len(lines) > limit:
        to.print(f"... and {len(lines) - limit} more")


def table(*columns: str, title: str = "", right: Iterable[str] = ()) -> Table:
    """A table; right: the columns whose values stand on the right, such as numbers."""
    made = Table(title=Text(title, style="bold") if title else None, title_justify="left", box=box.SIMPLE_HEAD)
    for column in columns:
        made.add_column(column, justify="right" if column in set(right) else "left", overflow="fold")
    return made


def progress(*, sizes: bool = False) -> Progress:
    """A progress bar on standard error, which is not there when that is no terminal; sizes: it counts bytes."""
    to = console(stderr=True)
    amount = DownloadColumn(binary_units=False) if sizes else MofNCompleteColumn()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        amount,
        TimeRemainingColumn(),
        console=to,
        disable=not to.is_terminal,
    )


def load_routes(paths: Iterable[Path]) -> list[ClinicRoute]:
    """The routes of manifests; where these have problems, one line each and the end of the command."""
    try:
        return load_manifests(paths)
    except ManifestError as error:
        raise refused(error) from error


def read_file(path: Path) -> str:
    """The text of a small file; where it cannot be read, a line that says so and the end of the command."""
    try:
        return read_text(str(path))
    except ManifestError as error:
        raise refused(error) from error


def refused(error: ManifestError) -> typer.Exit:
    """Print the problems; the exception with which the command ends."""
    for problem in error.problems:
        typer.echo(str(problem), err=True)
    return typer.Exit(Exit.MANIFEST)


def named_route(routes: Iterable[ClinicRoute], name: str) -> ClinicRoute:
    """The route of that name; a wrong command line if there is none."""
    known = {route.metadata.name: route for route in routes}
    if name not in known:
        raise typer.BadParameter(f"no route is called {name!r}; there are: {', '.join(known)}", param_hint="--route")
    return known[name]


def must_own(root: str) -> None:
    """End the command unless it runs as the user whose services use the root: they could not read what it writes."""
    try:
        owner = os.stat(root).st_uid
    except OSError:
        return  # what is wrong with it is told by whoever uses it
    if owner != os.geteuid():
        typer.echo(f"{root} belongs to user {owner}; run this as that user: sudo -u '#{owner}' dicomrs ...", err=True)
        raise typer.Exit(Exit.ROOT)
