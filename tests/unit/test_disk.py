"""The volume of a root, looked at: the same sentence that scanners' refusals are logged with, and no byte written."""

import pytest

from dicomrs.disk import look_at_disk
from dicomrs.route import Reserve
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.inbox import Inbox
from dicomrs.spool.proof import prepare_root


class Volume(OsFileSystem):
    """A volume that answers with these figures."""

    def __init__(self, free: int, total: int, files: int) -> None:
        self.figures = free, total, files

    def free(self, _path: str) -> tuple[int, int, int]:
        return self.figures


@pytest.mark.parametrize(
    ("free", "files", "says"),
    [
        (130, 1000, ""),
        (120, 1000, "are reserved (spec.storage.reserve): free some space"),
        (1000, 63, "only 63 files can still be made"),
    ],
)
def test_it_says_what_keeps_the_receiver_from_receiving(free, files, says, tmp_path):
    fs = Volume(free * 10**6, 1000 * 10**6, files)
    seen = look_at_disk(fs, str(tmp_path), Reserve.of("12%"))
    assert (seen.free, seen.total, seen.reserve, seen.files) == (free * 10**6, 10**9, 120 * 10**6, files)
    assert says in seen.shortage
    assert bool(seen.shortage) == bool(says)
    root = str(tmp_path / "root")
    prepare_root(fs, root)
    inbox = Inbox(fs, root, Reserve.of("12%").bytes_of)
    assert inbox.no_room().replace(root, str(tmp_path)) == seen.shortage
    inbox.close()
