"""A destination that is asked for storage commitment: nothing leaves the disk before it has committed to it."""

import socket
from contextlib import ExitStack, suppress

import pytest

from dicomrs_wire.dimse import VERIFICATION
from dicomrs_wire.errors import AssociationError
from dicomrs_wire.requestor import Requestor
from support.committing import (
    CommittingTap,
    Request,
    committing_tap,
    information,
    report_anew,
    report_dataset,
    report_here,
    report_over,
    reporting,
)
from support.objects import CT, IMPLICIT, image, instance, series
from support.peers import Orthanc, Storescp
from support.polling import eventually, hold
from support.processes import LOOPBACK, free_port, is_open
from support.router import changed, destination, route
from support.sender import echoscu, send_all

NO_SUCH_INSTANCE, CLASS_CONFLICT, PROCESSING_FAILURE = 0x0112, 0x0119, 0x0110
DUPLICATE_TRANSACTION, INVALID_ARGUMENT = 0x0131, 0x0115


@pytest.fixture
def target():
    with committing_tap() as tap:
        yield tap


def listen_at(port: int, **fields: object) -> dict:
    return {"bindAddress": LOOPBACK, "port": port, **fields}


def to(target: CommittingTap, name: str = "tap", park: dict | None = None, **commitment: object) -> dict:
    quick = park or {"tries": 3, "over": "2s"}
    return destination(name, target.port, park=quick, commitment={"timeout": "5s", **commitment})


def names(router) -> list[str]:
    return [path.name for path in router.spool().waiting()]


def figures(router, name: str = "tap") -> dict:
    return router.spool().status("scu").get("destinations", {}).get(name, {})


def wait_trouble(router, text: str) -> None:
    eventually(lambda: text in figures(router).get("trouble", ""), f"the status says {text!r}")


def commit_all(request: Request) -> int:
    return report_here(request)


def test_an_object_leaves_with_the_report_on_the_same_association(tmp_path, make_router, target):
    router = make_router(route(tmp_path / "root", to(target, timeout="5m")))
    one = instance(image())
    send_all(router.port(), [one])
    (request,) = target.wait_requests(1)
    assert request.references == [(CT, one.uid)]
    assert request.transaction.startswith("2.25.")
    spool = router.spool()
    hold(lambda: names(router) == [f"{one.uid}.dcm"] and not spool.receipts(kind="delivered"), "it stays", 1)
    assert figures(router)["uncommitted"] == 1
    assert figures(router)["waiting"] == 0
    assert report_here(request) == 0
    spool.wait_empty()
    assert [event["kind"] for event in spool.receipts(uid=one.uid)] == ["stored", "delivered"]
    assert request.transaction in spool.receipts(kind="delivered")[0]["why"]
    assert len(target.stored) == 1
    assert not list((tmp_path / "root" / ".commitments").iterdir())


def test_many_objects_are_asked_about_together(tmp_path, make_router, target):
    target.reacts = commit_all
    router = make_router(route(tmp_path / "root", to(target, timeout="5m")))
    objects = series(600, rows=8)
    send_all(router.port(), objects)
    router.spool().wait_empty()
    assert sorted(uid for request in target.requests for uid in request.uids) == sorted(one.uid for one in objects)
    assert max(len(request.uids) for request in target.requests) <= 256
    assert len(target.requests) <= 20
    assert len(target.stored) == 600


def test_a_report_on_a_new_association(tmp_path, make_router, target):
    place = free_port()
    router = make_router(route(tmp_path / "root", to(target, timeout="5m", listen=listen_at(place))))
    objects = series(3)
    send_all(router.port(), objects)
    target.reacts = lambda request: report_anew(place, request)
    router.spool().wait_empty()
    router.wait_for("scu", "storage commitment reported", '"committed": 3')


@pytest.mark.peer("echoscu")
def test_the_listener_goes_by_its_own_name_only(tmp_path, make_router, target):
    place = free_port()
    router = make_router(route(tmp_path / "root", to(target, listen=listen_at(place, aeTitle="ROUTER_REPORTS"))))
    router.wait_for("scu", "listening for reports", "ROUTER_REPORTS")
    assert echoscu(place).returncode != 0  # it calls DICOMRS
    line = router.wait_for("scu", "association for reports rejected", "DICOMRS")
    assert "it must call ROUTER_REPORTS" in line["reason"]
    assert echoscu(place, called="ROUTER_REPORTS").returncode == 0


def test_reports_that_nobody_was_asked_for_change_nothing(tmp_path, make_router, target):
    place = free_port()
    router = make_router(route(tmp_path / "root", to(target, timeout="5m", listen=listen_at(place))))
    first, second = instance(image()), instance(image())
    send_all(router.port(), [first])
    (request,) = target.wait_requests(1)
    of_first, of_second = (CT, first.uid), (CT, second.uid)
    forged = [
        (information("2.25.4711", [of_first], {}), 1),
        (information(request.transaction, [of_first, of_second], {}), 1),
        (information(request.transaction, [("1.2.3", first.uid)], {}), 1),
        (information(request.transaction, [], {of_second: NO_SUCH_INSTANCE}), 2),
    ]
    for said, event_type in forged:
        assert report_dataset(place, said, event_type) == INVALID_ARGUMENT
    assert report_dataset(place, information(request.transaction, [of_first], {}), 3) == 0x0113
    assert names(router) == [f"{first.uid}.dcm"]
    assert [event["kind"] for event in router.spool().receipts()] == ["stored"]
    # The true one still counts; and once more does no harm.
    assert report_anew(place, request) == 0
    router.spool().wait_empty()
    assert report_anew(place, request) == 0
    assert len(router.spool().receipts(kind="delivered")) == 1


def test_what_the_target_does_not_have_is_sent_again_and_then_parked(tmp_path, make_router, target):
    lost, kept = instance(image()), instance(image())
    target.reacts = lambda request: report_here(
        request, {one: NO_SUCH_INSTANCE for one in request.references if one[1] == lost.uid}
    )
    router = make_router(route(tmp_path / "root", to(target, timeout="5m", park={"tries": 3, "over": "1s"})))
    send_all(router.port(), [lost, kept])
    spool = router.spool()
    (parked,) = spool.wait_receipts(1, kind="parked")
    assert parked["uid"] == lost.uid
    assert "0112" in parked["why"]
    assert names(router) == [f"{lost.uid}.dcm"]
    assert len(target.by_uid()[lost.uid]) == 3
    assert len(target.by_uid()[kept.uid]) == 1
    assert [event["kind"] for event in spool.receipts(uid=kept.uid)] == ["stored", "delivered"]
    hold(lambda: len(target.by_uid()[lost.uid]) == 3, "it is not sent any more", 2)


def test_what_the_target_has_lost_once_is_delivered_in_the_end(tmp_path, make_router, target):
    answers = iter([NO_SUCH_INSTANCE])
    target.reacts = lambda request: report_here(
        request, dict.fromkeys(request.references, reason) if (reason := next(answers, 0)) else None
    )
    router = make_router(route(tmp_path / "root", to(target, timeout="5m", park={"tries": 9, "over": "1s"})))
    one = instance(image())
    send_all(router.port(), [one])
    spool = router.spool()
    spool.wait_empty()
    assert [event["kind"] for event in spool.receipts()] == ["stored", "uncommitted", "stored", "delivered"]
    assert [copy.identity for copy in target.by_uid()[one.uid]] == [one.identity] * 2


@pytest.mark.parametrize("reason", [CLASS_CONFLICT, 0x0122])
def test_what_the_target_will_never_commit_to_is_parked_at_once(tmp_path, make_router, target, reason):
    target.reacts = lambda request: report_here(request, dict.fromkeys(request.references, reason))
    router = make_router(route(tmp_path / "root", to(target, timeout="5m")))
    one = instance(image())
    send_all(router.port(), [one])
    spool = router.spool()
    (parked,) = spool.wait_receipts(1, kind="parked")
    assert f"{reason:04X}" in parked["why"]
    assert names(router) == [f"{one.uid}.dcm"]
    assert len(target.stored) == 1


def test_what_may_pass_is_asked_about_again_and_not_sent_again(tmp_path, make_router, target):
    reasons = [PROCESSING_FAILURE, DUPLICATE_TRANSACTION, 0x0213, 0xC001]
    objects = series(4)
    of = {one.uid: reason for one, reason in zip(objects, reasons, strict=True)}
    asked = set()

    def react(request: Request) -> None:
        fresh = {one: of[one[1]] for one in request.references if one[1] not in asked}
        asked.update(request.uids)
        report_here(request, fresh)

    target.reacts = react
    router = make_router(route(tmp_path / "root", to(target, timeout="5m")))
    send_all(router.port(), objects)
    for reason in reasons:
        router.wait_for("scu", "not committed to", f"storage commitment: {reason:04X}")
    wait_trouble(router, "but not committed to: storage commitment: ")
    assert len(names(router)) == 4
    assert {event["kind"] for event in router.spool().receipts()} == {"stored"}
    router.spool().wait_empty()  # asked again within 10 seconds
    assert len({request.transaction for request in target.requests}) == len(target.requests) > 1
    assert len(target.stored) == 4


def test_without_a_report_it_is_asked_again_and_never_sent_again(tmp_path, make_router, target):
    place = free_port()
    router = make_router(route(tmp_path / "root", to(target, timeout="5s", listen=listen_at(place))))
    one = instance(image())
    send_all(router.port(), [one])
    target.wait_requests(3)
    wait_trouble(router, "no report came in time")
    assert len({request.transaction for request in target.requests}) == len(target.requests)
    assert len(target.stored) == 1
    assert names(router) == [f"{one.uid}.dcm"]
    # A late report to an earlier question counts.
    assert report_anew(place, target.requests[1]) == 0
    router.spool().wait_empty()
    assert target.requests[1].transaction in router.spool().receipts(kind="delivered")[0]["why"]


def test_a_restart_between_question_and_report(tmp_path, make_router, target):
    place = free_port()
    router = make_router(route(tmp_path / "root", to(target, timeout="5m", listen=listen_at(place))))
    objects = series(3)
    send_all(router.port(), objects)
    (request,) = target.wait_requests(1)
    router.kill("scu")
    assert not is_open(place), "the report has to come again"
    router.start("scu")
    hold(lambda: len(names(router)) == 3, "they stay", 1)
    assert report_anew(place, request) == 0
    router.spool().wait_empty()
    assert len(target.stored) == 3


def test_after_a_restart_it_is_asked_again(tmp_path, make_router, target):
    router = make_router(route(tmp_path / "root", to(target, timeout="5m")))
    one = instance(image())
    send_all(router.port(), [one])
    target.wait_requests(1)
    router.kill("scu")
    target.reacts = commit_all
    router.start("scu")
    router.spool().wait_empty()
    assert len(target.requests) == 2
    assert len(target.stored) == 1


def test_where_reports_come_on_one_association_only_its_end_is_no_reason_to_wait(tmp_path, make_router, target):
    aborted = []

    def react(request: Request) -> None:
        if aborted:
            report_here(request)
        else:
            aborted.append(request)
            request.association.abort()

    target.reacts = react
    router = make_router(route(tmp_path / "root", to(target, timeout="1d")))
    send_all(router.port(), series(2))
    wait_trouble(router, "the association on which its report was awaited has ended")
    router.spool().wait_empty()
    assert len(target.stored) == 2


def test_an_association_of_before_a_change_of_the_route_is_heard_no_more(tmp_path, make_router, target):
    """It would go by the old route, and let an object go that a new destination lacks."""
    place = free_port()
    committing = to(target, timeout="5m", listen=listen_at(place))
    router = make_router(route(tmp_path / "root", committing))
    one = instance(image())
    send_all(router.port(), [one])
    (request,) = target.wait_requests(1)
    said = information(request.transaction, request.references, {})
    with reporting(place) as association:
        router.rewrite(changed(router.routes[0], destinations=[committing, destination("new", free_port())]))
        eventually(lambda: len(router.events("scu", "listening for reports")) == 2, "the changed route listens")
        with suppress(RuntimeError):  # pynetdicom's, where it has noticed that the association is gone
            assert report_over(association, said, 1) == -1
    hold(lambda: names(router) == [f"{one.uid}.dcm"], "it stays for the new destination", 1)
    assert report_anew(place, request) == 0
    router.spool().wait_receipts(1, kind="delivered")
    hold(lambda: names(router) == [f"{one.uid}.dcm"], "it stays for the new destination", 1)


def test_a_later_arrival_waits_for_the_commitment_to_the_earlier(tmp_path, make_router, target):
    place = free_port()
    router = make_router(route(tmp_path / "root", to(target, timeout="5m", listen=listen_at(place))))
    first = instance(image(number=1, study="1.2.3"))
    second = instance(image(number=2, study="1.2.3", uid=first.uid))
    send_all(router.port(), [first])
    (asked,) = target.wait_requests(1)
    send_all(router.port(), [second])
    hold(lambda: len(target.stored) == 1 and len(names(router)) == 2, "the second waits", 2)
    assert report_anew(place, asked) == 0
    _, again = target.wait_requests(2)
    assert [one.identity for one in target.stored] == [first.identity, second.identity]
    assert names(router) == [f"{first.uid}_2.dcm"]
    assert report_anew(place, again) == 0
    router.spool().wait_empty()


def test_the_same_bytes_again_are_another_arrival(tmp_path, make_router, target):
    router = make_router(route(tmp_path / "root", to(target, timeout="5m")))
    one = instance(image())
    send_all(router.port(), [one])
    (request,) = target.wait_requests(1)
    target.reacts = commit_all
    send_all(router.port(), [one])
    report_here(request)
    router.spool().wait_empty()
    assert len(target.stored) == 2
    assert len(router.spool().receipts(kind="delivered")) == 2


def test_a_target_that_does_not_offer_it_is_named_and_keeps_objects(tmp_path, make_router, target):
    target.stop()
    target.offers = False
    target.start()
    router = make_router(route(tmp_path / "root", to(target)))
    one = instance(image())
    send_all(router.port(), [one])
    target.wait_stored(1)
    wait_trouble(router, "does not offer it (SOP class 1.2.840.10008.1.20.1)")
    hold(lambda: names(router) == [f"{one.uid}.dcm"] and len(target.stored) == 1, "it stays", 2)
    # The operator decides that none is needed.
    router.rewrite(changed(router.routes[0], destinations=[destination("tap", target.port)]))
    router.spool().wait_empty()
    assert len(target.stored) == 1
    assert router.spool().receipts(kind="delivered")[0]["who"] == "spec.destinations[].commitment"


def test_where_it_is_not_offered_and_not_required_the_answer_counts(tmp_path, make_router, target):
    target.stop()
    target.offers = False
    target.start()
    router = make_router(route(tmp_path / "root", to(target, mode="WhenOffered")))
    send_all(router.port(), series(3))
    router.spool().wait_empty()
    found = router.spool().receipts(kind="delivered")
    assert [event["why"] for event in found] == ["storage commitment not offered"] * 3


@pytest.mark.peer("storescp")
def test_dcmtks_storescp_offers_none(tmp_path, make_router):
    target = Storescp(tmp_path / "target")
    target.start()
    try:
        to_target = destination("target", target.port, commitment={"mode": "WhenOffered"})
        router = make_router(route(tmp_path / "root", to_target))
        send_all(router.port(), series(3))
        router.spool().wait_empty()
        assert len(target.files()) == 3
    finally:
        target.close()


def test_where_it_is_offered_and_not_required_it_is_awaited(tmp_path, make_router, target):
    router = make_router(route(tmp_path / "root", to(target, mode="WhenOffered", timeout="5m")))
    one = instance(image())
    send_all(router.port(), [one])
    (request,) = target.wait_requests(1)
    hold(lambda: names(router) == [f"{one.uid}.dcm"], "it stays", 2)
    assert report_here(request) == 0
    router.spool().wait_empty()


def test_a_request_that_is_refused_is_made_again(tmp_path, make_router, target):
    target.status = 0x0110
    router = make_router(route(tmp_path / "root", to(target, timeout="5m")))
    one = instance(image())
    send_all(router.port(), [one])
    wait_trouble(router, "refuses the request (0110")
    assert names(router) == [f"{one.uid}.dcm"]
    target.status, target.reacts = 0, commit_all
    router.spool().wait_empty()
    eventually(lambda: not figures(router).get("trouble"), "no trouble is left")
    assert len(target.stored) == 1


def test_the_address_of_the_listener_is_awaited(tmp_path, make_router, target):
    router = make_router(
        route(tmp_path / "root", to(target, listen={"bindAddress": "192.0.2.77", "port": free_port()}))
    )
    line = router.wait_for("scu", "not listening for reports")
    assert "192.0.2.77" in line["reason"]
    wait_trouble(router, "cannot be heard on 192.0.2.77")
    assert router.children["scu"].alive


def test_two_destinations_share_a_listener(tmp_path, make_router, target):
    place = free_port()
    target.reacts = lambda request: report_anew(place, request)
    with committing_tap() as other:
        other.reacts = target.reacts
        router = make_router(
            route(
                tmp_path / "root",
                to(target, timeout="5m", listen=listen_at(place)),
                to(other, name="other", timeout="5m", listen=listen_at(place)),
            )
        )
        one = instance(image())
        send_all(router.port(), [one])
        router.spool().wait_empty()
        assert {event["destination"] for event in router.spool().receipts(kind="delivered")} == {"tap", "other"}


def test_strangers_at_the_listener_disturb_no_report(tmp_path, make_router, target):
    place = free_port()
    router = make_router(route(tmp_path / "root", to(target, timeout="5m", listen=listen_at(place))))
    one = instance(image())
    send_all(router.port(), [one])
    (request,) = target.wait_requests(1)
    with ExitStack() as open_ones:
        for said in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x01\x00\x00\x00\xff\xff", b"\x01\x00\xff\xff\xff\xff"):
            sock = open_ones.enter_context(socket.create_connection((LOOPBACK, place), 10))
            sock.sendall(said)
        router.wait_for("scu", "association for reports failed", "does not speak DICOM")
        router.wait_for("scu", "association for reports failed", "longer than")
        assert report_anew(place, request) == 0
    router.spool().wait_empty()


def test_more_associations_than_the_listener_hears_are_closed(tmp_path, make_router, target):
    place = free_port()
    router = make_router(route(tmp_path / "root", to(target, timeout="5m", listen=listen_at(place))))
    router.wait_for("scu", "listening for reports")
    with ExitStack() as open_ones:
        for _ in range(20):
            open_ones.enter_context(socket.create_connection((LOOPBACK, place), 10))
        router.wait_for("scu", "report refused", "are being heard already")
    eventually(lambda: echo(place), "a place is free again")


def echo(place: int) -> bool:
    try:
        with Requestor.connect(
            LOOPBACK, place, calling="TAP", called="DICOMRS", contexts=[(VERIFICATION, IMPLICIT)]
        ) as requestor:
            return requestor.echo() == 0
    except AssociationError:
        return False


@pytest.mark.peer("Orthanc")
def test_orthanc_commits(tmp_path, make_router):
    place = free_port()
    orthanc = Orthanc(tmp_path / "orthanc", {"router": ("DICOMRS", place)})
    orthanc.start()
    try:
        to_orthanc = destination("orthanc", orthanc.port, commitment={"timeout": "5m", "listen": listen_at(place)})
        router = make_router(route(tmp_path / "root", to_orthanc))
        objects = series(20)
        send_all(router.port(), objects)
        router.spool().wait_empty()
        assert orthanc.uids() == {one.uid for one in objects}
        found = router.spool().receipts(kind="delivered")
        assert len(found) == 20
        assert all("committed to in transaction" in event["why"] for event in found)
    finally:
        orthanc.close()
