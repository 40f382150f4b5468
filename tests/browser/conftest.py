"""One browser for all of this folder; a router with a dashboard and real targets for each file of tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Browser

from dicomrs_dashboard.doors.people import Role
from support.browsing import Visitor, browser
from support.made_up import MadeUpClinic
from support.router import Router
from support.site import Site

VisitorMaker = Callable[..., Visitor]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """For the folder and not for the session: its event loop is in the way of tests that have their own."""
    with browser() as made:
        yield made


@pytest.fixture
def visit(chromium: Browser) -> Iterator[VisitorMaker]:
    """Make visitors of a site; they leave with the test."""
    with ExitStack() as leaving:

        def make(origin: str, **wishes: Any) -> Visitor:
            made = Visitor(chromium, origin, **wishes)
            leaving.callback(made.close)
            return made

        yield make


@pytest.fixture
def sign_in(chromium: Browser) -> Iterator[Callable[..., Visitor]]:
    """Make visitors of a site who have signed in, as the user of a role."""
    with ExitStack() as leaving:

        def make(site: Site, role: Role = Role.OPERATOR, **wishes: Any) -> Visitor:
            made = Visitor(chromium, site.origin, **wishes)
            leaving.callback(made.close)
            made.bring(site.cookies(role))
            return made

        yield make


@pytest.fixture(scope="module")
def clinic(
    make_shared_router: Callable[..., Router], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MadeUpClinic]:
    """Where everything has happened that the dashboard can show."""
    made = MadeUpClinic(tmp_path_factory.mktemp("clinic"), partial(make_shared_router, start=False))
    try:
        made.start()
        made.fill()
        yield made
    finally:
        made.close()


_FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Say what was measured: at the end of the run, in a line."""
    return request.config.stash.setdefault(_FIGURES, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash.get(_FIGURES, []):
        terminalreporter.section("what was measured at a browser")
        for line in lines:
            terminalreporter.line(line)
