"""What a ClinicRoute may and may not say.

For three judges: the route model, the definition's rules read offline, and an API server. Each case changes one thing
of a manifest that all three take.
"""

from dataclasses import dataclass
from typing import Any

GOOD: dict[str, Any] = {
    "apiVersion": "dicomrs.io/v1alpha1",
    "kind": "ClinicRoute",
    "metadata": {"name": "clinic"},
    "spec": {
        "receiver": {"bindAddress": "10.20.30.5"},
        "destinations": [{"name": "zeroclick", "host": "192.168.10.16", "port": 4243, "aeTitle": "ZEROCLICK"}],
    },
}
R, S, D = "spec.receiver.", "spec.storage.", "spec.destinations.0."
BIND, INTERFACE, NETWORKS = R + "bindAddress", R + "interface", R + "allow.networks"
LISTEN, PEERS = D + "commitment.listen", R + "peers"
_TO = {"host": "pacs", "port": 104, "aeTitle": "X"}
_PEER = {"aeTitle": "CT1", "host": "10.20.30.21", "port": 104}

AE = "write an AE title of 1 to 16 printable ASCII characters"
NAME = "write a name of small letters a to z, digits and hyphens"
ROUTE = "write a name for the route of at most 63 small letters"
ADDRESS = 'write an IP address such as "10.20.30.5"'
NETWORK = 'write a network such as "10.20.30.0/24"'
LINK = 'write an interface as "ip link" lists it'
HOST = "write an IP address or a host name"
UID = "write a UID: numbers without leading zeros"
DURATION = 'write a duration such as "90s"'
SIZE = 'write a size such as "128Ki"'
RESERVE = 'write a share below 100 % such as "12%"'
RESERVE_RANGE = 'a size is "1Mi" at least and less than "8Ei"'
ONE_PLACE = 'needs exactly one of "bindAddress"'


@dataclass(frozen=True, slots=True)
class Case:
    """`good` passes and `bad` is refused with `message`; both are changes by dotted path, `...` takes a field away."""

    field: str
    good: dict[str, Any]
    bad: dict[str, Any]
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"[:70]


def one(field: str, good: Any, bad: Any, message: str) -> Case:
    """A case that changes one field."""
    return Case(field, {field: good}, {field: bad}, message)


CASES = [
    one("metadata.name", "a" * 63, "a" * 64, ROUTE),
    one("metadata.name", "clinic-2", "clinic.2", ROUTE),
    one("spec", GOOD["spec"], ..., "Required value"),
    one("spec.receiver", {"bindAddress": "::"}, ..., "Required value"),
    one("spec.suspend", True, "yes", "must be of type boolean"),
    one(R + "suspend", True, 1, "must be of type boolean"),
    one(R + "checkCalledAeTitle", True, "true", "must be of type boolean"),
    one(BIND, "fd00::5", "10.20.30", ADDRESS),
    one(BIND, "0.0.0.0", "10.20.30.5:104", ADDRESS),
    one(BIND, "::ffff:10.20.30.5", "10.20.30.0/24", ADDRESS),
    one(BIND, "fe80::1", "fe80::1%eth0", ADDRESS),
    Case(BIND, {}, {BIND: ..., R + "port": 104}, ONE_PLACE),
    Case(BIND, {BIND: ..., INTERFACE: "eth1.20"}, {INTERFACE: "eth1"}, ONE_PLACE),
    Case(INTERFACE, {BIND: ..., INTERFACE: "a" * 15}, {BIND: ..., INTERFACE: "a" * 16}, "Too long"),
    Case(INTERFACE, {BIND: ..., INTERFACE: "..."}, {BIND: ..., INTERFACE: ".."}, LINK),
    Case(INTERFACE, {BIND: ..., INTERFACE: "eth1@v"}, {BIND: ..., INTERFACE: "eth1:0"}, LINK),
    one(R + "port", 1, 0, "should be greater than or equal to 1"),
    one(R + "port", 65535, 65536, "should be less than or equal to 65535"),
    one(R + "port", 11112, "11112", "must be of type integer"),
    one(R + "aeTitle", "A" * 16, "A" * 17, "Too long"),
    one(R + "aeTitle", "CT 1", "CT\\1", AE),
    one(R + "aeTitle", "a~!", "ÁE", AE),
    one(R + "aeTitle", "[A]", " A", AE),
    one(R + "aeTitle", "A", "", AE),
    one(R + "aeTitle", "A", "A\n", AE),
    one(R + "transferSyntaxes", [], ["1.02"], UID),
    one(R + "transferSyntaxes", ["1.2.840.10008.1.2.4.90"], ["1." + "2" * 63], "Too long"),
    one(R + "transferSyntaxes", ["1.2.0"], ["JPEG"], UID),
    one(R + "allow", {"callingAeTitles": ["CT1"]}, {"callingAeTitles": ["CT1 "]}, AE),
    one(R + "allow", {"callingAeTitles": ["A"] * 256}, {"callingAeTitles": ["A"] * 257}, "must have at most 256 items"),
    one(NETWORKS, ["10.20.30.0/24", "10.20.30.7", "fd00::/64"], ["10.20.30.7/24"], NETWORK),
    one(NETWORKS, ["0.0.0.0/0"], ["10.20.30.0/33"], NETWORK),
    one(NETWORKS, ["10.20.30.7/32"], ["10.20.30.0/255.255.255.0"], NETWORK),
    one(NETWORKS, ["fd00::5"], ["::ffff:10.20.30.0/120"], NETWORK),
    one(NETWORKS, [], ["10.20.30.*"], NETWORK),
    one(R + "limits.associations", 1000, 1001, "should be less than or equal to 1000"),
    one(R + "limits.associationsPerPeer", 1, 0, "should be greater than or equal to 1"),
    one(R + "limits.artim", "10m", "601s", 'write a duration from "1s" to "10m"'),
    one(R + "limits.artim", "1s", "0s", 'write a duration from "1s" to "10m"'),
    one(R + "limits.idle", "23h59m60s", "1d1s", 'write a duration from "1s" to "1d"'),
    one(R + "limits.pdu", "4Ki", "4095", 'write a size from "4Ki" to "1Mi"'),
    one(R + "limits.pdu", 1048576, 1048577, 'write a size from "4Ki" to "1Mi"'),
    one(R + "limits.pdu", "1e5", "64KB", SIZE),
    one(R + "limits.largestObject", "1Ti", "1.1Ti", 'write a size from "1Mi" to "1Ti"'),
    one(R + "limits.largestObject", "1.5G", "1500m", SIZE),
    one(R + "limits.largestObject", "1Mi", -1, SIZE),
    one(R + "tls", {"secretName": "a-1"}, {}, "Required value"),
    one(R + "tls", {"secretName": "a"}, {"secretName": "A_1"}, NAME),
    one(R + "tls", {"secretName": "a" * 63}, {"secretName": "a" * 64}, "Too long"),
    one(
        R + "tls",
        {"secretName": "a", "clientCertificates": "Ignored"},
        {"secretName": "a", "clientCertificates": "ignored"},
        'supported values: "Required", "Ignored"',
    ),
    one(PEERS, [_PEER], [{**_PEER, "aeTitle": "CT\t1"}], AE),
    one(PEERS, [{**_PEER, "host": "ct-1.hospital"}], [{**_PEER, "host": "ct 1"}], HOST),
    one(PEERS, [{**_PEER, "port": 65535}], [{**_PEER, "port": 65536}], "should be less than or equal to 65535"),
    one(S + "root", "/data/dicom", "data/dicom", "write an absolute path"),
    one(S + "root", "/data/..dicom", "/data/../etc", "write an absolute path"),
    one(S + "root", "/d 1/ü", "/data\x07", "write an absolute path"),
    one(S + "root", "/...", "//./", "write an absolute path"),
    one(S + "root", "/" + "d" * 1023, "/" + "d" * 1024, "Too long"),
    one(S + "reserve", "7.5%", "100%", RESERVE),
    one(S + "reserve", "0%", "-1%", RESERVE),
    one(S + "reserve", "20Gi", "20GB", RESERVE),
    one(S + "reserve", 1048576, 12, RESERVE_RANGE),
    one(S + "reserve", "0", "12", RESERVE_RANGE),
    one(S + "reserve", "7Ei", "8Ei", RESERVE_RANGE),
    one(S + "retention", "1h30m", 30, "must be of type string"),
    one(S + "retention", "36500d", "36501d", 'write a duration from "0s" to "36500d"'),
    one(S + "retention", "0s", "1w", DURATION),
    one(S + "retention", "999999999s", "9999999999s", DURATION),
    one(S + "retention", "1m1s", "1s1m", DURATION),
    one(S + "retention", "7d", "", DURATION),
    one(S + "onConflict", "Park", "park", 'supported values: "Forward", "Park"'),
    one("spec.destinations", [], {}, "must be of type array"),
    one(
        "spec.destinations",
        [{"name": f"d{n}", **_TO} for n in range(32)],
        [{"name": f"d{n}", **_TO} for n in range(33)],
        "must have at most 32 items",
    ),
    one(
        "spec.destinations",
        [{"name": "a", **_TO}, {"name": "b", **_TO}],
        [{"name": "a", **_TO}, {"name": "a", **_TO}],
        "Duplicate value",
    ),
    one(D + "name", "archive", "the archive", NAME),
    one(D + "name", "a", ..., "Required value"),
    one(D + "host", "pacs-1.example.org", "pacs 1", HOST),
    one(D + "host", "fd00::5", "192.168.300.1", HOST),
    one(D + "host", "PACS_1.", "pacs:104", HOST),
    one(D + "host", "fe80::1%eth0", "", HOST),
    one(D + "host", "pacs.2a", "-pacs", HOST),
    one(D + "host", ".".join(["a" * 63] * 3), "a" * 64 + ".org", HOST),
    one(D + "host", "a", ..., "Required value"),
    one(D + "port", 1, ..., "Required value"),
    one(D + "port", 4243, True, "must be of type integer"),
    one(D + "aeTitle", "X", ..., "Required value"),
    one(D + "aeTitle", "X", "X" * 17, "Too long"),
    one(D + "callingAeTitle", "X", "X\\", AE),
    one(D + "associations", 16, 17, "should be less than or equal to 16"),
    one(D + "park", {"tries": 1, "over": "0s"}, {"tries": 0}, "should be greater than or equal to 1"),
    one(D + "park", {"over": "1d"}, {"over": "1 day"}, DURATION),
    one(D + "tls", {"secretName": "a"}, {"secretName": "a."}, NAME),
    one(D + "tls", {"secretName": "a", "serverName": "pacs"}, {"secretName": "a", "serverName": "https://pacs"}, HOST),
    one(D + "commitment", {"mode": "WhenOffered"}, {"mode": "Never"}, 'supported values: "Required", "WhenOffered"'),
    one(D + "commitment", {"timeout": "5s"}, {"timeout": "4s"}, 'write a duration from "5s" to "7d"'),
    one(LISTEN, {"bindAddress": "10.0.0.1", "port": 11113}, {"bindAddress": "pacs", "port": 11113}, ADDRESS),
    one(LISTEN, {"bindAddress": "::", "port": 1, "aeTitle": "R"}, {"bindAddress": "::"}, "Required value"),
    one(LISTEN, {"bindAddress": "::", "port": 1, "aeTitle": "R"}, {"bindAddress": "::", "port": 1, "aeTitle": ""}, AE),
    one(D + "match", [{"modalities": ["CT"]}], [{}], "this rule is empty and would match everything"),
    one(D + "match", [{"modalities": ["CT"]}], [{"modalities": [], "stations": []}], "this rule is empty"),
    one(D + "match", [{"modalities": ["CT"]}] * 32, [{"modalities": ["CT"]}] * 33, "must have at most 32 items"),
    one(D + "match", [{"modalities": ["RTSTRUCT"]}], [{"modalities": ["ct"]}], "write a modality in capitals"),
    one(D + "match", [{"callingAeTitles": ["CT1"]}], [{"callingAeTitles": "CT1"}], "must be of type array"),
    one(D + "match", [{"calledAeTitles": ["CT1"]}], [{"calledAeTitles": ["A\\B"]}], AE),
    one(D + "match", [{"stations": ["Ct 1 ü"]}], [{"stations": ["s" * 17]}], "write a station name"),
    one(D + "match", [{"stations": ["  " + "s" * 16]}], [{"stations": ["a\\b"]}], "write a station name"),
    one(D + "match", [{"stations": ["Ct"]}], [{"stations": [" "]}], "write a station name"),
    one(D + "match", [{"stations": ["Ct"]}], [{"stations": ["a\u200bb"]}], "write a station name"),
    one(D + "match", [{"sopClasses": ["1.2.3"]}], [{"sopClasses": ["CT"]}], UID),
    one("spec.destination", ..., [], "unknown field"),
]
