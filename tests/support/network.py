"""Networks of network namespaces: machines with cables, addresses, routes and firewalls of their own."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.polling import eventually
from support.processes import Child, run

PROGRAMS = ("ip", "nft", "unshare")
"""What a test of a network needs."""


class Machine:
    """One namespace; its programs end with it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.enter = ["nsenter", f"--net=/run/netns/{name}"]
        self._children: list[Child] = []
        must("ip", "netns", "add", name)
        self.must("ip", "link", "set", "lo", "up")
        self.must("sysctl", "-qw", "net.ipv4.ip_forward=1")
        # The kernel answers a thousand ICMP messages a second, unless asked not to.
        self.must("sysctl", "-qw", "net.ipv4.ping_group_range=0 0", "net.ipv4.icmp_ratelimit=0")

    def must(self, *words: object) -> str:
        """Run a program in there, which must succeed; what it says."""
        return must(*self.enter, *words)

    def start(self, command: Sequence[object], log: Path, port: int = 0) -> Child:
        """Start a program in there; port: where it is to listen, before this returns."""
        child = Child([*self.enter, *(str(word) for word in command)], log)
        self._children.append(child)
        if port:
            eventually(lambda: self.listens(port) or not child.alive, f"{command[0]} listens on {port}")
            assert child.alive, log.read_text(errors="replace")
        return child

    def listens(self, port: int) -> bool:
        """Whether somebody listens there."""
        return bool(self.must("ss", "-ltnH", f"sport = :{port}").strip())

    def firewall(self, rule: str, table: str = "wall") -> None:
        """Add a rule to what comes in or goes through, such as `tcp dport 104 drop`; table: to be taken away by."""
        for hook in ("input", "forward"):
            self.must("nft", f"add table inet {table}")
            self.must("nft", f"add chain inet {table} {hook} {{ type filter hook {hook} priority 0 ; }}")
            self.must("nft", f"add rule inet {table} {hook} {rule}")

    def close(self) -> None:
        """End all in there."""
        for child in self._children:
            child.close()
        run(["ip", "netns", "del", self.name])


def must(*words: object) -> str:
    """Run a program, which must succeed; what it says."""
    done = run(words)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


def cable(one: Machine, one_end: str, other: Machine, other_end: str) -> None:
    """Connect two machines; an end is `interface address/prefix`."""
    left, address = one_end.split()
    right, other_address = other_end.split()
    must("ip", "link", "add", left, "netns", one.name, "type", "veth", "peer", "name", right, "netns", other.name)
    for machine, name, given in ((one, left, address), (other, right, other_address)):
        machine.must("ip", "addr", "add", given, "dev", name)
        machine.must("ip", "link", "set", name, "up")


@contextmanager
def machines(*names: str) -> Iterator[list[Machine]]:
    """Machines without a cable; the test is skipped where this user may not make them."""
    if (tried := run(["unshare", "-n", "true"])).returncode:
        pytest.skip(f"may not make a network namespace: {tried.stderr.strip()}")
    made: list[Machine] = []
    try:
        made.extend(Machine(f"dicomrs-{os.getpid()}-{name}") for name in names)
        yield made
    finally:
        for machine in made:
            machine.close()
