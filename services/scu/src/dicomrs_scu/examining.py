"""Examines the way to a destination: what `Examine` asks of the sending service (dicomrs.doctor)."""

from collections.abc import Callable, Mapping
from datetime import datetime

from dicomrs.desk import Examine
from dicomrs.doctor import new_run
from dicomrs.route import ClinicRoute
from dicomrs.spool.fs import FileSystem
from dicomrs.spool.mailbox import Answer
from dicomrs_scu.prober import probe_of
from dicomrs_scu.trial_image import TRIAL_IMAGE
from dicomrs_wire.echo import Probe
from dicomrs_wire.examination import Examination, Room
from dicomrs_wire.interview import Wish, interview
from dicomrs_wire.reach import reach, steps_to
from dicomrs_wire.tls.ends import TlsClient


class TargetExaminer:
    """Of one route; callable from any thread."""

    def __init__(self, fs: FileSystem, route: Callable[[], ClinicRoute], tls: Mapping[str, TlsClient | None]) -> None:
        """tls: by the name of each destination."""
        self._route = route
        self._tls = tls
        self._room = Room(fs, route().spec.storage.root)

    def begin(self, request: Examine) -> Answer:
        """Begin what a person asks for."""
        route = self._route()
        to = next((one for one in route.spec.destinations if one.name == request.destination), None)
        if to is None:
            return Answer(0, (), f"the route has no destination {request.destination!r}")
        wish = Wish(TRIAL_IMAGE if request.send_image else None, request.probe)
        checks = (*steps_to(to.host), *wish.steps(tls=to.tls is not None))
        now = datetime.now().astimezone()
        run = new_run("scu", route.metadata.name, to.name, request.who, checks, now)
        peer = probe_of(route, to, self._tls[to.name], f"destination {to.name}")
        return self._room.begin(run, lambda examination: _examine(examination, peer, wish))


def _examine(examination: Examination, peer: Probe, wish: Wish) -> None:
    examination.note(calling=peer.calling, called=peer.called)
    sock = reach(examination, peer.host, peer.port)
    if sock is not None:
        interview(examination, sock, peer, wish)
