"""One browser for all of this folder; a router with a dashboard and real targets for each file of tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser

from support.browsing import Visitor, browser

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
