"""Child processes of the tests: real programs with a log file, a port each, and a sure end."""

import os
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle
from pathlib import Path

from support.polling import eventually

LOOPBACK = "127.0.0.1"
# The Debian package that brings a program which a test may need.
PACKAGES = {
    "Orthanc": "orthanc",
    "cc": "gcc libc6-dev",
    "chromium": "chromium",
    "dcmsend": "dcmtk",
    "echoscu": "dcmtk",
    "fsfreeze": "util-linux",
    "ip": "iproute2",
    "losetup": "mount",
    "mkfs.ext4": "e2fsprogs",
    "mkfs.xfs": "xfsprogs",
    "mount": "mount",
    "nginx": "nginx-light",
    "prlimit": "util-linux",
    "nft": "nftables",
    "openssl": "openssl",
    "setpriv": "util-linux",
    "storescp": "dcmtk",
    "storescu": "dcmtk",
    "unshare": "util-linux",
}


# Programs of the cluster's world, which Debian does not have.
TOOLS = {"helm": "https://helm.sh/docs/intro/install", "kubectl": "https://kubernetes.io/docs/tasks/tools"}


def how_to_get(name: str) -> str:
    """Where a program comes from that a test may need."""
    return TOOLS.get(name) or f"apt-get install {PACKAGES[name]}"


def find_program(name: str) -> str | None:
    """The path of a program; servers live where an ordinary user's PATH does not look.

    Not in Python's own environment: pynetdicom puts programs of its own there that bear the names of DCMTK's.
    """
    own = os.path.dirname(sys.executable)
    folders = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder != own]
    return shutil.which(name, path=os.pathsep.join([*folders, "/usr/sbin", "/sbin"]))


# Below those that the system gives to outgoing connections, and each once: two that are chosen before either is used
# never are the same, not even where a generator of test cases sets the seed anew.
_PORTS = cycle(random.sample(range(15_000, 32_000), 17_000))


def free_port() -> int:
    """A port that nobody listens on, and that was given to nobody else here.

    A service that is killed and started again must find it free.
    """
    while True:
        port = next(_PORTS)
        with socket.socket() as sock, suppress(OSError):
            sock.bind((LOOPBACK, port))
            return port


def is_open(port: int) -> bool:
    """Whether somebody listens on the port."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


class Child:
    """A program that runs until it is stopped; its standard output and error go to a file."""

    def __init__(self, command: Sequence[str], log: Path, cwd: Path | None = None) -> None:
        """Start it; `log` is appended to, so that it tells the story of several starts."""
        self.command = [str(part) for part in command]
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=cwd
            )

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def wait_for_port(self, port: int) -> None:
        """Until it accepts connections there."""
        eventually(lambda: self._must_live() and is_open(port), f"{self.command[0]} listens on {port}")

    def _must_live(self) -> bool:
        assert self.alive, f"{self.command} ended with {self.process.returncode}:\n{tail(self.log)}"
        return True

    def kill(self) -> None:
        """As a power cut would: SIGKILL."""
        self.process.kill()
        self.process.wait(30)

    def stop(self, within: float = 60.0) -> int:
        """As a service manager would: SIGTERM; return the exit code."""
        self.process.terminate()
        return self.wait(within)

    def wait(self, within: float = 60.0) -> int:
        """Return the exit code once it has ended."""
        return self.process.wait(within)

    def close(self) -> None:
        """End it, however."""
        if self.alive:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


def tail(path: Path, lines: int = 25) -> str:
    """The last lines of a log."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else "(no log)"


def run(
    command: Sequence[object], within: float = 120.0, descriptors: Sequence[int] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; its output comes back, its exit code is for the caller to judge.

    descriptors: of this process, that it gets as well.
    """
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=within,
        check=False,
        stdin=subprocess.DEVNULL,
        pass_fds=descriptors,
    )
