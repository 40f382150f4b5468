"""Study folders whose last object has long gone: they stay for the route's retention, then go with their receipts."""

from datetime import datetime

from dicomrs.log import get_logger
from dicomrs.spool.outbox import Outbox
from dicomrs.spool.receipts import read_events

logger = get_logger()


def retire_old(outbox: Outbox, before: datetime) -> int:
    """Remove every study folder in which nothing is left and nothing has happened since a moment; return how many."""
    retired = 0
    for folder in outbox.folders():
        # The folder's name says when the study first came: a younger one need not be opened.
        if folder[:15] >= f"{before:%Y%m%dT%H%M%S}" or outbox.names(folder):
            continue
        events = read_events(outbox.fs, f"{outbox.root}/{folder}")
        if events and datetime.fromisoformat(events[-1].at) >= before:
            continue
        retired += outbox.retire(folder)
    if retired:
        logger.info("studies retired", number=retired)
    return retired
