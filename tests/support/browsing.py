"""A person at a browser, Debian's chromium, and what must hold on every page that is opened."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from support.polling import PATIENCE
from support.processes import find_program

AXE: Final = Path(__file__).parents[1] / "browser/vendor/axe-core-4.14.1/axe.min.js"
WCAG_22_AA: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
DESKTOP, PHONE = (1280, 800), (360, 740)
_OPTIONS = (
    "--no-sandbox",  # it would need a user of its own; what it shows is ours
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",  # nothing leaves this machine
)
_AXE_RUN = """tags => axe.run(document, {
    runOnly: tags, rules: {"target-size": {enabled: true}}, resultTypes: ["violations"], preload: false,
})"""
_SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@contextmanager
def browser() -> Iterator[Browser]:
    """Debian's chromium, without a window; what is expected of its pages is waited for as long as anything else."""
    expect.set_options(timeout=PATIENCE * 1000)
    path = find_program("chromium")
    assert path is not None, 'chromium is not installed; mark the test with peer("chromium")'
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=path, args=_OPTIONS)
        try:
            yield made
        finally:
            made.close()


class Visitor:
    """One person: cookies, language, colours and a screen of their own; remembers what was wrong with any page."""

    def __init__(
        self,
        browser: Browser,
        origin: str,
        *,
        language: str = "en",
        dark: bool = False,
        screen: tuple[int, int] = DESKTOP,
        scripts: bool = True,
        **settings: Any,
    ) -> None:
        """origin: such as http://127.0.0.1:8080; language: what the browser asks for; settings: of its context."""
        self.origin, self._scripts = origin, scripts
        self.context: BrowserContext = browser.new_context(
            base_url=origin,
            locale=language,
            color_scheme="dark" if dark else "light",
            viewport={"width": screen[0], "height": screen[1]},
            java_script_enabled=scripts,
            reduced_motion="reduce",
            **settings,
        )
        self.context.set_default_timeout(PATIENCE * 1000)
        self._problems: list[str] = []
        self.context.on("console", self._heard)
        self.context.on("weberror", lambda error: self._problems.append(f"script failed: {error.error}"))
        self.context.on("request", self._asked)
        self.context.on("response", self._answered)
        self.page: Page = self.context.new_page()

    def bring(self, cookies: Mapping[str, str]) -> None:
        """Have cookies of the site."""
        self.context.add_cookies(
            [{"name": name, "value": value, "url": self.origin} for name, value in cookies.items()]
        )

    def open(self, path: str, status: int = 200) -> Page:
        """Go to a page, which must answer with this status, and check it."""
        answer = self.page.goto(path, wait_until="load")
        assert answer is not None
        assert answer.status == status, f"{path}: {answer.status}, not {status}"
        self.check(status)
        return self.page

    def check(self, status: int = 200) -> None:
        """What must hold on every page, of the one that is open; status: what it was answered with."""
        self.page.wait_for_load_state("load")  # a button may have led here: without its styles a page is wider
        found = [*self.problems(), *_too_wide(self.page)]
        if status >= 400:  # chromium says so on the console
            found = [one for one in found if f"a status of {status}" not in one]
        if self._scripts:  # axe-core is one
            found += inaccessible(self.page)
        assert not found, "\n".join([f"{self.page.url}:", *found])

    def problems(self) -> list[str]:
        """What was said, asked or forbidden since the last time, and must not have been."""
        found, self._problems = self._problems, []
        return found

    def close(self) -> None:
        """Leave."""
        self.context.close()

    def _heard(self, message: ConsoleMessage) -> None:
        # What the policy forbids, and what is not found, is said there too.
        if message.type in {"error", "warning"}:
            self._problems.append(f"console: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((f"{self.origin}/", "data:", "blob:")):
            self._problems.append(f"another host is asked: {request.url}")

    def _answered(self, response: Response) -> None:
        kind = response.headers.get("content-type", "")
        if kind.startswith("text/html") and response.request.is_navigation_request():
            policy = response.headers.get("content-security-policy", "")
            if not policy or "unsafe" in policy:
                self._problems.append(f"{urlsplit(response.url).path} has no strict policy: {policy!r}")


def inaccessible(page: Page) -> list[str]:
    """What axe-core finds wrong with a page by WCAG 2.2 AA, a line each."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(_AXE_RUN, WCAG_22_AA)["violations"]
    return [
        f"axe {rule['id']}: {rule['help']}: {node['html'][:200]} ({node['failureSummary']})"
        for rule in found
        for node in rule["nodes"]
    ]


def _too_wide(page: Page) -> list[str]:
    too_much = page.evaluate(_SIDEWAYS)
    return [f"the page is {too_much} px wider than the screen"] if too_much > 0 else []
