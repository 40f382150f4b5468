"""dicomrs demo: the whole way of an image, on this machine."""

from typing import Annotated

import typer

from dicomrs.exits import Exit
from dicomrs_cli.demonstration import TargetKind
from dicomrs_cli.output import console


def demo(
    *,
    target: Annotated[
        TargetKind,
        typer.Option(metavar="KIND", help="`embedded`, `orthanc`, or `auto`: Orthanc where it is installed."),
    ] = TargetKind.AUTO,
    stay: Annotated[
        bool, typer.Option("--stay", help="Go on until Ctrl-C, with all that was sent, for a look at the dashboard.")
    ] = False,
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
    from dicomrs_cli.demonstration.stage import run_demo  # noqa: PLC0415 (a second that no other command needs)

    good = run_demo(console(), target, keep=keep, stay=stay)
    raise typer.Exit(Exit.OK if good else Exit.FAILED)
