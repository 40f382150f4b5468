"""The folder of a release's own state: users, the audit log of who looked at what, and the services' log files."""

import os
from collections.abc import Callable, Iterable
from typing import Final

from dicomrs.route import ClinicRoute
from dicomrs.spool.layout import STATE, STATUS

USERS: Final = "users.json"
LOGS: Final = "logs"


def state_root(routes: Iterable[ClinicRoute], exists: Callable[[str], bool] = os.path.exists) -> str:
    """Where one machine keeps it: the first root of the routes that has users, else the first root; "" without routes.

    A route that is added, or written before the others, moves nothing. exists: tells whether there is such a file.
    """
    roots = [route.spec.storage.root for route in routes]
    with_users = (root for root in roots if exists(f"{root}/{STATE}/{USERS}"))
    return next(with_users, roots[0] if roots else "")


def log_folder(state_root: str) -> str:
    """The services' log files of a release (dicomrs.log_files); they may be deleted."""
    return f"{state_root}/{STATUS}/{LOGS}"
