"""The target of the benchmark: takes every object, digests it, keeps nothing, and notes when each was complete.

python -m bench.sink PORT RESULT [MAXIMUM_PDU]: at SIGTERM it writes the JSON file RESULT: when
(monotonic clock) the first association stood, and of every object its SOP Instance UID, digest and moment.
"""

import json
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import xxhash

from dicomrs_wire import dimse, negotiation
from dicomrs_wire.association import decode_request
from dicomrs_wire.errors import AssociationError
from dicomrs_wire.pdu import RELEASE_RP, PduType, pack_command, split_pdata
from dicomrs_wire.stream import PduReader, tune
from support.processes import LOOPBACK

_FRAGMENT = 16_000
_PATIENCE = 600.0


class Sink:
    """All associations."""

    def __init__(self, max_pdu: int) -> None:
        self.max_pdu = max_pdu
        self.started = 0.0
        self.arrived: list[tuple[str, str, float]] = []

    def serve(self, sock: socket.socket) -> None:
        """One association, to its end."""
        tune(sock)
        reader = PduReader(sock, 1 << 20, quick=True)
        request = decode_request(reader.read(_PATIENCE)[1])
        answer, _ = negotiation.accept(request, lambda _: True, self.max_pdu)
        sock.sendall(answer)
        self.started = self.started or time.monotonic()
        command, seen, request_bytes = None, xxhash.xxh3_128(), bytearray()
        while True:
            kind, body = reader.read(_PATIENCE)
            if kind is not PduType.P_DATA_TF:
                break
            for context, is_command, last, data in split_pdata(body):
                if is_command:
                    request_bytes += data
                    if last:
                        command, request_bytes = dimse.decode_command(request_bytes), bytearray()
                    continue
                seen.update(data)
                if last:
                    assert command is not None
                    self.arrived.append((command.sop_instance, seen.hexdigest(), time.monotonic()))
                    seen.reset()
                    sock.sendall(pack_command(context, dimse.store_response(command, 0), _FRAGMENT))
        if kind is PduType.RELEASE_RQ:
            sock.sendall(RELEASE_RP)
        sock.close()

    def run(self, port: int) -> None:
        """Accept for ever."""
        listener = socket.create_server((LOOPBACK, port), backlog=64)
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=self._serve_safely, args=(sock,), daemon=True).start()

    def _serve_safely(self, sock: socket.socket) -> None:
        try:
            self.serve(sock)
        except AssociationError:  # somebody looked whether the port is open, or gave up
            sock.close()


def main() -> None:
    """Serve until SIGTERM."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    port, result = int(sys.argv[1]), Path(sys.argv[2])
    sink = Sink(int(sys.argv[3]) if len(sys.argv) > 3 else 131072)
    threading.Thread(target=sink.run, args=(port,), daemon=True).start()
    signal.sigwait({signal.SIGTERM})
    result.write_text(json.dumps({"started": sink.started, "arrived": sink.arrived}))


if __name__ == "__main__":
    main()
