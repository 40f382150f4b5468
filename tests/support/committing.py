"""A target that is asked for storage commitment and reports what a test wants, where a test wants: pynetdicom's."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, build_role, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from support.polling import PATIENCE, eventually
from support.processes import LOOPBACK
from support.tap import Tap, taps

Reference = tuple[str, str]  # SOP class, SOP instance


@dataclass
class Request:
    """An N-ACTION, and the association that it came on."""

    transaction: str
    references: list[Reference]
    association: Association = field(repr=False)

    @property
    def uids(self) -> list[str]:
        return [uid for _, uid in self.references]


def information(transaction: str, committed: list[Reference], failed: dict[Reference, int]) -> Dataset:
    """What a report says."""
    made = Dataset()
    made.TransactionUID = transaction

    def item(reference: Reference) -> Dataset:
        inner = Dataset()
        inner.ReferencedSOPClassUID, inner.ReferencedSOPInstanceUID = reference
        return inner

    if committed:
        made.ReferencedSOPSequence = [item(reference) for reference in committed]
    if failed:
        made.FailedSOPSequence = [item(reference) for reference in failed]
        for inner, reason in zip(made.FailedSOPSequence, failed.values(), strict=True):
            inner.FailureReason = reason
    return made


class CommittingTap(Tap):
    """Set `reacts` to say what is done about a request once it is answered; by default nothing is reported."""

    def __init__(self, port: int | None = None, max_pdu: int = 1 << 17) -> None:
        super().__init__(port, max_pdu)
        self.offers = True
        self.status = 0x0000
        self.requests: list[Request] = []
        self.reacts: Callable[[Request], Any] = lambda _: None

    def _also_accept(self, ae: AE) -> None:
        if self.offers:
            ae.add_supported_context(StorageCommitmentPushModel)

    def _more_handlers(self) -> list[Any]:
        return [(evt.EVT_N_ACTION, self._on_action)]

    def _on_action(self, event: evt.Event) -> tuple[int, None]:
        asked = event.action_information
        references = [
            (str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))
            for item in asked.ReferencedSOPSequence
        ]
        assert event.action_type == 1
        assert event.request.RequestedSOPInstanceUID == StorageCommitmentPushModelInstance
        request = Request(str(asked.TransactionUID), references, event.assoc)
        self.requests.append(request)
        if self.status == 0:
            # Not in pynetdicom's own thread, which has the response to send first.
            threading.Timer(0.05, self.reacts, [request]).start()
        return self.status, None

    def wait_requests(self, number: int, within: float = PATIENCE) -> list[Request]:
        """Until so many were made."""
        eventually(lambda: len(self.requests) >= number, f"{number} requests for storage commitment", within)
        return list(self.requests)


def report_here(request: Request, failed: dict[Reference, int] | None = None) -> int:
    """Report on the association of the request; the status of the response."""
    status, _ = request.association.send_n_event_report(
        _said(request, failed), 2 if failed else 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
    )
    return int(status.Status)


def report_anew(
    port: int, request: Request, failed: dict[Reference, int] | None = None, *, called: str = "DICOMRS"
) -> int:
    """Report on a new association, in the role of the SCP; the status of the response."""
    return report_dataset(port, _said(request, failed), 2 if failed else 1, called=called)


def report_dataset(port: int, said: Dataset, event_type: int, *, called: str = "DICOMRS") -> int:
    """Report whatever a test likes."""
    with reporting(port, called=called) as association:
        return report_over(association, said, event_type)


def report_over(association: Association, said: Dataset, event_type: int) -> int:
    """Report on an association of `reporting`; the status of the response, -1 if there is none."""
    status, _ = association.send_n_event_report(
        said, event_type, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
    )
    return int(status.get("Status", -1))


@contextmanager
def reporting(port: int, *, called: str = "DICOMRS") -> Iterator[Association]:
    """An association in the role of the SCP."""
    ae = AE("TAP")
    ae.add_requested_context(StorageCommitmentPushModel)
    role = build_role(StorageCommitmentPushModel, scu_role=False, scp_role=True)
    association = ae.associate(LOOPBACK, port, ae_title=called, ext_neg=[role])
    assert association.is_established
    try:
        yield association
    finally:
        association.release()


def _said(request: Request, failed: dict[Reference, int] | None) -> Dataset:
    lost = failed or {}
    return information(request.transaction, [one for one in request.references if one not in lost], lost)


@contextmanager
def committing_tap() -> Iterator[CommittingTap]:
    """One that listens."""
    with taps(0):  # for pynetdicom's setting
        tap = CommittingTap()
        tap.start()
        try:
            yield tap
        finally:
            tap.stop()
