"""Late reports, with peers that are not well: they keep no other peer's report waiting."""

import socket
import threading

from dicomrs.route import Receiver
from dicomrs_scp.reporting import LateReport, Reporter
from dicomrs_wire.commitment import Commitments, Reference
from support.polling import eventually, hold
from support.processes import LOOPBACK


class Unwell:
    """A peer that takes connections, and ends them once it is let."""

    def __init__(self) -> None:
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self.let = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self.let.wait(30)
            sock.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def test_the_reports_of_a_peer_that_is_not_well_are_tried_together() -> None:
    sick, other = Unwell(), Unwell()
    peers = [
        {"aeTitle": name, "host": LOOPBACK, "port": peer.port} for name, peer in (("SICK", sick), ("OTHER", other))
    ]
    receiver = Receiver.model_validate({"bindAddress": LOOPBACK, "peers": peers})
    reporter = Reporter(lambda: receiver)
    try:
        for number in range(20):
            reporter.add(LateReport("SICK", Commitments(f"2.25.{number}", (Reference("1.2", "1.2.3"),))))
        sick.let.set()
        other.let.set()
        reporter.add(LateReport("OTHER", Commitments("2.25.99", (Reference("1.2", "1.2.3"),))))
        eventually(lambda: other.connections, "another peer's is tried")
        hold(lambda: sick.connections == 1, "the others of the first wait with it", 2)
    finally:
        reporter.stop()
        sick.close()
        other.close()
