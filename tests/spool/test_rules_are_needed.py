"""Every rule of the order is needed: with one taken out, the search finds how a promise is broken."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from dicomrs import audit
from dicomrs.spool import folders, fs, inbox, outbox, outlook, part, placing, proof, receipts, workspace
from dicomrs_scu import actions
from support.mutation import changed
from support.sim_explore import explore
from support.sim_promises import BrokenPromiseError
from support.sim_scenarios import SCENARIOS


@dataclass(frozen=True)
class Rule:
    """What is taken out: in a function, each old text becomes the new one. seen_in: a scenario; says: how it shows."""

    name: str
    function: Callable[..., Any]
    changes: tuple[tuple[str, str], ...]
    seen_in: str
    says: str


def rule(name: str, function: Callable[..., Any], *changes: tuple[str, str], seen_in: str, says: str) -> Rule:
    assert seen_in in SCENARIOS
    return Rule(name, function, changes, seen_in, says)


COMES_AGAIN = "an object comes, and comes again"
NEW_VERSION = "an object comes, then other bytes under its UID"
SECOND_VERSION = "a second version comes"
FIRST_AGAIN = "the first of two versions comes again"
WHILE_LOOKING = "two versions come while the scu looks"
AT_ONCE = "two versions come at once"
DELIVERED = "it is delivered"
AFTER_DELIVERY = "it comes again after it was delivered"
LEAVES = "it comes again and leaves"
NAME_TAKEN = "it comes again, and leaves, and another takes its name"
REFUSED = "it comes again after it was refused"
BY_HAND = "it comes again while a person removes it"
BY_HAND_IN_FLIGHT = "a person removes what is being delivered, and another takes its name"
THIRD_VERSION = "a third version comes while the first two leave"
TWO_TARGETS = "two destinations, one refuses for a while"
NO_TARGET = "no destination is named, then one"
COMMITS_LATER = "a destination commits later"
ONE_COMMITS = "one destination confirms, one is to commit"
BEFORE_COMMITMENT = "it comes again before the commitment"
HAS_LOST = "a destination has lost it"
NO_PIXELS = "it has no pixels"
RETIRED = "a study folder is removed while an object comes"
NAME_AGAIN = "a study folder's name is used again"
SWEPT = "a receiver starts while another receives"
STARTS = "two processes start at once"
RELEASED = "a person releases what was quarantined"
RELEASED_AGAIN = "a person releases what was quarantined, and it comes again with its pixels"
HELD = "a person holds a study while it comes"
HELD_DISCARDED = "a person discards what is held"
HELD_AND_LOST = "a person holds an object that is stored, and its destination loses it"
RESENT = "a person has it sent again"

LOST = "would not survive a power cut"
NOT_WHOLE = "a study folder in the root is not whole"
NO_RECEIPT = "leaves the disk without durable receipts"
WRONG_LAST = "something newer was acknowledged"
FAILED = "Error: "
NO_RECORD = "leaves the quarantine without a record"

MAKE_IN_PLACE = """\
    names = _candidates(study_folder_name(received, "7", "N"))
    draft = next(path for name in names if not self._fs.exists(path := f"{self._root}/{name}"))
    self._fs.mkdir(draft)"""
ARRIVAL_BY_NAME = (
    '__import__("dicomrs.spool.record").spool.record.read_head_of(self.fs, f"{folder}/{name}").record.arrival'
)

RULES = (
    # Arrival
    rule(
        "a part is synced before it gets its name",
        part.Part.seal,
        ("self._fs.fsync(self.fd)", "pass"),
        seen_in=COMES_AGAIN,
        says=LOST,
    ),
    rule(
        "the record is filled in before the sync",
        part.Part.seal,
        ("    self._fs.fsync(self.fd)", ""),
        ("    self._fs.pwrite(", "    self._fs.fsync(self.fd)\n    self._fs.pwrite("),
        seen_in=COMES_AGAIN,
        says=LOST,
    ),
    rule(
        "the folder is synced after the link",
        placing._linked,
        ("sync_folder(fs, folder)", "pass"),
        seen_in=COMES_AGAIN,
        says=LOST,
    ),
    rule(
        "the folder is synced for a repeated object too",
        placing.place,
        ("sync_folder(fs, folder)", "pass"),
        seen_in=COMES_AGAIN,
        says=LOST,
    ),
    rule(
        "a name is never replaced",
        placing._linked,
        ("fs.link(", "fs.rename("),
        seen_in=SECOND_VERSION,
        says=LOST,
    ),
    rule(
        "an object is compared with the newest of its UID",
        placing.place,
        ("name = object_name(stem, newest)", "name = object_name(stem, min(newest, 1))"),
        seen_in=FIRST_AGAIN,
        says=WRONG_LAST,
    ),
    rule(
        "only what has no receipt is joined",
        inbox.Inbox._waits,
        ("return waiting.record.arrival not in settled", "return True"),
        seen_in=AFTER_DELIVERY,
        says=LOST,
    ),
    rule(
        "only what was not refused is joined",
        inbox.Inbox._waits,
        ("Kind.PARKED, ", ""),
        seen_in=REFUSED,
        says=LOST,
    ),
    rule(
        "the receipts that count are of the file that was compared, whatever has its name now",
        inbox.Inbox._waits,
        ("waiting.record.arrival not in", f"{ARRIVAL_BY_NAME} not in"),
        seen_in=NAME_TAKEN,
        says=LOST,
    ),
    rule(
        "what has left meanwhile is not joined",
        placing.place,
        ("continue  # it has left meanwhile", "return name, newest, False"),
        seen_in=LEAVES,
        says=LOST,
    ),
    rule(
        "what is joined is still there after the sync",
        placing.place,
        ('if fs.exists(f"{folder}/{name}"):', "if True:"),
        seen_in=BY_HAND,
        says=LOST,
    ),
    rule(
        "a study with several arrivals of a UID is marked",
        placing.place,
        ("_mark_several(fs, folder)", "pass"),
        seen_in=THIRD_VERSION,
        says=WRONG_LAST,
    ),
    rule(
        "the mark is durable before the second arrival has its name",
        placing._mark_several,
        ("sync_folder(fs, folder)", "pass"),
        seen_in=SECOND_VERSION,
        says=WRONG_LAST,
    ),
    rule(
        "a root that was made is durable",
        proof._make_root,
        ("fs.fsync_dir(os.path.dirname(folder))", "pass"),
        seen_in=COMES_AGAIN,
        says=LOST,
    ),
    # Study folders
    rule(
        "a study folder is made elsewhere and renamed into the root",
        folders.StudyFolders._make,
        ("    self._fs.mkdir(draft)", MAKE_IN_PLACE),
        ('self._fs.rename(draft, f"{self._root}/{name}")', "name = draft.rpartition('/')[2]"),
        seen_in=COMES_AGAIN,
        says=NOT_WHOLE,
    ),
    rule(
        "it is synced before it is renamed",
        folders.StudyFolders._make,
        ("sync_folder(self._fs, draft)", "pass"),
        seen_in=COMES_AGAIN,
        says=NOT_WHOLE,
    ),
    rule(
        "its metadata is synced",
        fs.put_file,
        ("fs.fsync(fd)", "pass"),
        seen_in=COMES_AGAIN,
        says=NOT_WHOLE,
    ),
    rule(
        "the root is synced",
        folders.StudyFolders._sync_root,
        ("sync_folder(self._fs, self._root)", "pass"),
        seen_in=COMES_AGAIN,
        says=LOST,
    ),
    rule(
        "the root is synced by whoever finds a folder, too",
        folders.StudyFolders.folder_for,
        ("        if name is None:", "        made = name is None\n        if made:"),
        ("self._sync_root()", "made and self._sync_root()"),
        seen_in=COMES_AGAIN,
        says=LOST,
    ),
    rule(
        "processes agree on a study's folder",
        folders.StudyFolders.folder_for,
        (', locked(self._fs, f"{self._root}/{LOCKS}/folders")', ""),
        seen_in=AT_ONCE,
        says="two folders",
    ),
    rule(
        "folders are looked for again after one was retired",
        folders.StudyFolders.renew,
        ("if retired != self._retired:", "if False:"),
        seen_in=NAME_AGAIN,
        says=LOST,
    ),
    # Quarantine
    rule(
        "a folder's parent is synced, whoever made it",
        fs.make_folder,
        (
            "        fs.mkdir(path)\n    sync_folder(fs, parent)",
            "        fs.mkdir(path)\n            sync_folder(fs, parent)",
        ),
        seen_in=NO_PIXELS,
        says="not safe in the quarantine",
    ),
    rule(
        "the reason is durable",
        inbox.Inbox._quarantine,
        ("sync_folder(self.fs, folder)", "pass"),
        seen_in=NO_PIXELS,
        says="not safe in the quarantine",
    ),
    rule(
        "the reason is made up for an object that has none",
        inbox.Inbox._quarantine,
        ("name, number, _ = place(", "name, number, new = place("),
        ("self._explain(", "new and self._explain("),
        seen_in=NO_PIXELS,
        says="not safe in the quarantine",
    ),
    rule(
        "the reason gets its name when it is whole",
        inbox.Inbox._explain,
        ("put_file(self.fs, draft, note)", "return put_file(self.fs, path, note)"),
        seen_in=NO_PIXELS,
        says="not safe in the quarantine",
    ),
    # Departure
    rule(
        "receipts are synced before they are believed",
        receipts.Ledger.__init__,
        ("fs.fsync(fd)", "pass"),
        seen_in=DELIVERED,
        says=NO_RECEIPT,
    ),
    rule(
        "receipts are durable before anything is removed",
        outbox.Outbox.confirm,
        ("self.commit(ledger, events)", "ledger._apply(events)"),
        seen_in=DELIVERED,
        says=NO_RECEIPT,
    ),
    rule(
        "receipts are synced before they count",
        receipts.Ledger.commit,
        ("self._fs.fsync(fd)", "pass"),
        seen_in=DELIVERED,
        says=NO_RECEIPT,
    ),
    rule(
        "receipts are written before they count",
        receipts.Ledger.commit,
        ("text = b", "return self._apply(events)\n    text = b"),
        seen_in=DELIVERED,
        says=NO_RECEIPT,
    ),
    rule(
        "a torn line is ended",
        receipts.Ledger.commit,
        ("self._end_of_torn_line(fd) + text", "text"),
        seen_in=DELIVERED,
        says=NO_RECEIPT,
    ),
    rule(
        "every destination that is named must have confirmed",
        outlook.outlook,
        ("not (waiting or stored or parked or held) and ", ""),
        seen_in=TWO_TARGETS,
        says=NO_RECEIPT,
    ),
    rule(
        "an answer is no commitment",
        outlook.outlook,
        ("elif event.kind is Kind.DELIVERED:", "elif event.kind in (Kind.DELIVERED, Kind.STORED):"),
        seen_in=COMMITS_LATER,
        says=NO_RECEIPT,
    ),
    rule(
        "what another destination has confirmed waits for the commitment",
        outlook.outlook,
        ("not (waiting or stored or parked", "not (waiting or parked"),
        seen_in=ONE_COMMITS,
        says=NO_RECEIPT,
    ),
    rule(
        "what a destination has lost is sent again",
        outlook.outlook,
        (", Kind.UNCOMMITTED):", "):"),
        seen_in=HAS_LOST,
        says="are stuck",
    ),
    rule(
        "what comes again before the commitment is another arrival",
        inbox.Inbox._waits,
        ("Kind.STORED, ", ""),
        seen_in=BEFORE_COMMITMENT,
        says=LOST,
    ),
    rule(
        "what no destination wants stays",
        outlook.outlook,
        ("and (bool(delivered) or ledger.delivered_anywhere(arrival))", ""),
        seen_in=NO_TARGET,
        says=NO_RECEIPT,
    ),
    rule(
        "what is removed is the arrival that was delivered",
        outbox.Outbox.remove,
        ('if stored.arrival.encode("ascii") in read_start(self.fs, path):', "if True:"),
        seen_in=BY_HAND_IN_FLIGHT,
        says=NO_RECEIPT,
    ),
    rule(
        "the arrivals of a UID travel in their order",
        outbox.Outbox.names,
        ("in sorted(found)]", "in sorted(found, reverse=True)]"),
        seen_in=FIRST_AGAIN,
        says=WRONG_LAST,
    ),
    rule(
        "no arrival is overlooked where a later one of its UID was seen",
        outbox.Outbox.names,
        ("if newest:", "if False:"),
        seen_in=WHILE_LOOKING,
        says=WRONG_LAST,
    ),
    # Persons
    rule(
        "what is released from quarantine is on record before it leaves",
        actions.Actions._release_quarantined,
        ("self._note_aside(Kind.RELEASED, one, request)", "pass"),
        seen_in=RELEASED,
        says=NO_RECORD,
    ),
    rule(
        "the record is durable before it is believed",
        actions.Actions._release_quarantined,
        ("self._backlog.look(folder)", "pass"),
        seen_in=RELEASED_AGAIN,
        says=NO_RECORD,
    ),
    rule(
        "it is in its study before that",
        actions.Actions._release_quarantined,
        ("let_back(fs, root, one)", "pass"),
        seen_in=RELEASED,
        says=LOST,
    ),
    rule(
        "what was let back is not joined in quarantine",
        inbox.Inbox._quarantine,
        ("kept is not None and all(", "kept is not None or all("),
        seen_in=RELEASED,
        says=LOST,
    ),
    rule(
        "a hold is of what is still to come, too",
        receipts.History._wish,
        ('own or self.last("", destination) or self.last("", EVERYWHERE)', "own"),
        seen_in=HELD,
        says="is held",
    ),
    rule(
        "a hold of an object outlives what its destination says of it",
        receipts.History._wish,
        ("own or ", ""),
        seen_in=HELD_AND_LOST,
        says="is held",
    ),
    rule(
        "what is discarded is complete",
        outlook.outlook,
        ("if ledger.discarded(arrival):", "if False:"),
        seen_in=HELD_DISCARDED,
        says="was discarded",
    ),
    rule(
        "what was discarded is not joined",
        inbox.Inbox._waits,
        (", Kind.DISCARDED)", ")"),
        seen_in=HELD_DISCARDED,
        says=LOST,
    ),
    rule(
        "what is sent again is to be confirmed again",
        receipts.History._apply,
        (" or event.kind is Kind.RESENT", ""),
        seen_in=RESENT,
        says=NO_RECEIPT,
    ),
    rule(
        "what a person does is on record, durable, before it is done",
        audit.AuditLog._append,
        ("self._fs.fsync(fd)", "pass"),
        seen_in=HELD,
        says="is not on record",
    ),
    # Retention
    rule(
        "no object arrives while a study folder goes",
        outbox.Outbox.retire,
        ("{LOCKS}/retire", "{LOCKS}/nobody"),
        seen_in=RETIRED,
        says=LOST,
    ),
    rule(
        "a study folder goes only when nothing waits in it",
        outbox.Outbox.retire,
        ("names = self.fs.listdir(path)", "names = []"),
        seen_in=RETIRED,
        says=LOST,
    ),
    rule(
        "a study folder goes whole",
        workspace.throw_away,
        ("    fs.rename(path, gone)", "    gone = path"),
        seen_in=RETIRED,
        says=NOT_WHOLE,
    ),
    rule(
        "it has gone before its receipts go",
        workspace.throw_away,
        ("sync_folder(fs, root)", "pass"),
        seen_in=RETIRED,
        says=NOT_WHOLE,
    ),
    # Processes
    rule(
        "the workspace of a living process is not swept",
        workspace._remove_if_dead,
        ("    return\n    try:\n        _remove", "    lock = fs.lock(path + '/x')\n    try:\n        _remove"),
        seen_in=SWEPT,
        says=FAILED,
    ),
    rule(
        "a workspace comes with its lock",
        workspace.Workspace.__init__,
        ('with locked(fs, f"{root}/{LOCKS}/workspaces"):', "if True:"),
        seen_in=STARTS,
        says=FAILED,
    ),
    rule(
        "a volume's proof is not swept",
        proof.prepare_root,
        ('with locked(fs, f"{root}/{LOCKS}/workspaces"):', "if True:"),
        seen_in=STARTS,
        says=FAILED,
    ),
)


@pytest.mark.parametrize("taken_out", RULES, ids=lambda rule: rule.name)
def test_without_the_rule_a_promise_is_broken(taken_out):
    with changed(taken_out.function, *taken_out.changes), pytest.raises(BrokenPromiseError) as found:
        explore(SCENARIOS[taken_out.seen_in])
    assert taken_out.says in str(found.value)
