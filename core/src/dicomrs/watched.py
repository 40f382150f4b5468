"""Whether somebody looks at a root's figures at the moment: then scu asks idle targets more often whether they answer.

The dashboard renews a file under .status/ while a page is open. It can be deleted at any time.
"""

import os
from contextlib import suppress
from typing import Final

from dicomrs.spool.fs import FileSystem
from dicomrs.spool.layout import STATUS

_FILE: Final = "watched"
SECONDS: Final = 15.0
"""So long somebody counts as looking after the file was renewed."""


def note_watched(root: str) -> None:
    """Say that somebody looks. A failure is no failure: targets are then asked less often."""
    path = f"{root}/{STATUS}/{_FILE}"
    with suppress(OSError):
        # O_NONBLOCK: a pipe in its place must not hang.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o640))
        os.utime(path)


def is_watched(fs: FileSystem, root: str) -> bool:
    """Whether somebody does."""
    try:
        return abs(fs.age(f"{root}/{STATUS}/{_FILE}")) < SECONDS  # not a year, should the clock be set back by one
    except OSError:
        return False
