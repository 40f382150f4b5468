"""Sending files as a scanner would, their datasets' bytes as they are."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from dicomrs_cli.part10 import DicomFile
from dicomrs_scu.verdict import Verdict, verdict
from dicomrs_wire.association import MAX_CONTEXTS
from dicomrs_wire.errors import AssociationError
from dicomrs_wire.requestor import DEFAULT_TIMEOUTS, Requestor, Timeouts
from dicomrs_wire.statuses import describe_status


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a file; status: of the C-STORE, None if there was no answer; text: it in words, or why not."""

    file: DicomFile
    status: int | None
    text: str

    @property
    def accepted(self) -> bool:
        """Whether the receiver has the object now."""
        return self.status is not None and verdict(self.status) is Verdict.DELIVERED


def send_files(
    host: str,
    port: int,
    files: Sequence[DicomFile],
    *,
    calling: str,
    called: str,
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
    on_answer: Callable[[Answer], None] = lambda _: None,
) -> list[Answer]:
    """Send files in their order, over as few associations as their kinds allow; one answer for each.

    An association that breaks costs the file in hand; those behind it go over a new one. Where none can be had, they
    all have that for an answer.

    Args:
        host: of the receiver.
        port: its TCP port.
        files: what to send.
        calling: AE title to call ourselves.
        called: AE title of the receiver.
        timeouts: how long to wait for it.
        on_answer: is told each answer at once.
    """
    answers: list[Answer] = []

    def note(file: DicomFile, status: int | None, text: str) -> None:
        answers.append(Answer(file, status, text))
        on_answer(answers[-1])

    for group in groups(files):
        left = deque(group)
        while left:
            contexts = list(dict.fromkeys((file.sop_class, file.transfer_syntax) for file in left))
            try:
                association = Requestor.connect(
                    host, port, calling=calling, called=called, contexts=contexts, timeouts=timeouts
                )
            except AssociationError as error:
                for file in left:
                    note(file, None, str(error))
                break
            with association:
                _send_over(association, left, note)
    return answers


def groups(files: Iterable[DicomFile]) -> Iterator[list[DicomFile]]:
    """Cut files into runs that need no more presentation contexts than an association has."""
    group: list[DicomFile] = []
    contexts: set[tuple[str, str]] = set()
    for file in files:
        context = (file.sop_class, file.transfer_syntax)
        if context not in contexts and len(contexts) == MAX_CONTEXTS:
            yield group
            group, contexts = [], set()
        group.append(file)
        contexts.add(context)
    if group:
        yield group


def _send_over(
    association: Requestor, left: deque[DicomFile], note: Callable[[DicomFile, int | None, str], None]
) -> None:
    """Send until nothing is left or the association has ended."""
    while left:
        file = left.popleft()
        if not association.accepted(file.sop_class, file.transfer_syntax):
            text = f"SOP class {file.sop_class} in transfer syntax {file.transfer_syntax} is not accepted"
            note(file, None, text)
            continue
        try:
            fd = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            note(file, None, f"cannot be read: {error.strerror}")
            continue
        try:
            reply = association.store(
                file.sop_class, file.sop_instance, file.transfer_syntax, fd, file.start, file.length
            )
        except AssociationError as error:
            note(file, None, str(error))
            return
        except OSError as error:
            note(file, None, f"cannot be read: {error.strerror}")
            return
        finally:
            os.close(fd)
        note(file, reply.status, describe_status(reply.status) + (f" ({reply.comment})" if reply.comment else ""))
