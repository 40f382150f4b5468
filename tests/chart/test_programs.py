"""What the chart tells the programs, the programs understand; and what its probes ask, they answer."""

import sys
import urllib.error
import urllib.request
from contextlib import ExitStack

import pytest

from dicomrs_operator.settings import Reservation, read
from support.chart import ALL, SAID, kinds, merged, pod_specs, render
from support.polling import eventually
from support.processes import LOOPBACK, Child, free_port, run

pytestmark = pytest.mark.peer("helm")

MANIFEST = 65  # the exit code for a manifest that is not there; a wrong argument is 2
NO_ROUTES = "apiVersion: v1\nkind: List\nitems: []\n"


def the(values, component):
    (container,) = pod_specs(render(values))[f"hospital-a-dicomrs-{component}"]["containers"]
    return container


def status(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError:
        return 0


@pytest.fixture
def folder(tmp_path):
    """What is mounted at /etc/dicomrs, and the spool."""
    for name in ("routes", "secrets", "token", "spool"):
        (tmp_path / name).mkdir()
    (tmp_path / "token" / "token").write_text("t", encoding="ascii")
    return tmp_path


@pytest.fixture
def start(folder):
    """Start a container's program with the chart's arguments; return it and the port that its probes ask."""
    with ExitStack() as ending:

        def starting(container, component):
            port = free_port()
            declared = next(one["containerPort"] for one in container["ports"] if one["name"] in {"health", "http"})
            words = [
                word.replace("/etc/dicomrs", str(folder)).replace("/home/dicom", str(folder / "spool"))
                for word in container["args"]
            ]
            assert sum(word.endswith(f":{declared}") for word in words) == 1
            words = [
                word.removesuffix(f":{declared}") + f":{port}" if word.endswith(f":{declared}") else word
                for word in words
            ]
            child = Child([sys.executable, "-m", f"dicomrs_{component}", *words], folder / f"{component}.log")
            ending.callback(child.close)
            child.wait_for_port(port)
            return child, port

        yield starting


@pytest.mark.parametrize("component", ["scp", "scu", "dashboard"])
def test_a_program_without_routes_becomes_ready_as_its_probes_see_it_and_stops_in_time(component, start, folder):
    container = the(ALL, component)
    child, port = start(container, component)
    paths = {kind: container[kind]["httpGet"]["path"] for kind in ("livenessProbe", "readinessProbe")}
    eventually(lambda: status(f"http://{LOOPBACK}:{port}{paths['livenessProbe']}") == 200, "it lives")
    (folder / "routes" / "routes.yaml").write_text(NO_ROUTES, encoding="utf-8")
    eventually(lambda: status(f"http://{LOOPBACK}:{port}{paths['readinessProbe']}") == 200, "it is ready")
    assert child.stop() == 0


@pytest.mark.parametrize("component", ["scp", "scu"])
def test_a_program_of_another_release_does_not_answer_for_this_one(component, start):
    _, port = start(the(ALL, component), component)
    (container,) = pod_specs(render(SAID, "hospital-b"))[f"hospital-b-dicomrs-{component}"]["containers"]
    assert status(f"http://{LOOPBACK}:{port}{container['livenessProbe']['httpGet']['path']}") == 404


@pytest.mark.parametrize("test", ["receivers", "destinations"])
@pytest.mark.parametrize("values", [SAID, ALL], ids=["least", "all"])
def test_the_checks_of_helm_test_take_their_arguments(test, values, folder):
    container = the(values, f"test-{test}")
    words = [word.replace("/etc/dicomrs", str(folder)) for word in container["args"]]
    done = run([sys.executable, *container["command"][1:], *words])
    assert done.returncode == MANIFEST, done.stdout + done.stderr


def test_the_dashboards_check_sees_whether_it_is_well(start):
    container = the(SAID, "test-dashboard")
    _, port = start(the(SAID, "dashboard"), "dashboard")
    (program,) = container["args"]
    for place, code in ((port, 0), (free_port(), 1)):
        here = program.replace("hospital-a-dicomrs-dashboard", f"{LOOPBACK}:{place}")
        assert run([sys.executable, "-c", here]).returncode == code


def test_an_image_is_sent_to_no_destination_that_does_not_exist(folder):
    (folder / "routes" / "routes.yaml").write_text(NO_ROUTES, encoding="utf-8")
    container = the(merged(SAID, {"tests": {"sendTo": ["hospital-a/zeroclik"]}}), "test-destinations")
    words = [word.replace("/etc/dicomrs", str(folder)) for word in container["args"]]
    done = run([sys.executable, *container["command"][1:], *words])
    assert done.returncode != 0
    assert "no such destination" in done.stdout + done.stderr


def test_the_operator_reads_what_the_release_reserved_and_writes_what_its_role_allows():
    told = {one["name"]: one["value"] for one in the(ALL, "operator")["env"]}
    settings = read(told | {"KUBERNETES_SERVICE_HOST": "10.96.0.1"})
    assert settings.reservation == Reservation("172.22.61.14", (104, 11112), (11113,), "/home/dicom")
    assert (settings.network_policy, settings.http_port) == (True, the(ALL, "operator")["ports"][0]["containerPort"])
    (role,) = kinds(render(ALL), "Role").values()
    assert {name for rule in role["rules"] for name in rule.get("resourceNames", [])} == {
        settings.routes_config_map,
        settings.secrets_of("scp"),
        settings.secrets_of("scu"),
        settings.token_secret,
        settings.targets_policy,
    }
