"""A scanner that sends slowly over one association until it is told to stop: a program for a machine of its own."""

import ssl
import sys
import time
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pynetdicom import AE

from support.objects import CT, EXPLICIT, image

STOP = Path("/tmp/steady.stop")
PAUSE = 0.1  # seconds between two objects
OPEN, CLOSED = "association open", "association released"


def context(secret: str) -> ssl.SSLContext:
    """What a scanner with TLS makes its handshakes with; secret: a folder as in docs/tls.md."""
    made = ssl.create_default_context(cafile=f"{secret}/ca.crt")
    made.load_cert_chain(f"{secret}/tls.crt", f"{secret}/tls.key")
    return made


def main(host: str, port: str, called: str, secret: str = "") -> None:
    """Print a line when the association opens, the SOP Instance UID of each object acknowledged, and a line at its end.

    secret: a folder as in docs/tls.md, for TLS. Any answer but 0000 ends the program with an error.
    """
    ae = AE("SCANNER_1")
    ae.add_requested_context(CT, EXPLICIT)
    tls = (context(secret), host) if secret else None
    association = ae.associate(host, int(port), ae_title=called, tls_args=tls)
    assert association.is_established, "no association"
    print(OPEN, flush=True)
    while not STOP.exists():
        one = image(patient_id="STEADY")
        one.file_meta = FileMetaDataset()
        one.file_meta.TransferSyntaxUID = EXPLICIT
        answer: Dataset = association.send_c_store(one)
        assert answer.get("Status") == 0, f"answered {answer}"
        print(one.SOPInstanceUID, flush=True)
        time.sleep(PAUSE)
    association.release()
    assert association.is_released, "the release was not answered"
    print(CLOSED, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
