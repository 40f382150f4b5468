"""python -m dicomrs_cli.standin PORT AE_TITLE FILE: a storage SCP that stands in for a target in `dicomrs demo`.

It is pynetdicom's and not ours, so that it can bear witness. For each object it appends to FILE, before it answers, a
line of JSON: the SOP Instance UID and the SHA-256 of the dataset's bytes as they came.
"""

import hashlib
import json
import sys
import threading
from io import BytesIO
from typing import Final

from pynetdicom import AE, _config, evt
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made when the module is loaded

from dicomrs.stopping import stop_event

LOOPBACK: Final = "127.0.0.1"
_MAX_PDU: Final = 1 << 17


def main(arguments: list[str]) -> None:
    """Serve until SIGTERM, or until standard input ends."""
    port, ae_title, path = arguments
    stop = stop_event(watch_stdin=True)
    _config.UNRESTRICTED_STORAGE_SERVICE = True  # every SOP class, in the transfer syntax that is proposed
    ae = AE(ae_title)
    ae.maximum_pdu_size = _MAX_PDU
    ae.add_supported_context(Verification)
    mutex = threading.Lock()

    def keep(event: evt.Event) -> int:
        request = event.request
        assert isinstance(request, C_STORE)
        assert isinstance(request.DataSet, BytesIO)
        line = {"uid": request.AffectedSOPInstanceUID, "sha256": hashlib.sha256(request.DataSet.getvalue()).hexdigest()}
        with mutex, open(path, "a", encoding="ascii") as file:
            file.write(json.dumps(line) + "\n")
        return 0x0000

    server = ae.start_server((LOOPBACK, int(port)), block=False, evt_handlers=[(evt.EVT_C_STORE, keep)])
    stop.wait()
    if server is not None:
        server.shutdown()


if __name__ == "__main__":
    main(sys.argv[1:])
