"""The networks of a clinic, as container networks, and the machines on them, as containers.

scanner 172.22.61.50 --- htr 172.22.61.0/24 --- 172.22.61.14 node 192.168.10.14 --- clinic 192.168.10.0/24
                                                   targets 192.168.10.16, .17 and a stranger .66 ---'
"""

from contextlib import suppress

from support.cluster.kind import NAME, PEERS_IMAGE, Cluster
from support.cluster.programs import CallError, call
from support.polling import eventually

HTR, CLINIC = f"kind-{NAME}-htr", f"kind-{NAME}-clinic"
# Docker gives a container the default route of the network whose name comes first; that must go on being `kind`.
assert min(HTR, CLINIC) > "kind"
HTR_ADDRESS, CLINIC_ADDRESS = "172.22.61.14", "192.168.10.14"
NODE = {HTR: HTR_ADDRESS, CLINIC: CLINIC_ADDRESS}
SUBNETS = {HTR: "172.22.61.0/24", CLINIC: "192.168.10.0/24"}
LABEL = f"{NAME}=peer"  # of every container here but the node
SCANNER, ZEROCLICK, TAP, STRANGER = "172.22.61.50", "192.168.10.16", "192.168.10.17", "192.168.10.66"


class Networks:
    """Both networks, with the node on them."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._engine = cluster.engine

    def make(self) -> None:
        """Make them and put the node on them."""
        # podman would make each network's gateway a name server of the node.
        options = ["--disable-dns"] if self._engine == "podman" else []
        for network, subnet in SUBNETS.items():
            call(self._engine, "network", "create", *options, "--subnet", subnet, network)
        self.connect_node()

    def connect_node(self, *networks: str) -> None:
        """Give the node its addresses: on these networks, on all if none is named."""
        for network in networks or NODE:
            if network not in self._networks_of_node():
                call(self._engine, "network", "connect", "--ip", NODE[network], network, self.cluster.node)

    def _networks_of_node(self) -> list[str]:
        names = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}"
        return call(self._engine, "inspect", "-f", names, self.cluster.node).split()

    def add_address(self, address: str) -> None:
        """Give the node one more address on the scanners' network, until it is restarted."""
        self.cluster.on_node("ip", "address", "replace", f"{address}/24", "dev", self._scanners_interface())

    def remove_address(self, address: str) -> None:
        """Take it away again."""
        self.cluster.on_node("ip", "address", "delete", f"{address}/24", "dev", self._scanners_interface())

    def _scanners_interface(self) -> str:
        return self.cluster.on_node("ip", "-o", "address", "show", "to", HTR_ADDRESS).split()[1]

    def restart_node(self) -> None:
        """As after a power cut; the node comes back with one network only, as kind wants it: connect_node() is next."""
        for network in NODE:
            call(self._engine, "network", "disconnect", network, self.cluster.node)
        call(self._engine, "restart", "-t", "0", self.cluster.node)
        # A second address that comes before kind's entry point has looked ends it.
        eventually(self._kubelet_runs, "the kubelet runs")

    def _kubelet_runs(self) -> bool:
        try:
            return self.cluster.on_node("systemctl", "is-active", "kubelet").strip() == "active"
        except CallError:
            return False

    def remove(self) -> None:
        """Be rid of them and of every machine on them, whoever started it."""
        if machines := call(self._engine, "ps", "-aq", "--filter", f"label={LABEL}").split():
            call(self._engine, "rm", "-f", "-v", *machines)
        for network in SUBNETS:
            with suppress(CallError):  # there is no node, or it is on no such network
                call(self._engine, "network", "disconnect", "--force", network, self.cluster.node)
            with suppress(CallError):  # there is none
                call(self._engine, "network", "rm", network)


class Machine:
    """A container on one of the networks, of the image of peers."""

    def __init__(self, engine: str, name: str, network: str, address: str) -> None:
        self.name = f"{NAME}-{name}"
        self.address = address
        self._engine = engine
        self._network = network
        # Always the same: others go on sending to the one they know for some seconds.
        self._mac = ":".join(["02", "42", *(f"{int(part):02x}" for part in address.split("."))])

    def start(self, *command: object, options: tuple[str, ...] = ()) -> None:
        """Run it anew, with nothing left of an earlier one."""
        self.remove()
        call(
            self._engine, "run", "-d", "--name", self.name, "--network", self._network, "--ip", self.address,
            "--mac-address", self._mac, "--label", LABEL, *options, PEERS_IMAGE, *command,
        )  # fmt: skip

    def down(self) -> None:
        """As by its power button: nobody answers at its address; its disk is kept."""
        call(self._engine, "kill", self.name)

    def up(self) -> None:
        """Once more, with its disk."""
        call(self._engine, "start", self.name)

    def run(self, *command: object, within: float = 300) -> str:
        """Run a program on it to its good end, and return what it printed."""
        return call(self._engine, "exec", self.name, *command, within=within)

    def put(self, source: object, path: str) -> None:
        """Copy a file or folder onto it."""
        call(self._engine, "cp", source, f"{self.name}:{path}")

    def log(self) -> str:
        """What its program has printed on standard output."""
        return call(self._engine, "logs", self.name)

    def published(self, port: int) -> str:
        """HOST:PORT on this machine's loopback, of a port that `-p 127.0.0.1::PORT` has published."""
        return call(self._engine, "port", self.name, f"{port}/tcp").split()[0]

    def remove(self) -> None:
        """Be rid of it, if it is there."""
        with suppress(CallError):
            call(self._engine, "kill", self.name)  # podman's `rm -f` asks politely first, and waits
        with suppress(CallError):
            call(self._engine, "rm", "-f", "-v", self.name)
