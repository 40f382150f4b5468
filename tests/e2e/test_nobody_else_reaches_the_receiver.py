"""Only the scanners' network reaches the receiver, whatever address of the node is tried from elsewhere.

Each has a control: the same machine does reach the same address, at a port that the kubelet has opened on all of them.
"""

import json
from collections.abc import Iterator

import pytest

from support.cluster.clinic import Clinic
from support.cluster.network import CLINIC_ADDRESS, HTR_ADDRESS
from support.cluster.peers import OrthancTarget, Scanner, Stranger
from support.polling import eventually
from tools.images import image_name, image_tag

DICOM, KUBELET = 104, 10250
TRY = """
import json, socket
route = [line.split() for line in open("/proc/net/route")][1:]
gateway = next(socket.inet_ntoa(bytes.fromhex(words[2])[::-1]) for words in route if words[1] == "00000000")
found = {}
for address in (*ADDRESSES, gateway):
    for port in PORTS:
        try:
            socket.create_connection((address, port), 3).close()
            found[f"{address}:{port}"] = True
        except OSError:
            found[f"{address}:{port}"] = False
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def clinic(make_clinic, orthanc: OrthancTarget, scanner: Scanner) -> Iterator[Clinic]:
    made: Clinic = make_clinic("reach")
    made.begin(made.route(orthanc.destination))
    eventually(scanner.echo, "the scanner reaches the receiver")
    yield made
    assert scanner.echo(), "the receiver was gone meanwhile: what was not reached proves nothing"


@pytest.mark.parametrize("address", [HTR_ADDRESS, CLINIC_ADDRESS])
def test_a_host_of_the_clinics_network_does_not(clinic: Clinic, stranger: Stranger, address: str) -> None:
    assert stranger.reaches(address, KUBELET)
    assert not stranger.reaches(address, DICOM)


def test_a_pod_does_not(clinic: Clinic) -> None:
    """Neither on the node's addresses nor on that of the pod's own network, which is the node too."""
    addresses = {one["address"] for one in clinic.get("node", clinic.cluster.node)["status"]["addresses"]}
    numeric = sorted({HTR_ADDRESS, CLINIC_ADDRESS, *(one for one in addresses if one[0].isdigit())})
    code = TRY.replace("ADDRESSES", repr(numeric)).replace("PORTS", repr((DICOM, KUBELET)))
    words = ("run", "stranger", "--restart=Never", f"--image={image_name('scu', image_tag())}")
    clinic.kubectl(*words, "--command", "--", "python", "-c", code)
    # Attached to it one might come too late for what it says.
    eventually(lambda: clinic.get("pod", "stranger")["status"].get("phase") == "Succeeded", "it has tried all", 120)
    reached: dict[str, bool] = json.loads(clinic.kubectl("logs", "stranger"))
    assert len(reached) == 2 * (len(numeric) + 1)
    assert all(reached[one] for one in reached if one.endswith(f":{KUBELET}")), reached
    assert not any(reached[one] for one in reached if one.endswith(f":{DICOM}")), reached
