"""Who is signed in: kept in memory, so that a session ends with the dashboard at the latest (docs/decisions/0021)."""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.users import Users
from dicomrs_dashboard.doors.users_file import UsersError

_MOST: Final = 1000
_MOST_OF_ONE: Final = 20  # of one person; the one unused for longest gives way


@dataclass(slots=True)
class Session:
    """One browser's.

    stamp: of the local user when it began, None of somebody whom others vouch for; identified: how it was known who it
    is; began, used: of the clock, in seconds.
    """

    name: str
    role: Role
    identified: str
    stamp: str | None
    began: float
    used: float

    @property
    def is_local(self) -> bool:
        """Whether it is that of a local user, who has a password here; one of that name elsewhere is another."""
        return self.stamp is not None


class Sessions:
    """The sessions of a program. What is kept of a token is its hash: a look into this memory opens nothing."""

    def __init__(self, users: Users, idle: float, longest: float, clock: Callable[[], float] = time.monotonic) -> None:
        """idle, longest: seconds after the last request, and after signing in, when a session ends."""
        self._users = users
        self.idle = idle
        self.longest = longest
        self._clock = clock
        self._mutex = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def begin(self, name: str, role: Role, identified: str, stamp: str | None) -> str:
        """Begin one, and return the token of its cookie."""
        token = secrets.token_urlsafe(32)
        now = self._clock()
        with self._mutex:
            session = Session(name, role, identified, stamp, now, now)
            self._make_room(session)
            self._sessions[_key(token)] = session
        return token

    def find(self, token: str, *, use: bool = True) -> Session | None:
        """The session of a token, if it has not ended; use: it begins to be idle anew."""
        key, now = _key(token), self._clock()
        with self._mutex:
            session = self._sessions.get(key)
            if session is None:
                return None
            if not self._lasts(session, now) or not self._is_still(session):
                del self._sessions[key]
                return None
            if use:
                session.used = now
            return session

    def end(self, token: str) -> None:
        """End one."""
        with self._mutex:
            self._sessions.pop(_key(token), None)

    def is_local(self, token: str) -> bool:
        """Whether it is that of a local user, who has a password here."""
        session = self.find(token, use=False) if token else None
        return session is not None and session.is_local

    def count(self, name: str) -> int:
        """How many a local user has."""
        now = self._clock()
        with self._mutex:
            own = [one for one in self._sessions.values() if one.name == name and one.is_local]
            return sum(self._lasts(one, now) and self._is_still(one) for one in own)

    def _lasts(self, session: Session, now: float) -> bool:
        return now - session.used < self.idle and now - session.began < self.longest

    def _is_still(self, session: Session) -> bool:
        """Whether the local user is what that one was: not removed, nor given another role or password."""
        if session.stamp is None:
            return True
        try:
            user = self._users.find(session.name)
        except UsersError:
            return False
        return user is not None and user.stamp == session.stamp and user.role is session.role

    def _make_room(self, new: Session) -> None:
        for key in [key for key, one in self._sessions.items() if not self._lasts(one, new.began)]:
            del self._sessions[key]
        own = [key for key, one in self._sessions.items() if (one.name, one.is_local) == (new.name, new.is_local)]
        for keys, most in ((own, _MOST_OF_ONE), (list(self._sessions), _MOST)):
            if len(keys) >= most:
                del self._sessions[min(keys, key=lambda key: self._sessions[key].used)]


def _key(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
