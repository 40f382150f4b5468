"""A service's log lines in files: written behind its back, so that a slow, full or hanging volume never disturbs it.

The lines go to standard error as well; what a file lacks is there.
"""

import atexit
import errno
import fcntl
import json
import os
import threading
from collections import deque
from contextlib import suppress
from datetime import datetime
from typing import Final

from dicomrs.log_files import FILES, LARGEST, log_path

_LOOK_SECONDS: Final = 0.2
_WAITING_LIMIT: Final = 4 * 1024 * 1024  # bytes of lines that the volume has not taken yet
_CLOSE_SECONDS: Final = 2.0
LEFT_FREE: Final = 32 * 1024 * 1024
"""With fewer bytes free on the volume nothing is written: the ballast is given back for receipts (spool.space), and the
lines of all services that wait would take it."""
_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


class LogWriter:
    """Appends to <folder>/<service>.jsonl and puts that aside when it is full; the oldest goes.

    Where several processes of one service write to one folder (one waits while another goes, as in an upgrade), their
    lines are in one file.
    """

    def __init__(self, folder: str, service: str) -> None:
        """folder: it and its parent are made once what is above them is there: a volume may not be mounted yet."""
        self._folder = folder
        self._service = service
        self._path = log_path(folder, service)
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._lost = 0
        self._torn = False
        self._fd: int | None = None
        self._mutex = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def put(self, line: str) -> None:
        """Have a line written; returns at once. Where too many wait, the line is lost, and the file will say so."""
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        with self._mutex:
            if self._bytes + len(data) > _WAITING_LIMIT:
                self._lost += 1
            else:
                self._waiting.append(data)
                self._bytes += len(data)

    def close(self) -> None:
        """Write what is there, if the volume takes it soon."""
        self._stop.set()
        self._thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        last = False
        while not last:
            last = self._stop.wait(_LOOK_SECONDS)
            with suppress(
                OSError
            ):  # tried again at the next look: standard error has the lines, and its volume's state
                self._write_out()

    def _write_out(self) -> None:
        """Write all that waits; what an error keeps from being written stays in front."""
        if not (self._waiting or self._lost):
            return
        self._see_to_room()
        with self._mutex:
            lines, lost = list(self._waiting), self._lost
            self._waiting.clear()
            self._bytes = self._lost = 0
        if lost:
            lines.append(self._confession(lost))
        written = 0
        try:
            for line in lines:
                self._write(line)
                written += 1
        finally:
            with self._mutex:
                kept = lines[written:]
                if lost and kept:
                    kept.pop()
                    self._lost += lost
                self._waiting.extendleft(reversed(kept))
                self._bytes += sum(map(len, kept))

    def _see_to_room(self) -> None:
        volume = os.statvfs(os.path.dirname(os.path.dirname(self._folder)))
        if volume.f_bavail * volume.f_frsize < LEFT_FREE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._folder)

    def _write(self, line: bytes) -> None:
        fd = self._open(len(line))
        rest = memoryview(b"\n" + line if self._torn else line)
        while rest:
            rest = rest[os.write(fd, rest) :]
            self._torn = bool(rest)

    def _open(self, room: int) -> int:
        """The current file, with room for so many bytes, or empty."""
        while True:
            fd = self._current()
            size = os.fstat(fd).st_size
            if not size or size + room <= LARGEST:
                return fd
            fcntl.flock(fd, fcntl.LOCK_EX)  # of two processes one puts it aside
            if _is(fd, self._path):
                for number in reversed(range(1, FILES)):
                    with suppress(FileNotFoundError):
                        os.replace(
                            log_path(self._folder, self._service, number - 1),
                            log_path(self._folder, self._service, number),
                        )
            self._close()

    def _current(self) -> int:
        """The file of that name, made if absent."""
        if self._fd is not None and not _is(self._fd, self._path):  # put aside, or removed by a person
            self._close()
        if self._fd is None:
            for folder in (os.path.dirname(self._folder), self._folder):
                with suppress(FileExistsError):
                    os.mkdir(folder, 0o750)
            self._fd = os.open(self._path, _FLAGS, 0o640)
        return self._fd

    def _close(self) -> None:
        fd, self._fd, self._torn = self._fd, None, False
        if fd is not None:
            os.close(fd)

    def _confession(self, lost: int) -> bytes:
        at = datetime.now().astimezone().isoformat()
        told = {"service": self._service, "event": "log lines lost", "lines": lost, "level": "warning", "timestamp": at}
        return json.dumps(told).encode() + b"\n"


def _is(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False
