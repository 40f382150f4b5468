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

    def __init__(self, paths: Iterable[Path], *, awaited: bool = False) -> None:
        """Load the manifests.

        awaited: somebody else brings them, as an operator does on a cluster: while they are not there yet, or have
        problems, there are no routes.

        Raises:
            ManifestError: they have problems, and are not awaited; there is nothing to fall back to yet.
        """
        self._paths = tuple(paths)
        self.awaited = awaited
        self.routes: tuple[ClinicRoute, ...] = ()
        """The last good routes."""
        self._seen = self._loaded = self._stamps()
        self.error: ManifestError | None = None
        """What is wrong with the newest manifests, for which the last good routes stay; None if nothing."""
        try:
            self.routes = self._load()
        except ManifestError as error:
            if not awaited:
                raise
            self.error = error

    @property
    def missing(self) -> bool:
        """Whether manifests are awaited that are not there."""
        return self.awaited and self.error is not None and not any(self._loaded.values())

    @property
    def refused(self) -> str:
        """The first problem of the newest manifests; "" if they have none, or are awaited and not there."""
        return "" if self.error is None or self.missing else str(self.error.problems[0])

    def poll(self) -> Change | None:
        """Return what has changed since the last call, or None; costs one `stat` for each file.

        A change counts once two calls in a row have seen the same files, so that half a file is not taken for
        the whole: call this a few times a second. The same broken content is reported once; when it becomes good
        again that is a change, though the routes may be the same. What could not be read for want of a descriptor or
        the like is tried again at each call.
        """
        stamps = self._stamps()
        settled, self._seen = stamps == self._seen, stamps
        if not settled or (stamps == self._loaded and not self._passing):
            return None
        self._loaded = stamps
        try:
            routes = self._load()
        except ManifestError as error:
            known = self.error is not None and self.error.problems == error.problems
            self.error = error
            return None if known else Change(self.routes, error)
        unchanged = routes == self.routes and self.error is None
        self.routes, self.error = routes, None
        return None if unchanged else Change(routes)

    @property
    def _passing(self) -> bool:
        return self.error is not None and any(problem.passing for problem in self.error.problems)

    def _load(self) -> tuple[ClinicRoute, ...]:
        return tuple(load_manifests(self._paths))

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
