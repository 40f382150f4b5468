"""The sending engine alone: one association, objects of a spool, digests verified; no receipts, nothing removed.

python -m bench.engine PORT ROOT: what storescu does, so that the two can be compared.
"""

import os
import sys

from dicomrs.spool.digest import Digest
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.outbox import Outbox
from dicomrs.spool.record import read_head
from dicomrs_wire.requestor import Requestor
from support.processes import LOOPBACK


def main() -> None:
    """See the module's docstring."""
    port, outbox = int(sys.argv[1]), Outbox(OsFileSystem(), sys.argv[2])
    paths = [f"{outbox.root}/{folder}/{name}" for folder in outbox.folders() for name in outbox.names(folder)]
    first = os.open(paths[0], os.O_RDONLY)
    context = read_head(outbox.fs, first)
    os.close(first)
    contexts = [(context.sop_class, context.transfer_syntax)]
    with Requestor.connect(LOOPBACK, port, calling="ENGINE", called="SINK", contexts=contexts) as association:
        for path in paths:
            _send(association, outbox, path)


def _send(association: Requestor, outbox: Outbox, path: str) -> None:
    fd = os.open(path, os.O_RDONLY)
    head = read_head(outbox.fs, fd)
    digest = Digest(head.transfer_syntax)
    reply = association.store(
        head.sop_class,
        head.sop_instance,
        head.transfer_syntax,
        fd,
        head.start,
        outbox.fs.size(fd) - head.start,
        digest=digest.update,
        check=lambda: digest.text == head.record.digest,
    )
    assert reply.status == 0, reply
    os.close(fd)


if __name__ == "__main__":
    main()
