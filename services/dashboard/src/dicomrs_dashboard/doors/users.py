"""The local users: what can be done with them, and the last look at their file."""

import re
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Final

from dicomrs.log import get_logger
from dicomrs.route.watch import Stamp, stamp
from dicomrs_dashboard.doors.passwords import digest_of, hash_password, is_outdated, is_right, new_code, same_digest
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.users_file import Code, User, UsersError, UsersFile
from dicomrs_dashboard.language import N_

CODE_MINUTES: Final = 15
LOOK_SECONDS: Final = 0.5
"""So soon a running dashboard knows what `dicomrs user` has changed."""
_LOOK_PATIENCE: Final = 1.0  # seconds
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_NO_NAME: Final = N_(
    "%(name)s is no name for a user: 1 to 64 small letters, digits and the signs . _ @ -, with a letter or digit first"
)
_TAKEN: Final = N_("there is a user %(name)s already")
_UNKNOWN: Final = N_("there is no user %(name)s")
_LAST_ADMIN: Final = N_("this is the last administrator: make another user one first")

logger = get_logger()


class Users:
    """The users of one state root."""

    def __init__(self, root: str) -> None:
        self._file = UsersFile(root)
        self.path = self._file.path
        self._mutex = threading.Lock()
        self._read: tuple[Stamp, Mapping[str, User] | UsersError] | None = None

    def all(self) -> Mapping[str, User]:
        """By name, as of the last look at the file: a volume that hangs keeps nobody waiting.

        Raises:
            UsersError: the file is not what was written.
        """
        found = self._read[1] if self._read else self.look()
        if isinstance(found, UsersError):
            raise found
        return found

    def look(self) -> Mapping[str, User] | UsersError:
        """Read the file anew if it has changed."""
        with self._mutex:
            return self._look()

    def _look(self) -> Mapping[str, User] | UsersError:
        """For whoever holds the mutex."""
        now = stamp(self.path)
        if self._read is None or self._read[0] != now:
            try:
                self._read = (now, self._file.load())
            except UsersError as error:
                self._read = (now, error)
        return self._read[1]

    def follow(self, stop: threading.Event) -> None:
        """Look until stop is set, for what others write. To be called in a thread of its own."""
        while not stop.wait(LOOK_SECONDS):
            try:
                self.look()
            except Exception:
                logger.exception("looking for changed users failed, it is tried again")

    def _refresh(self) -> None:
        """Look at once for what others have just written, unless a look is going on already: a volume may hang."""
        if self._mutex.acquire(timeout=_LOOK_PATIENCE):
            try:
                self._look()
            finally:
                self._mutex.release()

    def find(self, name: str) -> User | None:
        """The user of that name.

        Raises:
            UsersError: as all.
        """
        return self.all().get(name.lower())

    def add(self, name: str, role: Role, hashed: str = "") -> str:
        """Add a user, and return the code with which that one sets a password; "" if there is one, hashed."""
        if not _NAME.fullmatch(name):
            raise UsersError(_NO_NAME, name=name[:64])
        with self._change() as users:
            if name in users:
                raise UsersError(_TAKEN, name=name)
            made = _now().isoformat(timespec="seconds")
            users[name] = User(role=role, stamp=_stamp(), made=made, password=hashed)
            return "" if hashed else _give_code(users, name, sets_password=True)

    def remove(self, name: str, *, last_admin_too: bool = False) -> None:
        """Remove a user; that one's sessions end."""
        with self._change() as users:
            _known(users, name)
            del users[name]
            _keep_an_admin(users, last_admin_too=last_admin_too)

    def set_role(self, name: str, role: Role, *, last_admin_too: bool = False) -> None:
        """Give a user another role; that one's sessions end."""
        with self._change() as users:
            _edit(users, name, role=role, stamp=_stamp())
            _keep_an_admin(users, last_admin_too=last_admin_too)

    def set_password(self, name: str, password: str) -> str:
        """Set a password and return the stamp of new sessions; earlier ones end, a code that waits is void.

        Raises:
            WeakPasswordError: it is not taken.
        """
        hashed = hash_password(name, password)
        with self._change() as users:
            return _edit(users, name, password=hashed, code=None, stamp=_stamp()).stamp

    def give_code(self, name: str, *, sets_password: bool = True) -> str:
        """A new one-time code of a user, good for 15 minutes; earlier ones are void, the password and sessions stay."""
        with self._change() as users:
            return _give_code(users, name, sets_password=sets_password)

    def reset(self, name: str) -> str:
        """Take a user's password and sessions; returns the code with which that one sets another."""
        with self._change() as users:
            _edit(users, name, password="", stamp=_stamp())
            return _give_code(users, name, sets_password=True)

    def whose_code(self, code: str) -> tuple[str, User] | None:
        """The user whose code it is, if that is still good. It stays good.

        Raises:
            UsersError: as all.
        """
        found = self._whose(digest_of(code))
        if found is None:
            self._refresh()  # whoever was given one a moment ago does not wait for the next look
            found = self._whose(digest_of(code))
        return found

    def _whose(self, digest: str) -> tuple[str, User] | None:
        found = None
        for name, user in self.all().items():
            if user.code and same_digest(user.code.digest, digest) and user.code.is_good:
                found = (name, user)
        return found

    def use_code(self, code: str, password: str = "") -> tuple[str, User] | None:
        """Use a code up; None if it is not good, or no longer.

        password: the one that it sets, if it is one that does; earlier sessions end then.

        Raises:
            WeakPasswordError: that is not taken, and the code not used up.
        """
        found = self.whose_code(code)
        if found is None:
            return None
        name, user = found
        hashed = hash_password(name, password) if user.code and user.code.sets_password else ""
        with self._change() as users:
            now = users.get(name)
            if now is None or now.code is None or user.code is None or now.code.digest != user.code.digest:
                return None  # somebody else was quicker
            changed = {"password": hashed, "stamp": _stamp()} if hashed else {}
            return name, _edit(users, name, code=None, **changed)

    def check(self, name: str, password: str) -> User | None:
        """The user, if the password is right. Takes the same time whatever is wrong.

        Raises:
            UsersError: as all.
        """
        if self.find(name) is None:
            self._refresh()
        user = self.find(name)
        if not is_right(user.password if user else "", password) or user is None:
            return None
        if is_outdated(user.password):
            with suppress(ValueError, UsersError, OSError), self._change() as users:
                _edit(users, name.lower(), password=hash_password(name, password))
        return user

    @contextmanager
    def _change(self) -> Iterator[dict[str, User]]:
        """As UsersFile.change; known to this program at once."""
        with self._file.change() as users:
            yield users
        self.look()


def _known(users: Mapping[str, User], name: str) -> User:
    if name not in users:
        raise UsersError(_UNKNOWN, name=name)
    return users[name]


def _edit(users: dict[str, User], name: str, **fields: object) -> User:
    users[name] = _known(users, name).model_copy(update=fields)
    return users[name]


def _keep_an_admin(users: Mapping[str, User], *, last_admin_too: bool) -> None:
    if not last_admin_too and not any(user.role is Role.ADMIN for user in users.values()):
        raise UsersError(_LAST_ADMIN)


def _give_code(users: dict[str, User], name: str, *, sets_password: bool) -> str:
    code = new_code()
    until = (_now() + timedelta(minutes=CODE_MINUTES)).isoformat(timespec="seconds")
    _edit(users, name, code=Code(digest=digest_of(code), until=until, sets_password=sets_password))
    return code


def _stamp() -> str:
    return secrets.token_urlsafe(9)


def _now() -> datetime:
    return datetime.now().astimezone()
