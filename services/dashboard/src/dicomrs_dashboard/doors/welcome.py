"""The first way in: where nobody can sign in yet, an admin is made, with a code that lets in once."""

import sys
from typing import Final

from dicomrs.log import get_logger
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.users import CODE_MINUTES, Users
from dicomrs_dashboard.doors.users_file import UsersError

FIRST: Final = "admin"

logger = get_logger()


def first_code(users: Users) -> str | None:
    """A new code of an admin if there is neither a password nor a code that is still good, None if there is.

    Raises:
        UsersError: the users cannot be read or written.
    """
    known = users.all()
    if any(user.password or (user.code and user.code.is_good) for user in known.values()):
        return None
    admin = next((name for name, user in known.items() if user.role is Role.ADMIN), None)
    return users.give_code(admin) if admin else users.add(FIRST, Role.ADMIN)


def welcome(users: Users, address: str) -> None:
    """Print the address, and such a code with it. Not to the log: whoever reads that must not come in by it."""
    try:
        code = first_code(users)
    except UsersError as error:
        logger.error("no first user", reason=str(error))
        code = None
    how = f"/once?code={code} (sets the first admin's password; once, within {CODE_MINUTES} minutes)" if code else "/"
    sys.stdout.write(f"dashboard: {address}{how}\n")
    sys.stdout.flush()
