"""Where the certificates are that a route names: a folder for each secret, or the files of all in one folder.

The second is what a cluster mounts: one Secret with the copies of those that the routes name, whose keys cannot have
folders in them.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from dicomrs.route.load import Path
from dicomrs.route.watch import Stamp, stamp

CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"
AUTHORITY: Final = "ca.crt"
FILES: Final = (CERTIFICATE, KEY, AUTHORITY)
SECRETS: Final = "secrets"


class SecretError(Exception):
    """A secret that is missing or cannot be used; the message is one line that names the file and says what to do."""


@dataclass(frozen=True, slots=True)
class Secret:
    """The files of a secret: those in the folder `place`; flat: those beside it, `place.tls.crt` and so on."""

    place: str
    flat: bool = False

    def __str__(self) -> str:
        return f"{self.place}.*" if self.flat else self.place

    def path(self, name: str) -> str:
        """The path of one of its files."""
        return f"{self.place}.{name}" if self.flat else f"{self.place}/{name}"

    def has(self, name: str) -> bool:
        """Whether it has such a file."""
        return os.path.exists(self.path(name))

    @property
    def stamps(self) -> tuple[Stamp, ...]:
        """What changes when a file does, be it replaced, written anew, or behind a link that is swapped."""
        return tuple(stamp(self.path(name)) for name in FILES)


class Secrets:
    """Finds secrets by their names (`tls.secretName`)."""

    def __init__(self, folders: Iterable[str]) -> None:
        """folders: each holds secrets, whose names have no dots."""
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
        found = [Secret(place) for place in places if os.path.isdir(place)]
        flat = [Secret(place, flat=True) for place in places]
        found += [secret for secret in flat if any(map(secret.has, FILES))]
        if len(found) > 1:
            both = " and ".join(map(str, found))
            raise SecretError(f"{both} are secrets of one name (tls.secretName): give each its own")
        if not found:
            raise SecretError(
                f"there is no folder {' or '.join(places)}: make it and put {CERTIFICATE}, {KEY} and {AUTHORITY} into "
                f"it (docs/tls.md says how), on a cluster make a Secret of that name with these keys, or correct "
                "tls.secretName"
            )
        return found[0]


def _folder(manifest: str) -> str:
    return manifest if os.path.isdir(manifest) else os.path.dirname(manifest)
