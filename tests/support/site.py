"""A router with its dashboard, both as processes, and people who can sign in: one of each role, called by it."""

import sys
from typing import Final

import httpx2

from dicomrs_dashboard.doors.passwords import hash_password
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.users import Users
from support.processes import LOOPBACK, Child, free_port
from support.router import SERVICES, Router

PASSWORD: Final = "correct horse battery"


class Site:
    """The dashboard of a router. Its process is one of the router's children, and ends with it."""

    def __init__(self, router: Router, *options: str, prefix: str = "") -> None:
        """options: of the dashboard's command line; prefix: of all paths, which it must be told by them, too."""
        self.router = router
        self.port = free_port()
        self.prefix = prefix
        self.origin = f"http://{LOOPBACK}:{self.port}"
        self.state = router.folder / "state"
        self.state.mkdir()
        self.token = router.folder / "token"
        self.token.write_text("ein-Zeichen-0123456789")
        router.options += ["--log-folder", str(self.state / ".status/logs")]
        self._options = options
        self._users = Users(str(self.state))
        for role in Role:
            self._add(role.label, role)
        self._cookies: dict[str, dict[str, str]] = {}

    def start(self, *services: str) -> None:
        """All three services, or those named, until they answer."""
        wanted = services or (*SERVICES, "dashboard")
        if running := [one for one in SERVICES if one in wanted]:
            self.router.start(*running)
        if "dashboard" in wanted:
            command = [
                sys.executable, "-m", "dicomrs_dashboard", str(self.router.manifest), *self.router.options,
                "--listen", f"{LOOPBACK}:{self.port}", "--state", str(self.state), "--token-file", str(self.token),
                *self._options,
            ]  # fmt: skip
            child = self.router.children["dashboard"] = Child(command, self.router.log("dashboard"))
            child.wait_for_port(self.port)

    def _add(self, name: str, role: Role) -> None:
        """With the password at once: a dashboard that runs may look between two changes."""
        self._users.add(name, role, hash_password(name, PASSWORD))

    def cookies(self, role: Role, number: int = 0) -> dict[str, str]:
        """Of a browser in which the user of this role has signed in; number: from 1, another one of that role."""
        name = f"{role.label}-{number}" if number else role.label
        if name not in self._cookies:
            if self._users.find(name) is None:
                self._add(name, role)
            form = {"name": name, "password": PASSWORD}
            answer = httpx2.post(f"{self.origin}{self.prefix}/login", data=form, timeout=60)
            assert answer.status_code == 303, answer.text
            self._cookies[name] = dict(answer.cookies)
        return self._cookies[name]

    def forget_cookies(self) -> None:
        """Everybody has to sign in again: sessions end with the dashboard."""
        self._cookies.clear()
