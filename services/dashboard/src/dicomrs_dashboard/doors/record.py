"""The dashboard's audit log: who came in, was refused, saw what of patients, and asked for what."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

from dicomrs.audit import AuditLog, Head
from dicomrs.log import get_logger
from dicomrs_dashboard.doors.people import Person
from dicomrs_dashboard.language import N_
from dicomrs_dashboard.patience import SECONDS, Patience

AGAIN_SECONDS: Final = 15 * 60.0
"""The same person sees the same page from the same address for so long: one line tells of it."""
NO_RECORD: Final = N_("Nothing was done, for it cannot be put on record: %(reason)s")
_MOST: Final = 10_000

logger = get_logger()


class Record:
    """Appends to the log of the state root. Entries have the fields of those that the services write."""

    def __init__(self, audit: AuditLog, clock: Callable[[], float] = time.monotonic) -> None:
        self._audit = audit
        self._clock = clock
        self._patience = Patience(4, place_seconds=SECONDS)
        self._told: OrderedDict[tuple[str, ...], float] = OrderedDict()

    async def note(self, person: Person, action: str, **fields: object) -> None:
        """Something that a person does; when this returns, it is durable.

        Raises:
            OSError: it is not, or not yet, and must not be done.
        """
        await self._patience.call(self._append, person, action, fields)

    async def saw(self, person: Person, what: str, **fields: object) -> None:
        """Something of patients that a person is about to see; once in 15 minutes.

        what: the page, such as "studies"; fields: which of them, such as study=key.

        Raises:
            OSError: it is not on record, and must not be shown.
        """
        key = _key(person, "view", what, fields)
        if self._is_news(key):
            await self.note(person, "view", what=what, **fields)
            self._tell(key)  # not before: who asks again meanwhile would be shown what is not on record yet

    async def came(self, person: Person, action: str, *, once: bool = False, **fields: object) -> None:
        """Somebody has signed in or out, or was refused: where that cannot be put on record, the log has it.

        A volume that takes no more must not keep those out who are to mend it. once: the same again within 15 minutes
        is no news, so that nobody fills the disk by being refused.
        """
        if once:
            key = _key(person, action, "", fields)
            if not self._is_news(key):
                return
            self._tell(key)
        log = logger.info if action in ("sign-in", "sign-out") else logger.warning
        log("at the door", action=action, who=person.name, identified=person.identified, address=person.address)
        try:
            await self.note(person, action, **fields)
        except OSError as error:
            logger.error("the audit log takes no entry", root=self._audit.root, reason=error.strerror)

    def _append(self, person: Person, action: str, fields: dict[str, object]) -> Head:
        head = self._audit.append(
            {
                "action": action,
                "who": person.name,
                "identified": person.identified,
                "address": person.address,
                "complete": True,
                **fields,
            }
        )
        logger.info("audit entry", number=head.number, hash=head.hash)
        return head

    def _is_news(self, key: tuple[str, ...]) -> bool:
        last = self._told.get(key)
        return last is None or self._clock() - last >= AGAIN_SECONDS

    def _tell(self, key: tuple[str, ...]) -> None:
        self._told[key] = self._clock()
        self._told.move_to_end(key)
        while len(self._told) > _MOST:
            self._told.popitem(last=False)


def _key(person: Person, action: str, what: str, fields: Mapping[str, object]) -> tuple[str, ...]:
    """A name may be another's who signs in elsewhere."""
    told = (f"{name}={value}" for name, value in fields.items())
    return (person.name, person.identified, person.address, action, what, *told)
