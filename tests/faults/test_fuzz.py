"""Hostile bytes: every reader of them answers in words and at once, and what is acknowledged is what came."""

import random
import socket
from contextlib import suppress

import pytest

from dicomrs_wire import dimse
from dicomrs_wire.commitment import (
    COMMITMENT,
    COMMITMENT_INSTANCE,
    REQUEST_COMMITMENT,
    Commitments,
    Reference,
    encode_commitments,
)
from dicomrs_wire.messages import pack_message
from dicomrs_wire.pdu import RELEASE_RQ, pack_command
from support.fuzz_files import file_targets
from support.fuzz_wire import wire_targets
from support.fuzzing import SEED, Mutator, Target, fuzz
from support.objects import EXPLICIT, image, instance, series
from support.processes import LOOPBACK
from support.proof import trials
from support.raw import request, store_pdus
from support.router import route
from support.sender import send_all
from support.witness import acknowledged, kept, sent

SHARES = {  # of a thousand
    "P-DATA-TF": 150,
    "command sets": 150,
    "A-ASSOCIATE-RQ": 150,
    "A-ASSOCIATE-AC": 100,
    "A-ASSOCIATE-RJ and A-ABORT": 10,
    "PDUs in any segments": 100,
    "storage commitment": 30,
    "dataset headers": 200,
    "heads of spooled files": 50,
    "receipts": 30,
    "requests to a service": 20,
    "manifests": 10,
}
THOUSANDS = trials(30, 1500)
STREAMS = trials(300, 20_000)
MEMORY = 64  # MB


@pytest.fixture(scope="module")
def targets(tmp_path_factory) -> dict[str, Target]:
    found = {target.name: target for target in [*wire_targets(), *file_targets(tmp_path_factory.mktemp("fuzz"))]}
    assert found.keys() == SHARES.keys()
    assert sum(SHARES.values()) == 1000
    return found


@pytest.mark.parametrize("name", SHARES)
def test_hostile_bytes_are_answered_in_words(name, targets, tmp_path, proof):
    """Whatever they are: no exception but the documented ones, no input that takes long, no memory that stays."""
    with proof.row("fuzz", f"{name}: mutated, all by one seed") as row:
        outcome = fuzz(targets[name], SHARES[name] * THOUSANDS, tmp_path / "input")
        row.trials, row.note = outcome.inputs, outcome.note
        assert outcome.grown < MEMORY


UIDS = b"1.2.3.10000000", b"1.2.3.20000000"
"""Of the objects to begin from; every conversation puts others, as long, in their places."""


def conversations() -> list[bytes]:
    """What follows a request, whole and valid: one object, several, in many fragments, with an echo, without an end.

    And with the wish for storage commitment.
    """
    one, other = (instance(image(uid=uid.decode(), study="1.2.3", series="1.2.3.4", rows=8)) for uid in UIDS)
    echo = pack_command(3, dimse.echo_request(9), 1000)
    wish = dimse.action_request(3, COMMITMENT, COMMITMENT_INSTANCE, REQUEST_COMMITMENT)
    objects = Commitments("1.2.9", (Reference(one.sop_class, one.uid),))
    return [
        store_pdus(1, one) + RELEASE_RQ,
        store_pdus(1, one) + store_pdus(2, other) + echo + RELEASE_RQ,
        store_pdus(1, one, 100) + store_pdus(2, one),
        echo + store_pdus(7, other, 30) + RELEASE_RQ,
        store_pdus(1, one) + pack_message(5, wish, encode_commitments(objects, EXPLICIT), 100) + RELEASE_RQ,
    ]


def converse(port: int, stream: bytes) -> bytes:
    """Say it all, and hear what the router says until it closes the connection."""
    heard = b""
    with socket.create_connection((LOOPBACK, port), 30) as sock, suppress(OSError):
        sock.sendall(stream)
        sock.shutdown(socket.SHUT_WR)
        while piece := sock.recv(1 << 16):
            heard += piece
    return heard


def test_what_is_acknowledged_in_a_mutated_conversation_is_what_came(tmp_path, make_router, proof):
    router = make_router(route(tmp_path / "root"), start=False)
    router.start("scp")
    rng = random.Random(f"{SEED} conversations")
    requests, rest = Mutator(rng, [request()]), Mutator(rng, conversations())
    promised: list[tuple[int, bytes, set[bytes]]] = []
    before = router.memory("scp")
    with proof.row("fuzz", "conversations: mutated, with a receiver that runs") as row:
        for number in range(STREAMS):
            stream = (requests.next() if number % 8 == 0 else request()) + rest.next()
            for digit, uid in enumerate(UIDS, 1):
                stream = stream.replace(uid, b"1.2.3.%d%07d" % (digit, number))
            objects = list(sent(stream))
            for message, uid in acknowledged(converse(router.port(), stream)):
                named = {dataset for number, name, dataset in objects if (number, name) == (message, uid)}
                assert named, f"stream {number} of seed {SEED}: what was acknowledged had not been sent"
                promised.append((number, uid, named))
        row.trials, row.acknowledged = STREAMS, len(promised)
        there = kept(tmp_path / "root")
        lost = [number for number, uid, named in promised if named.isdisjoint(there.get(uid, ()))]
        grown = router.memory("scp") - before
        row.losses, row.note = len(lost), f"seed {SEED}; memory {grown:+.0f} MB"
        assert not lost, f"streams {lost[:10]} of seed {SEED}"
    assert grown < MEMORY
    assert len(promised) > STREAMS / 20, "some mutations leave a conversation whole"
    assert not [line for line in router.events("scp") if line["level"] in ("error", "critical")]
    send_all(router.port(), series(1))
