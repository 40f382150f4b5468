"""A made-up image for trying a destination: a Secondary Capture of 16 x 16 pixels (PS3.3 A.8.1), of nobody."""

import os
import struct
import uuid
from datetime import datetime
from typing import Final

from dicomrs_scu.verdict import Verdict, verdict
from dicomrs_wire.commitment import IMPLICIT_LITTLE_ENDIAN
from dicomrs_wire.echo import Question
from dicomrs_wire.requestor import Requestor

SECONDARY_CAPTURE: Final = "1.2.840.10008.5.1.4.1.1.7"
PATIENT: Final = "DICOMRS^TEST"
_SIDE: Final = 16
_ELEMENT: Final = struct.Struct("<HHL")  # Implicit VR Little Endian (PS3.5 7.1.3)


def new_trial_image(sop_instance: str, now: datetime) -> bytes:
    """Return the dataset of a test image, a study of its own, in Implicit VR Little Endian."""
    date, time = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    elements: list[tuple[int, str | int | bytes]] = [
        (0x00080008, "DERIVED\\SECONDARY"),
        (0x00080016, _uid(SECONDARY_CAPTURE)),
        (0x00080018, _uid(sop_instance)),
        (0x00080020, date),
        (0x00080023, date),
        (0x00080030, time),
        (0x00080033, time),
        (0x00080050, ""),
        (0x00080060, "OT"),
        (0x00080064, "SYN"),  # Conversion Type: a synthetic image
        (0x00080090, ""),
        (0x00081030, "Test of the connection by dicomrs, no patient"),
        (0x00100010, PATIENT),
        (0x00100020, "DICOMRS-TEST"),
        (0x00100030, ""),
        (0x00100040, "O"),
        (0x0020000D, _uid(new_uid())),
        (0x0020000E, _uid(new_uid())),
        (0x00200010, "1"),
        (0x00200011, "1"),
        (0x00200013, "1"),
        (0x00200020, ""),
        (0x00280002, 1),
        (0x00280004, "MONOCHROME2"),
        (0x00280010, _SIDE),
        (0x00280011, _SIDE),
        (0x00280100, 8),
        (0x00280101, 8),
        (0x00280102, 7),
        (0x00280103, 0),
        (0x7FE00010, bytes(range(_SIDE)) * _SIDE),
    ]
    return b"".join(_element(tag, value) for tag, value in elements)


def new_uid() -> str:
    """A UID of nobody else's (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid4().int}"


def _uid(text: str) -> bytes:
    return (text + "\0" * (len(text) % 2)).encode()


def _element(tag: int, value: str | int | bytes) -> bytes:
    if isinstance(value, int):
        value = struct.pack("<H", value)
    elif isinstance(value, str):
        value = (value + " " * (len(value) % 2)).encode()
    return _ELEMENT.pack(tag >> 16, tag & 0xFFFF, len(value)) + value


def _send(association: Requestor) -> int:
    if not association.accepted(SECONDARY_CAPTURE, IMPLICIT_LITTLE_ENDIAN):
        raise LookupError("the target does not accept Secondary Capture images; try another destination")
    sop_instance = new_uid()
    dataset = new_trial_image(sop_instance, datetime.now())  # noqa: DTZ005 (a study's time is local: PS3.3 C.12.1.1)
    fd = os.memfd_create("trial-image")
    try:
        os.write(fd, dataset)
        reply = association.store(SECONDARY_CAPTURE, sop_instance, IMPLICIT_LITTLE_ENDIAN, fd, 0, len(dataset))
    finally:
        os.close(fd)
    return reply.status


TRIAL_IMAGE: Final = Question(
    ((SECONDARY_CAPTURE, IMPLICIT_LITTLE_ENDIAN),),
    _send,
    frozenset(status for status in range(0x10000) if verdict(status) is Verdict.DELIVERED),
)
