"""A root with as many studies as a clinic has after years: what scp and scu would have left, written at once."""

import json
from datetime import datetime, timedelta
from pathlib import Path

from dicomrs.dataset import Header
from dicomrs.spool.folders import first_metadata
from dicomrs.spool.receipts import Event, Kind, _line
from support.filled_spool import FilledSpool

FIRST = datetime.fromisoformat("2025-06-01T08:00:00-03:00")
NAMES = ("Silva^João", "Souza^Ana Maria", "Conceição^José", "Müller^Jörg", "Öztürk^Ayşe", "O'Neil^Zoë", "<b>Bold^Bo")
MODALITIES = ("CT", "MR", "PT", "RTSTRUCT")


def fill(root: Path, studies: int, objects: int) -> FilledSpool:
    """Delivered studies, an hour apart, each of so many objects."""
    spool = FilledSpool(root)
    for number in range(studies):
        came = FIRST + timedelta(hours=number * 4000 / studies)
        header = Header(
            study=f"1.2.826.0.1.{number}",
            patient_id=f"ID{number:06d}",
            patient_name=NAMES[number % len(NAMES)],
            modality=MODALITIES[number % len(MODALITIES)],
            study_description="Planning",
            study_date=f"{came:%Y%m%d}",
        )
        folder = root / f"{came:%Y%m%dT%H%M%S}_{header.patient_id}_{number}"
        folder.mkdir()
        metadata = first_metadata(header, came, f"SCANNER_{number % 5}", "10.0.0.7")
        (folder / ".metadata.json").write_text(json.dumps(metadata, indent=1))
        lines = [_line(_delivered(number, one, came)) for one in range(objects)]
        (folder / ".receipts.jsonl").write_bytes(b"".join(lines))
    return spool


def _delivered(study: int, number: int, came: datetime) -> Event:
    received = (came + timedelta(seconds=number)).isoformat(timespec="milliseconds")
    at = (came + timedelta(seconds=number + 2)).isoformat(timespec="milliseconds")
    arrival, uid = f"{study:08x}{number:024x}", f"1.2.826.0.1.{study}.{number}"
    digest, association, calling = f"xxh3:{arrival}", "a1b2c3", f"SCANNER_{study % 5}"
    return Event(at, Kind.DELIVERED, arrival, "one", uid, digest, "0000", association, "", "", received, calling, "one")
