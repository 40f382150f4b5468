"""What no DICOM receiver of this kind can pass: a bare loop that makes the same bytes as durable as the spool does.

python -m bench.limit PORT FOLDER: of each object on a plain connection (8 bytes of length, then its bytes) it makes a
file: write, fsync, link, fsync of the folder; then it answers one byte. A thread per connection.
"""

import os
import socket
import sys
import threading
from itertools import count

from support.processes import LOOPBACK

_BUFFER = 256 * 1024


def serve(sock: socket.socket, parts: str, folder: str, numbers: "count[int]") -> None:
    """Take objects until the peer hangs up."""
    buffer = memoryview(bytearray(_BUFFER))
    while sock.recv_into(buffer[:8], 8, socket.MSG_WAITALL) == 8:
        left = int.from_bytes(buffer[:8], "big")
        name = f"{next(numbers)}.dcm"
        fd = os.open(f"{parts}/{name}", os.O_RDWR | os.O_CREAT | os.O_EXCL)
        while left:
            got = sock.recv_into(buffer, min(left, _BUFFER))
            if not got:
                return
            os.write(fd, buffer[:got])
            left -= got
        os.fsync(fd)
        os.link(f"{parts}/{name}", f"{folder}/{name}")
        directory = os.open(folder, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)
        os.close(fd)
        sock.sendall(b"\0")


def main() -> None:
    """Serve until ended."""
    port, root = int(sys.argv[1]), sys.argv[2]
    parts, folder = f"{root}/parts", f"{root}/study"
    os.mkdir(parts)
    os.mkdir(folder)
    listener = socket.create_server((LOOPBACK, port))
    numbers = count()
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock, parts, folder, numbers), daemon=True).start()


if __name__ == "__main__":
    main()
