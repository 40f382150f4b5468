"""dicomrs user: who may use the dashboard."""

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from dicomrs.audit import AuditLog
from dicomrs.exits import Exit
from dicomrs.moments import moment
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.layout import STATE
from dicomrs.state import state_root
from dicomrs_cli.asking import IDENTIFIED, person, unusable
from dicomrs_cli.output import console, load_routes, must_own, table
from dicomrs_dashboard.doors.passwords import LONGEST, SHORTEST, WeakPasswordError, hash_password
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.users import CODE_MINUTES, Users
from dicomrs_dashboard.doors.users_file import User, UsersError

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name: small letters and digits.")]
Manifests = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[MANIFEST]...", help="The ClinicRoute files that `dicomrs up` runs.", show_default=False),
]
State = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="The dashboard's state folder, in place of manifests.", show_default=False),
]
RoleName = Annotated[str, typer.Option(metavar="ROLE", help="`viewer`, `operator` or `admin`.", show_default=False)]
Once = Annotated[bool, typer.Option("--once", help="Print a one-time code, with which the user sets the password.")]
_WITHOUT: Final = "a password cannot be typed here: say --once, and give the code that is printed to the user"


@app.callback()
def user() -> None:
    """Who may use the dashboard, and what each may do.

    A viewer looks on, an operator also acts on what waits and on the services, an admin also discards, exports with
    patients' data and keeps the users. Users are in `.dicomrs/users.json` of the state folder: that is the one of
    `--state` of the dashboard, and with `dicomrs up` the storage root of its first route. A dashboard that runs knows
    within a second what is changed here. Each change goes on record in the audit log beside.

    ```
    dicomrs user add ana /etc/dicomrs --role admin --once
    dicomrs user list /etc/dicomrs
    ```

    On a cluster, with the chart's default of `spool.mountPath`:

    ```
    kubectl exec -it deploy/hospital-a-dicomrs-scu -- dicomrs user add ana --role admin --once --state /home/dicom
    ```

    Exit codes:

    - 0: done.
    - 1: it was not done, and why is said.
    - 65: a manifest is wrong.
    - 73: the state folder cannot be used.
    """


@app.command()
def add(name: Name, manifests: Manifests = None, *, role: RoleName, once: Once = False, state: State = None) -> None:
    """Add a user; asks for the password, or prints a one-time code that is good for 15 minutes.

    ```
    dicomrs user add ana /etc/dicomrs --role operator --once
    ```
    """
    wanted = _role(role)
    folder = _folder(manifests, state)
    password = "" if once else _ask_password()
    with _Told():
        hashed = hash_password(name, password) if password else ""
        _note(folder, "user added", name, role=wanted.label)
        code = Users(folder).add(name, wanted, hashed)
    _tell(code)


@app.command("list")
def list_users(manifests: Manifests = None, *, state: State = None) -> None:
    """Print the users, their roles, and how each can sign in."""
    with _Told():
        found = Users(_folder(manifests, state)).all()
    rows = table("name", "role", "signs in by")
    for name, one in found.items():
        rows.add_row(name, one.role.label, _by(one))
    console().print(rows if found else "there is no user; `dicomrs user add` makes the first one")


@app.command()
def role(name: Name, manifests: Manifests = None, *, role: RoleName, state: State = None) -> None:
    """Give a user another role; that one must sign in anew."""
    wanted = _role(role)
    folder = _folder(manifests, state)
    _note(folder, "user's role changed", name, role=wanted.label)
    with _Told():
        Users(folder).set_role(name, wanted, last_admin_too=True)


@app.command()
def password(name: Name, manifests: Manifests = None, *, once: Once = False, state: State = None) -> None:
    """Set a user's password, or print a one-time code with which the user sets it; earlier sessions end then.

    This is the way in for an admin who has forgotten the password, or whom somebody keeps from signing in.
    """
    folder = _folder(manifests, state)
    new = "" if once else _ask_password()
    _note(folder, "one-time code made" if once else "password set", name)
    with _Told():
        if once:
            _tell(Users(folder).give_code(name))
        else:
            Users(folder).set_password(name, new)


@app.command()
def remove(name: Name, manifests: Manifests = None, *, state: State = None) -> None:
    """Remove a user; that one's sessions end at once."""
    folder = _folder(manifests, state)
    _note(folder, "user removed", name)
    with _Told():
        Users(folder).remove(name, last_admin_too=True)


class _Told:
    """What was not done is said in a line, and ends the command."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, UsersError | WeakPasswordError):
            typer.echo(str(error), err=True)
            raise typer.Exit(Exit.FAILED) from error


def _role(text: str) -> Role:
    try:
        return Role.of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--role") from error


def _folder(manifests: list[Path] | None, state: Path | None) -> str:
    if (state is None) == (not manifests):
        raise typer.BadParameter("name either MANIFEST or --state", param_hint="MANIFEST")
    folder = str(state.absolute()) if state is not None else state_root(load_routes(manifests or []))
    if not Path(folder).is_dir():
        typer.echo(f"{folder}: there is no such folder", err=True)
        raise typer.Exit(Exit.ROOT)
    # The mount of a cluster's volume is root's, and writable to the services; what is in it is theirs.
    own = f"{folder}/{STATE}"
    must_own(own if Path(own).is_dir() or (os.access(folder, os.W_OK) and os.geteuid()) else folder)
    return folder


def _ask_password() -> str:
    try:
        return str(typer.prompt(f"Password ({SHORTEST} to {LONGEST} signs)", hide_input=True, confirmation_prompt=True))
    except typer.Abort as error:
        typer.echo(_WITHOUT, err=True)
        raise typer.Exit(Exit.FAILED) from error


def _note(folder: str, action: str, name: str, **fields: str) -> None:
    """Before it is done, like all that persons do."""
    try:
        AuditLog(OsFileSystem(), folder).append(
            {"action": action, "who": person(), "identified": IDENTIFIED, "user": name, "complete": True, **fields}
        )
    except OSError as error:
        raise unusable(folder, error) from error


def _tell(code: str) -> None:
    if code:
        typer.echo(f"one-time code: {code}")
        typer.echo(f"good for {CODE_MINUTES} minutes, once, on the dashboard's page /once", err=True)


def _by(one: User) -> str:
    until = moment(one.code.until) if one.code else None
    code = f"one-time code until {until:%H:%M}" if until and one.code and one.code.is_good else ""
    return " or ".join(filter(None, ["password" if one.password else "", code])) or "nothing: give a one-time code"
