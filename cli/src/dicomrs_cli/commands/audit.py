"""dicomrs audit: what persons have done, and whether the record of it is whole."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from dicomrs.audit import AuditLog, Entry, Findings, Head, differences, outcomes
from dicomrs.exits import Exit
from dicomrs.spool.fs import OsFileSystem
from dicomrs_cli.asking import unusable
from dicomrs_cli.output import console, load_routes, named_route, plain, table

_LATEST: Final = 50
_TEXT: Final = 200  # characters

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

Manifest = Annotated[Path | None, typer.Argument(metavar="MANIFEST", help="A ClinicRoute file.", show_default=False)]
Route = Annotated[str, typer.Option(metavar="NAME", help="The route it is about.", show_default=False)]
Root = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="A storage root, in place of manifest and route.", show_default=False),
]


@app.callback()
def audit() -> None:
    """What persons have done to a route's objects, and whether the record of it is whole.

    Every release, hold, resend, export and discard is written to `.dicomrs/audit.jsonl` in the storage root before it
    is carried out: who, when, why, and to what. Each line carries the hash of the one before it.
    docs/receipts-and-audit.md says what such a chain can show, and what it cannot.

    ```
    dicomrs audit show --root /home/dicom/hospital-a
    dicomrs audit verify --root /home/dicom/hospital-a
    ```

    Exit codes:

    - 0: the record is whole.
    - 1: it is not; the first place is named.
    - 65: the manifest is wrong.
    - 73: the storage root cannot be read.
    """


@app.command()
def verify(
    manifest: Manifest = None,
    *,
    route: Route = "",
    root: Root = None,
    head: Annotated[
        str, typer.Option(metavar="N:HASH", help="A number and hash that you noted, to be found again.")
    ] = "",
) -> None:
    """Follow the chain from its first line to its last.

    A line that was changed, taken out, added or moved is named. An end that was cut off shows only against a hash that
    is kept elsewhere: this command compares with the one in `.status/audit.json`, and with the one that you give. The
    sending service logs the number and hash of every entry (`audit entry`), so that your log server has them.

    ```
    dicomrs audit verify --root /home/dicom/hospital-a
    dicomrs audit verify --root /home/dicom/hospital-a --head 17:9f0c...
    ```

    Exit codes:

    - 0: it is whole.
    - 1: it is not.
    - 65: the manifest is wrong.
    - 73: the storage root cannot be read.
    """
    noted = _head(head)
    log = _log(manifest, route, root)
    second = log.noted_head()  # before the log: whoever adds an entry meanwhile notes it last
    found = _read(log)
    for torn in found.torn:
        typer.echo(f"line {torn.line}: cut short by a crash while it was written; what it asked for was not done")
    if found.broken is not None:
        typer.echo(f"BROKEN at line {found.broken.line}: {found.broken.reason}")
        typer.echo(f"whole before it: {len(found.entries)} entries")
        raise typer.Exit(Exit.FAILED)
    for where, one in (("the hash in .status/audit.json", second), ("the hash that you gave", noted)):
        if difference := differences(found, one):
            typer.echo(f"BROKEN by {where}: {difference}")
            raise typer.Exit(Exit.FAILED)
    last = f"; the last is {found.head.number}:{found.head.hash}" if found.entries else ""
    typer.echo(f"whole: {len(found.entries)} entries{last}")


@app.command()
def show(
    manifest: Manifest = None,
    *,
    route: Route = "",
    root: Root = None,
    everything: Annotated[bool, typer.Option("--all", help=f"All of it, not only the latest {_LATEST}.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs; always everything.")] = False,
) -> None:
    """Print what persons have done, the latest last, and how it ended.

    Of a log that is broken only what stands before the break is shown.

    ```
    dicomrs audit show --root /home/dicom/hospital-a
    ```

    Exit codes:

    - 0: shown, whatever there was to show.
    - 1: the log is broken; `dicomrs audit verify` tells where.
    - 65: the manifest is wrong.
    - 73: the storage root cannot be read.
    """
    found = _read(_log(manifest, route, root))
    if as_json:
        typer.echo(json.dumps([asdict(entry) for entry in found.entries], indent=1))
    else:
        actions = list(outcomes(found.entries))
        rows = table("entry", "when", "who", "action", "study", "for", "objects", "why, and what was not done")
        for begun, ended in actions if everything else actions[-_LATEST:]:
            rows.add_row(*_row(begun, ended))
        console().print(rows if actions else "nothing was done yet")
    if found.broken is not None:
        typer.echo(f"BROKEN at line {found.broken.line}: {found.broken.reason}", err=True)
        raise typer.Exit(Exit.FAILED)


def _row(begun: Entry, ended: Entry | None) -> list[str]:
    told = begun.fields
    notes: list[Any] = [told.get("why", "")]
    if told.get("complete"):
        notes += [f"{name}: {told[name]}" for name in ("user", "role", "what", "address") if told.get(name)]
    elif ended is None:
        where = "the service's log" if told.get("service") else "the study's receipt"
        notes.append(f"how it ended is not known: see {where}")
    else:
        notes += [*ended.fields.get("notes", ()), ended.fields.get("failed", "")]
    aim = told.get("destination") or told.get("to") or told.get("service") or _listed(told.get("what", ()))
    cells = [begun.number, told.get("at", "")[:19], told.get("who", ""), told.get("action", ""), told.get("study", "")]
    cells += [aim, _objects(told, ended), "\n".join(str(note) for note in notes if note)]
    return ["\n".join(plain(line, _TEXT) for line in str(cell).split("\n")) for cell in cells]


def _listed(what: object) -> str:
    return ", ".join(what) if isinstance(what, list) else ""


def _objects(told: dict[str, Any], ended: Entry | None) -> object:
    if ended is None:
        return "" if told.get("complete") else "?"
    return ended.fields.get("objects", "")


def _head(text: str) -> Head | None:
    if not text:
        return None
    number, _, value = text.partition(":")
    if not number.isdecimal() or len(value) != len("0" * 64):
        raise typer.BadParameter("a number, a colon and 64 hexadecimal digits", param_hint="--head")
    return Head(int(number), value)


def _log(manifest: Path | None, route: str, root: Path | None) -> AuditLog:
    if (root is not None) == bool(manifest) or bool(manifest) != bool(route):
        raise typer.BadParameter("name either MANIFEST and --route, or --root", param_hint="MANIFEST")
    if manifest:
        return AuditLog(OsFileSystem(), named_route(load_routes([manifest]), route).spec.storage.root)
    return AuditLog(OsFileSystem(), str((root or Path()).absolute()))


def _read(log: AuditLog) -> Findings:
    try:
        if not Path(log.root).is_dir():
            raise FileNotFoundError(2, "there is no such folder", log.root)
        return log.read()
    except OSError as error:
        raise unusable(log.root, error) from error
