"""What each page asks of who wants it. Every route of the application has one of these among its dependencies."""

from collections.abc import Callable

from fastapi import HTTPException, Request, status

from dicomrs_dashboard.doors.people import Person, Role


def need(role: Role) -> Callable[[Request], Person]:
    """Make a dependency that lets in persons of at least this role, and hands the person on."""

    def person(request: Request) -> Person:
        found: Person | None = getattr(request.state, "person", None)
        if found is None:
            raise HTTPException(status.HTTP_401_UNAUTHORIZED, "sign in first")
        if found.role < role:
            raise HTTPException(status.HTTP_403_FORBIDDEN, f"this needs the role {role.label}")
        return found

    person.role = role  # type: ignore[attr-defined]  # for the test that walks all routes
    return person


def public() -> None:
    """What everybody may see, such as a style sheet: it tells nothing."""


def may_still_see(request: Request) -> Callable[[], bool]:
    """Whether who opened a live page is signed in still, asked again and again while it is open."""
    asked: Callable[[], bool] = getattr(request.state, "may_still_see", lambda: True)
    return asked
