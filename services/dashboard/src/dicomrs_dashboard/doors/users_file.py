"""The file of the local users: small, read and replaced as a whole, by the dashboard and `dicomrs user` at one time."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError

from dicomrs.moments import moment
from dicomrs.spool.fs import OsFileSystem, locked, make_folder, put_file, read_all, sync_folder
from dicomrs.spool.layout import LOCKS, STATE
from dicomrs.state import USERS
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.language import N_

_FORMAT: Final = 1
_LONGEST_FILE: Final = 4 * 1024 * 1024  # bytes
_DISK: Final = N_("%(file)s: %(reason)s")
_LATER: Final = N_("%(file)s has format %(format)s; this version of dicomrs knows %(known)s")
_BROKEN: Final = N_(
    "%(file)s is not what dicomrs wrote: bring it back from a backup; or move it away, and add the users anew with"
    " dicomrs user add"
)


class UsersError(Exception):
    """The users cannot be read, or what is asked for cannot be done; the message is one line that says why."""

    def __init__(self, text: str, **values: object) -> None:
        """text, values: of the message, to be translated where it is shown (Language.say)."""
        super().__init__(text % values)
        self.text = text
        self.values = values


def _role(value: object) -> object:
    return Role.of(value) if isinstance(value, str) else value


class Code(BaseModel):
    """A one-time code that was given out; until: ISO 8601; sets_password: it makes one set a password."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    digest: str
    until: str
    sets_password: bool = True

    @property
    def is_good(self) -> bool:
        """Whether it is still in time."""
        until = moment(self.until)
        return until is not None and datetime.now().astimezone() < until


class User(BaseModel):
    """One user. password: its hash, "" if none; stamp: another one each time that sessions begun before must end."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    role: Annotated[Role, BeforeValidator(_role), PlainSerializer(lambda role: role.label)]
    stamp: str
    made: str
    password: str = ""
    code: Code | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    format: int
    users: dict[str, User]


class _PrivateFiles(OsFileSystem):
    """Nobody but the owner may read hashes of passwords."""

    def open(self, path: str, flags: int) -> int:
        return os.open(path, flags, 0o600)


class UsersFile:
    """That of one state root."""

    def __init__(self, root: str) -> None:
        self._fs = _PrivateFiles()
        self._root = root
        self.path = f"{root}/{STATE}/{USERS}"

    def load(self) -> Mapping[str, User]:
        """The users in it, none if there is no file.

        Raises:
            UsersError: it is not what was written, or cannot be read.
        """
        try:
            data = read_all(self._fs, self.path, _LONGEST_FILE)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise UsersError(_DISK, file=self.path, reason=error.strerror) from error
        try:
            found = _File.model_validate_json(data)
        except ValidationError as error:
            raise UsersError(_BROKEN, file=self.path) from error
        if found.format != _FORMAT:
            raise UsersError(_LATER, file=self.path, format=found.format, known=_FORMAT)
        return found.users

    @contextmanager
    def change(self) -> Iterator[dict[str, User]]:
        """Edit the users as they are now, alone; made durable at the end.

        Raises:
            UsersError: the file is not what was written, or cannot be written.
        """
        try:
            os.makedirs(self._root, 0o750, exist_ok=True)  # a route's root, before its services have taken it over
            for folder in (LOCKS, STATE):
                make_folder(self._fs, self._root, folder)
            with locked(self._fs, f"{self._root}/{LOCKS}/users"):
                users = dict(self.load())
                yield users
                self._save(users)
        except OSError as error:
            raise UsersError(_DISK, file=error.filename or self.path, reason=error.strerror) from error

    def _save(self, users: Mapping[str, User]) -> None:
        written = {"format": _FORMAT, "users": {name: user.model_dump() for name, user in sorted(users.items())}}
        new = f"{self.path}.new"
        with suppress(FileNotFoundError):
            self._fs.unlink(new)
        put_file(self._fs, new, json.dumps(written, indent=1).encode("ascii"))
        self._fs.rename(new, self.path)
        sync_folder(self._fs, f"{self._root}/{STATE}")
