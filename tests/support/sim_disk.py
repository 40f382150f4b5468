"""A simulated volume that can lose power: what a running system sees, and what is certain to survive.

Every file and folder has a volatile state (the page cache, which outlives a killed process) and a durable one. A sync
copies the one to the other; a power cut throws dice for whatever was not synced. It is meaner than the file systems
we know: changes of names survive one by one and in any order, whatever was done before or after them. Only a rename is
one change, as on every journalling file system.
"""

import errno
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TypeAlias

from dicomrs.spool.fs import APPEND, CREATE, Data

# (+name, -name or content, number of choices) -> which one; 0: nothing that was not synced survives.
Choose: TypeAlias = Callable[[str, int], int]


def _error(kind: type[OSError], number: int, path: str) -> OSError:
    return kind(number, os.strerror(number), path)


class File:
    """Content, volatile and durable; and who holds its flock: open description -> whether shared."""

    def __init__(self) -> None:
        self.data = self.durable = b""
        self.locks: dict[int, bool] = {}


class Folder:
    """Names, volatile and durable."""

    def __init__(self) -> None:
        self.entries: dict[str, Node] = {}
        self.durable: dict[str, Node] = {}


Node: TypeAlias = File | Folder
Edit: TypeAlias = tuple[Folder, str, Node | None]  # None: the name goes
Change: TypeAlias = tuple[Edit, ...]  # happens whole or not at all


class Disk:
    """The volume, and how it fares in a power cut."""

    def __init__(self) -> None:
        self.root = Folder()
        self.pending: list[Change] = []
        self.descriptors = count(3)
        self.changes = 0  # to tell whether anything happened
        self._open: dict[int, set[str]] = defaultdict(set)  # folder -> names with a pending change
        self._open_since = 0

    def change(self, *edits: Edit) -> None:
        """Change names; not durable yet."""
        self.changes += 1
        for folder, name, node in edits:
            _edit(folder.entries, name, node)
        self.pending.append(edits)

    def sync_folder(self, folder: Folder) -> None:
        """Make a folder's names durable, and nothing else but the other half of a rename."""
        self.changes += 1
        wanted: list[Change] = []
        others: list[Change] = []
        keys: set[tuple[int, str]] = set()
        for change in reversed(self.pending):  # what came before on the same name is superseded: settled as well
            if any(where is folder or (id(where), name) in keys for where, name, _ in change):
                keys.update((id(where), name) for where, name, _ in change)
                wanted.append(change)
            else:
                others.append(change)
        for change in reversed(wanted):
            self._persist(change)
        self.pending = others[::-1]

    @staticmethod
    def _persist(change: Change) -> None:
        for folder, name, node in change:
            _edit(folder.durable, name, node)

    def certain(self, folder: Folder) -> Mapping[str, Node]:
        """The names that every power cut leaves as they are."""
        if self._open_since != self.changes:
            self._open_since, self._open = self.changes, defaultdict(set)
            for change in self.pending:
                for where, name, _ in change:
                    self._open[id(where)].add(name)
        if id(folder) not in self._open:
            return folder.durable
        return {name: node for name, node in folder.durable.items() if name not in self._open[id(folder)]}

    def power_cut(self, choose: Choose) -> None:
        """Keep what is durable, and of the rest what `choose` keeps."""
        self.changes += 1
        for change in self.pending:
            _, name, node = change[-1]
            if choose(f"+{name}" if node else f"-{name}", 2):
                self._persist(change)
        self.pending = []
        for node in self.walk(self.root, durable=True):
            if isinstance(node, Folder):
                node.entries = dict(node.durable)
            else:
                kept = _torn(node.durable, node.data)
                node.data = node.durable = kept[choose("content", len(kept))] if len(kept) > 1 else kept[0]
                node.locks = {}

    def walk(self, folder: Folder, *, durable: bool = False) -> Iterator[Node]:
        """Every file and folder under a folder."""
        yield folder
        for node in (folder.durable if durable else folder.entries).values():
            if isinstance(node, Folder):
                yield from self.walk(node, durable=durable)
            else:
                yield node

    def find(self, path: str) -> Node:
        """The file or folder at a path."""
        node: Node = self.root
        for name in path.split("/"):
            if not name:
                continue
            if not isinstance(node, Folder):
                raise _error(NotADirectoryError, errno.ENOTDIR, path)
            if name not in node.entries:
                raise _error(FileNotFoundError, errno.ENOENT, path)
            node = node.entries[name]
        return node

    def folder(self, path: str) -> Folder:
        """The folder at a path."""
        node = self.find(path)
        if not isinstance(node, Folder):
            raise _error(NotADirectoryError, errno.ENOTDIR, path)
        return node

    def place(self, path: str) -> tuple[Folder, str]:
        """The folder that holds a path, and the name in it."""
        parent, _, name = path.rpartition("/")
        return self.folder(parent), name


def _edit(entries: dict[str, Node], name: str, node: Node | None) -> None:
    if node is None:
        entries.pop(name, None)
    else:
        entries[name] = node


def _torn(durable: bytes, data: bytes) -> list[bytes]:
    """What a power cut may leave of a file: first nothing of what was not synced, last all of it."""
    if durable == data:
        return [data]
    same = next((at for at, (old, new) in enumerate(zip(durable, data, strict=False)) if old != new), len(durable))
    middle = (same + len(data)) // 2
    return [durable, *(data[:cut] + durable[cut:] for cut in (middle, len(data) - 1)), data]


@dataclass
class Description:
    """An open file."""

    file: File
    append: bool
    position: int = 0


@dataclass
class SimFileSystem:
    """One process's view of the volume (dicomrs.spool.fs.FileSystem).

    step(call, path) is called before every call: there the process hands over, and there it dies.
    wait(condition) is called until the condition holds, where the real call would block.
    """

    disk: Disk
    step: Callable[[str, str], None]
    wait: Callable[[Callable[[], bool]], None]
    opened: dict[int, Description] = field(default_factory=dict)

    def open(self, path: str, flags: int) -> int:
        self.step("open", path)
        folder, name = self.disk.place(path)
        if name not in folder.entries and flags in (CREATE, APPEND):
            self.disk.change((folder, name, File()))
        elif flags == CREATE:
            raise _error(FileExistsError, errno.EEXIST, path)
        return self._describe(path, append=flags == APPEND)

    def _describe(self, path: str, *, append: bool = False) -> int:
        node = self.disk.find(path)
        if isinstance(node, Folder):
            raise _error(IsADirectoryError, errno.EISDIR, path)
        fd = next(self.disk.descriptors)
        self.opened[fd] = Description(node, append)
        return fd

    def close(self, fd: int) -> None:
        self.step("close", "")
        self._drop(fd)

    def _drop(self, fd: int) -> None:
        self.opened.pop(fd).file.locks.pop(fd, None)

    def die(self) -> None:
        """The process is gone: so are its descriptors and its locks. The page cache stays."""
        for fd in list(self.opened):
            self._drop(fd)

    def writev(self, fd: int, pieces: Sequence[Data]) -> int:
        self.step("write", "")
        data = b"".join(pieces)
        description = self.opened[fd]
        at = len(description.file.data) if description.append else description.position
        description.position = at + self._put(description.file, data, at)
        return len(data)

    def pwrite(self, fd: int, data: Data, offset: int) -> int:
        self.step("write", "")
        return self._put(self.opened[fd].file, data, offset)

    def _put(self, file: File, data: Data, offset: int) -> int:
        assert offset <= len(file.data), "the spool never leaves holes"
        self.disk.changes += 1
        file.data = file.data[:offset] + bytes(data) + file.data[offset + len(data) :]
        return len(data)

    def pread(self, fd: int, count: int, offset: int) -> bytes:
        self.step("pread", "")
        return self.opened[fd].file.data[offset : offset + count]

    def size(self, fd: int) -> int:
        self.step("size", "")
        return len(self.opened[fd].file.data)

    def fsync(self, fd: int) -> None:
        self.step("fsync", "")
        self.disk.changes += 1
        self.opened[fd].file.durable = self.opened[fd].file.data

    def fsync_dir(self, path: str) -> None:
        self.step("fsync_dir", path)
        self.disk.sync_folder(self.disk.folder(path))

    def link(self, source: str, target: str) -> None:
        self.step("link", target)
        node = self.disk.find(source)
        folder, name = self.disk.place(target)
        if name in folder.entries:
            raise _error(FileExistsError, errno.EEXIST, target)
        self.disk.change((folder, name, node))

    def rename(self, source: str, target: str) -> None:
        self.step("rename", target)
        node = self.disk.find(source)
        folder, name = self.disk.place(target)
        replaced = folder.entries.get(name)
        if isinstance(replaced, Folder) and replaced.entries:
            raise _error(OSError, errno.ENOTEMPTY, target)
        self.disk.change((*self.disk.place(source), None), (folder, name, node))

    def unlink(self, path: str) -> None:
        self.step("unlink", path)
        if isinstance(self.disk.find(path), Folder):
            raise _error(IsADirectoryError, errno.EISDIR, path)
        self.disk.change((*self.disk.place(path), None))

    def mkdir(self, path: str) -> None:
        self.step("mkdir", path)
        folder, name = self.disk.place(path)
        if name in folder.entries:
            raise _error(FileExistsError, errno.EEXIST, path)
        self.disk.change((folder, name, Folder()))

    def rmdir(self, path: str) -> None:
        self.step("rmdir", path)
        if self.disk.folder(path).entries:
            raise _error(OSError, errno.ENOTEMPTY, path)
        self.disk.change((*self.disk.place(path), None))

    def listdir(self, path: str) -> list[str]:
        """Not of one moment, no more than on a real volume: names with a _ are read a call later than the others."""
        self.step("listdir", path)
        folder = self.disk.folder(path)
        early = [name for name in folder.entries if "_" not in name]
        self.step("listdir goes on", path)
        return early + [name for name in folder.entries if "_" in name]

    def exists(self, path: str) -> bool:
        self.step("exists", path)
        try:
            self.disk.find(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def is_dir(self, path: str) -> bool:
        self.step("is_dir", path)
        return isinstance(self.disk.find(path), Folder)

    def age(self, path: str) -> float:
        self.step("age", path)
        self.disk.find(path)
        return 0.0

    def free(self, path: str) -> tuple[int, int, int]:
        self.step("free", path)
        return 1 << 40, 1 << 41, 1 << 20

    def lock(self, path: str, *, shared: bool = False, wait: bool = True) -> int:
        self.step("lock", path)
        folder, name = self.disk.place(path)
        if name not in folder.entries:
            self.disk.change((folder, name, File()))
        fd = self._describe(path)
        file = self.opened[fd].file

        def is_free() -> bool:
            return not file.locks or (shared and all(file.locks.values()))

        if not wait and not is_free():
            self._drop(fd)
            raise _error(BlockingIOError, errno.EWOULDBLOCK, path)
        self.wait(is_free)
        file.locks[fd] = shared
        return fd
