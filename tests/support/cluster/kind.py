"""A Kubernetes cluster in a container of this machine, by kind; nothing of the user's own configuration is touched."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.cluster.programs import call
from support.polling import eventually
from support.processes import LOOPBACK, Child, free_port
from tools.images import LIMITS, base_image, build, image_name, image_tag

TOP = Path(__file__).resolve().parents[3]
NAME = "dicomrs-e2e"
PEERS_IMAGE = "localhost/dicomrs-e2e-peers:latest"


class Cluster:
    """One node, made by create() or found as an earlier run has left it."""

    def __init__(self, engine: str, folder: Path) -> None:
        """engine: docker or podman; folder: for the kubeconfig and an archive of images."""
        self.engine = engine
        self.folder = folder
        self.node = f"{NAME}-control-plane"
        self._kubeconfig = folder / "kubeconfig"

    def create(self) -> None:
        """Until it takes pods: the node is ready and its namespaces have their service accounts."""
        self.folder.mkdir(exist_ok=True)
        image = os.environ.get("KIND_NODE_IMAGE")
        words = ["--image", image] if image else []
        self._kind("create", "cluster", "--name", NAME, "--kubeconfig", self._kubeconfig, "--wait", "180s", *words)
        eventually(lambda: "default" in self.kubectl("get", "serviceaccounts"), "the default service account", 60)

    def exists(self) -> bool:
        """Whether an earlier run has left one."""
        return NAME in self._kind("get", "clusters").split()

    def reuse(self) -> None:
        """Take the one that is there."""
        self.folder.mkdir(exist_ok=True)
        self._kind("export", "kubeconfig", "--name", NAME, "--kubeconfig", self._kubeconfig)

    def delete(self) -> None:
        """Be rid of it, if it is there."""
        self._kind("delete", "cluster", "--name", NAME, "--kubeconfig", self._kubeconfig)

    def _kind(self, *words: object) -> str:
        # Left alone it takes docker where there is only docker's client.
        return call("env", f"KIND_EXPERIMENTAL_PROVIDER={self.engine}", "kind", *words, within=600)

    def kubectl(self, *words: object, given: str | None = None, within: float = 120) -> str:
        """What kubectl prints; given: its standard input."""
        return call("kubectl", "--kubeconfig", self._kubeconfig, *words, given=given, within=within)

    @contextmanager
    def forwarded(self, namespace: str, service: str, port: int) -> Iterator[str]:
        """For the length of a with block: the address on this machine at which a Service's port answers."""
        here = free_port()
        words = ["port-forward", "-n", namespace, f"service/{service}", f"{here}:{port}"]
        child = Child(["kubectl", "--kubeconfig", str(self._kubeconfig), *words], self.folder / "port-forward.log")
        try:
            child.wait_for_port(here)
            yield f"http://{LOOPBACK}:{here}"
        finally:
            child.close()

    def helm(self, *words: object, within: float = 300) -> str:
        """What helm prints."""
        return call("helm", "--kubeconfig", self._kubeconfig, *words, within=within)

    def get(self, *words: object) -> Any:
        """The object or the list that `kubectl get` finds."""
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def apply(self, namespace: str, *documents: Any) -> str:
        """Apply objects in a namespace."""
        together = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
        return self.kubectl("-n", namespace, "apply", "-f", "-", given=json.dumps(together))

    def on_node(self, *words: object, within: float = 60) -> str:
        """Run a program on the node, as root."""
        return call(self.engine, "exec", self.node, *words, within=within)

    def waiting(self, folder: str) -> int:
        """How many objects a route's folder on the node holds."""
        found = self.on_node("find", folder, "-path", f"{folder}/.*", "-prune", "-o", "-name", "*.dcm", "-print")
        return len(found.split())

    def load_images(self) -> None:
        """Give the node the images of this source tree."""
        archive = self.folder / "images.tar"
        archive.unlink(missing_ok=True)  # podman overwrites none
        names = [image_name(target, image_tag()) for target in LIMITS]
        together = ["-m", "--format", "docker-archive"] if self.engine == "podman" else []
        call(self.engine, "save", *together, "-o", archive, *names, within=600)
        self._kind("load", "image-archive", archive, "--name", NAME)
        archive.unlink()


def build_images(engine: str) -> None:
    """Those of the services, and the one that scanners and targets of the tests are made of."""
    base, tag = os.environ.get("PYTHON_BASE_IMAGE") or base_image(), image_tag()
    for target in LIMITS:
        build(engine, target, image_name(target, tag), base, tag)
    arguments = [f"BASE_IMAGE={base}", f"SCU_IMAGE={image_name('scu', tag)}"]
    options = [word for argument in arguments for word in ("--build-arg", argument)]
    call(
        engine, "build", "-q", "-f", TOP / "tests/e2e/Containerfile.peers", *options, "-t", PEERS_IMAGE, TOP / "tests",
        within=900,
    )  # fmt: skip
