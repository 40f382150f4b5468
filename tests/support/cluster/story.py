"""What has happened on a cluster, for whoever must find out why a test has failed."""

from collections.abc import Iterator

from support.cluster.kind import Cluster
from support.cluster.network import Machine
from support.cluster.programs import CallError

LINES, LINES_OF_PEER = 80, 15  # of each log


def story(cluster: Cluster, machines: list[Machine]) -> Iterator[tuple[str, str]]:
    """Titles and texts: pods, routes, Events, the logs of the pods (also of their previous lives) and of the peers."""
    yield "pods", _said(cluster, "get", "pods", "-A", "-o", "wide")
    yield "routes", _said(cluster, "get", "clinicroutes", "-A", "-o", "yaml")
    events = _said(cluster, "get", "events", "-A", "--sort-by=.lastTimestamp")
    yield "events", "\n".join(events.splitlines()[-LINES:])
    try:
        pods = cluster.get("pods", "-A", "-l", "app.kubernetes.io/name=dicomrs")["items"]
    except CallError as error:
        yield "pods of dicomrs", str(error)
        return
    for pod in pods:
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        words = ("-n", namespace, "logs", name, "--all-containers", f"--tail={LINES}")
        yield f"log of {namespace}/{name}", _said(cluster, *words)
        if any(status["restartCount"] for status in pod["status"].get("containerStatuses", ())):
            yield f"log of {namespace}/{name} before its restart", _said(cluster, *words, "--previous")
    for machine in machines:
        try:
            log = machine.log()
        except CallError as error:
            log = str(error)
        yield f"log of {machine.name}", "\n".join(log.splitlines()[-LINES_OF_PEER:])


def _said(cluster: Cluster, *words: str) -> str:
    try:
        return cluster.kubectl(*words)
    except CallError as error:
        return str(error)
