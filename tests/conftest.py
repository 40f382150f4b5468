"""What all tests share: peers that may be missing, a router that is always ended, and its logs when a test fails."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from support import proof as campaign
from support.processes import find_program, how_to_get
from support.router import Router
from support.shim import build
from support.tap import Tap, taps

_MISSING = pytest.StashKey[dict[str, list[str]]]()
_ROUTERS = pytest.StashKey[list[Router]]()
_PROOF = pytest.StashKey[campaign.Proof]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-peers", action="store_true", help="a test whose real peer is not installed fails (for CI)"
    )
    parser.addoption("--proof", metavar="FILE", type=Path, help="write what the campaign has shown to a file")


def pytest_configure(config: pytest.Config) -> None:
    # On a busy machine an example may take a second; what hangs meets the suite's own limit.
    settings.register_profile("patient", deadline=None)
    settings.load_profile("patient")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background; our children would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[_MISSING] = {}
    config.stash[_ROUTERS] = []
    config.stash[_PROOF] = campaign.Proof()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, or fail, what needs a program that is not here, and remember it for the end."""
    wanted = [program for marker in item.iter_markers("peer") for program in marker.args]
    missing = [program for program in wanted if find_program(program) is None]
    if not missing:
        return
    item.config.stash[_MISSING][item.nodeid] = missing
    reason = f"not installed: {', '.join(_with_package(program) for program in missing)}"
    if item.config.getoption("--require-peers"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _with_package(program: str) -> str:
    return f"{program} ({how_to_get(program)})"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What the campaign has shown, and every test that did not run for want of a peer, by name."""
    if rows := config.stash[_PROOF].rows:
        terminalreporter.section("what the campaign has shown")
        for cells in campaign.lines(rows):
            terminalreporter.line(" | ".join(cells))
    if file := config.getoption("--proof"):
        ended = terminalreporter.stats
        tests = {name: [report.nodeid for report in ended.get(name, ())] for name in campaign.OUTCOMES}
        tests["failed"] += [report.nodeid for report in ended.get("error", ())]
        config.stash[_PROOF].save(file, tests)
    if missing := config.stash[_MISSING]:
        terminalreporter.section("tests that need programs which are not installed")
        for nodeid, programs in missing.items():
            terminalreporter.line(f"{nodeid}: {', '.join(_with_package(program) for program in programs)}")


@pytest.fixture(scope="session")
def proof(request: pytest.FixtureRequest) -> campaign.Proof:
    """Where a campaign's test writes its rows."""
    return request.config.stash[_PROOF]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[Any]:
    report = yield
    if report.failed:
        for router in item.config.stash[_ROUTERS]:
            report.sections.extend(router.story())
    return report


RouterMaker = Callable[..., Router]


def _routers(config: pytest.Config, folders: Callable[[], Path]) -> Iterator[RouterMaker]:
    with ExitStack() as ending:

        def make(*routes: dict[str, Any], start: bool = True) -> Router:
            router = Router(folders(), *routes)
            config.stash[_ROUTERS].append(router)
            ending.callback(config.stash[_ROUTERS].remove, router)
            ending.callback(router.close)
            if start:
                router.start()
            return router

        yield make


@pytest.fixture
def make_router(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RouterMaker]:
    """Make routers of routes; they are ended with the test."""
    yield from _routers(request.config, lambda: tmp_path_factory.mktemp("router"))


@pytest.fixture(scope="module")
def make_shared_router(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RouterMaker]:
    """Make routers that the tests of a module share."""
    yield from _routers(request.config, lambda: tmp_path_factory.mktemp("router"))


@pytest.fixture(scope="session")
def shim_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stands between a service and its system; needs a C compiler."""
    return build(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def tap() -> Iterator[Tap]:
    """A target that keeps what it gets."""
    with taps(1) as (made,):
        yield made


@pytest.fixture(scope="module")
def shared_tap() -> Iterator[Tap]:
    """The same, for the tests of a module."""
    with taps(1) as (made,):
        yield made


@pytest.fixture
def two_taps() -> Iterator[list[Tap]]:
    """Two targets."""
    with taps(2) as made:
        yield made
