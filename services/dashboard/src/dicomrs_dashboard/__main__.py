"""python -m dicomrs_dashboard MANIFEST...: how the routes stand, for people and programs, over HTTP."""

import argparse
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Final

from dicomrs import log
from dicomrs.exits import Exit
from dicomrs.program import add_log_folder, add_manifests, host_and_port, open_manifests
from dicomrs.spool.fs import OsFileSystem
from dicomrs.stopping import stop_event
from dicomrs_dashboard.app import Program, create_app
from dicomrs_dashboard.bearer import BearerToken
from dicomrs_dashboard.board import Board
from dicomrs_dashboard.doors.house import make_doors
from dicomrs_dashboard.doors.settings import add_options, settings_of
from dicomrs_dashboard.doors.welcome import welcome
from dicomrs_dashboard.serving import Certificate, listening_socket, serve

_ANSWER_SECONDS: Final = 3.0  # on a busy machine this program stands back for those that carry images

logger = log.get_logger()


def _place(text: str) -> tuple[str, int]:
    found = host_and_port(text)
    if found is None:
        raise argparse.ArgumentTypeError(f'{text!r} is no place to listen; write "127.0.0.1:8080" or "[::1]:8080"')
    return found


def main(arguments: Sequence[str]) -> Exit:
    """Serve until SIGTERM or SIGINT; the exit code of the program."""
    parser = argparse.ArgumentParser(
        prog="python -m dicomrs_dashboard",
        description="The dashboard of dicomrs.",
        epilog="@FILE stands for the options in a file, one to a line.",
        fromfile_prefix_chars="@",
    )
    add_manifests(parser)
    parser.add_argument("--listen", metavar="HOST:PORT", type=_place, default=("127.0.0.1", 8080))
    parser.add_argument(
        "--welcome", action="store_true", help="print the address at the start, and a first admin's one-time code"
    )
    parser.add_argument("--tls", metavar="FOLDER", help="serve HTTPS with tls.crt and tls.key of this folder")
    parser.add_argument(
        "--token-file", metavar="FILE", help="what programs must show for /api and /metrics (a mounted Secret)"
    )
    add_log_folder(parser)
    add_options(parser)
    options = parser.parse_args(arguments)
    settings = settings_of(parser, options)
    stop = stop_event(watch_stdin=options.watch_stdin)  # before any thread, such as the one that writes log files
    log.configure("dashboard", options.log_folder)
    manifests = open_manifests(options)
    if manifests is None:
        return Exit.MANIFEST
    host, port = options.listen
    try:
        certificate = Certificate(options.tls) if options.tls else None
    except OSError as error:
        logger.error("no certificate", folder=options.tls, reason=str(error), needed=["tls.crt", "tls.key"])
        return Exit.FAILED
    try:
        listener = listening_socket(host, port)
    except OSError as error:
        logger.error("cannot listen", host=host, port=port, reason=error.strerror)
        return Exit.PORT_IN_USE
    fs = OsFileSystem()
    board, doors = Board(fs, manifests), make_doors(fs, settings)
    _follow(stop, manifests=board.follow_manifests, looks=board.keep_looking, users=doors.users.follow)
    if certificate:
        _follow(stop, certificate=certificate.follow)
    logger.info("listening", host=host, port=listener.getsockname()[1], tls=bool(certificate))
    if options.welcome:
        at = f"[{host}]" if ":" in host else host
        scheme = "https" if certificate else "http"
        welcome(doors.users, f"{scheme}://{at}:{port}{settings.outside.base_path}")
    again = Again(stop)
    program = Program(fs, options.log_folder, again.soon)
    serve(create_app(board, BearerToken(options.token_file), doors, program), listener, stop, certificate)
    return Exit.RESTART if again.wanted else Exit.OK


class Again:
    """The wish that this program ends and is started again."""

    def __init__(self, stop: threading.Event) -> None:
        """stop: ends it."""
        self._stop = stop
        self.wanted = False

    def soon(self) -> None:
        """Once the page is answered on which somebody wished it, and the one after that."""
        self.wanted = True
        timer = threading.Timer(_ANSWER_SECONDS, self._stop.set)
        timer.daemon = True
        timer.start()


def _follow(stop: threading.Event, **followers: Callable[[threading.Event], None]) -> None:
    for name, follow in followers.items():
        threading.Thread(target=follow, args=(stop,), name=name, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
