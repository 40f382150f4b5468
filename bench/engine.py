"""The sending engine alone: one association, objects of a spool, digests verified; no receipts, nothing removed.

python -m bench.engine PORT ROOT: what storescu does, so that the two can be compared.
"""

import os
import sys

from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.outbox import Outbox
from dicomrs.spool.record import read_head, read_head_of
from dicomrs_scu.sender import send_object
from dicomrs_wire.requestor import Requestor
from support.processes import LOOPBACK


def main() -> None:
    """See the module's docstring."""
    port, outbox = int(sys.argv[1]), Outbox(OsFileSystem(), sys.argv[2])
    paths = [f"{outbox.root}/{folder}/{name}" for folder in outbox.folders() for name in outbox.names(folder)]
    first = read_head_of(outbox.fs, paths[0])
    contexts = [(first.sop_class, first.transfer_syntax)]
    with Requestor.connect(LOOPBACK, port, calling="ENGINE", called="SINK", contexts=contexts) as association:
        for path in paths:
            _send(association, outbox, path)


def _send(association: Requestor, outbox: Outbox, path: str) -> None:
    fd = os.open(path, os.O_RDONLY)
    reply = send_object(association, outbox.fs, read_head(outbox.fs, fd), fd)
    assert reply.status == 0, reply
    os.close(fd)


if __name__ == "__main__":
    main()
