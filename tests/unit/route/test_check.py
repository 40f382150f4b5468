"""What must fit together: within a route, and between routes."""

import os

import pytest

from dicomrs.route import ManifestError, check_routes, load_manifests

BIND, INTERFACE, PORT = "spec.receiver.bindAddress", "spec.receiver.interface", "spec.receiver.port"
ROOT = "spec.storage.root"


def listening(place: str, name: str, port: int = 104) -> dict:
    """Return the changes that make a route of this name listen at an address or an interface."""
    by_interface = place.startswith("eth")
    return {
        "metadata.name": name,
        BIND: ... if by_interface else place,
        PORT: port,
        **({INTERFACE: place} if by_interface else {}),
    }


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", "0.0.0.0"),
        ("0.0.0.0", "0.0.0.0"),
        ("10.0.0.1", "::"),
        ("0.0.0.0", "::"),
        ("fd00::1", "::"),
        ("fd00::1", "fd00:0::1"),
        ("10.0.0.1", "::ffff:10.0.0.1"),
        ("eth0", "eth0"),
        ("eth0", "0.0.0.0"),
        ("eth0", "::"),
    ],
)
def test_two_receivers_on_one_address_and_port(route, one, two) -> None:
    for first, second in ((one, two), (two, one)):
        (conflict,) = check_routes([route(listening(first, "a")), route(listening(second, "b"))])
        assert (conflict.route, conflict.other, conflict.path) == (1, 0, ("spec", "receiver", "port"))
        assert "give one of them another port or address" in conflict.message
    assert check_routes([route(listening(one, "a")), route(listening(two, "b", 105))]) == []


@pytest.mark.parametrize(
    ("one", "two"),
    [("10.0.0.1", "10.0.0.2"), ("fd00::1", "0.0.0.0"), ("eth0", "eth1"), ("eth0", "10.0.0.1"), ("10.0.0.1", "fd00::1")],
)
def test_two_receivers_side_by_side(route, one, two) -> None:
    for first, second in ((one, two), (two, one)):
        assert check_routes([route(listening(first, "a")), route(listening(second, "b"))]) == []


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("/data", "/data"),
        ("/data", "/data/b"),
        ("/data/a/b", "/data/a"),
        ("/data/a", "/data/./a/"),
        ("//data", "/data"),
    ],
)
def test_a_root_inside_another(route, one, two) -> None:
    first, second = (route({**listening(f"10.0.0.{n}", f"r{n}"), ROOT: root}) for n, root in ((1, one), (2, two)))
    (conflict,) = check_routes([first, second])
    assert (conflict.route, conflict.path) == (1, ("spec", "storage", "root"))
    assert "give each route a folder of its own" in conflict.message


@pytest.mark.parametrize(
    ("one", "two"), [("/data/a", "/data/b"), ("/data/a", "/data/ab"), ("/data/ab", "/data/a"), (None, None)]
)
def test_roots_side_by_side(route, one, two) -> None:
    roots = [{} if root is None else {ROOT: root} for root in (one, two)]
    routes = [route(listening(f"10.0.0.{n}", f"r{n}") | root) for n, root in enumerate(roots)]
    assert check_routes(routes) == []


def test_the_default_root_counts(route) -> None:
    (conflict,) = check_routes([route(), route({**listening("10.0.0.2", "b"), ROOT: "/home/dicom"})])
    assert '"/home/dicom" of route "b" and "/home/dicom/clinic" of route "clinic" overlap' in conflict.message


def test_two_destinations_of_one_name(route) -> None:
    def named(*names):
        return [{"name": name, "host": name, "port": 104, "aeTitle": "X"} for name in names]

    assert check_routes([route({"spec.destinations": named("a", "b", "c")})]) == []
    (conflict,) = check_routes([route({"spec.destinations": named("a", "b", "a")})])
    assert (conflict.path, conflict.other_path) == (
        ("spec", "destinations", 2, "name"),
        ("spec", "destinations", 0, "name"),
    )


@pytest.mark.parametrize(
    ("own", "target", "loop"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("fd00::1", "fd00:0:0::1", True),
        ("127.0.0.1", "localhost", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("0.0.0.0", "127.0.0.1", True),
        ("0.0.0.0", "LOCALHOST.", True),
        ("0.0.0.0", "10.0.0.1", False),
        ("10.0.0.1", "localhost", False),
    ],
)
def test_a_route_that_sends_to_itself(route, own, target, loop) -> None:
    changes = {BIND: own, PORT: 4243, "spec.destinations.0.host": target}
    assert [conflict.path for conflict in check_routes([route(changes)])] == (
        [("spec", "destinations", 0, "host")] if loop else []
    )
    assert check_routes([route(changes | {PORT: 104})]) == []
    assert check_routes([route({**changes, BIND: ..., INTERFACE: "eth0"})]) == []


def test_the_error_names_both_files_and_lines(write, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    write({PORT: 104}, "a.yaml")
    write({"metadata.name": "b", ROOT: "/srv/b"}, "b.yaml")
    with pytest.raises(ManifestError) as caught:
        load_manifests(["a.yaml", "b.yaml"])
    (problem,) = caught.value.problems
    # The port of b.yaml is the default: its line is the receiver's.
    assert (problem.file, problem.line) == ("b.yaml", 6)
    assert str(problem) == (
        'b.yaml:6: spec.receiver.port: the receiver of route "b" would listen on 10.20.30.5 port 104, but route '
        '"clinic" listens on 10.20.30.5 port 104; give one of them another port or address (see a.yaml:8)'
    )


@pytest.mark.parametrize("rest", [{BIND: "10.0.0.9", ROOT: "/srv/b"}, {}])
def test_two_routes_of_one_name_are_told_once(write, tmp_path, rest) -> None:
    first, second = write({}, "a.yaml"), write(rest, "b.yaml")
    with pytest.raises(ManifestError) as caught:
        load_manifests([tmp_path])
    (problem,) = caught.value.problems
    assert (problem.file, problem.field) == (str(second), "metadata.name")
    assert f"(see {os.fspath(first)}:4)" in problem.message


def reporting(*places: tuple[str, int], name: str = "b", **more: object) -> dict:
    """The changes that make a route's destinations have their reports come in at these places."""
    destinations = [
        {
            "name": f"d{number}",
            "host": "pacs",
            "port": 104,
            "aeTitle": "X",
            "commitment": {"listen": {"bindAddress": address, "port": port}},
        }
        for number, (address, port) in enumerate(places)
    ]
    return {**listening("10.0.0.9", name), ROOT: f"/srv/{name}", "spec.destinations": destinations, **more}


LISTEN = ("spec", "destinations", 0, "commitment", "listen", "port")


@pytest.mark.parametrize("address", ["10.0.0.1", "0.0.0.0", "::"])
def test_reports_and_scanners_at_one_place(route, address) -> None:
    receiver, reports = listening("10.0.0.1", "a"), reporting((address, 104))
    (conflict,) = check_routes([route(receiver), route({**reports, PORT: 105})])
    assert (conflict.path, conflict.other_path) == (LISTEN, ("spec", "receiver", "port"))
    assert conflict.message == (
        f'destination "d0" of route "b" would listen on {address} port 104, but route "a" listens on '
        "10.0.0.1 port 104; give one of them another port or address"
    )
    (conflict,) = check_routes([route({**reports, PORT: 105}), route(receiver)])
    assert (conflict.path, conflict.other_path) == (("spec", "receiver", "port"), LISTEN)
    assert check_routes([route(receiver), route(reporting((address, 11113)))]) == []


def test_reports_at_the_place_of_the_routes_own_receiver(route) -> None:
    (conflict,) = check_routes([route(reporting(("10.0.0.9", 104)))])
    assert (conflict.path, conflict.other_path) == (LISTEN, ("spec", "receiver", "port"))


def test_reports_of_two_routes_at_one_place(route) -> None:
    one, two = reporting(("10.0.0.1", 11113), name="a"), reporting(("10.0.0.1", 11113), **{PORT: 105})
    (conflict,) = check_routes([route(one), route(two)])
    assert (conflict.path, conflict.other_path) == (LISTEN, LISTEN)
    assert 'but destination "d0" of route "a" listens on' in conflict.message


def test_destinations_of_one_route_may_share_a_place_if_it_is_the_same(route) -> None:
    assert check_routes([route(reporting(("10.0.0.1", 11113), ("10.0.0.1", 11113)))]) == []
    assert check_routes([route(reporting(("10.0.0.1", 11113), ("10.0.0.2", 11113)))]) == []
    (conflict,) = check_routes([route(reporting(("10.0.0.1", 11113), ("0.0.0.0", 11113)))])
    assert conflict.path == ("spec", "destinations", 1, "commitment", "listen", "port")
