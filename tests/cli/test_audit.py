"""audit: who did what and why is shown, and a record that was tampered with is found."""

import getpass
import json

import pytest

from dicomrs.exits import Exit
from support.acting import acting, key_of
from support.objects import series
from support.polling import eventually
from support.router import destination, route
from support.sender import send_all


@pytest.fixture
def router(tap, make_router, tmp_path):
    """A router with one held study, after a hold and an export."""
    tap.stop()
    made = make_router(route(tmp_path / "root", destination("tap", tap.port)))
    send_all(made.port(), series(2))
    eventually(lambda: made.spool().status("scu")["destinations"]["tap"]["waiting"] == 2, "both wait")
    return made


def test_every_action_is_shown_with_who_why_and_how_it_ended(router, dicomrs, tmp_path, monkeypatch):
    monkeypatch.delenv("SUDO_USER", raising=False)
    act = acting(dicomrs, router)
    act("hold", why="wrong patient")
    monkeypatch.setenv("SUDO_USER", "ana")
    act("export", tmp_path, why="for the physicist")
    shown = dicomrs("audit", "show", router.manifest, "--route", "clinic")
    assert shown.exit_code == Exit.OK
    held, exported = [line.split() for line in shown.output.splitlines() if key_of(router) in line]
    user = getpass.getuser()
    assert held[2:4] == [user, "hold"]
    assert " ".join(held).endswith("2 wrong patient")
    assert exported[2:6] == ["ana", "as", user, "export"]
    entries = json.loads(dicomrs("audit", "show", "--root", router.spool().root, "--json").stdout)
    assert [entry["fields"].get("action") for entry in entries] == ["hold", None, "export", None]
    assert entries[0]["fields"]["identified"] == "operating system"
    logged = [(line["number"], line["hash"]) for line in router.events("scu", "audit entry")]
    assert logged == [(entry["number"], entry["hash"]) for entry in entries[:2]]
    assert "Tester" not in json.dumps(router.events("scu")), "no patient's name in the services' logs"


def test_a_log_that_was_tampered_with_is_found(router, dicomrs):
    act = acting(dicomrs, router)
    for command in ("hold", "release", "hold"):
        act(command)
    root = router.spool().root
    path = root / ".dicomrs" / "audit.jsonl"
    whole = path.read_bytes()
    verified = dicomrs("audit", "verify", "--root", root)
    assert verified.exit_code == Exit.OK
    assert verified.output.startswith("whole: 6 entries; the last is 6:")
    head = verified.output.split()[-1]
    assert dicomrs("audit", "verify", router.manifest, "--route", "clinic", "--head", head).exit_code == Exit.OK
    lines = whole.splitlines(keepends=True)
    for data, says in (
        (whole.replace(b"told so", b"told no", 1), "BROKEN at line 1"),
        (b"".join(lines[:2] + lines[3:]), "BROKEN at line 3: entry 3 should be here"),
        (b"".join([lines[1], lines[0], *lines[2:]]), "BROKEN at line 1"),
        (b"".join(lines[:4]), "entries 5 to 6 are missing at its end"),
        (b"", "entries 1 to 6 are missing at its end"),
    ):
        path.write_bytes(data)
        found = dicomrs("audit", "verify", "--root", root)
        assert found.exit_code == Exit.FAILED
        assert says in found.output
    (root / ".status" / "audit.json").unlink()
    path.write_bytes(b"".join(lines[:4]))
    assert dicomrs("audit", "verify", "--root", root).exit_code == Exit.OK, "a chain does not show its own end"
    given = dicomrs("audit", "verify", "--root", root, "--head", head)
    assert "BROKEN by the hash that you gave: entries 5 to 6 are missing" in given.output


def test_a_root_that_is_not_there_is_named(tmp_path, dicomrs):
    shown = dicomrs("audit", "verify", "--root", tmp_path / "none")
    assert shown.exit_code == Exit.ROOT
    assert "there is no such folder" in shown.stderr


@pytest.mark.parametrize("head", ["7", "x:" + "0" * 64, "1:abc"])
def test_a_noted_head_has_a_form(head, tmp_path, dicomrs):
    assert dicomrs("audit", "verify", "--root", tmp_path, "--head", head).exit_code == Exit.USAGE
