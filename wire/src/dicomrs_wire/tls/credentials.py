"""Certificates in use: those of a secret's files, as the files change."""

import ssl
import threading
from collections.abc import Callable

from dicomrs.log import get_logger
from dicomrs.route.problems import is_passing
from dicomrs.route.secrets import Secret, SecretError, Secrets
from dicomrs_wire.tls.expiry import end_of, warning

logger = get_logger()


class Credentials:
    """The context of a secret, made anew when its files change. Callable from any thread.

    Connections that are open keep the context that they began with. Files that cannot be used are told once, and the
    last good context stays.
    """

    def __init__(self, secrets: Secrets, name: str, make: Callable[[Secret], ssl.SSLContext]) -> None:
        """name: of the secret; make: its context, SecretError if that cannot be."""
        self._secrets = secrets
        self._name = name
        self._make = make
        self._mutex = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self._judged: object = ()
        self._suspected: object = ()
        self._trouble = ""
        self._secret: Secret | None = None
        self._end: float | None = None

    @property
    def trouble(self) -> str:
        """What somebody must do about the files as they are now, "" if nothing. Looks at them."""
        with self._mutex:
            self._look()
            if self._trouble and self._context is not None:
                return f"the new certificates are refused, the last good ones stay: {self._trouble}"
            if self._secret is not None and self._end is not None:
                return warning(self._secret, self._end)
            return self._trouble

    def context(self) -> ssl.SSLContext:
        """Return the context to make the next handshake with.

        Raises:
            SecretError: there is none, and there never was.
        """
        with self._mutex:
            self._look()
            if self._context is None:
                raise SecretError(self._trouble)
            return self._context

    def _look(self) -> None:
        """Load what has changed."""
        stamps: object = None
        try:
            secret = self._secrets.find(self._name)
            stamps = secret, secret.stamps
            if stamps == self._judged:
                return
            made, end = self._make(secret), end_of(secret)
        except (SecretError, OSError) as error:
            self._refuse(stamps, str(error), passing=_may_pass(error))
            return
        if self._context is not None or self._trouble:
            logger.info("certificates loaded", secret=self._name)
        self._context, self._judged, self._trouble = made, stamps, ""
        self._secret, self._end = secret, end
        if end is not None and (why := warning(secret, end)):
            logger.warning("certificate to be renewed", secret=self._name, reason=why)

    def _refuse(self, stamps: object, why: str, *, passing: bool) -> None:
        """Beside a good context, what is wrong counts once it has been seen twice: half of it may be written."""
        settled, self._suspected = self._context is None or stamps == self._suspected, stamps
        if not settled:
            return
        self._judged = None if passing else stamps
        if why != self._trouble and self._context is not None:
            logger.error("certificates refused, the last good ones stay", secret=self._name, reason=why)
        self._trouble = why


def _may_pass(error: Exception) -> bool:
    """Whether the files may be read the next time though they are the same."""
    reason = error.__cause__ if isinstance(error, SecretError) else error
    return isinstance(reason, OSError) and not isinstance(reason, ssl.SSLError) and is_passing(reason)
