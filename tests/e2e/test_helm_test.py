"""`helm test` on a running clinic: it asks all, sends an image only where it is told to, and names who is silent."""

import re

import pytest

from support.cluster.clinic import Clinic
from support.cluster.peers import OrthancTarget, TapTarget
from support.cluster.programs import CallError, Steps
from support.polling import eventually


@pytest.fixture(scope="module")
def clinic(make_clinic, orthanc: OrthancTarget, tap: TapTarget) -> Clinic:
    made: Clinic = make_clinic("tested")
    made.begin(made.route(orthanc.destination, tap.destination))
    return made


def test_everybody_answers_and_no_image_is_sent(
    clinic: Clinic, orthanc: OrthancTarget, tap: TapTarget, steps: Steps
) -> None:
    with steps.step("helm test"):
        said = clinic.test("--logs")
    for name in ("receivers", "destinations", "dashboard"):
        assert re.search(rf"TEST SUITE: +{clinic.fullname}-test-{name}\n(.*\n)*?Phase: +Succeeded", said), said
    assert "ok: route hospital-a: receiver, DICOMRS at 172.22.61.14 port 104" in said
    assert "ok: route hospital-a: destination zeroclick, ZEROCLICK at 192.168.10.16 port 4243" in said
    assert "ok: route hospital-a: destination tap, TAP at 192.168.10.17 port 4244" in said
    assert (orthanc.count(), tap.received()) == (0, [])


def test_an_image_goes_only_where_the_values_say(
    clinic: Clinic, orthanc: OrthancTarget, tap: TapTarget, steps: Steps
) -> None:
    clinic.upgrade(tests__sendTo="{hospital-a/tap}")
    with steps.step("helm test with an image"):
        clinic.test()
    eventually(lambda: len(tap.received()) == 1, "the tap has the image")
    assert orthanc.count() == 0


def test_a_target_that_is_down_is_named(clinic: Clinic, orthanc: OrthancTarget, steps: Steps) -> None:
    orthanc.down()
    with steps.step("helm test while a target is down"), pytest.raises(CallError) as failed:
        clinic.test()
    said = str(failed.value)
    for line in said.splitlines():
        if "FAILED: " in line:
            steps.say(line)
    assert re.search("FAILED: .* zeroclick, .* at 192.168.10.16 port 4243.*(does not answer|no way to)", said), said
    assert "ok: route hospital-a: destination tap" in said
