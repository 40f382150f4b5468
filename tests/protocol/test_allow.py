"""Allow-lists and the called AE title: who is refused is told why in DICOM's terms, and the log says it once."""

import pytest

from dicomrs_wire.errors import Rejected
from support.objects import image, instance
from support.router import changed, destination, route
from support.sender import associate, echoscu, send_all

ALLOWED = "CT_ROOM_1"


def rejection(port, **titles):
    with pytest.raises(Rejected) as caught:
        send_all(port, [instance(image())], **titles)
    return caught.value.result, caught.value.source, caught.value.reason


def test_strangers_are_refused_by_title_network_and_called_title(tmp_path, make_router, tap):
    open_to_all = route(tmp_path / "root", destination("tap", tap.port), receiver={"bindAddress": "0.0.0.0"})
    closed = {"callingAeTitles": [ALLOWED], "networks": ["127.0.0.0/8"]}
    router = make_router(changed(open_to_all, receiver={"allow": closed, "checkCalledAeTitle": True}))
    port, lines = router.port(), lambda: router.events("scp", "association rejected")
    send_all(port, [instance(image())], calling=ALLOWED)

    assert rejection(port, calling="STRANGER") == (1, 1, 3)
    assert rejection(port, calling=ALLOWED, called="OTHER") == (1, 1, 7)
    assert [(line["calling"], line["called"], line["address"]) for line in lines()] == [
        ("STRANGER", "DICOMRS", "127.0.0.1"),
        (ALLOWED, "OTHER", "127.0.0.1"),
    ]
    assert "spec.receiver.allow.callingAeTitles" in lines()[0]["reason"]

    # Lists are changed under way: the next association goes by the new ones.
    router.rewrite(open_to_all)
    send_all(port, [instance(image())], calling="STRANGER", called="OTHER")
    tap.wait_stored(2)


@pytest.mark.peer("echoscu")
def test_who_comes_from_another_network_is_refused(tmp_path, make_router):
    """This machine may ask itself; another of its addresses stands for a stranger's."""
    allow = {"networks": ["192.0.2.0/24"]}
    router = make_router(route(tmp_path / "root", receiver={"bindAddress": "0.0.0.0", "allow": allow}))
    done = echoscu(router.port())
    assert done.returncode == 0, done.stderr
    with pytest.raises(Rejected) as caught:
        associate(router.port(), "127.0.0.9")
    assert (caught.value.result, caught.value.source, caught.value.reason) == (1, 1, 1)
    (line,) = router.events("scp", "association rejected")
    assert line["address"] == "127.0.0.9"
    assert "spec.receiver.allow.networks" in line["reason"]
