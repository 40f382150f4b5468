"""The file of users, written by the dashboard and by `dicomrs user` at the same time, and sessions and throttling."""

import errno
import json
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dicomrs_dashboard.doors.passwords import WeakPasswordError, digest_of, new_code
from dicomrs_dashboard.doors.people import Role
from dicomrs_dashboard.doors.sessions import Sessions
from dicomrs_dashboard.doors.throttle import FREE, LONGEST_WAIT, OF_ONE_NAME, WAIT_FOR_NAME, Throttle
from dicomrs_dashboard.doors.users import Users
from dicomrs_dashboard.doors.users_file import UsersError
from support.polling import eventually

PASSWORD = "correct horse battery"


@pytest.fixture
def users(tmp_path) -> Users:
    return Users(str(tmp_path))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class TestFile:
    """users.json."""

    def test_nobody_else_can_read_it_and_it_holds_no_password_and_no_code(self, users):
        code = users.add("ana", Role.ADMIN)
        users.set_password("ana", PASSWORD)
        other = users.add("bob", Role.VIEWER)
        assert stat.S_IMODE(os.stat(users.path).st_mode) == 0o600
        text = Path(users.path).read_text()
        assert "$argon2id$" in text
        for secret in (PASSWORD, code, other):
            assert secret not in text

    def test_two_who_write_at_once_lose_nothing(self, tmp_path):
        def add(number: int) -> None:
            Users(str(tmp_path)).add(f"user{number}", Role.VIEWER)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(add, range(40)))
        assert len(Users(str(tmp_path)).all()) == 40

    def test_what_another_program_writes_is_known_soon(self, users, tmp_path):
        stop = threading.Event()
        assert users.all() == {}
        follower = threading.Thread(target=users.follow, args=(stop,))
        follower.start()
        try:
            Users(str(tmp_path)).add("ana", Role.ADMIN)
            eventually(lambda: users.find("ana"), "it is seen")
        finally:
            stop.set()
            follower.join()

    @pytest.mark.parametrize(
        "content", ["", "{", "[]", '{"format":1,"users":{"a":{}}}', '{"format":1,"users":{},"x":1}']
    )
    def test_a_broken_file_lets_nobody_in_and_is_not_written_over(self, content, users):
        users.add("ana", Role.ADMIN)
        Path(users.path).write_text(content)
        users.look()
        for act in (users.all, lambda: users.check("ana", PASSWORD), lambda: users.add("eve", Role.ADMIN)):
            with pytest.raises(UsersError, match="is not what dicomrs wrote: bring it back from a backup"):
                act()
        assert Path(users.path).read_text() == content

    def test_a_later_format_is_not_touched(self, users):
        users.add("ana", Role.ADMIN)
        content = json.loads(Path(users.path).read_text()) | {"format": 2}
        Path(users.path).write_text(json.dumps(content))
        users.look()
        with pytest.raises(UsersError, match="format 2"):
            users.add("eve", Role.ADMIN)

    def test_a_crash_while_it_is_written_leaves_the_last_one(self, users, monkeypatch):
        users.add("ana", Role.ADMIN)
        before = Path(users.path).read_text()

        def fail(*_: str) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(users._file._fs, "rename", fail, raising=False)
        with pytest.raises(UsersError, match="Input/output error"):
            users.add("bob", Role.ADMIN)
        assert Path(users.path).read_text() == before


class TestNames:
    """What users may be called and may choose."""

    @pytest.mark.parametrize("name", ["", "Ana", "../ana", "a b", "<script>", "a" * 65, "ána", ".a", "a\n"])
    def test_a_name_that_is_none(self, name, users):
        with pytest.raises(UsersError, match="is no name for a user"):
            users.add(name, Role.VIEWER)

    def test_a_name_that_is_taken(self, users):
        users.add("ana", Role.ADMIN)
        with pytest.raises(UsersError, match="already"):
            users.add("ana", Role.VIEWER)

    @pytest.mark.parametrize(
        "password", ["", "eleven sign", "aaaaaaaaaaaaaaaa", "x" * 201, "radiotherapistradiotherapist"]
    )
    def test_a_password_that_is_not_taken(self, password, users):
        users.add("radiotherapist", Role.ADMIN)
        with pytest.raises(WeakPasswordError):
            users.set_password("radiotherapist", password)

    def test_the_last_admin_stays_one_unless_it_is_said(self, users):
        users.add("ana", Role.ADMIN)
        users.add("bob", Role.OPERATOR)
        for act in (lambda: users.remove("ana"), lambda: users.set_role("ana", Role.VIEWER)):
            with pytest.raises(UsersError, match="last administrator"):
                act()
        users.set_role("bob", Role.ADMIN)
        users.remove("ana")
        users.remove("bob", last_admin_too=True)

    def test_codes_are_read_however_they_are_typed(self):
        code = new_code()
        assert len(code) == 24
        assert digest_of(code) == digest_of(f" {code.replace('-', ' ').upper()}\n")
        assert digest_of(code) != digest_of(new_code())

    def test_a_pipe_or_a_huge_file_in_its_place_is_told_of_and_keeps_nobody_waiting(self, users):
        users.add("ana", Role.ADMIN)
        os.unlink(users.path)
        os.mkfifo(users.path)
        assert "Illegal seek" in str(users.look())
        os.unlink(users.path)
        with open(users.path, "wb") as file:
            file.truncate(2**42)
        assert "it is larger than 4194304 bytes" in str(users.look())


class TestSessions:
    """When they end by themselves."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def sessions(self, users, clock) -> Sessions:
        return Sessions(users, 60, 200, clock)

    def test_one_that_is_not_used_ends(self, sessions, clock):
        token = sessions.begin("ana", Role.VIEWER, "x", None)
        for _ in range(2):
            clock.now += 59
            assert sessions.find(token)
        clock.now += 60
        assert sessions.find(token) is None

    def test_a_page_that_only_looks_on_does_not_use_it(self, sessions, clock):
        token = sessions.begin("ana", Role.VIEWER, "x", None)
        clock.now += 59
        assert sessions.find(token, use=False)
        clock.now += 1
        assert sessions.find(token, use=False) is None

    def test_one_that_is_used_all_day_ends_too(self, sessions, clock):
        token = sessions.begin("ana", Role.VIEWER, "x", None)
        for _ in range(4):
            clock.now += 49
            assert sessions.find(token)
        clock.now += 4
        assert sessions.find(token) is None

    def test_nobody_who_has_taken_a_users_name_elsewhere_signs_that_one_out(self, sessions, users):
        users.add("ana", Role.ADMIN)
        own = sessions.begin("ana", Role.ADMIN, "password", users.find("ana").stamp)
        for _ in range(50):
            sessions.begin("ana", Role.VIEWER, "OpenID https://idp.test 7", None)
        assert sessions.find(own)

    def test_of_very_many_the_one_unused_for_longest_gives_way(self, sessions, clock):
        first = sessions.begin("ana", Role.VIEWER, "x", None)
        other = sessions.begin("bob", Role.VIEWER, "x", None)
        for _ in range(20):
            clock.now += 0.1
            last = sessions.begin("ana", Role.VIEWER, "x", None)
        assert sessions.find(first) is None
        assert sessions.find(last)
        assert sessions.find(other)

    @pytest.mark.parametrize("token", ["", "x", "\udcff", "x" * 100_000])
    def test_what_is_no_token_opens_nothing(self, token, sessions):
        sessions.begin("ana", Role.VIEWER, "x", None)
        assert sessions.find(token) is None


class TestThrottle:
    """How long who must wait."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def throttle(self, clock) -> Throttle:
        return Throttle(clock)

    def fail(self, throttle: Throttle, times: int, address: str = "192.0.2.1", name: str = "admin") -> None:
        for _ in range(times):
            assert throttle.begin(address, name) == 0

    def test_each_failure_makes_the_next_wait_longer_up_to_a_minute(self, throttle, clock):
        self.fail(throttle, FREE)
        waits = []
        for _ in range(10):
            waits.append(throttle.begin("192.0.2.1", "admin"))
            clock.now += waits[-1]
            self.fail(throttle, 1)
        assert waits == [1, 2, 4, 8, 16, 32, *[LONGEST_WAIT] * 4]

    def test_trying_while_one_must_wait_makes_it_no_longer(self, throttle, clock):
        self.fail(throttle, FREE + 0)
        clock.now += 0.5
        assert [throttle.begin("192.0.2.1", "admin") for _ in range(5)] == [0.5] * 5

    def test_one_name_tried_from_everywhere_never_shuts_out_an_address_that_has_not_tried(self, throttle):
        for number in range(OF_ONE_NAME * 10):
            self.fail(throttle, 1, f"198.51.{number // 250}.{number % 250}")
        assert throttle.begin("198.51.0.7", "admin") == WAIT_FOR_NAME
        assert throttle.begin("192.0.2.99", "admin") == 0.0, "the admin is locked out"

    def test_who_has_a_user_of_his_own_guesses_no_other_by_that(self, throttle):
        """Signing in in between does not bring back the tries that an address has."""
        for _ in range(FREE):
            self.fail(throttle, 1)
            if throttle.begin("192.0.2.1", "eve") == 0:
                throttle.succeeded("192.0.2.1", "eve")
        assert throttle.begin("192.0.2.1", "admin") > 0

    def test_ipv6_addresses_of_one_customer_are_one(self, throttle):
        for number in range(FREE):
            self.fail(throttle, 1, f"2001:db8::{number:x}")
        assert throttle.begin("2001:db8::ffff:1", "admin") > 0
        assert throttle.begin("2001:db8:0:1::1", "admin") == 0

    def test_after_a_quarter_of_an_hour_it_is_forgotten(self, throttle, clock):
        self.fail(throttle, FREE)
        clock.now += 901
        self.fail(throttle, FREE)

    def test_it_remembers_no_more_than_it_has_room_for(self, throttle):
        for number in range(12_000):
            throttle.begin(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}", f"user{number}")
        assert len(throttle._failures) <= 10_000


def test_who_was_added_a_moment_ago_by_another_program_comes_in_at_once(users, tmp_path):
    users.add("first", Role.ADMIN)
    assert users.find("first") is not None
    command = Users(str(tmp_path))  # of another process: nobody tells the first of what it writes
    code = command.add("ana", Role.ADMIN)
    found = users.whose_code(code)
    assert found is not None
    assert found[0] == "ana"
    command.add("eve", Role.VIEWER)
    command.set_password("eve", PASSWORD)
    assert users.check("eve", PASSWORD) is not None
