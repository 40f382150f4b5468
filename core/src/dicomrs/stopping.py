"""When a service is to stop: at a signal, or when its standard input ends because the parent that held it has gone."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable


def stop_event(*, watch_stdin: bool) -> threading.Event:
    """Return an event that SIGTERM and SIGINT set; with watch_stdin the end of standard input does so too.

    To be called in the main thread before any other is started: all of them must leave the signals alone. One thread
    waits for them, because a handler may not set an event: should it interrupt Event.wait on the main thread at the
    wrong moment, it would wait for ever for a lock that this very thread holds.
    """
    stop = threading.Event()
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)

    def wait() -> None:
        signal.sigwait(signals)
        stop.set()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    if watch_stdin:
        when_input_ends(stop.set)
    return stop


def when_input_ends(act: Callable[[], object]) -> None:
    """Call `act`, from a thread of its own, once standard input has ended.

    A parent gives its child a pipe as standard input and keeps the other end: however the parent dies, the pipe ends.
    """

    def watch() -> None:
        with contextlib.suppress(OSError):  # closed is ended as well
            while os.read(0, 4096):
                pass
        act()

    threading.Thread(target=watch, name="standard-input", daemon=True).start()
