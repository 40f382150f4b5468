"""The cluster's definition of ClinicRoute is older or newer than the operator: what runs goes on, no door opens."""

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import yaml

from support.cluster.clinic import CRDS, Clinic, install_crds
from support.cluster.kind import Cluster
from support.cluster.peers import OrthancTarget, Scanner
from support.cluster.programs import Steps
from support.polling import eventually
from support.router import changed

LISTED, INTRUDER = "SCANNER_1", "INTRUDER"
OTHER_DIGEST = "[schema 0123456789ab]"


def older(receiver: dict[str, Any]) -> None:
    """It knows no allow-lists yet, so the API server takes them out of what it reads and stores."""
    del receiver["allow"]


def newer(receiver: dict[str, Any]) -> None:
    receiver["greeting"] = {"type": "string"}


@pytest.fixture
def ours(cluster: Cluster, crds: None) -> Iterator[Callable[[], None]]:
    """Brings the definition of this source tree back."""
    yield lambda: install_crds(cluster)
    install_crds(cluster)


@pytest.mark.parametrize("variant", [older, newer])
def test_the_last_good_routes_go_on_and_no_door_opens(
    variant: Callable[[dict[str, Any]], None],
    ours: Callable[[], None],
    make_clinic,
    orthanc: OrthancTarget,
    scanner: Scanner,
    steps: Steps,
    tmp_path: Path,
) -> None:
    clinic: Clinic = make_clinic("versions")
    route = clinic.route(orthanc.destination, receiver={"allow": {"callingAeTitles": [LISTED]}})
    clinic.begin(route)
    eventually(scanner.echo, "C-ECHO")
    with _kept_out(scanner):
        with steps.step(f"install a definition that is {variant.__name__}, and edit"):
            install_crds(clinic.cluster, _chart(tmp_path, variant))
            _patch(clinic, {"spec": {"receiver": {"aeTitle": "EDITED"}}})
            reason, message = clinic.wait_condition("Accepted", "False")
            steps.say(f"{reason}: {message}")
            assert reason == "SchemaDiffers"
        with steps.step("start the operator anew"):
            _restart_operator(clinic)
        assert scanner.echo(), "the version accepted last does not go on"
        with steps.step("install our own definition again, and start the operator anew"):
            ours()
            _restart_operator(clinic)
            eventually(lambda: "apply the route again" in clinic.condition("Accepted")[2], "what to do is told")
        assert scanner.echo(), "the version accepted last does not go on"
        with steps.step("a person says that the edit is whole"):
            if variant is older:  # the cluster has lost the list for good
                assert "allow" not in clinic.get("clinicroute", "hospital-a")["spec"]["receiver"]
                clinic.apply(changed(route, receiver={"aeTitle": "EDITED"}))
            else:
                generation = clinic.get("clinicroute", "hospital-a")["metadata"]["generation"]
                _patch(clinic, {"metadata": {"annotations": {"dicomrs.io/accept-generation": str(generation)}}})
            clinic.wait_condition("Ready", "True")
        eventually(lambda: scanner.echo(called="EDITED"), "the edit is in effect")


@contextmanager
def _kept_out(scanner: Scanner) -> Iterator[None]:
    """Whatever happens in the block, one who is not on the list gets no answer, by the old name or by the new one."""
    over = Event()

    def knock() -> int:
        tries = 0
        while not over.is_set():
            for called in ("DICOMRS", "EDITED"):
                assert not scanner.echo(called=called, calling=INTRUDER), "the door is open"
                tries += 1
        return tries

    with ThreadPoolExecutor(1) as pool:
        knocking = pool.submit(knock)
        try:
            yield
        finally:
            over.set()
        assert knocking.result()


def _patch(clinic: Clinic, patch: dict[str, Any]) -> None:
    clinic.kubectl("patch", "clinicroute", "hospital-a", "--type=merge", "-p", json.dumps(patch))


def _restart_operator(clinic: Clinic) -> None:
    clinic.kubectl("rollout", "restart", f"deployment/{clinic.fullname}-operator")
    clinic.wait_rolled_out("operator")


def _chart(folder: Path, variant: Callable[[dict[str, Any]], None]) -> Path:
    """The chart dicomrs-crds as of another version."""
    chart = Path(shutil.copytree(CRDS, folder / "dicomrs-crds"))
    file = chart / "templates/clinicroutes.yaml"
    definition = yaml.safe_load(file.read_text())
    (version,) = definition["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    variant(spec["properties"]["receiver"]["properties"])
    spec["description"] = f"{spec['description'].rpartition('[')[0]}{OTHER_DIGEST}"
    file.write_text(yaml.safe_dump(definition, sort_keys=False))
    return chart
