"""What the tests of the commands that act for a person share."""

from collections.abc import Callable
from typing import Any

from typer.testing import Result

from dicomrs.spool.layout import study_key
from support.router import Router

Act = Callable[..., Result]


def key_of(router: Router) -> str:
    """The name of the one study that a router has."""
    (metadata,) = router.spool().metadata()
    return study_key(metadata["studyInstanceUID"])


def acting(dicomrs: Act, router: Router) -> Act:
    """Run a command about the one study of a router."""

    def act(command: str, *words: object, why: str = "told so", study: str = "") -> Result:
        about = ["--route", "clinic", "--study", study or key_of(router)]
        reason = [] if command == "receipt" else ["--why", why]
        result: Any = dicomrs(command, router.manifest, *words, *about, *reason)
        return result

    return act
