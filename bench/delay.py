"""How long after its last byte was received an object is in the target, when nothing else waits."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure, percentile
from bench.receiving import scan
from bench.sinks import Sink
from bench.work import Work
from support.router import Router, destination, route

_GROUP = "last byte received -> object in the target, queue empty"


def delays(work: Work, folder: Path) -> Iterator[Figure]:
    """Warm: the association to the target still stands, ours lingers for a second. Cold: it has been released."""
    for name, every in (("association to the target open", 0.1), ("association to the target to be opened", 3.0)):
        count = work.count if every < 1 else min(work.count, 40)
        found = sorted(_measure(work, count, every, folder))
        title = f"{count} objects of {work.length / 1e6:.1f} MB, {name}"
        yield Figure(_GROUP, f"{title}, p50", percentile(found, 50), "ms", at_most=50)
        yield Figure(_GROUP, f"{title}, p99", percentile(found, 99), "ms", at_most=250)
        yield Figure(_GROUP, f"{title}, longest", found[-1], "ms")


def _measure(work: Work, count: int, every: float, folder: Path) -> list[float]:
    """Milliseconds of each object."""
    place = Path(tempfile.mkdtemp(dir=folder))
    sink = Sink(place)
    router = Router(place, route(place / "root", destination("target", sink.port)))
    router.start()
    said = scan(router.port(), 1, work.folder, "--every", str(every), "--first", str(count))
    router.spool().wait_empty()
    router.close()
    sent = said["sent"]
    assert isinstance(sent, dict)
    arrived = {uid: at for uid, _, at in sink.end().arrived}
    assert arrived.keys() == sent.keys()
    return [(arrived[uid] - at) * 1000 for uid, at in sent.items()]
