"""dicomrs send: send files as a scanner would."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from dicomrs.exits import Exit
from dicomrs.route.types import ae_title
from dicomrs_cli.output import console, plain, progress, show_lines, table
from dicomrs_cli.part10 import DicomFile, NotPart10Error, UnfitError, find_files, read_dicom_file
from dicomrs_cli.sending import Answer, send_files


def _title(value: str) -> str:
    try:
        return ae_title(value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def send(
    host: Annotated[str, typer.Argument(metavar="HOST", help="Name or address of the receiver.", show_default=False)],
    port: Annotated[int, typer.Argument(metavar="PORT", help="Its TCP port.", min=1, max=65535, show_default=False)],
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH", exists=True, help="Files, and folders with all that is below them.", show_default=False
        ),
    ],
    *,
    called: Annotated[str, typer.Option(metavar="AET", callback=_title, help="AE title of the receiver.")] = "DICOMRS",
    calling: Annotated[
        str, typer.Option(metavar="AET", callback=_title, help="AE title to call ourselves.")
    ] = "DICOMRS_SEND",
) -> None:
    """Send DICOM files to a receiver, as a scanner would: for a test, or to bring old studies in.

    The datasets go out byte for byte, in the transfer syntax that they have. Files that are no DICOM objects are named
    and skipped. The receiver's answers are counted at the end.

    ```
    dicomrs send 10.20.30.5 104 ./phantom --called DICOMRS
    ```

    Exit codes:

    - 0: all that was sent was accepted.
    - 1: some was not, or there was nothing to send.
    - 2: a path does not exist, or an AE title is none.
    """
    files, skipped = _read(find_files(paths))
    with progress(sizes=True) as bar:
        task = bar.add_task("sending", total=sum(file.length for file in files))
        answers = send_files(
            host,
            port,
            files,
            calling=calling,
            called=called,
            on_answer=lambda answer: bar.advance(task, answer.file.length),
        )
    _report(answers, skipped)
    if not answers or not all(answer.accepted for answer in answers):
        raise typer.Exit(Exit.FAILED)


def _read(paths: Iterable[Path]) -> tuple[list[DicomFile], list[tuple[Path, str]]]:
    """The files to send, and those to skip with the reason."""
    files, skipped = [], []
    for path in paths:
        try:
            files.append(read_dicom_file(path))
        except (NotPart10Error, UnfitError) as error:
            skipped.append((path, str(error)))
        except OSError as error:
            skipped.append((path, f"cannot be read: {error.strerror}"))
    return files, skipped


def _report(answers: list[Answer], skipped: list[tuple[Path, str]]) -> None:
    to = console()
    show_lines(to, [f"skipped {path}: {reason}" for path, reason in skipped])
    show_lines(to, [f"not accepted {one.file.path}: {one.text}" for one in answers if not one.accepted])
    found = table("files", "answer", right=["files"])
    for text, number in Counter(answer.text for answer in answers).most_common():
        found.add_row(str(number), plain(text, 400))
    if skipped:
        found.add_row(str(len(skipped)), "skipped: no DICOM objects")
    to.print(found)
