"""One clinic on the cluster: its namespace, its release of the chart, its routes."""

import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from support.cluster.kind import TOP, Cluster
from support.cluster.network import HTR_ADDRESS
from support.cluster.programs import CallError
from support.polling import eventually
from support.router import route
from tools.images import image_tag

CHART, CRDS = TOP / "charts/dicomrs", TOP / "charts/dicomrs-crds"
# kind's own class deletes its volumes; what the chart demands to hear about that is said here.
VALUES = {"image.registry": "localhost", "image.tag": image_tag(), "spool.size": "1Gi", "spool.acceptDeletion": "true"}


# Memory in megabytes and the share of one CPU in percent, of a container's first program, over some seconds.
_USAGE = """
import os, time
def ticks():
    with open("/proc/1/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12]), int(fields[21])
before, _ = ticks()
time.sleep(SECONDS)
after, pages = ticks()
print(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, (after - before) / os.sysconf("SC_CLK_TCK") / SECONDS * 100)
"""


class Clinic:
    """A namespace with one release. Nothing is there until install()."""

    def __init__(self, cluster: Cluster, namespace: str, address: str = HTR_ADDRESS, release: str = "dicomrs") -> None:
        """address: of the scanners' network, that this clinic receives on."""
        self.cluster = cluster
        self.namespace = namespace
        self.address = address
        self.release = release
        self.fullname = release if "dicomrs" in release else f"{release}-dicomrs"

    def label_node(self) -> None:
        """Say that the node holds this clinic's address, as a cluster's admin does."""
        label = f"htr.dicomrs.io/{self.address}={self.namespace}"
        self.kubectl("label", "node", self.cluster.node, label, "--overwrite")

    def install(self, *options: str, **values: str) -> str:
        """As a clinic's IT person does; options: of helm; values: with __ for each dot, as in htr__address."""
        return self._helm("install", "--create-namespace", *options, **values)

    def upgrade(self, *options: str, **values: str) -> str:
        """The same release with other values (those of install() are reset) or from a changed chart."""
        return self._helm("upgrade", *options, **values)

    def rollback(self, *options: str) -> str:
        """To the revision before."""
        return self.cluster.helm("rollback", self.release, "-n", self.namespace, *options)

    def test(self, *options: str) -> str:
        """`helm test`: what it prints."""
        return self.cluster.helm("test", self.release, "-n", self.namespace, "--timeout=60s", *options)

    def uninstall(self) -> str:
        """The release goes; the spool and the routes stay."""
        return self.cluster.helm("uninstall", self.release, "-n", self.namespace, "--wait")

    def cpu_request(self, component: str) -> str:
        """What the Deployment asks for: a field that an upgrade can change without changing anything else."""
        pod = self.get("deployment", f"{self.fullname}-{component}")["spec"]["template"]["spec"]
        asked: str = pod["containers"][0]["resources"]["requests"]["cpu"]
        return asked

    def _helm(self, *words: str, **values: str) -> str:
        wanted = {"htr.address": self.address, **VALUES}
        wanted |= {name.replace("__", "."): value for name, value in values.items()}
        settings = [f"--set={name}={value}" for name, value in wanted.items()]
        return self.cluster.helm(words[0], self.release, CHART, "-n", self.namespace, *words[1:], *settings)

    def begin(self, *routes: Any) -> None:
        """Install on a node that has the label, apply routes, and wait until they are Ready."""
        self.label_node()
        self.install("--wait")
        self.apply(*routes)
        for one in routes:
            self.wait_condition("Ready", "True", one["metadata"]["name"])

    def wait_ready(self, within: float = 180) -> None:
        """Until every Deployment of the release has its pod."""
        for component in ("scp", "scu", "dashboard", "operator"):
            self.wait_rolled_out(component, within)

    def wait_rolled_out(self, component: str, within: float = 180) -> None:
        """Until this Deployment's pod is ready, and no older one is left."""
        name = f"deployment/{self.fullname}-{component}"
        self.kubectl("rollout", "status", name, f"--timeout={within:g}s", within=within + 30)

    def kubectl(self, *words: object, given: str | None = None, within: float = 120) -> str:
        """In this namespace."""
        return self.cluster.kubectl("-n", self.namespace, *words, given=given, within=within)

    def get(self, *words: object) -> Any:
        """In this namespace: the object or the list that `kubectl get` finds."""
        return self.cluster.get("-n", self.namespace, *words)

    def exec(self, component: str, *command: object) -> str:
        """Run a program in the pod of scp, scu, dashboard or operator."""
        return self.kubectl("exec", f"deployment/{self.fullname}-{component}", "--", *command)

    def selector(self, component: str) -> str:
        """The labels of a component's pods, as `kubectl get -l` takes them."""
        return f"app.kubernetes.io/instance={self.release},app.kubernetes.io/component={component}"

    def pod(self, component: str) -> Any:
        """The one pod of a component, once there is one; those that are on their way out do not count."""

        def only() -> Any:
            listed = self.get("pods", "-l", self.selector(component))["items"]
            found = [one for one in listed if "deletionTimestamp" not in one["metadata"] and not _is_over(one)]
            return found[0] if len(found) == 1 else None

        return eventually(only, f"one pod of {component}")

    def kill(self, component: str) -> None:
        """SIGKILL to the service, from the node: it hears nothing of it."""
        (state,) = self.pod(component)["status"]["containerStatuses"]
        container = state["containerID"].rpartition("/")[2]
        self.cluster.on_node("ctr", "-n", "k8s.io", "tasks", "kill", "--signal", "SIGKILL", container)

    def folder(self, name: str = "hospital-a") -> str:
        """Where the node has the folder of a route."""
        claim = self.get("persistentvolumeclaim", f"{self.fullname}-spool")
        spec = self.cluster.get("persistentvolume", claim["spec"]["volumeName"])["spec"]
        return f"{(spec.get('hostPath') or spec['local'])['path']}/{name}"

    def usage(self, component: str, seconds: float = 5) -> tuple[float, float]:
        """Resident memory (megabytes) and the share of one CPU (percent, over so many seconds) of a service."""
        words = self.exec(component, "python", "-c", _USAGE.replace("SECONDS", str(seconds))).split()
        return float(words[0]), float(words[1])

    def log(self, component: str) -> str:
        """All that the running pod of a component has logged."""
        return self.kubectl("logs", f"deployment/{self.fullname}-{component}", "--tail=-1")

    def log_since(self, start: datetime, *components: str) -> list[str]:
        """What they have logged since then, in order of time, each line with its seconds since then."""
        lines = []
        for component in components:
            name, since = f"deployment/{self.fullname}-{component}", start.isoformat(timespec="seconds")
            for line in self.kubectl("logs", name, "--timestamps", f"--since-time={since}").splitlines():
                time, _, text = line.partition(" ")
                # Python knows microseconds, Kubernetes tells nanoseconds.
                elapsed = (datetime.fromisoformat(f"{time[:26].rstrip('Z')}+00:00") - start).total_seconds()
                lines.append((elapsed, component, text))
        return [f"{elapsed:+.3f} s {component}: {text}" for elapsed, component, text in sorted(lines) if elapsed >= 0]

    def route(self, *destinations: dict[str, Any], name: str = "hospital-a", port: int = 104, **spec: Any) -> Any:
        """A ClinicRoute that receives on this clinic's address; spec: more of it (`receiver`, `storage`, `suspend`)."""
        receiver = {"bindAddress": self.address, "port": port, **spec.pop("receiver", {})}
        return route(f"/home/dicom/{name}", *destinations, name=name, receiver=receiver, **spec)

    def apply(self, *routes: Any) -> str:
        """As `kubectl apply -f`."""
        return self.cluster.apply(self.namespace, *routes)

    def condition(self, kind: str, name: str = "hospital-a") -> tuple[str, str, str]:
        """Status, reason and message of a condition of a route; all empty if it has none of that kind yet.

        A condition of an older generation of the route counts as none.
        """
        found = self.get("clinicroute", name)
        generation = found["metadata"]["generation"]
        for condition in found.get("status", {}).get("conditions", []):
            if condition["type"] == kind and condition.get("observedGeneration") == generation:
                return condition["status"], condition["reason"], condition["message"]
        return "", "", ""

    def wait_condition(self, kind: str, status: str, name: str = "hospital-a", within: float = 60) -> tuple[str, str]:
        """Until a condition of the route's newest generation has a status; its reason and message then."""
        seen = eventually(
            lambda: (found := self.condition(kind, name))[0] == status and found, f"{kind}={status} of {name}", within
        )
        assert seen
        return seen[1], seen[2]

    def status(self, name: str = "hospital-a") -> dict[str, Any]:
        """The status of a route."""
        found: dict[str, Any] = self.get("clinicroute", name).get("status", {})
        return found

    def remove(self) -> None:
        """Be rid of it with all its images; what still waits is given up, which is what the annotation says."""
        with suppress(CallError):  # there may be no kind ClinicRoute, or no routes
            self.kubectl("annotate", "clinicroutes", "--all", "dicomrs.io/force-delete=true", "--overwrite")
            self.kubectl("delete", "clinicroutes", "--all", "--timeout=30s", within=60)
        with suppress(CallError):
            self._let_go()
        with suppress(CallError):
            self.uninstall()
        # Before the namespace, which on meeting a claim's finalizer would look again only after 8 seconds.
        self.kubectl("delete", "persistentvolumeclaims", "--all", "--timeout=60s")
        self.kubectl("delete", "namespace", self.namespace, "--ignore-not-found", "--timeout=120s", within=150)
        self.kubectl("label", "node", self.cluster.node, f"htr.dicomrs.io/{self.address}-")

    def _let_go(self) -> None:
        """Of routes whose operator is gone."""
        for left in self.get("clinicroutes")["items"]:
            patch = json.dumps({"metadata": {"finalizers": None}})
            self.kubectl("patch", "clinicroute", left["metadata"]["name"], "--type=merge", "-p", patch)


def _is_over(pod: Any) -> bool:
    """Such as one that was evicted: the object stays."""
    return pod["status"].get("phase") in {"Succeeded", "Failed"}


def install_crds(cluster: Cluster, chart: Path = CRDS) -> None:
    """As a cluster's admin does, once, and for another version of the chart again."""
    cluster.helm("upgrade", "--install", "dicomrs-crds", chart, "-n", "dicomrs-crds", "--create-namespace")
    cluster.kubectl("wait", "--for=condition=Established", "crd/clinicroutes.dicomrs.io", "--timeout=30s")


def remove_clinics(cluster: Cluster) -> None:
    """Those that an earlier run has left, which hold addresses that others want."""
    operators = "app.kubernetes.io/name=dicomrs,app.kubernetes.io/component=operator"
    for one in cluster.get("deployments", "-A", "-l", operators)["items"]:
        labels = one["metadata"]["labels"]
        Clinic(cluster, one["metadata"]["namespace"], release=labels["app.kubernetes.io/instance"]).remove()
