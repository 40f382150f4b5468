"""dicomrs demo: the whole way of an image, on this machine."""

import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, Never

import typer
from rich.console import Console

from dicomrs.exits import Exit
from dicomrs_cli.demonstration.children import DemoError
from dicomrs_cli.demonstration.figures import Figure
from dicomrs_cli.demonstration.play import Play
from dicomrs_cli.demonstration.targets import EmbeddedTarget, OrthancTarget, Target, find_orthanc
from dicomrs_cli.output import console, table

_LOG_LINES = 30


class TargetKind(StrEnum):
    """What to deliver to."""

    AUTO = "auto"
    EMBEDDED = "embedded"
    ORTHANC = "orthanc"


def demo(
    *,
    target: Annotated[
        TargetKind,
        typer.Option(metavar="KIND", help="`embedded`, `orthanc`, or `auto`: Orthanc where it is installed."),
    ] = TargetKind.AUTO,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the folder with spool, objects and logs.")] = False,
) -> None:
    """Play the main job on this machine, and check that nothing is lost or altered.

    A router and a stand-in for Zero Click run on loopback, in a temporary folder. A CT series of 200 slices, made on
    the spot, and the sample files of pydicom's package are sent to the router and arrive at the target. Then the target
    is stopped, more is sent and waits; one slice has no pixel data and must not travel. The target returns, and all
    that waited arrives without anyone acting. A closing table compares what was sent with what is there, digests
    included. It takes about half a minute and 400 MB, and nothing is downloaded.

    ```
    dicomrs demo --target embedded
    ```

    Exit codes:

    - 0: every figure is right.
    - 1: some figure is not, or something did not happen in time; the ends of the logs are shown.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    to = console()
    started = time.monotonic()
    with _folder(keep=keep) as folder:
        play = Play(folder, _target(target, folder), to)
        try:
            figures = play.run()
        except DemoError as error:
            typer.echo(f"failed: {error}", err=True)
            figures = []
        finally:
            for program in play.programs:
                program.stop()
        good = bool(figures) and all(figure.right for figure in figures)
        if figures:
            _show(to, figures)
        if not good:
            _show_logs(to, [program.log for program in play.programs])
    to.print(f"{'every figure is right' if good else 'NOT RIGHT'}, after {time.monotonic() - started:.0f} s")
    raise typer.Exit(Exit.OK if good else Exit.FAILED)


def _interrupt(_signum: int, _frame: FrameType | None) -> Never:
    """SIGTERM ends it as Ctrl-C does: whatever was started is ended."""
    raise KeyboardInterrupt


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="dicomrs-demo-"))
    try:
        yield folder
    finally:
        if keep:
            typer.echo(f"all of it is in {folder}")
        else:
            shutil.rmtree(folder)


def _target(kind: TargetKind, folder: Path) -> Target:
    program = find_orthanc() if kind is not TargetKind.EMBEDDED else None
    if program is not None:
        return OrthancTarget(folder, program)
    if kind is TargetKind.ORTHANC:
        raise typer.BadParameter("Orthanc is not installed (apt-get install orthanc)", param_hint="--target")
    return EmbeddedTarget(folder)


def _show(to: Console, figures: Sequence[Figure]) -> None:
    found = table("", "is", "must be", "", "", title="what was sent, and what is there", right=["is", "must be"])
    for figure in figures:
        verdict = "" if figure.expected is None else "right" if figure.right else "WRONG"
        expected = "" if figure.expected is None else str(figure.expected)
        found.add_row(figure.what, str(figure.found), expected, verdict, figure.note)
    to.print(found)


def _show_logs(to: Console, logs: Sequence[Path]) -> None:
    for log in logs:
        if log.exists():
            to.print(f"the end of {log.name}:")
            for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]:
                to.print(f"  {line}")
