"""A TCP connection, or why there is none."""

import time

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
