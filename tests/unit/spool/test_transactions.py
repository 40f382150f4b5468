"""Open transactions of storage commitment, on a real file system."""

from pathlib import Path

import pytest

from dicomrs.spool.fs import OsFileSystem
from dicomrs.spool.proof import prepare_root
from dicomrs.spool.transactions import MOST_PER_OBJECT, Asked, Transactions

FS = OsFileSystem()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    prepare_root(FS, str(tmp_path))
    return tmp_path


def asked(number: int) -> Asked:
    return Asked("folder", f"{number}.dcm", f"arrival-{number}", "1.2", f"1.2.{number}")


def read(root: Path) -> Transactions:
    return Transactions(FS, str(root))


def files(root: Path) -> list[str]:
    return sorted(path.name for path in (root / ".commitments").iterdir())


def test_an_open_transaction_survives_a_restart(root: Path) -> None:
    made = read(root).open("2.25.1", "a", [asked(1), asked(2)])
    assert read(root).find("2.25.1") == made
    assert read(root).find("2.25.2") is None


def test_it_is_over_when_all_of_it_is_reported(root: Path) -> None:
    transactions = read(root)
    transactions.open("2.25.1", "a", [asked(1), asked(2)])
    transactions.answered("2.25.1", ["1.2.1"])
    found = transactions.find("2.25.1")
    assert found is not None
    assert found.left == {"1.2.2"}
    assert set(found.objects) == {"1.2.1", "1.2.2"}, "a report that comes again still names what it asked about"
    transactions.answered("2.25.1", ["1.2.2"])
    assert transactions.find("2.25.1") is None
    assert transactions.was_closed("2.25.1")
    assert not transactions.was_closed("2.25.2")
    assert files(root) == []


def test_what_is_decided_is_awaited_in_no_transaction_of_that_destination(root: Path) -> None:
    transactions = read(root)
    transactions.open("2.25.1", "a", [asked(1)])
    transactions.open("2.25.2", "a", [asked(1), asked(2)])
    transactions.open("2.25.3", "b", [asked(1)])
    transactions.drop("a", [asked(1)])
    assert files(root) == ["2.25.2.json", "2.25.3.json"]
    left = transactions.find("2.25.2")
    assert left is not None
    assert left.left == {"1.2.2"}


def test_an_object_is_awaited_in_its_latest_transactions_only(root: Path) -> None:
    transactions = read(root)
    for number in range(MOST_PER_OBJECT + 4):
        transactions.open(f"2.25.{number}", "a", [asked(1)])
    assert files(root) == [f"2.25.{number}.json" for number in range(4, MOST_PER_OBJECT + 4)]


def test_what_nobody_awaits_is_forgotten(root: Path) -> None:
    transactions = read(root)
    transactions.open("2.25.1", "a", [asked(1), asked(2)])
    transactions.open("2.25.2", "gone", [asked(1)])
    transactions.prune(lambda name: {"arrival-2"} if name == "a" else ())
    assert files(root) == ["2.25.1.json"]
    transactions.prune(lambda _: ())
    assert files(root) == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"objects": [{"uid": 1}]}', '{"objects": []}'])
def test_a_record_that_cannot_be_read_is_passed_over(root: Path, content: str) -> None:
    (root / ".commitments" / "2.25.1.json").write_text(content)
    transactions = read(root)
    assert transactions.find("2.25.1") is None
    assert transactions.open("2.25.2", "a", [asked(1)]) is not None


def test_on_a_full_disk_it_is_known_to_this_process(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transactions = read(root)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dicomrs.spool.transactions.put_file", full)
    transactions.open("2.25.1", "a", [asked(1)])
    assert transactions.find("2.25.1") is not None
    transactions.answered("2.25.1", ["1.2.1"])
    assert transactions.find("2.25.1") is None
