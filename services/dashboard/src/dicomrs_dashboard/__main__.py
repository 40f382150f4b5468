"""python -m dicomrs_dashboard MANIFEST...: how the routes stand, for programs, over HTTP."""

import argparse
import sys
import threading
from collections.abc import Sequence

from dicomrs import log
from dicomrs.exits import Exit
from dicomrs.program import add_log_folder, add_manifests, host_and_port, open_manifests
from dicomrs.spool.fs import OsFileSystem
from dicomrs.stopping import stop_event
from dicomrs_dashboard.app import create_app
from dicomrs_dashboard.bearer import BearerToken
from dicomrs_dashboard.board import Board
from dicomrs_dashboard.serving import listening_socket, serve

logger = log.get_logger()


def _place(text: str) -> tuple[str, int]:
    found = host_and_port(text)
    if found is None:
        raise argparse.ArgumentTypeError(f'{text!r} is no place to listen; write "127.0.0.1:8080" or "[::1]:8080"')
    return found


def main(arguments: Sequence[str]) -> Exit:
    """Serve until SIGTERM or SIGINT; the exit code of the program."""
    parser = argparse.ArgumentParser(prog="python -m dicomrs_dashboard", description="The dashboard of dicomrs.")
    add_manifests(parser)
    parser.add_argument("--listen", metavar="HOST:PORT", type=_place, default=("127.0.0.1", 8080))
    parser.add_argument(
        "--token-file", metavar="FILE", required=True, help="what programs must show under /api (a mounted Secret)"
    )
    add_log_folder(parser)
    options = parser.parse_args(arguments)
    log.configure("dashboard", options.log_folder)
    manifests = open_manifests(options)
    if manifests is None:
        return Exit.MANIFEST
    host, port = options.listen
    try:
        listener = listening_socket(host, port)
    except OSError as error:
        logger.error("cannot listen", host=host, port=port, reason=error.strerror)
        return Exit.PORT_IN_USE
    stop = stop_event(watch_stdin=options.watch_stdin)
    board = Board(OsFileSystem(), manifests)
    threading.Thread(target=board.follow_manifests, args=(stop,), name="manifests", daemon=True).start()
    logger.info("listening", host=host, port=listener.getsockname()[1])
    serve(create_app(board, BearerToken(options.token_file)), listener, stop)
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
