"""The scanner of the benchmark: sends prepared bytes, so that what is measured is the receiver.

python -m bench.scanner PORT ASSOCIATIONS FOLDER [--bare] [--every SECONDS] sends a folder's files, shared out among the
associations. It prints as JSON the seconds from the moment that all associations stood to the last answer, and when
(monotonic clock) each object's last byte had been handed to the system. --bare speaks what bench.limit understands.
"""

import argparse
import json
import socket
import struct
import threading
import time
from pathlib import Path
from random import Random

from dicomrs_cli.part10 import DicomFile, read_dicom_file
from dicomrs_wire import dimse
from dicomrs_wire.association import decode_accept, encode_request
from dicomrs_wire.dialing import dial
from dicomrs_wire.pdu import (
    FRAGMENT_HEADER,
    RELEASE_RQ,
    PduType,
    fragment_size,
    pack_command,
    pack_fragment_header,
    split_pdata,
)
from dicomrs_wire.stream import PduReader, tune
from support.processes import LOOPBACK

_PATIENCE = 600.0


class Dicom:
    """One association."""

    def __init__(self, port: int, files: list[DicomFile]) -> None:
        self._sock = dial(LOOPBACK, port, 30)
        tune(self._sock)
        self._reader = PduReader(self._sock, quick=True)
        contexts = list(dict.fromkeys((one.sop_class, one.transfer_syntax) for one in files))
        self._sock.sendall(encode_request("SCANNER", "ANY", contexts, 16384))
        kind, body = self._reader.read(_PATIENCE)
        assert kind is PduType.ASSOCIATE_AC, kind
        accepted = decode_accept(body)
        fragment = fragment_size(accepted.peer.max_pdu)
        self.messages = (  # made as they are asked for
            _message(number, one, 2 * contexts.index((one.sop_class, one.transfer_syntax)) + 1, fragment)
            for number, one in enumerate(files, 1)
        )

    def send(self, message: bytearray) -> float:
        """Send one object and wait for its answer, which must be 0000; when its last byte was handed over."""
        self._sock.sendall(message)
        handed_over = time.monotonic()
        _, body = self._reader.read(_PATIENCE)
        answer = dimse.decode_command(b"".join(bytes(pdv.data) for pdv in split_pdata(body)))
        assert answer.status == 0, f"{answer.status:04X} {answer.error_comment}"
        return handed_over

    def end(self) -> None:
        """Release."""
        self._sock.sendall(RELEASE_RQ)
        self._reader.read(_PATIENCE)
        self._sock.close()


def _message(number: int, one: DicomFile, context: int, fragment: int) -> bytearray:
    """All PDUs of a C-STORE."""
    dataset = memoryview(one.path.read_bytes())[one.start :]
    command = pack_command(context, dimse.store_request(number, one.sop_class, one.sop_instance), fragment)
    whole = bytearray(len(command) + len(dataset) + FRAGMENT_HEADER.size * -(-len(dataset) // fragment))
    whole[: len(command)] = command
    position = len(command)
    for start in range(0, len(dataset), fragment):
        piece = dataset[start : start + fragment]
        last = start + fragment >= len(dataset)
        pack_fragment_header(whole, position, context, len(piece), command=False, last=last)
        position += FRAGMENT_HEADER.size
        whole[position : position + len(piece)] = piece
        position += len(piece)
    return whole


class Bare:
    """A connection to bench.limit: length, bytes, one byte of answer."""

    def __init__(self, port: int, files: list[DicomFile]) -> None:
        self._sock = socket.create_connection((LOOPBACK, port))
        tune(self._sock)
        self.messages = (bytearray(struct.pack(">Q", one.length) + one.path.read_bytes()[one.start :]) for one in files)

    def send(self, message: bytearray) -> float:
        """Send one object and wait for its answer."""
        self._sock.sendall(message)
        handed_over = time.monotonic()
        assert self._sock.recv(1) == b"\0"
        return handed_over

    def end(self) -> None:
        """Hang up."""
        self._sock.close()


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("associations", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bare", action="store_true")
    parser.add_argument("--every", type=float, default=0.0, help="pause about so many seconds before each object")
    parser.add_argument("--first", type=int, help="send only so many objects")
    options = parser.parse_args()
    files = [read_dicom_file(path) for path in sorted(options.folder.iterdir())[: options.first]]
    kind = Bare if options.bare else Dicom
    connections = [kind(options.port, files[i :: options.associations]) for i in range(options.associations)]
    sent: list[tuple[str, float]] = []
    failed: list[BaseException] = []
    barrier = threading.Barrier(len(connections) + 1)
    random = Random(1)

    def run(connection: Dicom | Bare, share: list[DicomFile]) -> None:
        messages = list(connection.messages)  # making them is not measured
        try:
            barrier.wait()
            for one, message in zip(share, messages, strict=True):
                if options.every:
                    time.sleep(options.every * (0.5 + random.random()))
                sent.append((one.sop_instance, connection.send(message)))
        except BaseException as error:
            failed.append(error)

    threads = [
        threading.Thread(target=run, args=(connection, files[i :: options.associations]))
        for i, connection in enumerate(connections)
    ]
    for thread in threads:
        thread.start()
    barrier.wait()
    started = time.monotonic()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - started
    if failed:
        raise failed[0]
    for connection in connections:
        connection.end()
    print(json.dumps({"seconds": seconds, "sent": dict(sent)}))


if __name__ == "__main__":
    main()
