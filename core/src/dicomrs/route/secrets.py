"""Where the certificates are that a route names: one folder for each secret, on one machine and on a cluster."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from dicomrs.route.load import Path
from dicomrs.route.watch import Stamp, stamp

CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"
AUTHORITY: Final = "ca.crt"
SECRETS: Final = "secrets"


class SecretError(Exception):
    """A secret that is missing or cannot be used; the message is one line that names the file and says what to do."""


@dataclass(frozen=True, slots=True)
class Secret:
    """The folder of a secret."""

    folder: str

    def path(self, name: str) -> str:
        """The path of one of its files."""
        return os.path.join(self.folder, name)

    def has(self, name: str) -> bool:
        """Whether it has such a file."""
        return os.path.exists(self.path(name))

    @property
    def stamps(self) -> tuple[Stamp, ...]:
        """What changes when a file does, be it replaced, written anew, or behind a link that is swapped."""
        return tuple(stamp(self.path(name)) for name in (CERTIFICATE, KEY, AUTHORITY))


class Secrets:
    """Finds secrets by their names (`tls.secretName`)."""

    def __init__(self, folders: Iterable[str]) -> None:
        """folders: each holds a folder for every secret."""
        self._folders = list(dict.fromkeys(os.path.normpath(folder) for folder in folders))

    @classmethod
    def beside(cls, manifests: Iterable[Path], folder: Path | None = None) -> "Secrets":
        """Those of `folder`, or if that is None of `secrets/` beside each manifest: in it, if it is a folder."""
        if folder is not None:
            return cls([os.fspath(folder)])
        return cls(os.path.join(_folder(os.fspath(path)), SECRETS) for path in manifests)

    def find(self, name: str) -> Secret:
        """Return the secret of this name.

        Raises:
            SecretError: there is none, or there are several and any of them could be meant.
        """
        places = [os.path.join(folder, name) for folder in self._folders]
        found = [place for place in places if os.path.isdir(place)]
        if len(found) > 1:
            raise SecretError(f"{' and '.join(found)} are secrets of one name (tls.secretName): give each its own")
        if not found:
            raise SecretError(
                f"there is no folder {' or '.join(places)}: make it and put {CERTIFICATE}, {KEY} and {AUTHORITY} into "
                "it (docs/tls.md says how), or correct tls.secretName"
            )
        return Secret(found[0])


def _folder(manifest: str) -> str:
    return manifest if os.path.isdir(manifest) else os.path.dirname(manifest)
