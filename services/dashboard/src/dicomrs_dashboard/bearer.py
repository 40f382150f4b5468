"""The bearer token that programs show (RFC 6750); it lies in a file, which is a mounted Secret on a cluster."""

import hmac

from dicomrs.spool.fs import OsFileSystem, read_all

_LARGEST = 4096  # bytes


class BearerToken:
    """Read anew for each request: a file is replaced when its Secret is, and reading it takes microseconds."""

    def __init__(self, path: str | None) -> None:
        """path: None where there is no such file, and no program is let in."""
        self._path = path

    def refusal(self, authorization: str) -> str:
        """Why a request with this Authorization header is refused, "" if it is not."""
        if self._path is None:
            return "no program is let in: the dashboard runs without --token-file"
        token = self._read(self._path)
        if not token:
            return f"there is no token in {self._path}: on a cluster the operator makes it; nobody is let in until then"
        scheme, _, shown = authorization.partition(" ")
        if scheme.lower() != "bearer" or not shown:
            return "this needs the header Authorization: Bearer, with the token of the dashboard"
        # Takes as long for a token that is wrong at its end as for one that is wrong at its start.
        if not hmac.compare_digest(shown.strip().encode("utf-8", "surrogateescape"), token):
            return "this is not the token of the dashboard"
        return ""

    def _read(self, path: str) -> bytes:
        try:
            return read_all(OsFileSystem(), path, _LARGEST).strip()
        except OSError:
            return b""
