"""Manifests from files: each rule has one that passes and one that is refused by line and in words."""

import os

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicomrs.route import ManifestError, load_manifests

R, S, D = "spec.receiver.", "spec.storage.", "spec.destinations.0."
BIND = R + "bindAddress"

# field, a value that passes, one that does not, what is said about it
RULES = [
    ("apiVersion", "dicomrs.io/v1alpha1", "v1", '"v1" should be "dicomrs.io/v1alpha1"'),
    ("kind", "ClinicRoute", "Route", '"Route" should be "ClinicRoute"'),
    ("metadata.name", "clinic-2", "Clinic_2", '"Clinic_2" is not a name; use small letters'),
    ("metadata.name", "a" * 63, "a" * 64, "has 64 characters; a name has at most 63"),
    ("metadata.name", "7", 7, '7 is not text to YAML; put it in quotes: "7"'),
    ("metadata.namespace", "clinics", "clinics.", "is not a name"),
    ("metadata.labels", {"team": "rt"}, "rt", "should have fields below it"),
    ("metadata.annotations", {"note": "2024-01-01"}, None, "is empty; give it a value or remove the line"),
    ("spec.suspend", True, "true", '"true" should be true or false, without quotes'),
    ("spec.destinations", [], {}, 'should be a list: lines that begin with "- "'),
    (BIND, "::", "10.20.30", '"10.20.30" is not an IP address; write one such as "10.20.30.5"'),
    (BIND, "0.0.0.0", "10.20.30.5:104", "without port or mask"),
    (BIND, "fe80::1", "fe80::1%eth0", 'name an "interface" in place of the address'),
    (R + "port", 11112, 0, "0 is too small; write at least 1"),
    (R + "port", 65535, 65536, "65536 is too large; write at most 65535"),
    (R + "port", 104, "104", '"104" should be a whole number, without quotes'),
    (R + "aeTitle", "A" * 16, "ZEROCLICK_RADIOTHERAPY", "has 22 characters; an AE title has at most 16"),
    (R + "aeTitle", "A B", "A\\B", "use printable ASCII without backslash"),
    (R + "aeTitle", "a~!", "ÁE", "use printable ASCII without backslash"),
    (R + "aeTitle", "A", "A\x1b[2J", "use printable ASCII without backslash"),
    (R + "aeTitle", "A", " A", "write the AE title without them"),
    (R + "aeTitle", "A", "", "is empty or has spaces"),
    (R + "aeTitle", "A", ["A"], "should be one value, without parts"),
    (R + "allow", {"networks": ["10.0.0.0/8", "fd00::5"]}, {"networks": ["10.1.0.0/8"]}, "is not a network"),
    (R + "allow", {}, {"networks": ["10.1.0.0/255.255.0.0"]}, "is not a network; write one such as"),
    (R + "allow", {}, {"networks": ["::ffff:10.0.0.0/104"]}, "is not a network"),
    (R + "allow", {"callingAeTitles": ["A"] * 256}, {"callingAeTitles": ["A"] * 257}, "has 257 entries; write at most"),
    (R + "suspend", False, 1, "1 should be true or false, without quotes"),
    (R + "transferSyntaxes", ["1.2.840.10008.1.2"], ["1.02"], '"1.02" is not a UID'),
    (R + "transferSyntaxes", [], ["1." + "2" * 63], "has 65 characters; a UID has at most 64"),
    (R + "transferSyntaxes", [], [1.2], '1.2 is not text to YAML; put it in quotes: "1.2"'),
    (S + "root", "/data/dicom", "data/dicom", 'is not an absolute path; write one from "/"'),
    (S + "root", "/data/..dicom", "/data/../etc", 'without ".."'),
    (S + "root", "/d", "/" + "d" * 1024, "is too long; write at most 1024 characters"),
    (S + "root", "/d", "//", "give the route a folder of its own"),
    (S + "reserve", "20Gi", "20GB", "is not an amount of disk space; write a share"),
    (S + "retention", "1h30m", 30, '30 is not a duration; write one such as "90s"'),
    (S + "retention", "36500d", "36501d", "is too long; write at most 100 years"),
    (S + "onConflict", "Park", "park", '"park" should be "Forward" or "Park"'),
    (D + "name", "archive", "the archive", '"the archive" is not a name'),
    (D + "host", "pacs-1.example.org", "pacs 1", "is neither an IP address nor a host name"),
    (D + "host", "fd00::5", "192.168.300.1", "is neither an IP address nor a host name"),
    (D + "host", "PACS_1.", "pacs:104", "without port"),
    (D + "port", 4243, True, "true should be a whole number"),
    (D + "aeTitle", "X", "X" * 17, "has 17 characters"),
    (D + "callingAeTitle", "X", "X" * 17, "has 17 characters"),
    (D + "associations", 16, 17, "17 is too large; write at most 16"),
    (D + "park", {"tries": 1, "over": "0s"}, {"tries": 0}, "0 is too small; write at least 1"),
    (D + "park", {"over": "1d"}, {"over": "1 day"}, '"1 day" is not a duration'),
    (D + "match", [{"modalities": ["CT"]}], [{}], "this rule is empty and would match everything"),
    (D + "match", [{"modalities": ["CT"]}], [{"modalities": []}], "this rule is empty"),
    (D + "match", [{"modalities": ["RTSTRUCT"]}], [{"modalities": ["ct"]}], "write it in capitals"),
    (D + "match", [{"callingAeTitles": ["CT1"]}], [{"callingAeTitles": "CT1"}], "should be a list"),
    (D + "match", [{"calledAeTitles": ["CT1"]}], [{"calledAeTitles": ["A\\B"]}], "without backslash"),
    (D + "match", [{"stations": ["Ct 1 ü"]}], [{"stations": ["s" * 17]}], "a station name has 1 to 16"),
    (D + "match", [{"stations": ["Ct"]}], [{"stations": ["a\\b"]}], "a station name has neither"),
    (D + "match", [{"sopClasses": ["1.2.3"]}], [{"sopClasses": ["CT"]}], '"CT" is not a UID'),
]


def refusal(*paths):
    with pytest.raises(ManifestError) as caught:
        load_manifests(paths)
    return caught.value.problems


@pytest.mark.parametrize(("field", "good", "bad", "message"), RULES)
def test_one_passes_and_one_is_refused(write, field, good, bad, message) -> None:
    assert len(load_manifests([write({field: good})])) == 1
    path = write({field: bad})
    (problem,) = refusal(path)
    assert message in problem.message
    assert problem.file == str(path)
    assert problem.field.startswith(field.replace(".0.", "[0]."))
    if not isinstance(bad, list | dict):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert field.rsplit(".", maxsplit=1)[-1] in lines[problem.line - 1]


@pytest.mark.parametrize(
    "field",
    ["apiVersion", "kind", "metadata", "spec", "spec.receiver", D + "name", D + "host", D + "port", D + "aeTitle"],
)
def test_a_required_field_is_missing(write, field) -> None:
    (problem,) = refusal(write({field: ...}))
    assert problem.field == field.replace(".0.", "[0].")
    assert problem.message.startswith("is missing: ")


def test_exactly_one_of_address_and_interface(write) -> None:
    assert load_manifests([write({BIND: ..., R + "interface": "eth1.20"})])[0].spec.receiver.interface == "eth1.20"
    for changes in ({BIND: ..., R + "port": 104}, {R + "interface": "eth1"}):
        path = write(changes)
        (problem,) = refusal(path)
        assert 'exactly one of "bindAddress"' in problem.message
        assert "receiver:" in path.read_text(encoding="utf-8").splitlines()[problem.line - 1]


@pytest.mark.parametrize("name", ["", "eth1 ", "a" * 16, "eth/1", "eth:1", ".."])
def test_an_interface_has_a_name_that_linux_allows(write, name) -> None:
    (problem,) = refusal(write({BIND: ..., R + "interface": name}))
    assert 'such as "eth1"' in problem.message


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("spec.reciever", 'unknown field; did you mean "receiver"?'),
        (R + "bind_address", 'unknown field; did you mean "bindAddress"?'),
        (R + "AETitle", 'unknown field; did you mean "aeTitle"?'),
        (D + "Port", 'unknown field; did you mean "port"?'),
        ("metadata.title", "unknown field; known here: name, namespace, labels, annotations"),
        ("spec.destinations.0.park.max", "unknown field; known here: tries, over"),
    ],
)
def test_an_unknown_field_is_named_with_what_was_meant(write, field, message) -> None:
    path = write({field: "x"})
    (problem,) = refusal(path)
    assert problem.message == message
    assert problem.field == field.replace(".0.", "[0].")
    assert field.rsplit(".", maxsplit=1)[-1] in path.read_text(encoding="utf-8").splitlines()[problem.line - 1]


def test_the_names_of_python_are_no_fields(write) -> None:
    (problem,) = refusal(write({BIND: ..., R + "bind_address": "10.20.30.5"}))
    assert problem.message == 'unknown field; did you mean "bindAddress"?'


@pytest.mark.parametrize("spelling", ["yes", "1.10", "123"])
def test_text_that_yaml_takes_for_something_else_is_shown_as_it_is_spelt(write, spelling) -> None:
    path = write({R + "aeTitle": "SPELLING"})
    path.write_text(path.read_text(encoding="utf-8").replace("SPELLING", spelling), encoding="utf-8")
    assert refusal(path)[0].message == f'{spelling} is not text to YAML; put it in quotes: "{spelling}"'


def test_a_problem_reads_as_one_line(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clinic.yaml").write_text(
        "apiVersion: dicomrs.io/v1alpha1\n"
        "kind: ClinicRoute\n"
        "metadata: {name: a}\n"
        "spec:\n"
        "  receiver:\n"
        "    bindAddress: 10.0.0.1\n"
        "    aeTitle: ZEROCLICK_RADIOTHERAPY\n"
        "  reciever: {}\n",
        encoding="utf-8",
    )
    with pytest.raises(ManifestError) as caught:
        load_manifests(["clinic.yaml"])
    assert str(caught.value).splitlines() == [
        'clinic.yaml:7: spec.receiver.aeTitle: "ZEROCLICK_RADIOTHERAPY" has 22 characters; an AE title has at most 16',
        'clinic.yaml:8: spec.reciever: unknown field; did you mean "receiver"?',
    ]


def test_problems_of_all_files_and_documents_come_together(write, tmp_path) -> None:
    good = write({}, "a.yaml").read_text(encoding="utf-8")
    (tmp_path / "b.yaml").write_text(good.replace("10.20", "10.256") + "---\n" + good.replace("4243", "no"))
    (tmp_path / "c.yaml").write_text("kind: [")
    problems = refusal(tmp_path, tmp_path / "d.yaml")
    assert [os.path.basename(problem.file) for problem in problems] == ["b.yaml", "b.yaml", "c.yaml", "d.yaml"]
    assert [problem.line is None for problem in problems] == [False, False, False, True]


def test_files_folders_and_several_documents_load_in_order(write, tmp_path) -> None:
    def text(number):
        return write({"metadata.name": f"r{number}", R + "port": 1000 + number}, "x").read_text(encoding="utf-8")

    (tmp_path / "routes").mkdir()
    (tmp_path / "routes" / "b.yaml").write_text(text(3))
    (tmp_path / "routes" / "a.yaml").write_text(text(1) + "---\n" + text(2) + "---\n")
    for name in (".hidden.yaml", "notes.txt"):
        (tmp_path / "routes" / name).write_text("no manifest")
    (tmp_path / "one.yml").write_text("\ufeff" + text(4).replace("\n", "\r\n"), encoding="utf-8")
    paths = [tmp_path / "one.yml", tmp_path / "routes", tmp_path / "routes" / "a.yaml"]
    assert [route.metadata.name for route in load_manifests(paths)] == ["r4", "r1", "r2", "r3"]


def test_what_kubectl_prints_loads(write, tmp_path) -> None:
    path = write(
        {
            "metadata.uid": "0b8f",
            "metadata.resourceVersion": "12",
            "metadata.generation": 3,
            "metadata.creationTimestamp": None,
            "metadata.managedFields": [{"manager": "kubectl"}],
            "metadata.namespace": "clinics",
            "status": {"observedGeneration": 3},
        }
    )
    (alone,) = load_manifests([path])
    items = [yaml.safe_load(path.read_text(encoding="utf-8"))]
    together = tmp_path / "list.yaml"
    together.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items}))
    assert load_manifests([together]) == [alone]
    together.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": []}))
    assert load_manifests([together]) == []
    together.write_text("kind: List\nitems:\n- kind: ClinicRoute\n- 5\n")
    assert [problem.line for problem in refusal(together)] == [3, 4]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", None, "is empty; write a ClinicRoute into it"),
        ("---\n# nothing\n", None, "is empty; write a ClinicRoute into it"),
        ("clinic", 1, "should be a ClinicRoute"),
        ("kind: a\nkind: b\n", 2, "appears twice, first on line 1; keep one of them"),
        ("a: &x [1]\nb: *x\n", 2, "aliases (*name) are not supported"),
        ("a: b: c\n", 1, "is not YAML: mapping values are not allowed here; look at indentation"),
        ("a:\n\tb: c\n", 2, "is not YAML: a tab; indent with spaces"),
        ("a: [\n", 2, "is not YAML"),
        ("a: " + "[" * 40, 1, "is nested too deeply"),
        ("a: " + "[" * 100_000, 1, "is nested too deeply"),
        ("a: 1\nb: 0104\n", 2, '"0104" is no plain number; leave leading zeros out'),
        ("a: 1\nb: 1:44\n", 2, '"1:44" is no plain number'),
        ("a: 1\nb: !env HOME\n", 2, "cannot be read as a value; put it in quotes"),
        ("a: " + "9" * 5000, 1, "cannot be read as a value; put it in quotes"),
        ("a: " + "1" + ":1" * 300 + ".5", 1, "cannot be read as a value; put it in quotes"),
        ('a: 1\nb: "\\UFFFFFFFF"\n', 2, "has a number or an escape that is out of range"),
        ('a: 1\nb: "\\U00110000"\n', 2, "has a number or an escape that is out of range"),
        ("%YAML 1." + "9" * 5000 + "\n--- a\n", 1, "has a number or an escape that is out of range"),
        ("? [a]\n: b\n", 1, "has a field name that is not plain text"),
        ("a: 1\nb: \x07\n", 2, "has a control character"),
    ],
)
def test_a_file_that_is_no_manifest(tmp_path, text, line, message) -> None:
    path = tmp_path / "clinic.yaml"
    path.write_text(text, encoding="utf-8")
    problem = refusal(path)[0]
    assert message in problem.message
    assert problem.line == line


def test_a_file_that_cannot_be_read(tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "large.yaml").write_bytes(b"#" * (1 << 20) + b"\n")
    (tmp_path / "latin.yaml").write_bytes("kind: x\nname: Klinik Süd\n".encode("latin-1"))
    os.mkfifo(tmp_path / "pipe.yaml")
    said = {
        "gone.yaml": "cannot be read: No such file or directory",
        "empty": "has no manifest",
        "large.yaml": "is larger than 1 MiB",
        "latin.yaml": "is not UTF-8 text",
        "pipe.yaml": "is not a regular file",
    }
    for name, message in said.items():
        (problem,) = refusal(tmp_path / name)
        assert message in problem.message
    assert refusal(tmp_path / "latin.yaml")[0].line == 2


def test_an_alias_does_not_grow(tmp_path) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    (tmp_path / "bomb.yaml").write_text(bomb)
    assert "aliases" in refusal(tmp_path / "bomb.yaml")[0].message


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.dates()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(field=st.sampled_from(sorted({rule[0] for rule in RULES} | {"metadata", "spec", "spec.receiver"})), value=JSON)
def test_whatever_stands_in_a_field_it_loads_or_is_refused_in_plain_words(write, field, value) -> None:
    path = write({field: value})
    try:
        problems = () if load_manifests([path]) else ("no route",)
    except ManifestError as error:
        problems = error.problems
    for problem in problems:
        assert problem.line is not None
        assert str(problem).isprintable()
        for inside in ("pydantic", "Input should", "type=", "is not possible here"):
            assert inside not in problem.message
