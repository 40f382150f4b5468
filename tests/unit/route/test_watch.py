"""Manifests that change under a running service: real files, real links."""

import os

import pytest
import yaml

from dicomrs.route import ManifestError, Manifests
from support.shortage import no_descriptors

PORT = "spec.receiver.port"


def settled(manifests: Manifests):
    """Poll as often as a change needs to count, and return what the last poll said."""
    assert manifests.poll() is None
    return manifests.poll()


def write_list(path, *items) -> None:
    path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": list(items)}), encoding="utf-8")


def ports(routes) -> list[int]:
    return [route.spec.receiver.port for route in routes]


def test_nothing_changes_nothing_is_said(write) -> None:
    manifests = Manifests([write()])
    assert ports(manifests.routes) == [104]
    assert [manifests.poll() for _ in range(3)] == [None] * 3


def test_the_first_load_must_be_good(write, tmp_path) -> None:
    for path in (tmp_path / "gone.yaml", write({PORT: 0})):
        with pytest.raises(ManifestError):
            Manifests([path])


def test_a_file_written_in_place(write) -> None:
    manifests = Manifests([write()])
    write({PORT: 1042})
    change = settled(manifests)
    assert change.error is None
    assert ports(change.routes) == ports(manifests.routes) == [1042]
    assert manifests.poll() is None


def test_a_file_replaced_by_another_of_the_same_size_and_time(write) -> None:
    path = write({PORT: 1041})
    manifests = Manifests([path])
    other = write({PORT: 1042}, "clinic.yaml.new")
    stamp = path.stat()
    assert other.stat().st_size == stamp.st_size
    os.utime(other, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    os.replace(other, path)
    assert ports(settled(manifests).routes) == [1042]


def test_the_links_of_a_config_map_are_swapped(write, tmp_path) -> None:
    def version(name: str, port: int) -> None:
        (tmp_path / "mount" / name).mkdir(parents=True)
        os.replace(write({PORT: port}), tmp_path / "mount" / name / "routes.yaml")
        os.symlink(name, tmp_path / "mount" / "..data_tmp")
        os.replace(tmp_path / "mount" / "..data_tmp", tmp_path / "mount" / "..data")

    version("..2026_01", 1041)
    os.symlink("..data/routes.yaml", tmp_path / "mount" / "routes.yaml")
    by_folder, by_file = Manifests([tmp_path / "mount"]), Manifests([tmp_path / "mount" / "routes.yaml"])
    version("..2026_02", 1042)
    assert ports(settled(by_folder).routes) == ports(settled(by_file).routes) == [1042]


def test_a_file_that_is_still_being_written_is_not_loaded(write) -> None:
    path = write()
    whole = path.read_text(encoding="utf-8")
    manifests = Manifests([path])
    for end in range(0, len(whole), 40):
        path.write_text(whole[:end], encoding="utf-8")
        assert manifests.poll() is None
    write({PORT: 1042})
    assert ports(settled(manifests).routes) == [1042]


def test_a_broken_manifest_is_told_once_and_the_last_good_one_stays(write) -> None:
    manifests = Manifests([write()])
    path = write({PORT: 70000})
    change = settled(manifests)
    assert ports(change.routes) == ports(manifests.routes) == [104]
    assert [problem.field for problem in change.error.problems] == ["spec.receiver.port"]
    assert manifests.poll() is None
    os.utime(path)
    assert settled(manifests) is None
    write({PORT: 80000})
    assert "80000" in str(settled(manifests).error)


def test_a_repaired_manifest_is_a_change_even_to_what_it_was(write) -> None:
    manifests = Manifests([write()])
    write({PORT: 70000})
    settled(manifests)
    write()
    change = settled(manifests)
    assert change.error is None
    assert ports(change.routes) == [104]


def test_a_manifest_that_says_the_same_is_no_change(write) -> None:
    path = write()
    manifests = Manifests([path])
    path.write_text("# a comment\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert settled(manifests) is None


def test_what_could_not_be_read_for_want_of_descriptors_is_tried_again(write) -> None:
    """A receiver may be at its limit for a moment; the file does not change when that is over."""
    manifests = Manifests([write()])
    write({PORT: 1042})
    with no_descriptors():
        change, again = settled(manifests), manifests.poll()
    assert "Too many open files" in str(change.error)
    assert again is None
    assert ports(manifests.poll().routes) == [1042]
    assert (manifests.refused, manifests.poll()) == ("", None)


def test_a_missing_file_keeps_the_last_good(write) -> None:
    path = write()
    manifests = Manifests([path])
    path.unlink()
    change = settled(manifests)
    assert ports(change.routes) == [104]
    assert "No such file" in str(change.error)
    assert manifests.poll() is None
    write({PORT: 1042})
    assert ports(settled(manifests).routes) == [1042]


def test_files_come_to_a_folder_and_go(write, tmp_path) -> None:
    write({}, "a.yaml")
    manifests = Manifests([tmp_path])
    second = write({"metadata.name": "b", PORT: 1042}, "b.yaml")
    assert ports(settled(manifests).routes) == [104, 1042]
    second.unlink()
    assert ports(settled(manifests).routes) == [104]
    (tmp_path / "a.yaml").unlink()
    change = settled(manifests)
    assert ports(change.routes) == [104]
    assert "has no manifest" in str(change.error)


def test_awaited_manifests_may_come_later(write, tmp_path) -> None:
    manifests = Manifests([tmp_path / "clinic.yaml"], awaited=True)
    assert manifests.missing
    assert (manifests.routes, manifests.refused) == ((), "")
    assert manifests.poll() is None
    write({PORT: 1042})
    assert ports(settled(manifests).routes) == ports(manifests.routes) == [1042]
    assert not manifests.missing


def test_awaited_manifests_that_have_gone_leave_the_last_good_ones_and_are_refused_by_nobody(write) -> None:
    path = write()
    manifests = Manifests([path], awaited=True)
    path.unlink()
    change = settled(manifests)
    assert ports(change.routes) == ports(manifests.routes) == [104]
    assert manifests.missing
    assert manifests.refused == ""


def test_a_list_of_no_routes_takes_them_all_away(write) -> None:
    path = write()
    manifests = Manifests([path])
    write_list(path)
    change = settled(manifests)
    assert (change.routes, change.error) == ((), None)
    assert (manifests.routes, manifests.refused) == ((), "")


@pytest.mark.parametrize("text", ["", "---\n", "# nothing\n"])
def test_a_file_without_anything_in_it_takes_no_route_away_even_where_manifests_are_awaited(write, text) -> None:
    path = write()
    manifests = Manifests([path], awaited=True)
    path.write_text(text, encoding="utf-8")
    assert ports(settled(manifests).routes) == [104]
    assert "is empty" in manifests.refused


def test_awaited_manifests_that_are_broken_from_the_start_are_waited_for(write) -> None:
    manifests = Manifests([write({PORT: 70000})], awaited=True)
    assert (manifests.routes, manifests.missing) == ((), False)
    assert "70000" in manifests.refused
    write()
    assert ports(settled(manifests).routes) == [104]
    assert manifests.refused == ""
