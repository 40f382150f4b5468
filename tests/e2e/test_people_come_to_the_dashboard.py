"""The first user of a release, made as the notes say it; what persons do is on record on the volume; scu may ping."""

import html
import json
from collections.abc import Iterator

import httpx2
import pytest

from support.cluster.clinic import Clinic
from support.cluster.peers import OrthancTarget
from support.cluster.programs import Steps
from support.polling import eventually

PASSWORD = "correct horse battery"
STATE = "/home/dicom"


@pytest.fixture(scope="module")
def clinic(make_clinic, orthanc: OrthancTarget) -> Clinic:
    made: Clinic = make_clinic("looked-at")
    made.begin(made.route(orthanc.destination))
    return made


@pytest.fixture
def browser(clinic: Clinic) -> Iterator[httpx2.Client]:
    """Somebody's, by way of `kubectl port-forward`."""
    with (
        clinic.cluster.forwarded(clinic.namespace, f"{clinic.fullname}-dashboard", 80) as address,
        httpx2.Client(base_url=address, timeout=30) as made,
    ):
        yield made


def test_the_first_user_comes_in_and_sees_that_images_flow(
    clinic: Clinic, browser: httpx2.Client, steps: Steps
) -> None:
    with steps.step("the first user"):
        said = clinic.exec("scu", "dicomrs", "user", "add", "ana", "--role", "admin", "--once", "--state", STATE)
    code = said.partition("one-time code: ")[2].split()[0]
    fields = {"code": code, "password": PASSWORD, "again": PASSWORD}
    assert browser.get("/", headers={"Accept": "text/html"}).headers["location"].startswith("/login")
    eventually(lambda: browser.post("/once", data=fields).status_code == 303, "the code is known and lets in")
    eventually(lambda: "Images flow" in html.unescape(browser.get("/").text), "the overview is well")
    for page in ("/studies", "/connectivity", "/services", "/logs", "/diagnostics", "/audit", "/users"):
        assert browser.get(page).status_code == 200, page
    lines = clinic.exec("scu", "cat", f"{STATE}/.dicomrs/audit.jsonl").splitlines()
    assert [json.loads(line)["action"] for line in lines][:2] == ["user added", "sign-in"]
    with steps.step("the dashboard starts anew"):
        clinic.kubectl("rollout", "restart", f"deployment/{clinic.fullname}-dashboard")
        clinic.wait_rolled_out("dashboard")
    assert "ana" in clinic.exec("scu", "dicomrs", "user", "list", "--state", STATE)


def test_the_sending_pod_may_ping_and_the_receiving_one_has_the_nodes_own_setting(clinic: Clinic) -> None:
    setting = "/proc/sys/net/ipv4/ping_group_range"
    assert clinic.exec("scu", "cat", setting).split() == ["10001", "10001"]
    assert clinic.exec("scp", "cat", setting) == clinic.cluster.on_node("cat", setting)
