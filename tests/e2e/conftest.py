"""A kind cluster with a clinic's networks: made for the run, removed at its end, also after a failure.

E2E_KEEP=1 keeps the cluster, the networks and what a failed test has left; the next run uses the first two again.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from support.cluster.clinic import Clinic, install_crds, remove_clinics
from support.cluster.kind import TOP, Cluster, build_images
from support.cluster.network import Machine, Networks
from support.cluster.peers import OrthancTarget, Scanner, Stranger, TapTarget
from support.cluster.programs import CallError, Steps, container_engine
from support.cluster.story import story

KEEP = os.environ.get("E2E_KEEP") == "1"
_STEPS = pytest.StashKey[Steps]()
_WORLD = pytest.StashKey[tuple[Cluster, list[Machine]]]()


def pytest_sessionstart(session: pytest.Session) -> None:
    plugins = session.config.pluginmanager
    reporter, capturing = plugins.get_plugin("terminalreporter"), plugins.get_plugin("capturemanager")

    def show(line: str) -> None:
        with capturing.global_and_fixture_disabled():
            reporter.write_line(line)

    session.config.stash[_STEPS] = Steps(show)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """How long everything took."""
    terminalreporter.section("steps")
    for line in config.stash[_STEPS].lines:
        terminalreporter.line(line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[Any]:
    report = yield
    if report.failed and (world := item.config.stash.get(_WORLD, None)):
        report.sections.extend(story(*world))
    return report


@pytest.fixture(scope="session")
def steps(request: pytest.FixtureRequest) -> Steps:
    """Where a test says what it is about to do; times are shown at the end."""
    return request.config.stash[_STEPS]


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, steps: Steps) -> Iterator[Cluster]:
    """The cluster, with the images of this source tree and the node on the clinic's networks."""
    try:
        made = Cluster(container_engine(), TOP / ".e2e")
    except CallError as error:
        pytest.exit(str(error), returncode=1)
    networks = Networks(made)
    keep = KEEP and made.exists()
    try:
        with ThreadPoolExecutor(1) as pool, steps.step("all of the cluster"):
            building = pool.submit(_timed, steps, "build the images", lambda: build_images(made.engine))
            if keep:
                made.reuse()
                remove_clinics(made)
            else:
                networks.remove()
                made.delete()
                with steps.step("create the cluster"):
                    made.create()
                networks.make()
            building.result()
            with steps.step("load the images"):
                made.load_images()
        request.config.stash[_WORLD] = (made, [])
        yield made
    finally:
        if not KEEP:
            with steps.step("remove the cluster"):
                networks.remove()
                made.delete()


def _timed(steps: Steps, what: str, work: Callable[[], None]) -> None:
    with steps.step(what):
        work()


@pytest.fixture(scope="session")
def networks(cluster: Cluster) -> Networks:
    """The networks, for tests that take the node off them."""
    return Networks(cluster)


@pytest.fixture(scope="session")
def crds(cluster: Cluster, steps: Steps) -> None:
    """The kind ClinicRoute."""
    with steps.step("install dicomrs-crds"):
        install_crds(cluster)


def _machines(request: pytest.FixtureRequest, machine: Any) -> Iterator[Any]:
    """A machine whose log is shown with a failure, removed at the end."""
    _, known = request.config.stash[_WORLD]
    known.append(machine)
    try:
        machine.begin()
        yield machine
    finally:
        known.remove(machine)
        machine.remove()


@pytest.fixture(scope="module")
def orthanc(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[OrthancTarget]:
    """Zero Click, empty."""
    yield from _machines(request, OrthancTarget(cluster.engine))


@pytest.fixture(scope="module")
def tap(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[TapTarget]:
    """A second target, which tells what bytes it gets."""
    yield from _machines(request, TapTarget(cluster.engine))


@pytest.fixture(scope="module")
def scanner(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[Scanner]:
    """On the scanners' network."""
    yield from _machines(request, Scanner(cluster.engine))


@pytest.fixture(scope="module")
def stranger(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[Stranger]:
    """On the clinic's network, with a way to the scanners' network through the node."""
    yield from _machines(request, Stranger(cluster.engine))


ClinicMaker = Callable[..., Clinic]


@pytest.fixture(scope="module")
def make_clinic(request: pytest.FixtureRequest, cluster: Cluster, crds: None, steps: Steps) -> Iterator[ClinicMaker]:
    """Clinics by namespace, as of Clinic; nothing is installed yet. They are removed with the module."""
    made: list[Clinic] = []
    failed_before = request.session.testsfailed

    def make(namespace: str, **options: str) -> Clinic:
        clinic = Clinic(cluster, namespace, **options)
        clinic.remove()  # an earlier run may have been kept
        made.append(clinic)
        return clinic

    yield make
    if KEEP and request.session.testsfailed > failed_before:
        return
    for clinic in made:
        with steps.step(f"remove {clinic.namespace}"):
            clinic.remove()
