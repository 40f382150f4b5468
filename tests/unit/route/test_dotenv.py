"""The old .env becomes a ClinicRoute that does the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomrs.route import ManifestError, import_env, load_manifests

FULL = """\
HTR_IP=10.20.30.5
SCP_PORT=11112
SCP_AET=HOSPITAL
DICOM_ROOT=/srv/dicom
TARGET_HOST=10.9.8.7
TARGET_PORT=105
TARGET_AET=ZERO CLICK
"""


@pytest.fixture
def imported(tmp_path):
    """Import a .env and load the result."""

    def _imported(text: str, **options):
        (tmp_path / "clinic.yaml").write_text(import_env(text, **options), encoding="utf-8")
        (route,) = load_manifests([tmp_path / "clinic.yaml"])
        return route

    return _imported


def values(route) -> tuple:
    (target,) = route.spec.destinations
    receiver = route.spec.receiver
    mine = (receiver.bind_address, receiver.port, receiver.ae_title, route.spec.storage.root)
    return (*mine, target.host, target.port, target.ae_title)


def refusal(text: str, **options) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        import_env(text, **options)
    return [str(problem) for problem in caught.value.problems]


def test_every_value_is_kept(imported) -> None:
    expected = ("10.20.30.5", 11112, "HOSPITAL", "/srv/dicom", "10.9.8.7", 105, "ZERO CLICK")
    assert values(imported(FULL)) == expected
    assert values(imported("\ufeff" + FULL.replace("\n", "\r\n"))) == expected
    assert "default" not in import_env(FULL)


def test_what_is_not_set_gets_the_old_default_and_a_comment(imported) -> None:
    for text in ("HTR_IP=10.20.30.5", "HTR_IP=10.20.30.5\nTARGET_AET=\nSCP_PORT=''\n"):
        route = imported(text, name="north")
        assert route.metadata.name == "north"
        assert values(route)[1:4] == (104, "DICOMRS", "/home/dicom/north")
        assert values(route)[4:] == ("192.168.10.16", 4243, "ZEROCLICK")
        manifest = import_env(text)
        for key in ("SCP_PORT", "SCP_AET", "DICOM_ROOT", "TARGET_HOST", "TARGET_PORT", "TARGET_AET"):
            assert f"# {key} was not set: this is the default\n" in manifest


@pytest.mark.parametrize(
    "line",
    [
        "SCP_AET=CT 1",
        "export SCP_AET=CT 1",
        "  SCP_AET = CT 1  ",
        "SCP_AET='CT 1'",
        'export  SCP_AET="CT 1" # the router',
        "SCP_AET=CT 1 # the router",
        "SCP_AET=CT 1\t#",
        "SCP_AET=OLD\n\n# SCP_AET=NEVER\nSCP_AET=CT 1",
    ],
)
def test_the_ways_to_write_a_value(imported, line) -> None:
    assert imported(f"HTR_IP=10.20.30.5\n{line}\n").spec.receiver.ae_title == "CT 1"


def test_characters_that_mean_something_in_yaml(imported) -> None:
    assert imported("HTR_IP=10.20.30.5\nSCP_AET=A#B: '{x}'\n").spec.receiver.ae_title == "A#B: '{x}'"
    assert imported('HTR_IP=10.20.30.5\nDICOM_ROOT="/dados/radiação #1"').spec.storage.root == "/dados/radiação #1"
    assert imported("HTR_IP=10.20.30.5\nSCP_AET=0123\nSCP_PORT=0104\n").spec.receiver.port == 104


def test_what_has_no_field_is_told_without_its_value(imported) -> None:
    text = FULL + "PASSWORD=secret\nSCP_AET=OTHER\n"
    manifest = import_env(text)
    assert "# PASSWORD (line 8) was left out" in manifest
    assert "# SCP_AET was set on line 3 too; line 9 counts" in manifest
    assert "secret" not in manifest
    assert imported(text).spec.receiver.ae_title == "OTHER"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ".env: HTR_IP: is missing: the address of this machine"),
        ("A=b\nHTR_IP=\n", ".env:2: HTR_IP: is missing"),
        (FULL.replace("10.20.30.5", "router"), '.env:1: HTR_IP: "router" is not an IP address'),
        (FULL.replace("11112", "11112x"), '.env:2: SCP_PORT: "11112x" is not a port; write a number'),
        (FULL.replace("11112", "70000"), ".env:2: SCP_PORT: 70000 is too large; write at most 65535"),
        (FULL.replace("HOSPITAL", "HOSPITAL_RADIOTHERAPY"), ".env:3: SCP_AET: "),
        (FULL.replace("/srv/dicom", "~/dicom"), '.env:4: DICOM_ROOT: "~/dicom" is not an absolute path'),
        (FULL.replace("10.9.8.7", "10.9.8.777"), '.env:5: TARGET_HOST: "10.9.8.777" is neither'),
        (FULL.replace("105", "11112").replace("10.9.8.7", "10.20.30.5"), ".env:5: TARGET_HOST: destination"),
        (FULL.replace("ZERO CLICK", "'ZERO"), ".env:7: TARGET_AET: has an open quote; close it"),
        (FULL + "nonsense\n", '.env:8: is no assignment; write "KEY=value"'),
    ],
)
def test_a_value_that_cannot_be_used_names_line_and_key(text, message) -> None:
    (problem,) = refusal(text)
    assert problem.startswith(message)


def test_a_route_needs_a_name() -> None:
    (problem,) = refusal(FULL, name="Clinic A", file="/etc/clinic.env")
    assert problem.startswith('/etc/clinic.env: name of the route: "Clinic A" is not a name')


@given(st.lists(st.tuples(st.sampled_from(["HTR_IP", "SCP_PORT", "SCP_AET", "DICOM_ROOT", "X"]), st.text(max_size=20))))
def test_whatever_stands_there_it_is_imported_or_refused(pairs) -> None:
    text = "".join(f"{key}={value}\n" for key, value in pairs)
    try:
        told = import_env(text)
    except ManifestError as error:
        told = str(error)
    assert told
    assert all(line.isprintable() for line in told.splitlines())
