"""What lies in a route's root, read as a person with a shell would: without the product's own code."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.polling import PATIENCE, eventually

QUARANTINE, DAMAGED = "_INVALID_NO_PIXELS", "_DAMAGED"


def _size(path: Path) -> int:
    """0 if it has gone meanwhile."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@dataclass(frozen=True)
class SpoolView:
    """One root."""

    root: Path

    def folders(self) -> list[Path]:
        """The study folders, oldest first."""
        if not self.root.exists():
            return []
        return sorted(path for path in self.root.iterdir() if path.is_dir() and path.name[0] not in "._")

    def waiting(self) -> list[Path]:
        """Files of the objects that some destination still lacks."""
        return sorted(self.root.glob("[!._]*/*.dcm"))

    def parts(self) -> list[Path]:
        """Files with something of an object that is being received; empty ones are kept ready for the next."""
        return [path for path in self.root.glob(".incoming/*/part-*") if _size(path)]

    def kept_aside(self, where: str) -> list[tuple[str, str]]:
        """(file name, reason) of all objects in `_INVALID_NO_PIXELS` or `_DAMAGED`, once both are there."""
        notes = {
            path: path.with_name(f"{path.name}.reason.json") for path in sorted(self.root.glob(f"{where}/*/*.dcm"))
        }
        return [(path.name, json.loads(note.read_text())["reason"]) for path, note in notes.items() if note.exists()]

    def receipts(self, **wanted: str) -> list[dict[str, Any]]:
        """All events of all studies, of those kinds, destinations, UIDs ... only that are asked for."""
        events = []
        for path in sorted(self.root.glob("[!._]*/.receipts.jsonl")):
            whole, _, _ = path.read_text().rpartition("\n")  # what comes after it is being written
            events += [json.loads(line) for line in whole.splitlines()]
        return [event for event in events if all(event[name] == value for name, value in wanted.items())]

    def metadata(self) -> list[dict[str, Any]]:
        """The .metadata.json of every study."""
        return [json.loads((folder / ".metadata.json").read_text()) for folder in self.folders()]

    def status(self, service: str) -> dict[str, Any]:
        """The last heartbeat of scp or scu."""
        try:
            beat: dict[str, Any] = json.loads((self.root / ".status" / f"{service}.json").read_text())
        except (OSError, ValueError):
            return {}
        return beat

    def wait_empty(self, within: float = PATIENCE) -> None:
        """Until no object waits."""
        eventually(lambda: not self.waiting(), f"{self.root.name} is empty", within)

    def wait_receipts(self, number: int, within: float = PATIENCE, **wanted: str) -> list[dict[str, Any]]:
        """Until there are so many receipts of a kind; more are wrong."""
        eventually(lambda: len(self.receipts(**wanted)) >= number, f"{number} receipts {wanted}", within)
        found = self.receipts(**wanted)
        assert len(found) == number, found
        return found
