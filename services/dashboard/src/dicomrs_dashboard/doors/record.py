"""The dashboard's audit log: who came in, was refused, saw what of patients, and asked for what."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from anyio import CapacityLimiter, to_thread

from dicomrs.audit import AuditLog, Head
from dicomrs.log import get_logger
from dicomrs_dashboard.doors.people import Person

AGAIN_SECONDS: Final = 15 * 60.0
"""The same person sees the same page from the same address for so long: one line tells of it."""
_MOST: Final = 10_000

logger = get_logger()


class Record:
    """Appends to the log of the state root. Entries have the fields of those that the services write."""

    def __init__(self, audit: AuditLog, clock: Callable[[], float] = time.monotonic) -> None:
        self._audit = audit
        self._clock = clock
        self._writing = CapacityLimiter(4)  # threads that a volume which hangs may take
        self._told: OrderedDict[tuple[str, ...], float] = OrderedDict()

    async def note(self, person: Person, action: str, **fields: object) -> None:
        """Something that a person does; when this returns, it is durable.

        Raises:
            OSError: it is not, and must not be done.
        """
        await to_thread.run_sync(self._append, person, action, fields, limiter=self._writing)

    async def saw(self, person: Person, what: str, **fields: object) -> None:
        """Something of patients that a person is about to see; once in 15 minutes.

        what: the page, such as "studies"; fields: which of them, such as study=key.

        Raises:
            OSError: it is not on record, and must not be shown.
        """
        key = ("view", what, *(f"{name}={value}" for name, value in fields.items()))
        if self._is_news(person, key):
            try:
                await self.note(person, "view", what=what, **fields)
            except OSError:
                self._told.pop((person.name, person.address, *key), None)
                raise

    async def came(self, person: Person, action: str, *, once: bool = False, **fields: object) -> None:
        """Somebody has signed in or out, or was refused: where that cannot be put on record, the log has it.

        A volume that takes no more must not keep those out who are to mend it. once: the same again within 15 minutes
        is no news, so that nobody fills the disk by being refused.
        """
        if once and not self._is_news(person, (action, str(fields))):
            return
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

    def _is_news(self, person: Person, key: tuple[str, ...]) -> bool:
        now, whole = self._clock(), (person.name, person.address, *key)
        last = self._told.get(whole)
        if last is not None and now - last < AGAIN_SECONDS:
            return False
        self._told[whole] = now
        self._told.move_to_end(whole)
        while len(self._told) > _MOST:
            self._told.popitem(last=False)
        return True
