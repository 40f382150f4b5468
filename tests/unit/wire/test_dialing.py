"""A TCP connection, or why there is none."""

import os
import resource
import time
from contextlib import suppress

import pytest

from dicomrs.causes import Cause
from dicomrs_wire.dialing import dial
from dicomrs_wire.errors import Unreachable
from support.processes import LOOPBACK, free_port


def test_a_refusal_is_told_at_once_however_long_an_answer_may_take():
    began = time.monotonic()
    with pytest.raises(Unreachable) as caught:
        dial(LOOPBACK, free_port(), timeout=60)
    assert caught.value.cause is Cause.PORT_CLOSED
    assert time.monotonic() - began < 30


@pytest.fixture
def no_descriptor_is_left():
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 1, limits[1]))
    with suppress(OSError):
        while True:
            taken.append(os.dup(0))
    yield
    for fd in taken:
        os.close(fd)
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.usefixtures("no_descriptor_is_left")
def test_a_system_that_gives_no_socket_is_no_fault_of_ours():
    with pytest.raises(Unreachable, match=r"no socket to 127\.0\.0\.1:104 \(Too many open files"):
        dial(LOOPBACK, 104, timeout=1)
