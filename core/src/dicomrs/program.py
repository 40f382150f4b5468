"""What the programs of the services have in common: arguments, logging, manifests and their reload, stopping."""

import argparse
import re
import resource
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dicomrs import log
from dicomrs.exits import Exit
from dicomrs.route import ClinicRoute, ManifestError, Manifests
from dicomrs.route.secrets import Secrets
from dicomrs.spool.fs import FileSystem, OsFileSystem
from dicomrs.stopping import stop_event

POLL_SECONDS: Final = 0.25
"""Between two looks at the manifests; a change is taken over at the second look that finds it."""

_HEALTH_NAME: Final = re.compile(r"[A-Za-z0-9._/-]{1,200}")


@dataclass(frozen=True, slots=True)
class HealthPlace:
    """Where a service tells whether it lives and is ready, and under what name."""

    host: str
    port: int
    name: str


@dataclass(frozen=True, slots=True)
class Setting:
    """What a service runs with; stop: ends it."""

    fs: FileSystem
    manifests: Manifests
    secrets: Secrets
    stop: threading.Event
    health: HealthPlace | None


Serve = Callable[[Setting], Exit]

logger = log.get_logger()


def run_service(name: str, description: str, serve: Serve, arguments: Sequence[str]) -> Exit:
    """Serve the routes of the manifests until SIGTERM or SIGINT; the exit code of the program.

    name: of the service in logs and of its package; serve: works until the event is set.
    """
    parser = argparse.ArgumentParser(prog=f"python -m dicomrs_{name}", description=description)
    add_manifests(parser)
    parser.add_argument(
        "--secrets",
        metavar="FOLDER",
        help="where the secrets are that routes name; without it in secrets/ beside each manifest",
    )
    parser.add_argument(
        "--health",
        metavar="HOST:PORT",
        help="answer GET /livez/NAME and /readyz/NAME there, for the probes of a cluster",
    )
    parser.add_argument("--health-name", metavar="NAME", default="", help="whose service it is, such as clinic-a/scp")
    add_log_folder(parser)
    options = parser.parse_args(arguments)
    health = _health_place(parser, options.health, options.health_name)
    stop = stop_event(watch_stdin=options.watch_stdin)  # before any thread, such as the one that writes log files
    log.configure(name, options.log_folder)
    manifests = open_manifests(options)
    if manifests is None:
        return Exit.MANIFEST
    _take_all_descriptors()
    secrets = Secrets.beside(options.manifests, options.secrets)
    return serve(Setting(OsFileSystem(), manifests, secrets, stop, health))


def add_manifests(parser: argparse.ArgumentParser) -> None:
    """What every program is told: the manifests, and how it is run."""
    parser.add_argument("manifests", nargs="+", metavar="MANIFEST", help="a ClinicRoute file, or a folder of them")
    parser.add_argument(
        "--watch-stdin", action="store_true", help="stop at the end of standard input too: when the parent has died"
    )
    parser.add_argument(
        "--await-manifests",
        action="store_true",
        help="run on while there are no good manifests yet, and whatever is wrong with routes (on a cluster)",
    )


def add_log_folder(parser: argparse.ArgumentParser) -> None:
    """Where every program that runs for long may keep its log lines, for the dashboard."""
    parser.add_argument("--log-folder", metavar="FOLDER", help="write log lines to files there, too; without it not")


def open_manifests(options: argparse.Namespace) -> Manifests | None:
    """The manifests that the arguments name; None if they have problems, which the log tells."""
    try:
        manifests = Manifests(options.manifests, awaited=options.await_manifests)
    except ManifestError as error:
        _tell("manifest refused", error)
        return None
    if manifests.missing:
        logger.info("waiting for manifests", manifests=options.manifests)
    elif manifests.error is not None:
        _tell("manifest refused, waiting for a good one", manifests.error)
    return manifests


def _health_place(parser: argparse.ArgumentParser, place: str | None, name: str) -> HealthPlace | None:
    if place is None:
        return None
    found = host_and_port(place)
    if found is None:
        parser.error("--health is an address and a port, such as 127.0.0.1:20104")
    if not _HEALTH_NAME.fullmatch(name):
        parser.error("--health needs --health-name: letters, digits, dots, hyphens and slashes")
    return HealthPlace(*found, name)


def host_and_port(text: str) -> tuple[str, int] | None:
    """What HOST:PORT names, an IPv6 address being in brackets; None if it names nothing."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 1 <= int(port) <= 65535:
        return None
    return host.strip("[]"), int(port)


def _take_all_descriptors() -> None:
    """As many as the system lets this user have: a thousand associations need more than the usual 1024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def changed_routes(manifests: Manifests) -> tuple[ClinicRoute, ...] | None:
    """The routes to run from now on if the manifests have changed since the last call, else None; says so in the log.

    Manifests that are broken or gone are no change: the last good ones stay.
    """
    change = manifests.poll()
    if change is None:
        return None
    if manifests.missing:
        logger.warning("manifests have gone, the last good ones stay")
        return None
    if change.error is not None:
        _tell("manifest refused, the last good one stays", change.error)
        return None
    logger.info("manifests loaded", routes=[route.metadata.name for route in change.routes])
    return change.routes


def _tell(event: str, error: ManifestError) -> None:
    for problem in error.problems:
        logger.error(event, problem=str(problem))
