"""The figures at the end of the demonstration: what was sent, what became of it, and what must have. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dicomrs.dataset import missing_pixels
from dicomrs.survey import Survey
from dicomrs_cli.demonstration.objects import dataset_sha256
from dicomrs_cli.part10 import DicomFile
from dicomrs_cli.sending import Answer

Contents = Mapping[str, set[str]]
"""Of a target: SOP Instance UID -> SHA-256 of the datasets that are there under it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the closing table; expected: None where it is for information."""

    what: str
    found: int
    expected: int | None
    note: str = ""

    @property
    def right(self) -> bool:
        """Whether it is what it must be."""
        return self.expected is None or self.found == self.expected


def router_figures(answers: Sequence[Answer], waiting: int, slices: int, end: Survey, *, picky: bool) -> list[Figure]:
    """What the router says became of the objects.

    Args:
        answers: to all that was sent.
        waiting: objects that waited while the target was down.
        slices: objects that must have waited then.
        end: the spool when nothing waits any more.
        picky: the target may refuse some.
    """
    files = [answer.file for answer in answers]
    accepted = sum(answer.accepted for answer in answers)
    homeless = sum(not file.header.study for file in files)
    stuck = [one for destination in end.destinations for one in destination.stuck]
    parked, quarantined = parked_in(end), end.quarantined
    return [
        Figure("sent", len(files), None, "CT slices made on the spot and pydicom's sample files"),
        Figure("acknowledged", accepted, len(files) - homeless),
        Figure("refused", len(files) - accepted, homeless, "without Study Instance UID: no study to join"),
        Figure(
            "quarantined", len(quarantined), len(pixelless(files)), _counted((one.reason, 1) for one in quarantined)
        ),
        Figure("waiting while the target was down", waiting, slices),
        Figure("delivered, with receipts", sum(one.delivered for one in end.destinations), len(sound(files)) - parked),
        Figure(
            "parked: the target refuses them",
            parked,
            None if picky else 0,
            _counted((one.why, one.objects) for one in stuck),
        ),
        Figure("damaged", len(end.damaged), 0),
        Figure("left on disk, other than parked", end.totals.on_disk - parked, 0),
    ]


def target_figures(
    files: Sequence[DicomFile], made: Sequence[DicomFile], contents: Contents, parked: set[str], *, picky: str
) -> list[Figure]:
    """What the target has of them.

    Args:
        files: all that was sent.
        made: of these, the slices that were made on the spot and must be there.
        contents: of the target.
        parked: SOP Instance UIDs of what it refused.
        picky: what it does to samples, "" if it keeps all of them as they are.
    """
    good = sound(files)
    wanted = {file.sop_instance for file in good}
    present, unwanted = wanted - parked, {file.sop_instance for file in pixelless(files)} - wanted
    samples = [file for file in good if file not in made]
    return [
        Figure("UIDs at the target", len(present & contents.keys()), len(present), "some samples share one"),
        Figure("quarantined objects at the target", len(unwanted & contents.keys()), 0),
        Figure("CT slices there with the same SHA-256", _same(made, contents), len(made), "of the dataset's bytes"),
        Figure("samples there with the same SHA-256", _same(samples, contents), None if picky else len(samples), picky),
    ]


def parked_in(found: Survey) -> int:
    """Objects that wait for a person."""
    return sum(one.parked + one.held for one in found.destinations)


def sound(files: Iterable[DicomFile]) -> list[DicomFile]:
    """Those that must arrive."""
    return [file for file in files if file.header.study and _why_not(file) is None]


def pixelless(files: Iterable[DicomFile]) -> list[DicomFile]:
    """Those that must be quarantined."""
    return [file for file in files if file.header.study and _why_not(file) is not None]


def _why_not(file: DicomFile) -> str | None:
    return missing_pixels(file.header, file.sop_class, file.transfer_syntax)


def _same(files: Sequence[DicomFile], contents: Contents) -> int:
    return sum(dataset_sha256(file) in contents.get(file.sop_instance, ()) for file in files)


def _counted(reasons: Iterable[tuple[str, int]]) -> str:
    counts: Counter[str] = Counter()
    for reason, number in reasons:
        counts[reason] += number
    return "\n".join(f"{number} x {reason}" for reason, number in counts.most_common())
