"""The rows that compare: which work, which candidates, what is to be reached."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench import receivers, sending
from bench.receiving import receive_once
from bench.rounds import Candidate, Row
from bench.work import CT_SLICES, GIGABYTE_FRAMES, SMALL_SLICES, Work, make_huge, make_images

_HUGE_FRAMES = 1100
_16_KB, _128_KB = 16384, 131072


def all_rows(folder: Path) -> Iterator[Row]:
    """In the order in which they are measured; their objects are made in a folder as they are needed."""
    ct = make_images(folder, "ct", CT_SLICES, 512)
    small = make_images(folder, "small", SMALL_SLICES, 132)
    yield from _receive_durable(ct, folder)
    yield from _receive_durable(small, folder)
    yield from _receive_unsynced(ct, 1.2, folder)
    yield from _receive_unsynced(small, 1.2, folder)
    yield from _send(ct, folder)
    yield from _send(small, folder)
    yield from _trap(ct, folder)
    for work in (
        make_huge(folder, "577 MB", _HUGE_FRAMES),
        make_huge(folder, "1 GB", GIGABYTE_FRAMES),
    ):
        yield _receive(work, 1, "durable", [*_DURABLE, receivers.STORESCP], {}, folder)
        yield from _receive_unsynced(work, 1.9, folder)
        yield _send_row(work, _128_KB, {}, folder)


_DURABLE = [receivers.DICOMRS, receivers.LIMIT, receivers.ORTHANC]


def _receive(
    work: Work,
    associations: int,
    how: str,
    kinds: list[receivers.Receiver],
    to_reach: dict[receivers.Receiver, float],
    folder: Path,
) -> Row:
    measured = [
        Candidate(kind.name, partial(receive_once, kind, work, associations, folder), kind.pdu, kind.durable)
        for kind in kinds
    ]
    many = f"{associations} association{'s' if associations > 1 else ''}"
    goals = {kind.name: goal for kind, goal in to_reach.items()}
    return Row(f"receive {work.name}, {many}, {how}", work.count, work.megabytes, tuple(measured), goals)


def _receive_durable(work: Work, folder: Path) -> Iterator[Row]:
    r = receivers
    ct = work.name == "ct"
    one = {r.LIMIT: 0.8, r.ORTHANC: 3.0} if ct else {}
    eight = {r.LIMIT: 0.7, r.STORESCP_FORK: 1.0} if ct else {}
    yield _receive(work, 1, "durable", [*_DURABLE, r.STORESCP], one, folder)
    yield _receive(work, 4, "durable", [*_DURABLE, r.STORESCP_FORK], {}, folder)
    yield _receive(work, 8, "durable", [*_DURABLE, r.STORESCP_FORK], eight, folder)


def _receive_unsynced(work: Work, goal: float, folder: Path) -> Iterator[Row]:
    r = receivers
    yield _receive(work, 1, "fsync off", [r.UNSYNCED, r.STORESCP, r.STORESCP_128], {r.STORESCP: goal}, folder)


def _send(work: Work, folder: Path) -> Iterator[Row]:
    for pdu in (_16_KB, _128_KB):
        yield _send_row(work, pdu, {"storescu": 1.8}, folder)
        ours = Candidate("dicomrs' engine", partial(sending.engine_to_sink, work, pdu, folder), _kb(pdu), durable=False)
        title = f"send {work.name} with the sending engine alone, digest verified, to a sink that takes {_kb(pdu)}"
        others = (ours, _storescu(work, pdu, folder))
        yield Row(title, work.count, work.megabytes, others, {"storescu": 1.8})


def _send_row(work: Work, pdu: int, to_reach: dict[str, float], folder: Path) -> Row:
    ours = Candidate("dicomrs", partial(sending.scu_to_sink, work, pdu, folder), _kb(pdu), durable=True)
    title = f"send {work.name}, digest verified, receipts durable, to a sink that takes {_kb(pdu)}"
    return Row(title, work.count, work.megabytes, (ours, _storescu(work, pdu, folder)), to_reach)


def _storescu(work: Work, pdu: int, folder: Path) -> Candidate:
    return Candidate("storescu", partial(sending.storescu_to_sink, work, pdu, folder), _kb(pdu), durable=False)


def _trap(work: Work, folder: Path) -> Iterator[Row]:
    for target in ("storescp", "Orthanc"):
        ours = Candidate("dicomrs", partial(sending.scu_to_target, target, work, folder), "16 KB", durable=True)
        base = Candidate("storescu", partial(sending.storescu_to_target, target, work, folder), "16 KB", durable=False)
        title = f"send {work.name} to {target}, all with their defaults"
        yield Row(title, work.count, work.megabytes, (ours, base), {"storescu": 8.0})


def _kb(pdu: int) -> str:
    return f"{pdu // 1024} KB"
