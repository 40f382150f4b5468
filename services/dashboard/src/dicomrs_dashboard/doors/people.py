"""Persons and what they may do."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from dicomrs_dashboard.language import N_


class Role(IntEnum):
    """Each may do all that the ones before it may."""

    VIEWER = 1
    """Looks on; patients' names are masked in lists."""
    OPERATOR = 2
    """Sends again, releases, holds, examines, restarts."""
    ADMIN = 3
    """Discards, exports with patients' data, keeps the users."""

    @property
    def title(self) -> str:
        """For people, to be translated."""
        return _TITLES[self]

    @property
    def may(self) -> str:
        """What it may do, in a few words, to be translated."""
        return _MAY[self]

    @property
    def label(self) -> str:
        """As it stands in files and on command lines."""
        return self.name.lower()

    @classmethod
    def of(cls, label: str) -> "Role":
        """The reverse of label.

        Raises:
            ValueError: there is no such role.
        """
        try:
            return cls[label.upper()]
        except KeyError:
            raise ValueError(f"{label!r} is no role: viewer, operator or admin") from None


_TITLES: Final = {Role.VIEWER: N_("viewer"), Role.OPERATOR: N_("operator"), Role.ADMIN: N_("admin")}

_MAY: Final = {
    Role.VIEWER: N_("looks on; patients are masked in lists"),
    Role.OPERATOR: N_("also resends, releases, holds, checks connections and restarts services"),
    Role.ADMIN: N_("also discards, exports with patients' data, reads the audit log and keeps the users"),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in. identified: how that is known, for the records; address: where the request came from."""

    name: str
    role: Role
    identified: str
    address: str
