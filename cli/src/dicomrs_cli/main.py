"""The `dicomrs` command: one module of dicomrs_cli.commands for each of its commands."""

from typing import Annotated

import typer

from dicomrs import VERSION
from dicomrs_cli.commands import audit, user
from dicomrs_cli.commands.adopt import adopt
from dicomrs_cli.commands.demo import demo
from dicomrs_cli.commands.diagnose import diagnose
from dicomrs_cli.commands.discard import discard
from dicomrs_cli.commands.echo import echo
from dicomrs_cli.commands.export import export
from dicomrs_cli.commands.hold import hold
from dicomrs_cli.commands.import_env import import_env
from dicomrs_cli.commands.receipt import receipt
from dicomrs_cli.commands.release import release
from dicomrs_cli.commands.resend import resend
from dicomrs_cli.commands.send import send
from dicomrs_cli.commands.status import status
from dicomrs_cli.commands.up import up
from dicomrs_cli.commands.validate import validate

app = typer.Typer(
    name="dicomrs",
    rich_markup_mode="markdown",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_show_locals=False,  # they would carry patients' names
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dicomrs {VERSION}")
        raise typer.Exit


@app.callback()
def dicomrs(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Receive images from scanners, keep them safe, and deliver them unchanged.

    A ClinicRoute, one YAML file, says where a clinic's images come in and where they go; docs/clinicroute.md explains
    its fields. To begin:

    ```
    dicomrs demo                      # see the whole way of an image on this machine
    dicomrs import-env .env > a.yaml  # make a ClinicRoute from the old .env
    dicomrs validate a.yaml           # is it right?
    dicomrs up a.yaml                 # run it
    dicomrs echo a.yaml               # do the router and its targets answer?
    dicomrs status a.yaml             # what has come, what waits, and why
    dicomrs receipt a.yaml ...        # what came of a study, and who has confirmed it
    dicomrs release a.yaml ...        # have what was refused tried again
    dicomrs diagnose a.yaml           # all of how it stands, in one file
    ```

    What persons do (release, hold, resend, export, discard) is in the audit log: `dicomrs audit show`. Who may use the
    dashboard is kept by `dicomrs user`.

    Exit codes, of all commands:

    - 0: done.
    - 1: a check failed, or not everything was taken; or a fault of dicomrs itself, which is shown.
    - 2: the command line is wrong.
    - 65: a manifest is wrong; each problem is named with its file and line.
    - 69: another program holds the receiver's port.
    - 73: a storage root cannot carry a spool, or cannot be read.
    - 74: a storage root's volume is full.
    - 77: this user may not use the port.
    """


_ACTIONS = (release, hold, resend, export, discard)
for _command in (up, validate, import_env, status, receipt, *_ACTIONS, echo, diagnose, send, adopt, demo):
    app.command()(_command)
app.add_typer(audit.app, name="audit")
app.add_typer(user.app, name="user")
