"""Who has called: the newest of them, and a stranger pushes nobody out."""

from dicomrs_scp.peers import MOST, MOST_OF_ONE_ADDRESS, Peers


def called(peers: Peers) -> list[tuple[str, str]]:
    return [(peer["calling"], peer["address"]) for peer in peers.newest_first()]


def test_the_last_association_of_each_peer_is_kept_the_newest_first():
    peers = Peers()
    peers.note("CT", "10.0.0.1", "calling AE title not allowed")
    peers.note("MR", "10.0.0.2")
    peers.note("CT", "10.0.0.1")
    assert called(peers) == [("CT", "10.0.0.1"), ("MR", "10.0.0.2")]
    assert [peer["refused"] for peer in peers.newest_first()] == ["", ""]


def test_a_stranger_who_tries_titles_pushes_no_scanner_out():
    peers = Peers()
    peers.note("CT", "10.0.0.1")
    for number in range(1000):
        peers.note(f"TRY{number}", "10.0.0.66", "no")
    assert len(called(peers)) == 1 + MOST_OF_ONE_ADDRESS
    assert called(peers)[0] == ("TRY999", "10.0.0.66")
    assert called(peers)[-1] == ("CT", "10.0.0.1")


def test_of_very_many_the_newest_are_kept():
    peers = Peers()
    for number in range(200):
        peers.note("CT", f"10.0.0.{number}")
    assert called(peers) == [("CT", f"10.0.0.{number}") for number in reversed(range(200 - MOST, 200))]
