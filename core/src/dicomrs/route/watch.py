"""Manifests that change while a service runs."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

from dicomrs.route.load import Path, load_manifests, manifest_files
from dicomrs.route.model import ClinicRoute
from dicomrs.route.problems import ManifestError

Stamp = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What a poll found: the routes to run from now on, or why the ones that run stay."""

    routes: tuple[ClinicRoute, ...]
    error: ManifestError | None = None
    """Not None: the manifests are broken or gone, and `routes` are the last good ones."""


class Manifests:
    """Watches manifest files and folders by asking for their stamps.

    Files replaced by rename and the swapped links of a mounted ConfigMap are seen; no library's limits apply.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        """Load the manifests.

        Raises:
            ManifestError: they have problems; there is nothing to fall back to yet.
        """
        self._paths = tuple(paths)
        self._seen = self._loaded = self._stamps()
        self._error: ManifestError | None = None
        self.routes = tuple(load_manifests(self._paths))
        """The last good routes."""

    def poll(self) -> Change | None:
        """Return what has changed since the last call, or None; costs one `stat` for each file.

        A change counts once two calls in a row have seen the same files, so that half a file is not taken for
        the whole: call this every second or so. The same broken content is reported once; when it becomes good
        again that is a change, though the routes may be the same.
        """
        stamps = self._stamps()
        settled, self._seen = stamps == self._seen, stamps
        if not settled or stamps == self._loaded:
            return None
        self._loaded = stamps
        try:
            routes = tuple(load_manifests(self._paths))
        except ManifestError as error:
            known = self._error is not None and self._error.problems == error.problems
            self._error = error
            return None if known else Change(self.routes, error)
        unchanged = routes == self.routes and self._error is None
        self.routes, self._error = routes, None
        return None if unchanged else Change(routes)

    def _stamps(self) -> dict[str, Stamp]:
        stamps: dict[str, Stamp] = {}
        for path in self._paths:
            try:
                files = manifest_files(path)
            except ManifestError:
                files = []  # loading says what is wrong
            stamps |= {file: stamp(file) for file in files}
        return stamps


def stamp(file: str) -> Stamp:
    """Return what changes when a file is replaced or written to; () if it cannot be had."""
    try:
        found = os.stat(file)
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
