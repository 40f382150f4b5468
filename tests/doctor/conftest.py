"""One clinic for the tests of each module."""

from collections.abc import Iterator

import pytest

from support.certificates import Authority
from support.clinic_network import Clinic, clinics


@pytest.fixture(scope="module")
def clinic(tmp_path_factory) -> Iterator[Clinic]:
    with clinics(tmp_path_factory.mktemp("clinic")) as made:
        yield made


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))
