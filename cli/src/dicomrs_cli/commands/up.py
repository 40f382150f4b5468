"""dicomrs up: run the router."""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from dicomrs import log
from dicomrs.exits import Exit
from dicomrs.program import host_and_port
from dicomrs.route import ManifestError, load_manifests
from dicomrs.state import log_folder, state_root
from dicomrs.stopping import when_input_ends
from dicomrs_cli.output import ManifestPaths, SecretsFolder
from dicomrs_cli.supervisor import Command, Stop, Supervisor
from dicomrs_dashboard.patience import HangsError, within

_ROOT_SECONDS: Final = 3.0  # for a storage root to answer, when it is looked for the dashboard's users
_SILENT: Final = "a storage root does not answer: if it has the dashboard's users, start anew once it does"

logger = log.get_logger()


def _place(value: str) -> str:
    if host_and_port(value) is None:
        raise typer.BadParameter(f"{value!r} is no place to listen; write 127.0.0.1:8080 or [::1]:8080")
    return value


def up(
    manifests: ManifestPaths,
    *,
    secrets: SecretsFolder = None,
    dashboard: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where the dashboard listens.", callback=_place)
    ] = "127.0.0.1:8080",
    no_dashboard: Annotated[bool, typer.Option("--no-dashboard", help="Run no dashboard.")] = False,
    dashboard_options: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A file with options of the dashboard, one to a line.", show_default=False, exists=True
        ),
    ] = None,
    watch_stdin: Annotated[
        bool, typer.Option("--watch-stdin", help="Stop at the end of standard input too: when the parent has died.")
    ] = False,
) -> None:
    """Run the router: receive, keep and deliver, until told to stop.

    The receiving service, the sending service and the dashboard run as child processes, so that trouble in one does not
    touch the others. One that dies is started again, sooner or later (0.5 to 30 s) as it dies less or more often. The
    dashboard stands back for the other two; that its port is taken stops neither.

    What happens is told in log lines on standard error: readable on a terminal, JSON otherwise. They are kept as files
    as well, in `.status/logs` of the first route's storage root, at most 8 MB of each service. On standard output
    stands the dashboard's address, and a one-time code as long as nobody can sign in there. docs/dashboard.md says how
    it is reached from other machines, and what may stand in the file of its options.

    ```
    dicomrs up /etc/dicomrs/hospital-a.yaml
    dicomrs up /etc/dicomrs
    ```

    A manifest that is changed is loaded within seconds, and associations of receivers that stay as they are go on. One
    that is broken is reported, and the last good one stays.

    SIGTERM or Ctrl-C: no new associations, the object in hand is finished, then the end, after 30 seconds at most. A
    second time: the end at once; nothing that was acknowledged is lost by that. If this command itself is killed, its
    children stop.

    As a service of systemd, in `/etc/systemd/system/dicomrs.service`:

    ```
    [Unit]
    Description=dicomrs DICOM router
    Wants=network-online.target
    After=network-online.target
    RequiresMountsFor=/home/dicom

    [Service]
    ExecStart=/opt/dicomrs/.venv/bin/dicomrs up /etc/dicomrs
    User=dicomrs
    AmbientCapabilities=CAP_NET_BIND_SERVICE
    Restart=always
    RestartSec=5
    RestartPreventExitStatus=2 65 77
    TimeoutStopSec=60

    [Install]
    WantedBy=multi-user.target
    ```

    Exit codes:

    - 0: stopped as it was told.
    - 65: a manifest is wrong at the start; each problem has a log line.
    - 69, 73, 77: at the start no receiver could serve: its port is taken, its storage root cannot carry a spool, this
      user may not use its port. The log says what to do.
    """
    paths = [str(path) for path in manifests]
    silent: list[str] = []
    try:
        state = state_root(load_manifests(paths), lambda path: _exists(path, silent))
    except ManifestError as error:
        log.configure("up")
        for problem in error.problems:
            logger.error("manifest refused", problem=str(problem))
        raise typer.Exit(Exit.MANIFEST) from error
    folder = log_folder(state)
    log.configure("up", folder)
    for path in silent:
        logger.warning(_SILENT, path=path)
    stop = Stop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, stop.request)
    if watch_stdin:
        when_input_ends(stop.request)
    common = ["--watch-stdin", f"--log-folder={folder}"]
    options = [*common, *([f"--secrets={secrets}"] if secrets is not None else [])]
    commands = {name: Command(_program(name, options, paths)) for name in ("scp", "scu")}
    if not no_dashboard:
        more = [f"@{dashboard_options}"] if dashboard_options is not None else []
        own = [*common, *more, f"--state={state}", f"--listen={dashboard}", "--welcome"]
        commands["dashboard"] = Command(_program("dashboard", own, paths), aside=True)
    raise typer.Exit(Supervisor(commands).run(stop))


def _exists(path: str, silent: list[str]) -> bool:
    """Whether there is such a file. A volume that hangs keeps no service from starting: it is put on the list."""
    try:
        return within(_ROOT_SECONDS, os.path.exists, path)
    except HangsError:
        silent.append(path)
        return False


def _program(name: str, options: list[str], paths: list[str]) -> list[str]:
    return [sys.executable, "-m", f"dicomrs_{name}", *options, "--", *paths]
