"""dicomrs up: run the router."""

import signal
import sys
from typing import Annotated

import typer

from dicomrs import log
from dicomrs.exits import Exit
from dicomrs.route import ManifestError, load_manifests
from dicomrs.state import log_folder, state_root
from dicomrs.stopping import when_input_ends
from dicomrs_cli.output import ManifestPaths, SecretsFolder
from dicomrs_cli.supervisor import Stop, Supervisor

logger = log.get_logger()


def up(
    manifests: ManifestPaths,
    *,
    secrets: SecretsFolder = None,
    watch_stdin: Annotated[
        bool, typer.Option("--watch-stdin", help="Stop at the end of standard input too: when the parent has died.")
    ] = False,
) -> None:
    """Run the router: receive, keep and deliver, until told to stop.

    The receiving and the sending service run as two child processes, so that trouble in one does not touch the other.
    One that dies is started again, sooner or later (0.5 to 30 s) as it dies less or more often. Nothing is printed but
    log lines, on standard error: readable on a terminal, JSON otherwise. They are kept as files as well, in
    `.status/logs` of the first route's storage root, at most 8 MB of each service.

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
    try:
        folder = log_folder(state_root(load_manifests(paths)))
    except ManifestError as error:
        log.configure("up")
        for problem in error.problems:
            logger.error("manifest refused", problem=str(problem))
        raise typer.Exit(Exit.MANIFEST) from error
    log.configure("up", folder)
    stop = Stop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, stop.request)
    if watch_stdin:
        when_input_ends(stop.request)
    options = ["--watch-stdin", f"--log-folder={folder}", *([f"--secrets={secrets}"] if secrets is not None else [])]
    commands = {name: [sys.executable, "-m", f"dicomrs_{name}", *options, "--", *paths] for name in ("scp", "scu")}
    raise typer.Exit(Supervisor(commands).run(stop))
