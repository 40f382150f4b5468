"""Around the acts: the folder, the programs' end whatever happens, the closing table, the logs of a failure."""

import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, Never

import typer
from rich.console import Console

from dicomrs_cli.demonstration import TargetKind
from dicomrs_cli.demonstration.children import DemoError
from dicomrs_cli.demonstration.figures import Figure
from dicomrs_cli.demonstration.play import Play
from dicomrs_cli.demonstration.targets import EmbeddedTarget, OrthancTarget, Target, find_orthanc
from dicomrs_cli.output import table

_LOG_LINES: Final = 30


def run_demo(to: Console, kind: TargetKind, *, keep: bool, stay: bool = False) -> bool:
    """Play it and show the figures; whether all of them are right.

    Args:
        to: where to tell the story.
        kind: of the target.
        keep: leave the folder.
        stay: leave the programs running after the last act, until Ctrl-C.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()
    with _folder(keep=keep) as folder:
        play = Play(folder, _target(kind, folder), to)
        figures: list[Figure] = []
        try:
            figures = play.run()
            if stay:
                to.print("all is delivered; Ctrl-C ends it")
                signal.pause()
        except KeyboardInterrupt:
            if not figures:
                raise
        except DemoError as error:
            typer.echo(f"failed: {error}", err=True)
        finally:
            for program in play.programs:
                program.stop()
        good = bool(figures) and all(figure.right for figure in figures)
        if figures:
            _show(to, figures)
        if not good:
            _show_logs(to, [program.log for program in play.programs])
    to.print(f"{'every figure is right' if good else 'NOT RIGHT'}, after {time.monotonic() - started:.0f} s")
    return good


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
