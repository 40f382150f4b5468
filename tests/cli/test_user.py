"""user: who may use the dashboard; each change is on record, and a code lets somebody in once."""

import getpass
import json
import os
import sys

import pytest

from dicomrs.audit import AuditLog
from dicomrs.exits import Exit
from dicomrs.spool.fs import OsFileSystem
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.users import Users
from support.processes import run
from support.router import route

PASSWORD = "correct horse battery"


@pytest.fixture
def user(dicomrs, tmp_path):
    """`dicomrs user` in a state folder."""
    return lambda *words, **options: dicomrs("user", *words, "--state", tmp_path, **options)


def test_a_user_is_added_with_a_code_that_works_and_is_printed_for_programs_too(user, tmp_path):
    made = user("add", "ana", "--role", "admin", "--once")
    assert made.exit_code == Exit.OK
    code = made.stdout.removeprefix("one-time code: ").strip()
    name, _ = Users(str(tmp_path)).use_code(code, PASSWORD)
    assert (name, Users(str(tmp_path)).find("ana").role) == ("ana", Role.ADMIN)


def test_a_password_is_typed_twice(user, tmp_path, dicomrs):
    made = user("add", "ana", "--role", "viewer", input=f"{PASSWORD}\n{PASSWORD}\n")
    assert made.exit_code == Exit.OK
    assert PASSWORD not in made.output
    assert Users(str(tmp_path)).check("ana", PASSWORD)
    assert user("password", "ana", input="another good one\nanother good one\n").exit_code == Exit.OK
    assert not Users(str(tmp_path)).check("ana", PASSWORD)


def test_without_a_terminal_it_says_what_to_do(user):
    made = user("add", "ana", "--role", "viewer", input="")
    assert made.exit_code == Exit.FAILED
    assert "say --once" in made.stderr


def test_list_shows_who_signs_in_how(user, tmp_path):
    assert "there is no user" in user("list").output
    user("add", "ana", "--role", "admin", "--once")
    user("add", "bob", "--role", "viewer", input=f"{PASSWORD}\n{PASSWORD}\n")
    rows = [line.split(maxsplit=2) for line in user("list").output.splitlines()]
    ana, bob = [row for row in rows if row and row[0] in ("ana", "bob")]
    assert ana[1] == "admin"
    assert ana[2].startswith("one-time code until")
    assert [cell.strip() for cell in bob] == ["bob", "viewer", "password"]


def test_roles_change_and_users_go_and_all_of_it_is_on_record(user, tmp_path, monkeypatch):
    monkeypatch.delenv("SUDO_USER", raising=False)
    user("add", "ana", "--role", "admin", "--once")
    user("role", "ana", "--role", "viewer")
    user("password", "ana", "--once")
    user("remove", "ana")
    assert Users(str(tmp_path)).all() == {}
    told = [entry.fields for entry in AuditLog(OsFileSystem(), str(tmp_path)).read().entries]
    assert [one["action"] for one in told] == [
        "user added",
        "user's role changed",
        "one-time code made",
        "user removed",
    ]
    assert {(one["who"], one["user"], one["identified"]) for one in told} == {
        (getpass.getuser(), "ana", "operating system")
    }


def test_the_record_shows_them_as_done(user, dicomrs, tmp_path):
    user("add", "ana", "--role", "admin", "--once")
    shown = dicomrs("audit", "show", "--root", tmp_path).output
    assert "user added" in shown
    assert "role: admin" in shown
    assert "not known" not in shown


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["role", "nobody", "--role", "viewer"], "there is no user nobody"),
        (["remove", "nobody"], "there is no user nobody"),
        (["password", "nobody", "--once"], "there is no user nobody"),
        (["add", "Ana", "--role", "viewer", "--once"], "is no name for a user"),
    ],
)
def test_what_cannot_be_done_is_said(words, says, user):
    done = user(*words)
    assert done.exit_code == Exit.FAILED
    assert says in done.stderr


def test_a_weak_password_is_refused(user, tmp_path):
    made = user("add", "ana", "--role", "viewer", input="short\nshort\n")
    assert made.exit_code == Exit.FAILED
    assert "12 to 200 characters" in made.stderr
    assert Users(str(tmp_path)).all() == {}, "it was added all the same"


def test_a_role_that_is_none_is_a_wrong_command_line(user):
    assert user("add", "ana", "--role", "boss", "--once").exit_code == Exit.USAGE


def test_with_manifests_it_is_where_users_are_already_or_else_in_the_first_root(dicomrs, write_manifest, tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
    manifest = write_manifest(route(first, name="a"), route(second, name="b"))
    assert dicomrs("user", "add", "ana", manifest, "--role", "admin", "--once").exit_code == Exit.OK
    assert (first / ".dicomrs" / "users.json").exists()
    (first / ".dicomrs" / "users.json").unlink()
    Users(str(second)).add("eva", Role.ADMIN)
    dicomrs("user", "add", "bob", manifest, "--role", "viewer", "--once")
    assert set(json.loads((second / ".dicomrs" / "users.json").read_text())["users"]) == {"eva", "bob"}


def test_a_folder_that_is_not_there_and_a_command_without_one(dicomrs, tmp_path):
    assert dicomrs("user", "list", "--state", tmp_path / "none").exit_code == Exit.ROOT
    assert dicomrs("user", "list").exit_code == Exit.USAGE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_as_another_user_than_the_services_it_writes_nothing(dicomrs, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, 10001, 10001)
    done = dicomrs("user", "add", "ana", "--role", "admin", "--once", "--state", state)
    assert done.exit_code == Exit.ROOT
    assert "sudo -u '#10001'" in done.stderr
    assert list(state.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_in_a_mount_that_is_roots_and_writable_to_the_services_it_works(tmp_path):
    """As a cluster mounts volumes (fsGroup)."""
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, 0, 10001)
    state.chmod(0o2775)
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    words = [sys.executable, "-m", "dicomrs_cli", "user", "add", "ana", "--role", "admin", "--once", "--state", state]
    for name, code in (("ana", Exit.OK), ("eva", Exit.OK)):
        words[5] = name
        done = run(["setpriv", "--reuid=10001", "--regid=10001", "--clear-groups", *words])
        assert done.returncode == code, done.stderr
    assert set(Users(str(state)).all()) == {"ana", "eva"}
