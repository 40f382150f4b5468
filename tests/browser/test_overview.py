"""The overview at a browser, while a real target comes and goes: one look says why, and whose job it is."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from support.objects import series
from support.peers import Orthanc, Storescp
from support.router import destination, route
from support.sender import send_all
from support.site import Site

pytestmark = pytest.mark.peer("chromium", "storescp", "Orthanc")
RED_SECONDS = 10  # of a machine that does nothing else
TARGETS = {"storescp": Storescp, "Orthanc": Orthanc}


@pytest.fixture(scope="module", params=TARGETS)
def target(request, tmp_path_factory) -> Iterator[Storescp | Orthanc]:
    made = TARGETS[request.param](tmp_path_factory.mktemp("target") / "kept")
    made.start()
    yield made
    made.close()


@pytest.fixture(scope="module")
def site(make_shared_router, target: Storescp | Orthanc, tmp_path_factory) -> Site:
    root: Path = tmp_path_factory.mktemp("spool")
    made = Site(make_shared_router(route(root, destination("zero-click", target.port)), start=False))
    made.start()
    return made


@pytest.mark.parametrize("waiting", [0, 3], ids=["while nothing waits", "while images come"])
def test_a_target_that_stops_turns_the_light_red_with_reason_and_owner(
    waiting: int, site: Site, target: Storescp | Orthanc, sign_in, tell: Callable[[str], None]
):
    page = sign_in(site).open("/")
    verdict = page.locator("h1")
    expect(verdict).to_contain_text("Images flow")
    target.kill()
    stopped = time.monotonic()
    if waiting:
        send_all(site.router.port(), series(waiting))
    expect(verdict).to_contain_text("Images do not flow on 1 route")
    seconds = time.monotonic() - stopped
    reason = page.locator(".reasons li").first
    expect(reason).to_contain_text("zero-click: The connection to that port is refused")
    expect(reason).to_contain_text("Whose job: vendor of the target")
    name = f"{type(target).__name__} stopped, {waiting} images"
    tell(f"{name}: red, with reason and owner, after {seconds:.1f} s ({RED_SECONDS} are promised)")
    target.start()
    expect(verdict).to_contain_text("Images flow")
    site.router.spool().wait_empty()
