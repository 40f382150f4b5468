"""Where users and the audit log are when nobody says it."""

import os
from collections.abc import Sequence

from dicomrs.route import ClinicRoute
from dicomrs.spool.layout import STATE
from dicomrs_dashboard.doors.users import FILE


def state_root(routes: Sequence[ClinicRoute]) -> str:
    """Of the routes' storage roots the first that has users, or else the first."""
    roots = [route.spec.storage.root for route in routes]
    return next((root for root in roots if os.path.exists(f"{root}/{STATE}/{FILE}")), roots[0])
