"""The pages about studies: what is found and shown, masked, escaped and on record, and what the actions have done."""

import html
import io
import json
import re
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dicomrs.audit import AuditLog
from dicomrs.route import ClinicRoute, Park
from dicomrs.spool import control
from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.layout import study_key
from dicomrs.spool.outbox import Outbox
from dicomrs.spool.receipts import EVERYWHERE, Kind, event_now
from dicomrs_dashboard.doors.people import Role
from dicomrs_scu.backlog import Backlog
from dicomrs_scu.persons import Persons
from dicomrs_scu.queue import DestinationQueue
from support.filled_spool import FilledSpool
from support.objects import image, instance, series
from support.router import destination, route

FS = OsFileSystem()
NASTY = '<script>alert(1)</script>^\u202eevil"><img onerror=x>'
TARGETS = (destination("zero-click", 1), destination("archive", 2))


@pytest.fixture
def clinic(spool: FilledSpool) -> dict[str, Any]:
    return route(spool.root, *TARGETS)


@contextmanager
def serving(document: dict[str, Any]) -> Iterator[None]:
    """scu's own code carries requests out, without the threads that send."""
    model = ClinicRoute.model_validate(document)
    root = model.spec.storage.root
    queues = {to.name: DestinationQueue(Park(), time.monotonic) for to in model.spec.destinations}
    backlog = Backlog(Outbox(FS, root), model, queues)
    backlog.rescan()
    persons, stop = Persons(backlog), threading.Event()

    def serve() -> None:
        while not stop.wait(0.02):
            control.serve(FS, root, persons.handle)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def path_of(spool: FilledSpool, number: int = 0) -> str:
    folder = spool.outbox.folders()[number]
    return f"/studies/clinic/{study_key(spool.outbox.metadata(folder)['studyInstanceUID'])}"


def shown(text: str) -> str:
    """What a page says, without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def told(browser, answer) -> str:
    """The sentence that is shown after an action."""
    assert answer.status_code == 303, answer.text
    page = browser.get(answer.headers["location"]).text
    found = re.search(r'<p class="flash[^"]*" role="status">(.*?)</p>', page, re.DOTALL)
    assert found, shown(page)
    return shown(found[1])


def log_of(folder: Any) -> list[dict[str, Any]]:
    found = AuditLog(FS, str(folder)).read()
    assert found.broken is None
    return [entry.fields for entry in found.entries]


def test_a_study_is_in_the_list_with_all_that_the_clinics_want_to_see(spool, ask, clinic):
    kept = spool.receive(*series(3, patient_name="Silva^Ana", patient_id="P-77"))
    spool.note(kept[0], Kind.DELIVERED, "zero-click")
    page = ask(clinic).signed_in(Role.OPERATOR).get("/studies")
    assert page.status_code == 200
    for text in ("Silva^Ana", "P-77", "CT", "waiting", "CT_ROOM_1", "zero-click: 1 of 3", "archive: 0 of 3", "1 study"):
        assert text in shown(page.text)
    assert path_of(spool) in page.text


def test_series_are_known_after_their_objects_have_left(spool, ask, clinic):
    shared = {"study": "1.2.3"}
    gone = spool.receive(
        *series(2, series="1.2.3.4", **shared), instance(image(modality="MR", series="1.2.3.5", **shared))
    )
    for arrival in gone:
        for number, target in enumerate(TARGETS, 1):
            spool.note(arrival, Kind.DELIVERED, target["name"], leaves=number == len(TARGETS))
    spool.receive(
        instance(image(series="1.2.3.4", **shared)), instance(image(without=("SeriesInstanceUID",), **shared))
    )
    page = ask(clinic).signed_in(Role.VIEWER).get(path_of(spool)).text
    rows = re.search(r'<h2 id="series-title">.*?<tbody>(.*?)</tbody>', page, re.DOTALL)
    assert rows
    assert [shown(row) for row in rows[1].split("</tr>")][:-1] == [
        "CT 1.2.3.4 3 2",
        "MR 1.2.3.5 1 1",
        "CT \N{EN DASH} 1 0",
    ]


def test_viewers_see_masked_patients_in_lists_and_cannot_search_them(spool, ask, clinic):
    spool.receive(*series(1, patient_name="Silva^Ana", patient_id="P-77"))
    spool.receive(instance(image(patient_name="Souza^Bia", patient_id="P-78", without=("PixelData",))))
    asked = ask(clinic)
    viewer, operator = asked.signed_in(Role.VIEWER), asked.signed_in(Role.OPERATOR)
    for path in ("/studies", "/set-aside"):
        text = viewer.get(path).text
        assert not re.search("Silva|Ana|Souza|Bia|P-7", text)
    assert "Souza^Bia, P-78" in shown(operator.get("/set-aside").text)
    assert "0 studies" in shown(viewer.get("/studies?q=silva").text)
    assert "1 study" in shown(operator.get("/studies?q=silva").text)
    assert "Silva^Ana" in shown(viewer.get(path_of(spool)).text)


def test_every_view_of_patients_is_on_record_before_it_is_shown(spool, ask, clinic, tmp_path):
    spool.receive(*series(1))
    viewer = ask(clinic).signed_in(Role.VIEWER)
    path = path_of(spool)
    for _ in range(2):
        for one in ("/studies?q=T-1", path, f"{path}/receipt", f"{path}/receipt.json", "/set-aside"):
            assert viewer.get(one).status_code == 200
    views = [entry for entry in log_of(tmp_path) if entry["action"] == "view"]
    assert [(one["what"], one.get("text"), one.get("study")) for one in views] == [
        ("studies", "T-1", None),
        ("study", None, path.rsplit("/", 1)[1]),
        ("set-aside", None, None),
    ]
    assert {one["who"] for one in views} == {"some-viewer"}


def test_what_a_scanner_sent_is_text_and_steers_nothing(spool, ask, clinic):
    spool.receive(*series(1, patient_name=NASTY, patient_id='"><img onerror=x>', character_set="ISO_IR 192"))
    spool.receive(
        instance(image(patient_name=NASTY, patient_id="'><b>", without=("PixelData",), character_set="ISO_IR 192"))
    )
    admin = ask(clinic).signed_in(Role.ADMIN)
    paths = [path_of(spool, number) for number in (0, 1)]
    pages = ["/studies", "/studies?q=%22%3E%3Cscript%3E", "/set-aside", *paths, *(f"{path}/receipt" for path in paths)]
    pages.append(f"{paths[1]}/discard?what=quarantined")
    for path in pages:
        answer = admin.get(path)
        assert answer.status_code == 200, path
        assert not re.search("<script>alert|<img onerror|\u202e|<b>", answer.text), path


@pytest.mark.parametrize(
    "path",
    ["/studies/clinic/0123456789", "/studies/nowhere/0123456789", "/studies/clinic/0123456789/receipt",
     "/studies/clinic/0123456789/receipt.json", "/studies/clinic/0123456789/discard?what=held"],
)  # fmt: skip
def test_a_study_that_is_not_there_is_not_found(path, spool, ask, clinic):
    assert ask(clinic).signed_in(Role.ADMIN).get(path).status_code == 404


def test_a_description_stands_in_the_list_but_not_for_viewers(spool, ask, clinic):
    made = image(patient_name="Silva^Ana")
    made.StudyDescription = "Planning CT, Silva"
    spool.receive(instance(made))
    asked = ask(clinic)
    assert "Planning CT, Silva" in shown(asked.signed_in(Role.OPERATOR).get("/studies").text)
    assert "Planning" not in asked.signed_in(Role.VIEWER).get("/studies").text


def test_who_finds_no_study_is_told_where_to_look_next(spool, ask, clinic):
    operator = ask(clinic).signed_in(Role.OPERATOR)
    found, empty = operator.get("/studies?q=nobody").text, operator.get("/studies").text
    assert "it has not reached this server" in found
    assert "No study has come yet" in empty
    for page in (found, empty):
        assert 'href="/connectivity">See whether the scanner has called' in page


def test_filters_that_make_no_sense_restrict_nothing(spool, ask, clinic):
    spool.receive(*series(1))
    operator = ask(clinic).signed_in(Role.OPERATOR)
    for query in ("since=tomorrow", "page=x", "page=99999999999", "sort=nothing", "order=up", "unknown=1"):
        assert "1 study" in shown(operator.get(f"/studies?{query}").text), query
    for query in ("state=parked", "since=2999-01-01", "until=2000-01-01", "to=other", "route=other", "q=%27%25"):
        assert "0 studies" in shown(operator.get(f"/studies?{query}").text), query


def test_a_study_shows_its_way_from_arrival_to_confirmation_and_its_receipt(spool, ask, clinic):
    first, second, third = spool.receive(*series(3))
    for to in ("zero-click", "archive"):
        spool.note(first, Kind.DELIVERED, to, leaves=to == "archive")
    spool.note(second, Kind.DELIVERED, "archive")
    spool.note(third, Kind.PARKED, "archive", why="A900 failure: the dataset does not match its SOP class")
    operator = ask(clinic).signed_in(Role.OPERATOR)
    text = shown(operator.get(path_of(spool)).text)
    for one in (
        "Received 3 of 3",
        "Queued 3 of 3",
        "Confirmed by zero-click 1 of 3",
        "Confirmed by archive 2 of 3",
        "2 objects are still here and can be sent again.",
        "1 object was delivered and has left this server: only the scanner can send it again.",
        "The target finds that the object does not match its SOP class",
        "A900 failure: the dataset does not match its SOP class",
        '"patientID": "T-1"',
    ):
        assert one in text, one
    made = operator.get(f"{path_of(spool)}/receipt.json")
    assert made.headers["content-disposition"] == f'attachment; filename="receipt-{path_of(spool)[-10:]}.json"'
    document = json.loads(made.text)
    assert (document["complete"], len(document["objects"]), document["route"]) == (False, 3, "clinic")
    printed = shown(operator.get(f"{path_of(spool)}/receipt").text)
    assert "NOT COMPLETE" in printed
    assert document["objects"][0]["digest"] in printed


def test_hold_release_and_resend_do_what_the_commands_do_and_say_who_asked(spool, ask, clinic, tmp_path):
    first, _ = spool.receive(*series(2))
    spool.note(first, Kind.DELIVERED, "zero-click")
    operator, path = ask(clinic).signed_in(Role.OPERATOR), path_of(spool)
    with serving(clinic):
        why = {"why": "wrong patient"}
        assert told(operator, operator.post(f"{path}/hold", data=why)).startswith("2 objects held, and whatever else")
        assert "held" in shown(operator.get(path).text)
        assert told(operator, operator.post(f"{path}/release", data=why)) == "2 objects released."
        again = operator.post(f"{path}/resend", data={**why, "destination": "zero-click"})
        assert told(operator, again).startswith("1 object will be sent again. Not done to all: 1 x it waits there")
        wrong = told(operator, operator.post(f"{path}/resend", data={**why, "destination": "nowhere"}))
        assert wrong == "It failed: the route has no destination 'nowhere'"
    done = [entry for entry in log_of(spool.root) if "action" in entry]
    assert [(one["action"], one["who"], one["why"]) for one in done] == [
        (action, "some-operator", "wrong patient") for action in ("hold", "release", "resend")
    ]
    assert {one["identified"] for one in done} == {"password, from 192.0.2.7"}
    asked = [entry["request"] for entry in log_of(tmp_path) if entry["action"] == "ask"]
    assert asked == ["hold", "release", "resend", "resend"]


def test_an_action_wants_a_reason_and_a_service_that_runs(spool, ask, clinic, monkeypatch):
    monkeypatch.setattr("dicomrs_dashboard.asking._TAKE_SECONDS", 0.2)
    spool.receive(*series(1))
    operator, path = ask(clinic).signed_in(Role.OPERATOR), path_of(spool)
    assert told(operator, operator.post(f"{path}/hold", data={"why": "  "})) == "Say why: it goes on record."
    silent = told(operator, operator.post(f"{path}/hold", data={"why": "x"}))
    assert silent.startswith("It failed: the sending service of")
    assert operator.post(f"{path}/hold", data={"why": "x" * 1001}).status_code == 422
    assert not list((spool.root / ".control").glob("*.request.json"))


def test_discarding_shows_what_goes_wants_the_name_and_leaves_what_waits(spool, ask, clinic):
    parked, _ = spool.receive(*series(2))
    for to in ("zero-click", "archive"):
        spool.note(parked, Kind.PARKED, to, why="A900 no")
    asked, path = ask(clinic), path_of(spool)
    admin = asked.signed_in(Role.ADMIN)
    with serving(clinic):
        assert "parked: a destination does not take them (1 object)" in shown(admin.get(path).text)
        page = shown(admin.get(f"{path}/discard?what=parked&what=nonsense").text)
        assert "1 object would go. Nothing brings it back but the scanner." in page
        assert parked.name.removesuffix(".dcm") in page
        form = {"what": "parked", "why": "service engineer's test"}
        assert told(admin, admin.post(f"{path}/discard", data={**form, "name": "other"})).startswith("That is not")
        assert len(spool.outbox.names(parked.folder)) == 2
        name = path.rsplit("/", 1)[1]
        assert told(admin, admin.post(f"{path}/discard", data={**form, "name": name})) == "1 object discarded."
        assert len(spool.outbox.names(parked.folder)) == 1
        nothing = admin.get(f"{path}/discard")
        assert told(admin, nothing) == "Choose what is to be discarded; nothing was done."


def test_only_admins_export_and_discard_and_only_operators_act(spool, ask, clinic):
    spool.receive(*series(1))
    asked, path = ask(clinic), path_of(spool)
    viewer, operator = asked.signed_in(Role.VIEWER), asked.signed_in(Role.OPERATOR)
    for action in ("resend", "release", "hold", "export", "discard"):
        data = {"why": "x", "destination": "archive", "what": "held", "name": path[-10:]}
        assert viewer.post(f"{path}/{action}", data=data).status_code == 403
    for action in ("export", "discard"):
        assert operator.post(f"{path}/{action}", data={"why": "x", "what": "held"}).status_code == 403
    assert "<form" not in viewer.get(path).text.split("<main")[1]
    assert "Export" not in operator.get(path).text


def test_an_export_is_all_that_is_here_as_it_is_and_is_on_record(spool, ask, clinic):
    study = "1.2.3"
    sound, rotten = spool.receive(*series(2, study=study))
    spool.receive(instance(image(study=study, without=("PixelData",))))
    spool.damage(rotten)
    admin, path = ask(clinic).signed_in(Role.ADMIN), path_of(spool)
    answer = admin.post(f"{path}/export", data={"why": "asked for by the physicist"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as found:
        assert found.testzip() is None
        names = found.namelist()
        assert found.read(sound.name) == (spool.root / sound.folder / sound.name).read_bytes()
        listing = {one["source"]: one for one in json.loads(found.read("export.json"))}
    assert sum(name.startswith("_INVALID_NO_PIXELS/") for name in names) == 1
    assert (listing[sound.name]["reason"], listing[sound.name]["failed"]) == ("", "")
    assert "bytes have changed" in listing[rotten.name]["reason"]
    begun, ended = log_of(spool.root)
    assert (begun["action"], begun["who"], begun["why"]) == ("export", "some-admin", "asked for by the physicist")
    assert (ended["objects"], ended["failed"]) == (3, "")
    assert admin.post(f"{path}/export", data={"why": ""}).status_code == 303


def test_what_is_set_aside_says_what_why_since_when_and_what_to_do(spool, ask, clinic):
    parked, held, _ = spool.receive(*series(3, patient_name="Alpha"))
    spool.note(parked, Kind.PARKED, "archive", why="0124 refused: not authorised")
    stored = spool.outbox.stored(held.folder, held.name)
    conflict = stored.event(
        Kind.HELD, "archive", who="spec.storage.onConflict", why="another object with this SOP Instance UID came before"
    )
    spool.outbox.ledger(held.folder).commit([conflict])
    spool.receive(instance(image(patient_name="Beta", without=("PixelData",))))
    moved, _ = spool.receive(*series(2, patient_name="Gamma"))
    spool.outbox.move_damaged(moved.folder, moved.name, "its bytes have changed on the disk since it arrived")
    spool.outbox.ledger(moved.folder).commit([event_now(Kind.HELD, "", EVERYWHERE, who="ana", why="wrong patient")])
    operator = ask(clinic).signed_in(Role.OPERATOR)
    text = shown(operator.get("/set-aside").text)
    for one in (
        "The target does not allow us to store there: its administrator must permit our AE title.",
        "Conflict archive 1 A different object with the same SOP Instance UID came before it.",
        "The image came without its pixels.",
        "Its bytes on this server's disk are not those that arrived",
        "wrong patient by ana",
        "Release sends the later one after the earlier one",
    ):
        assert one in text, one
    with serving(clinic):
        done = operator.post(f"{path_of(spool)}/release", data={"why": "mended", "back": "set-aside"})
        assert done.headers["location"] == "/set-aside"
        assert told(operator, done) == "2 objects released."
    assert "Parked" not in shown(operator.get("/set-aside").text)


def test_what_was_set_aside_of_a_study_that_somebody_removed_is_shown(spool, ask, clinic):
    (arrival,) = spool.receive(instance(image(without=("PixelData",))))
    operator = ask(clinic).signed_in(Role.OPERATOR)
    for one in (spool.root / arrival.folder).iterdir():
        one.unlink()
    (spool.root / arrival.folder).rmdir()
    text = shown(operator.get("/set-aside").text)
    assert "Somebody removed the study's folder by hand." in text
    assert arrival.name in text


def test_nothing_set_aside_and_no_study_are_said(spool, ask, clinic):
    viewer = ask(clinic).signed_in(Role.VIEWER)
    assert "Nothing is set aside." in shown(viewer.get("/set-aside").text)
    assert "No study has come yet." in shown(viewer.get("/studies").text)
