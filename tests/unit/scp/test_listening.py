"""What a receiver says of an address that is not there."""

import socket
from types import SimpleNamespace

import psutil
import pytest

from dicomrs.route import Receiver
from dicomrs_scp.listening import ListenError, Trouble, listen


def test_a_missing_address_is_told_with_those_that_could_be_meant(monkeypatch) -> None:
    def of(*addresses: str) -> list[SimpleNamespace]:
        families = {True: socket.AF_INET6, False: socket.AF_INET}
        return [SimpleNamespace(family=families[":" in one], address=one) for one in addresses]

    node = {"eth1": of("172.22.61.14", "fe80::1%eth1"), "veth0": of("10.244.0.1", "fe80::2%veth0"), "lo": of("::1")}
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: node)
    with pytest.raises(ListenError, match=r"it has 10\.244\.0\.1, 172\.22\.61\.14, ::1; trying again") as caught:
        listen(Receiver(bindAddress="192.0.2.10"))
    assert caught.value.trouble is Trouble.NOT_HERE
