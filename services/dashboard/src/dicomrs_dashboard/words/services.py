"""What each service is for."""

from collections.abc import Mapping
from typing import Final

from dicomrs_dashboard.language import N_

TASKS: Final[Mapping[str, str]] = {
    "scp": N_("receives images from the scanners"),
    "scu": N_("sends images to the destinations"),
    "dashboard": N_("shows these pages"),
}
